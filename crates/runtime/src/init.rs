// SPDX-License-Identifier: Apache-2.0
//! `--init`: process 1 is ours, passes signals on and reaps what nobody waits for.
//!
//! It is a fork of the confined child that never calls exec, so no program of ours has to exist in
//! the image; it holds every wall that the program holds, and its memory cannot be looked into.

use kernel::Errno;
use kernel::process::SignalFd;
use kernel::rustix::event::{PollFd, PollFlags, poll};
use kernel::rustix::process::{WaitOptions, getpid, setpgid, wait};
use kernel::rustix::stdio::stdin;
use kernel::rustix::termios::tcsetpgrp;

use crate::error::{Result, Step};

/// Forks. The caller goes on as the program; this process stays behind as process 1, closes all
/// that it inherited, and ends with the program's exit code.
pub(crate) fn become_init() -> Result<()> {
    kernel::process::rename("bulkhead-init").step(|| "forget our own command line")?;
    // Held back from here on, so that none is lost before the init listens.
    let held = SignalFd::new(&taken()).step(|| "take signals")?;
    match kernel::fork::fork().step(|| "start the program below our init")? {
        None => {
            lead_the_terminal()?;
            held.previous().apply().step(|| "unblock signals")
        }
        Some(program) => kernel::process::serve_alone(|| match SignalFd::new(&taken()) {
            Ok(signals) => serve(program, &signals),
            Err(_) => 125,
        }),
    }
}

/// A process group of the program's own, in the foreground of its terminal: what is typed there must
/// reach the program once, and not a second time from its init.
fn lead_the_terminal() -> Result<()> {
    let step = || "give the program a process group";
    setpgid(None, None).step(step)?;
    match tcsetpgrp(stdin(), getpid()) {
        // Standard input is no terminal.
        Ok(()) | Err(Errno::NOTTY | Errno::INVAL) => Ok(()),
        Err(errno) => Err(errno).step(step),
    }
}

/// Until the program ends: passes signals on, reaps.
fn serve(program: i32, signals: &SignalFd) -> i32 {
    loop {
        match reap(program) {
            Some(code) => return code,
            None => {
                let mut polled = [PollFd::new(signals, PollFlags::IN)];
                // A failed poll is tried again; there is nobody to tell.
                if poll(&mut polled, None).is_err() {
                    continue;
                }
            }
        }
        while let Ok(Some(signal)) = signals.next() {
            if signal.number == SIGCHLD {
                continue;
            }
            match kernel::process::signal_process(program, signal.number) {
                // A program that is gone is reaped above.
                Ok(()) | Err(_) => {}
            }
        }
    }
}

/// Reaps all that has ended; the program's exit code when it was among it.
fn reap(program: i32) -> Option<i32> {
    let mut code = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid.as_raw_nonzero().get() == program {
            code = Some(
                status
                    .exit_status()
                    .or(status.terminating_signal().map(|signal| 128 + signal))
                    .unwrap_or(125),
            );
        }
    }
    code
}

/// What is passed on, and SIGCHLD for us.
fn taken() -> Vec<i32> {
    kernel::process::PASSED_ON.into_iter().chain([SIGCHLD]).collect()
}

const SIGCHLD: i32 = 17;
