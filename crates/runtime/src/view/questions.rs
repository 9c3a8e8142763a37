// SPDX-License-Identifier: Apache-2.0
//! sysinfo(2) and sched_getaffinity(2), answered from the limits.
//!
//! The answer is written into the caller's memory through `/proc/PID/mem`, after asking whether the
//! caller still waits, so it cannot end in another process that has got the number meanwhile. Nothing of
//! the host depends on what the caller passes: the address is the caller's own, the length is bounded.

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
    let answer = match question.call {
        // Only a profile of somebody's own lets 32-bit programs in; they learn the host's figures.
        _ if question.arch != NATIVE => Answer::Continue,
        SYSINFO => write(notifier, &question, question.arguments[0], &sysinfo(limits, usage, running), 0),
        SCHED_GETAFFINITY => affinity(notifier, &question, &limits.processors),
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

/// The first processors that the thread may really use, as many as the limit allows.
fn affinity(notifier: &Notifier, question: &Question, processors: &Processors) -> Answer {
    // The kernel reads both as 32 bits.
    let length = (question.arguments[1] & 0xffff_ffff) as usize;
    let bits = processors.bits();
    if !length.is_multiple_of(8) || length.saturating_mul(8) < bits {
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
    let mut mask = vec![0u8; bits.div_ceil(64) * 8];
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
}
#[cfg(target_arch = "aarch64")]
mod numbers {
    /// AUDIT_ARCH_AARCH64.
    pub(super) const NATIVE: u32 = 0xc000_00b7;
    pub(super) const SYSINFO: i32 = 179;
    pub(super) const SCHED_GETAFFINITY: i32 = 123;
}
use numbers::{NATIVE, SCHED_GETAFFINITY, SYSINFO};

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
}
