// SPDX-License-Identifier: Apache-2.0
//! Work with threads, before work that must have none.
//!
//! A container is started by a process that has never had a second thread (`kernel::fork`), and the
//! same process then stays as its monitor, as small as it is. A pull has threads and buffers. So that
//! `run` can pull, a copy of the process does it and ends.

use kernel::rustix::process::{
    Pid, Signal, WaitOptions, getpid, getppid, set_parent_process_death_signal, waitpid,
};

use crate::error::{Context, Result};

/// Does `work` in a copy of this process, waits for it, and says its result; 255 when a signal ended
/// it. The copy goes when this process does.
///
/// # Errors
/// This process has threads, or no copy could be made of it.
pub fn apart(work: impl FnOnce() -> u8) -> Result<u8> {
    let parent = getpid();
    let Some(child) = kernel::fork::fork().told("start a process for the pull")? else {
        let bound = set_parent_process_death_signal(Some(Signal::KILL));
        // The parent may have gone before the kernel was told.
        if bound.is_err() || getppid() != Some(parent) {
            kernel::process::exit_now(ENDED);
        }
        kernel::process::exit_now(work().into());
    };
    loop {
        match waitpid(Pid::from_raw(child), WaitOptions::empty()) {
            Err(kernel::Errno::INTR) => {}
            ended => {
                let status = ended.told("wait for the process that pulls")?;
                let code = status.and_then(|(_, status)| status.exit_status()).unwrap_or(ENDED);
                return Ok(u8::try_from(code).unwrap_or(u8::MAX));
            }
        }
    }
}

/// When there is no exit status.
const ENDED: i32 = 255;
