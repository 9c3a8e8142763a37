// SPDX-License-Identifier: Apache-2.0
//! sysinfo(2) and sched_getaffinity(2), answered from the limits.
//!
//! The answer is written into the caller's memory through `/proc/PID/mem`, after asking whether the
//! caller still waits, so it cannot end in another process that has got the number meanwhile. Nothing of
//! the host depends on what the caller passes: the address is the caller's own, the length is bounded.
//! A page that the caller may only read is written all the same, as by a debugger; it could do that itself,
//! through `/proc/self/mem`.

use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use kernel::Errno;
use kernel::rustix::process::Pid;
use kernel::seccomp::{Answer, Notifier, Question};

use super::Limits;
use super::processors::Processors;
use crate::cgroup::Stats;

/// Answers one question, when its caller still waits.
pub(super) fn answer(
    notifier: &Notifier,
    limits: &Limits,
    usage: &Stats,
    running: Duration,
) -> Result<(), kernel::Error> {
    let Some(question) = notifier.receive()? else { return Ok(()) };
    let answer = match (question.arch, question.call) {
        (NATIVE, SYSINFO) => {
            let told = sysinfo(limits, usage, running);
            write(notifier, &question, question.arguments[0], &told, 0)
        }
        (NATIVE, SCHED_GETAFFINITY) => affinity(notifier, &question, &limits.processors, 8),
        (FOREIGN, FOREIGN_SYSINFO) => {
            let told = foreign_sysinfo(limits, usage, running);
            write(notifier, &question, question.arguments[0], &told, 0)
        }
        (FOREIGN, FOREIGN_SCHED_GETAFFINITY) => affinity(notifier, &question, &limits.processors, 4),
        _ => Answer::Failure(Errno::NOSYS),
    };
    notifier.answer(&question, answer)
}

/// struct sysinfo of a 64-bit kernel: 112 bytes.
fn sysinfo(limits: &Limits, usage: &Stats, running: Duration) -> Vec<u8> {
    let used = usage.memory.min(limits.memory);
    let words = [
        running.as_secs(),
        0,
        0,
        0,
        limits.memory,
        limits.memory - used,
        usage.shared.min(used),
        0,
        limits.swap,
        limits.swap,
        usage.processes.clamp(1, 65_535),
        0,
        0,
        // mem_unit is the lower half of the last word: sizes are in bytes.
        1,
    ];
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// The same for a 32-bit program: 64 bytes, with sizes in pages where bytes would not fit.
fn foreign_sysinfo(limits: &Limits, usage: &Stats, running: Duration) -> Vec<u8> {
    let used = usage.memory.min(limits.memory);
    let unit = if limits.memory.max(limits.swap) > u64::from(u32::MAX) { 4096 } else { 1 };
    let words = [
        running.as_secs(),
        0,
        0,
        0,
        limits.memory / unit,
        (limits.memory - used) / unit,
        usage.shared.min(used) / unit,
        0,
        limits.swap / unit,
        limits.swap / unit,
        usage.processes.clamp(1, 65_535),
        0,
        0,
        unit,
        0,
        0,
    ];
    words.iter().flat_map(|word| u32::try_from(*word).unwrap_or(u32::MAX).to_ne_bytes()).collect()
}

/// The first processors that the thread may really use, as many as the limit allows; `word` is the caller's, in
/// bytes.
fn affinity(notifier: &Notifier, question: &Question, processors: &Processors, word: usize) -> Answer {
    // The kernel reads both as 32 bits.
    let length = (question.arguments[1] & 0xffff_ffff) as usize;
    let bits = processors.bits();
    if !length.is_multiple_of(word) || length.saturating_mul(8) < bits {
        return Answer::Failure(Errno::INVAL);
    }
    let thread = match thread(question) {
        Ok(thread) => thread,
        Err(errno) => return Answer::Failure(errno),
    };
    let real = match kernel::rustix::thread::sched_getaffinity(thread) {
        Ok(real) => real,
        Err(errno) => return Answer::Failure(errno),
    };
    let mut mask = vec![0u8; bits.div_ceil(8 * word) * word];
    for number in (0..bits).filter(|number| real.is_set(*number)).take(processors.count()) {
        mask[number / 8] |= 1 << (number % 8);
    }
    write(notifier, question, question.arguments[2], &mask, mask.len() as i64)
}

/// The thread that is asked about, by our numbers. Kernels before 6.11 cannot translate; there the caller stands
/// for all, which is right unless a thread has narrowed its own mask.
fn thread(question: &Question) -> Result<Option<Pid>, Errno> {
    let caller = i32::try_from(question.pid).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
    let asked = question.arguments[0] as u32;
    let Some(asked) = i32::try_from(asked).ok().and_then(Pid::from_raw) else {
        return if asked == 0 { Ok(Some(caller)) } else { Err(Errno::SRCH) };
    };
    let namespace = std::fs::File::open(format!("/proc/{caller}/ns/pid")).map_err(|_| Errno::SRCH)?;
    match kernel::process::thread_in(namespace.as_fd(), asked) {
        Ok(thread) => Ok(Some(thread)),
        Err(error) if error.errno == Errno::NOTTY => Ok(Some(caller)),
        Err(error) => Err(error.errno),
    }
}

fn write(notifier: &Notifier, question: &Question, address: u64, bytes: &[u8], result: i64) -> Answer {
    let memory = match std::fs::OpenOptions::new().write(true).open(format!("/proc/{}/mem", question.pid)) {
        Ok(memory) => memory,
        Err(error) => return Answer::Failure(Errno::from_io_error(&error).unwrap_or(Errno::FAULT)),
    };
    if !notifier.waits(question) {
        return Answer::Failure(Errno::INTR);
    }
    match memory.write_all_at(bytes, address) {
        Ok(()) => Answer::Value(result),
        Err(_) => Answer::Failure(Errno::FAULT),
    }
}

#[cfg(target_arch = "x86_64")]
mod numbers {
    /// AUDIT_ARCH_X86_64.
    pub(super) const NATIVE: u32 = 0xc000_003e;
    pub(super) const SYSINFO: i32 = 99;
    pub(super) const SCHED_GETAFFINITY: i32 = 204;
    /// AUDIT_ARCH_I386.
    pub(super) const FOREIGN: u32 = 0x4000_0003;
}
#[cfg(target_arch = "aarch64")]
mod numbers {
    /// AUDIT_ARCH_AARCH64.
    pub(super) const NATIVE: u32 = 0xc000_00b7;
    pub(super) const SYSINFO: i32 = 179;
    pub(super) const SCHED_GETAFFINITY: i32 = 123;
    /// AUDIT_ARCH_ARM.
    pub(super) const FOREIGN: u32 = 0x4000_0028;
}
use numbers::{FOREIGN, NATIVE, SCHED_GETAFFINITY, SYSINFO};
/// The same on i386 and ARM.
const FOREIGN_SYSINFO: i32 = 116;
const FOREIGN_SCHED_GETAFFINITY: i32 = 242;

#[cfg(test)]
mod tests {
    use super::*;

    /// The layout of linux/sysinfo.h, on a 64-bit kernel.
    #[test]
    fn sysinfo_is_laid_out_as_the_kernel_has_it() {
        let limits = Limits { memory: 64 << 20, swap: 0, processors: Processors::new(vec![0], None, None) };
        let usage = Stats { memory: 10 << 20, processes: 7, ..Stats::default() };
        let bytes = sysinfo(&limits, &usage, Duration::from_secs(9));
        let word = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap());
        assert_eq!((bytes.len(), word(0), word(32), word(40)), (112, 9, 64 << 20, 54 << 20));
        assert_eq!(u16::from_ne_bytes(bytes[80..82].try_into().unwrap()), 7);
        assert_eq!(u32::from_ne_bytes(bytes[104..108].try_into().unwrap()), 1);
    }

    /// compat_sysinfo of kernel/sys.c.
    #[test]
    fn a_32_bit_program_is_told_in_pages() {
        let limits = Limits { memory: 5 << 30, swap: 0, processors: Processors::new(vec![0], None, None) };
        let usage = Stats { memory: 1 << 30, processes: 7, ..Stats::default() };
        let bytes = foreign_sysinfo(&limits, &usage, Duration::from_secs(9));
        let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!((bytes.len(), word(0), word(16), word(20)), (64, 9, 5 << 18, 4 << 18));
        assert_eq!((word(40), word(52)), (7, 4096));
    }
}
