// SPDX-License-Identifier: Apache-2.0
//! `--init`: process 1 is ours, passes signals on and reaps what nobody waits for.
//!
//! It is a fork of the confined child that never calls exec, so no program of ours has to exist in
//! the image; it holds every wall that the program holds, and its memory cannot be looked into.

use kernel::process::SignalFd;
use kernel::rustix::event::{PollFd, PollFlags, poll};
use kernel::rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};

use crate::error::{Result, Step};

/// Forks. The caller goes on as the program; this process stays behind as process 1, closes all
/// that it inherited, and ends with the program's exit code.
pub(crate) fn become_init() -> Result<()> {
    kernel::process::rename("bulkhead-init").step(|| "forget our own command line")?;
    match kernel::fork::fork().step(|| "start the program below our init")? {
        None => Ok(()),
        Some(program) => kernel::process::serve_alone(|| match SignalFd::new(&PASSED_ON) {
            Ok(signals) => serve(program, &signals),
            Err(_) => 125,
        }),
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
            if let (Some(pid), Some(signal)) = (Pid::from_raw(program), Signal::from_named_raw(signal.number)) {
                // A program that is gone is reaped above.
                drop(kill_process(pid, signal));
            }
        }
    }
}

/// Reaps all that has ended; the program's exit code when it was among it.
fn reap(program: i32) -> Option<i32> {
    let mut code = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid.as_raw_nonzero().get() == program {
            code = Some(status.exit_status().or(status.terminating_signal().map(|signal| 128 + signal)).unwrap_or(125));
        }
    }
    code
}

const SIGCHLD: i32 = 17;
/// Everything that has a meaning for a program, and SIGCHLD for us.
const PASSED_ON: [i32; 14] = [1, 2, 3, 10, 12, 13, 14, 15, 17, 18, 20, 21, 22, 28];
