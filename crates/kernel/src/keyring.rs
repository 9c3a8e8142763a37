// SPDX-License-Identifier: Apache-2.0
//! Keyrings, which no namespace separates (keyrings(7)).

use crate::error::{Errno, Error, Result};

/// Gives this process a new, empty, anonymous session keyring, so that it holds no key of whoever
/// started it (keyctl_join_session_keyring(3)). A kernel without keyrings has nothing to leave
/// behind and counts as done.
pub fn new_session() -> Result<()> {
    // SAFETY: a null name asks for an anonymous keyring; no memory is passed.
    let result = unsafe {
        libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, std::ptr::null::<libc::c_char>())
    };
    if result >= 0 {
        return Ok(());
    }
    match Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO) {
        Errno::NOSYS => Ok(()),
        errno => Err(Error::new("keyctl(join session keyring)", errno)),
    }
}

const KEYCTL_JOIN_SESSION_KEYRING: libc::c_int = 1;
