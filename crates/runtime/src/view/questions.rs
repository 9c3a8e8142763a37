// SPDX-License-Identifier: Apache-2.0
//! sysinfo(2) and sched_getaffinity(2), answered from the limits.
//!
//! The answer is written into the caller's memory through `/proc/PID/mem`, after asking whether the
//! caller still waits, so it cannot end in another process that has got the number meanwhile. Nothing of
//! the host depends on what the caller passes: the address is the caller's own, the length is bounded.

use std::os::unix::fs::FileExt;
use std::time::Duration;

use kernel::Errno;
use kernel::rustix::process::Pid;
use kernel::seccomp::{Answer, Notifier, Question};

use super::{Limits, Usage};

pub(super) fn answer(notifier: &Notifier, limits: &Limits, usage: &Usage, running: Duration) -> Result<(), kernel::Error> {
    let Some(question) = notifier.receive()? else { return Ok(()) };
    let answer = match question.call {
        _ if question.arch != NATIVE => Answer::Continue,
        SYSINFO => sysinfo(notifier, &question, limits, usage, running),
        SCHED_GETAFFINITY => affinity(notifier, &question, limits),
        _ => Answer::Failure(Errno::NOSYS),
    };
    notifier.answer(&question, answer)
}

/// struct sysinfo of a 64-bit kernel: 112 bytes.
fn sysinfo(notifier: &Notifier, question: &Question, limits: &Limits, usage: &Usage, running: Duration) -> Answer {
    let free = limits.memory.saturating_sub(usage.memory);
    let words = [
        running.as_secs(),
        0,
        0,
        0,
        limits.memory,
        free,
        0,
        0,
        limits.swap,
        limits.swap,
        usage.processes.clamp(1, 65_535),
        0,
        0,
        // mem_unit is the lower half of the last word: sizes are in bytes.
        1,
    ];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    write(notifier, question, question.arguments[0], &bytes, 0)
}

/// The first processors that the thread may really use, as many as the limit allows. A thread that is
/// not the caller is answered for the caller: all of a container have the same.
fn affinity(notifier: &Notifier, question: &Question, limits: &Limits) -> Answer {
    let length = usize::try_from(question.arguments[1] & 0xffff_ffff).unwrap_or(usize::MAX);
    let needed = limits.possible.div_ceil(64) * 8;
    if length % 8 != 0 || length * 8 < limits.possible {
        return Answer::Failure(Errno::INVAL);
    }
    let caller = i32::try_from(question.pid).ok().and_then(Pid::from_raw);
    let real = match kernel::rustix::thread::sched_getaffinity(caller) {
        Ok(real) => real,
        Err(errno) => return Answer::Failure(errno),
    };
    let size = length.min(needed);
    let mut mask = vec![0u8; size];
    let mut left = limits.processors;
    for number in 0..size * 8 {
        if left > 0 && real.is_set(number) {
            mask[number / 8] |= 1 << (number % 8);
            left -= 1;
        }
    }
    write(notifier, question, question.arguments[2], &mask, i64::try_from(size).unwrap_or(0))
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
