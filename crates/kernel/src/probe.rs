// SPDX-License-Identifier: Apache-2.0
//! A process to throw away, in which anything may be tried.
//!
//! A [`Throwaway`] exists only inside the closure that [`in_child`] runs in a fork. System calls with
//! any numbers can be made through it: whatever they do to memory or descriptors dies with that
//! process.

use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};

use crate::error::{Context, Result};

/// Proof that this process may be broken.
#[derive(Debug)]
pub struct Throwaway(());

/// How the process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It said this.
    Said(String),
    /// A signal ended it before it said anything.
    Killed(i32),
    /// It said nothing in time and was killed.
    Hung,
}

/// One argument of a system call.
#[derive(Debug)]
pub enum Arg<'a> {
    /// A number.
    Int(u64),
    /// Something to read.
    In(&'a [u8]),
    /// Somewhere to write.
    Out(&'a mut [u8]),
}

/// Runs `attempt` in a fork of this (single-threaded) process, for at most `limit`, and tells what it
/// returned.
pub fn in_child(limit: Duration, attempt: impl FnOnce(&Throwaway) -> String) -> Result<Ended> {
    let (mut read, mut write) = std::io::pipe().call(|| "pipe".to_owned())?;
    let Some(child) = crate::fork::fork()? else {
        let said = attempt(&Throwaway(()));
        match write.write_all(said.as_bytes()) {
            // A pipe that nobody reads leaves nobody to tell.
            Ok(()) | Err(_) => {}
        }
        crate::process::exit_now(0);
    };
    drop(write);
    let pid = Pid::from_raw(child).ok_or_else(|| crate::Error::new("fork", crate::Errno::INVAL))?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).call(|| "pidfd_open".to_owned())?;
    let timeout = Timespec {
        tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(limit.subsec_nanos()),
    };
    let mut polled = [PollFd::new(&pidfd, PollFlags::IN)];
    let in_time = poll(&mut polled, Some(&timeout)).call(|| "poll".to_owned())? > 0;
    if !in_time {
        pidfd_send_signal(&pidfd, Signal::KILL).call(|| "kill".to_owned())?;
    }
    let status = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED).call(|| "waitid".to_owned())?;
    if !in_time {
        return Ok(Ended::Hung);
    }
    let mut said = String::new();
    read.read_to_string(&mut said).call(|| "read".to_owned())?;
    match status.and_then(|status| status.terminating_signal()) {
        Some(signal) if said.is_empty() => Ok(Ended::Killed(signal)),
        _ => Ok(Ended::Said(said)),
    }
}

impl Throwaway {
    /// Makes the system call `number`: its result, or its errno.
    pub fn call(&self, number: i64, arguments: &mut [Arg<'_>]) -> std::result::Result<i64, i32> {
        let mut words = [0u64; 6];
        for (word, argument) in words.iter_mut().zip(arguments.iter_mut()) {
            *word = match argument {
                Arg::Int(number) => *number,
                Arg::In(bytes) => bytes.as_ptr() as u64,
                Arg::Out(bytes) => bytes.as_mut_ptr() as u64,
            };
        }
        // SAFETY: this process is a fork that exists to try calls and ends right after (the only way to
        // a `Throwaway`); the buffers outlive the call.
        let result =
            unsafe { libc::syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]) };
        if result == -1 { Err(errno()) } else { Ok(result) }
    }

    /// Makes a 32-bit system call (`int 0x80`); the arguments are numbers.
    #[cfg(target_arch = "x86_64")]
    pub fn call_i386(&self, number: u32, arguments: [u32; 3]) -> std::result::Result<i32, i32> {
        let result: i32;
        // SAFETY: as for `call`. The kernel takes and returns 32-bit registers; rbx is saved by hand since
        // the compiler keeps it for itself.
        unsafe {
            std::arch::asm!(
                "push rbx", "mov ebx, {first:e}", "int 0x80", "pop rbx",
                first = in(reg) arguments[0],
                inlateout("eax") number.cast_signed() => result,
                in("ecx") arguments[1],
                in("edx") arguments[2],
                lateout("r8") _, lateout("r9") _, lateout("r10") _, lateout("r11") _,
            );
        }
        if (-4095..0).contains(&result) { Err(-result) } else { Ok(result) }
    }

    /// No such thing on this machine.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn call_i386(&self, _: u32, _: [u32; 3]) -> std::result::Result<i32, i32> {
        Err(libc::ENOSYS)
    }

    /// The arguments of a 32-bit socketcall(2), in memory that 32 bits can name: its address.
    pub fn low_words(&self, words: [u32; 3]) -> Option<u32> {
        // SAFETY: a fresh anonymous mapping below 2 GiB, which lives as long as the process.
        let page = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                4096,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | MAP_LOW,
                -1,
                0,
            )
        };
        if page == libc::MAP_FAILED {
            return None;
        }
        // SAFETY: the page is ours, writable and large enough for three words.
        unsafe { std::ptr::copy_nonoverlapping(words.as_ptr(), page.cast::<u32>(), 3) };
        u32::try_from(page as usize).ok()
    }

    /// Pretends to type `byte` at the terminal `fd` (TIOCSTI).
    pub fn type_at(&self, fd: impl AsFd, byte: u8) -> std::result::Result<(), i32> {
        // SAFETY: the request reads one byte.
        match unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCSTI, &raw const byte) } {
            0 => Ok(()),
            _ => Err(errno()),
        }
    }
}

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

#[cfg(target_arch = "x86_64")]
const MAP_LOW: libc::c_int = libc::MAP_32BIT;
#[cfg(not(target_arch = "x86_64"))]
const MAP_LOW: libc::c_int = 0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_told() {
        // The test harness has threads, in which a fork is refused.
        let error = in_child(Duration::from_secs(1), |_| "x".into()).unwrap_err();
        assert_eq!(error.errno, crate::Errno::BUSY);
    }
}
