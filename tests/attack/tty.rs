// SPDX-License-Identifier: Apache-2.0
//! The container's terminal.

use tests::Sandbox;

use crate::hostile::{answers, attack};

/// TIOCSTI and TIOCLINUX type for whoever attached, TIOCSETD loads line disciplines; CVE-2019-10063 got
/// past a check by bits that the kernel does not look at. Fails without: the masked comparison of `ioctl`
/// in policies/seccomp.toml. EPERM is the filter's word; the kernel says EIO or ENOTTY.
#[test]
fn nothing_can_be_typed_into_it() {
    let sandbox = Sandbox::minimal();
    let said = answers(&attack(&sandbox, "-t --cap-add SYS_ADMIN --userns host", &["type"]).ok());
    for name in ["tiocsti", "tioclinux", "tiocsetd", "tiocsti-high"] {
        assert_eq!(said[name].trim(), "EPERM", "{name}");
    }
}

/// The caller's own terminal, which could be typed into, is not inside. Fails without: `open_terminal` in
/// confine.rs, which takes the container's own devpts.
#[test]
fn it_is_not_the_callers() {
    let sandbox = Sandbox::minimal();
    let said = sandbox
        .sh("-t", "tty; readlink /proc/self/fd/0; stat -c %d /proc/self/fd/0/; stat -Lc %d /dev/pts")
        .ok();
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    assert_eq!(lines[..2], ["/dev/pts/0", "/dev/pts/0"], "{said}");
}
