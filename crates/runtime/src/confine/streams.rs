// SPDX-License-Identifier: Apache-2.0
//! The program's standard streams: its own terminal, or pipes to the monitor.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use kernel::root::Links;
use kernel::rustix::fs::{Gid, Mode, OFlags, Uid};

use super::Jail;
use crate::error::{Error, Result, Step};
use crate::spec::Stdio;
use crate::wire::{self, Report};

impl Jail<'_> {
    pub(super) fn connect_streams(&mut self) -> Result<()> {
        match self.process.stdio {
            Stdio::Terminal { rows, columns } => self.open_terminal(rows, columns),
            Stdio::NoInput | Stdio::Inherit => self.take_pipes(),
        }
    }

    fn open_terminal(&mut self, rows: u16, columns: u16) -> Result<()> {
        let step = || "open the container's terminal";
        let found;
        let terminals = match &self.entered {
            Some(entered) => {
                found = entered.terminals()?;
                found.as_fd()
            }
            None => self
                .tree()?
                .terminals()
                .ok_or_else(|| Error::Died { how: "no terminals were mounted".into() })?,
        };
        // Non-blocking, since it is read and written by the monitor, whom nothing may hold up.
        let open = OFlags::RDWR | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let master =
            kernel::root::open_in(terminals, Path::new("ptmx"), open, Mode::empty(), Links::SameMount)
                .step(step)?;
        kernel::rustix::pty::unlockpt(&master).step(step)?;
        // By descriptor and not by name: a path below /dev/pts could be swapped (CVE-2025-52565).
        let flags = kernel::rustix::pty::OpenptFlags::RDWR | kernel::rustix::pty::OpenptFlags::NOCTTY;
        let terminal = kernel::rustix::pty::ioctl_tiocgptpeer(&master, flags).step(step)?;
        let size =
            kernel::rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        kernel::rustix::termios::tcsetwinsize(&master, size).step(step)?;
        let owner = Uid::from_raw(self.user()?.uid);
        kernel::rustix::fs::fchown(&terminal, Some(owner), None).step(step)?;
        kernel::rustix::process::ioctl_tiocsctty(&terminal).step(step)?;
        if self.entered.is_none() {
            self.bind_console(&terminal)?;
        }
        for target in 0..3 {
            put_at(&terminal, target)?;
        }
        wire::report(self.socket.as_fd(), &Report::Terminal, Some(master.as_fd()))
    }

    /// `/dev/console` is the container's own terminal, bound by descriptor.
    fn bind_console(&self, terminal: &OwnedFd) -> Result<()> {
        let step = || "bind /dev/console";
        let dev = self.dev()?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW;
        kernel::root::open_in(dev, Path::new("console"), flags, Mode::from_raw_mode(0o600), Links::Refuse)
            .step(step)?;
        let place =
            kernel::root::open_in(dev, Path::new("console"), OFlags::PATH, Mode::empty(), Links::Refuse)
                .step(step)?;
        let tree = kernel::mount::clone_tree(terminal.as_fd(), Path::new(""), kernel::mount::Depth::Single)
            .step(step)?;
        kernel::mount::attach(tree.as_fd(), place.as_fd()).step(step)
    }

    fn take_pipes(&mut self) -> Result<()> {
        let user = self.user()?;
        let owner = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
        for (target, stream) in self.streams.iter().enumerate() {
            match stream {
                Some(pipe) => {
                    // So that /dev/stdout can be opened again by the program's own user. A single-id
                    // map leaves no choice, and then no other user exists either.
                    match kernel::rustix::fs::fchown(pipe, Some(owner.0), Some(owner.1)) {
                        Ok(()) | Err(kernel::Errno::PERM | kernel::Errno::INVAL) => {}
                        Err(errno) => return Err(errno).step(|| "hand over the standard streams"),
                    }
                    put_at(pipe, target)?;
                }
                None => {
                    let flags = OFlags::RDWR | OFlags::NOFOLLOW;
                    let name = Path::new("null");
                    let null = kernel::root::open_in(self.dev()?, name, flags, Mode::empty(), Links::Refuse)
                        .step(|| "open /dev/null")?;
                    put_at(&null, target)?;
                }
            }
        }
        self.streams = [None, None, None];
        Ok(())
    }
}

/// Makes `fd` the descriptor `target` (0, 1 or 2) of the program.
fn put_at(fd: &OwnedFd, target: usize) -> Result<()> {
    let step = || "connect the standard streams";
    match target {
        0 => kernel::rustix::stdio::dup2_stdin(fd).step(step),
        1 => kernel::rustix::stdio::dup2_stdout(fd).step(step),
        _ => kernel::rustix::stdio::dup2_stderr(fd).step(step),
    }
}
