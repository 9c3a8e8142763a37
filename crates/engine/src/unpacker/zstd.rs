// SPDX-License-Identifier: Apache-2.0
//! zstd, decompressed by a process without rights: the library is in C, and what it reads comes from
//! strangers. It has two pipes and sees no file.

use std::io::{self, ErrorKind, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use kernel::rustix::event::{PollFd, PollFlags, poll};
use kernel::rustix::fs::{OFlags, fcntl_setfl};
use runtime::worker::{self, Limits, Sees};

use super::{BUFFER, ENTRY, Input, MEMORY, PIPE};

/// The reader of what comes out. Whoever reads it also feeds the process.
pub(super) struct Decompressed<'a> {
    source: Box<dyn Read + 'a>,
    child: Child,
    /// Nothing when the source has ended.
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    buffer: Vec<u8>,
    /// What of it waits to be written.
    waiting: std::ops::Range<usize>,
}

impl<'a> Decompressed<'a> {
    pub(super) fn start(source: Box<dyn Read + 'a>) -> io::Result<Self> {
        let mut command = Command::new("/proc/self/exe");
        command.args([ENTRY, WORD]).env_clear().current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the process that decompresses has no pipes"));
        };
        fcntl_setfl(&stdin, OFlags::NONBLOCK)?;
        match kernel::rustix::pipe::fcntl_setpipe_size(&stdout, PIPE) {
            // A user who has many pipes gets a small one (pipe(7)).
            Ok(_) | Err(_) => {}
        }
        Ok(Self { source, child, stdin: Some(stdin), stdout, buffer: vec![0; BUFFER], waiting: 0..0 })
    }

    /// Gives the process what it takes without making us wait.
    fn feed(&mut self) -> io::Result<()> {
        let Some(stdin) = &mut self.stdin else { return Ok(()) };
        if self.waiting.is_empty() {
            self.waiting = 0..self.source.read(&mut self.buffer)?;
            if self.waiting.is_empty() {
                self.stdin = None;
                return Ok(());
            }
        }
        match stdin.write(&self.buffer[self.waiting.clone()]) {
            Ok(count) => self.waiting.start += count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            // It wants no more; its end says why.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.stdin = None,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<usize> {
        let status = self.child.wait()?;
        if status.success() {
            return Ok(0);
        }
        Err(io::Error::new(ErrorKind::InvalidData, format!("zstd cannot read it ({status})")))
    }
}

impl Read for Decompressed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut polled = vec![PollFd::new(&self.stdout, PollFlags::IN)];
            polled.extend(self.stdin.iter().map(|stdin| PollFd::new(stdin, PollFlags::OUT)));
            match poll(&mut polled, None) {
                Ok(_) | Err(kernel::Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            let ready = |at: usize| polled.get(at).is_some_and(|polled| !polled.revents().is_empty());
            let (readable, writable) = (ready(0), ready(1));
            if readable {
                return match self.stdout.read(buffer)? {
                    0 => self.end(),
                    count => Ok(count),
                };
            }
            if writable {
                self.feed()?;
            }
        }
    }
}

impl Drop for Decompressed<'_> {
    fn drop(&mut self) {
        // It may be in the middle of a stream that is refused. It holds nothing, so nobody needs to know how
        // it ends.
        match self.child.kill().and_then(|()| self.child.wait()) {
            Ok(_) | Err(_) => {}
        }
    }
}

/// The worker's side.
pub(super) fn serve() -> crate::Result<i32> {
    let limits = Limits { file: 0, memory: MEMORY };
    Ok(worker::run_confined(Sees::Nothing, limits, || decompress().map_or(1, |()| 0))?)
}

fn decompress() -> io::Result<()> {
    let mut decoder = store::decode::zstd(Input)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = decoder.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            let written = kernel::rustix::io::write(kernel::rustix::stdio::stdout(), rest)?;
            rest = &rest[written..];
        }
    }
}

/// What it is called with in place of options.
pub(super) const WORD: &str = "zstd";
