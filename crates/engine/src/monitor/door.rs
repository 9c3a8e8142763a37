// SPDX-License-Identifier: Apache-2.0
//! The commands that have come to a container's monitor, and what each of them waits for.
//!
//! Nobody who comes can make the monitor wait: a visitor who does not listen is shown out.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kernel::Errno;
use kernel::rustix::event::{PollFd, PollFlags};
use kernel::rustix::net::{SocketFlags, accept_with};
use kernel::rustix::process::{WaitId, WaitIdOptions, waitid};
use runtime::beside::{Beside, Progress, Starting};

use super::protocol::{self, Answer, Ask, Terminal, Which};
use crate::directory::Home;
use crate::error::{Context, Error, Result};

/// The container's socket and those who came to it.
#[derive(Debug)]
pub(crate) struct Door {
    listener: OwnedFd,
    visitors: Vec<Visitor>,
    /// Programs whose visitors have left. They are our children: until they are reaped, the container's first
    /// process cannot end (pid_namespaces(7)).
    orphans: Vec<OwnedFd>,
}

#[derive(Debug)]
struct Visitor {
    socket: OwnedFd,
    matter: Matter,
}

/// What somebody is here for.
#[derive(Debug)]
enum Matter {
    /// They have not said it yet, or nothing that takes time.
    Open,
    /// To be told how the container ends.
    End,
    /// A program that is about to start for them.
    Start(Box<Starting>, Vec<Which>),
    /// A program of theirs that runs.
    Program(OwnedFd),
}

/// Something that the monitor has to do for a visitor.
#[derive(Debug)]
pub(crate) struct Wish {
    /// Which visitor.
    pub(crate) visitor: usize,
    pub(crate) ask: Ask,
}

/// What of a program that has started belongs to the monitor.
#[derive(Debug)]
pub(crate) struct Ends {
    /// Streams that its visitor did not want.
    pub(crate) streams: [Option<OwnedFd>; 3],
    pub(crate) terminal: Option<OwnedFd>,
    /// On which its filter asks about limits.
    pub(crate) listener: Option<OwnedFd>,
}

/// Which of a visitor's descriptors was polled.
const PER_VISITOR: usize = 2;

impl Door {
    pub(crate) fn open(home: &Home) -> Result<Self> {
        Ok(Self { listener: protocol::listen(home.path())?, visitors: Vec::new(), orphans: Vec::new() })
    }

    /// What to poll: the socket, then two for each visitor, then the orphans.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = PollFd<'_>> {
        let listener = PollFd::new(&self.listener, PollFlags::IN);
        let visitors = self.visitors.iter().flat_map(|visitor| {
            let second = match &visitor.matter {
                Matter::Open | Matter::End => PollFd::new(&visitor.socket, PollFlags::empty()),
                Matter::Start(starting, _) => PollFd::from_borrowed_fd(starting.socket(), PollFlags::IN),
                Matter::Program(process) => PollFd::new(process, PollFlags::IN),
            };
            [PollFd::new(&visitor.socket, PollFlags::IN), second]
        });
        let orphans = self.orphans.iter().map(|process| PollFd::new(process, PollFlags::IN));
        std::iter::once(listener).chain(visitors).chain(orphans)
    }

    /// Lets people in and goes on with what they wait for; `found` are the answers to [`Door::wanted`]. What
    /// the container itself is needed for is returned, and so are the filters of programs that have started.
    pub(crate) fn advance(&mut self, found: &[PollFlags]) -> Result<(Vec<Wish>, Vec<Ends>)> {
        let (mut wishes, mut started) = (Vec::new(), Vec::new());
        let Some((knock, found)) = found.split_first() else { return Ok((wishes, started)) };
        let (found, orphans) = found.split_at(found.len().min(self.visitors.len() * PER_VISITOR));
        let mut ended = orphans.iter();
        self.orphans.retain(|process| {
            ended.next().is_none_or(|flags| flags.is_empty()) || exit_code(process.as_fd()).is_none()
        });
        let mut gone = Vec::new();
        for (number, flags) in found.chunks_exact(PER_VISITOR).enumerate() {
            let Some(visitor) = self.visitors.get_mut(number) else { continue };
            if flags[1].intersects(PollFlags::IN.union(PollFlags::HUP)) {
                started.extend(visitor.go_on());
            }
            if flags[0].is_empty() {
                continue;
            }
            match visitor.hear() {
                // Who has a program has nothing more to ask for: it would be forgotten, and never reaped.
                Heard::Ask(_) if visitor.has_program() => gone.push(number),
                Heard::Ask(ask) => wishes.push(Wish { visitor: number, ask }),
                Heard::Nothing => {}
                Heard::Left => gone.push(number),
            }
        }
        for number in gone.into_iter().rev() {
            match self.visitors.remove(number).matter {
                Matter::Program(process) => self.orphans.push(process),
                // Nobody has seen it start.
                Matter::Start(starting, _) => self.orphans.extend(starting.give_up()),
                Matter::Open | Matter::End => {}
            }
            wishes.retain(|wish| wish.visitor != number);
            wishes.iter_mut().filter(|wish| wish.visitor > number).for_each(|wish| wish.visitor -= 1);
        }
        if !knock.is_empty() {
            wishes.extend(self.let_in()?);
        }
        Ok((wishes, started))
    }

    /// Who has said at once what they want is heard at once: output that comes later is theirs.
    fn let_in(&mut self) -> Result<Option<Wish>> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        match accept_with(&self.listener, flags) {
            Ok(socket) if self.visitors.len() < MOST_VISITORS => {
                let visitor = Visitor { socket, matter: Matter::Open };
                let heard = visitor.hear();
                self.visitors.push(visitor);
                // Who has left already is found out by the next poll.
                let Heard::Ask(ask) = heard else { return Ok(None) };
                Ok(Some(Wish { visitor: self.visitors.len() - 1, ask }))
            }
            Ok(_) | Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED | Errno::MFILE | Errno::NFILE) => {
                Ok(None)
            }
            Err(errno) => Err(errno).told("let a command in"),
        }
    }

    /// Says something to a visitor; who does not listen is gone at the next poll.
    pub(crate) fn answer(&mut self, visitor: usize, answer: &Answer, fd: Option<BorrowedFd<'_>>) {
        if let Some(visitor) = self.visitors.get(visitor) {
            visitor.say(answer, fd);
        }
    }

    /// A visitor waits for the container's end.
    pub(crate) fn waits(&mut self, visitor: usize) {
        if let Some(visitor) = self.visitors.get_mut(visitor) {
            visitor.matter = Matter::End;
        }
    }

    /// A program starts for a visitor, who gets these of its streams.
    pub(crate) fn starts(&mut self, visitor: usize, starting: Starting, streams: Vec<Which>) {
        if let Some(visitor) = self.visitors.get_mut(visitor) {
            visitor.matter = Matter::Start(Box::new(starting), streams);
        }
    }

    /// Tells everybody who waits how the container ended, and what became of programs beside it.
    pub(crate) fn close(&mut self, code: i32) {
        for visitor in &mut self.visitors {
            match &visitor.matter {
                Matter::End => visitor.say(&Answer::Exited(code), None),
                // They ended with the container's first process.
                Matter::Program(process) => {
                    let code = exit_code(process.as_fd()).unwrap_or(KILLED);
                    visitor.say(&Answer::Exited(code), None);
                }
                Matter::Start(..) => {
                    visitor.say(&Answer::Failed("the container has ended".into(), 126), None);
                }
                Matter::Open => {}
            }
            visitor.matter = Matter::Open;
        }
        // What belongs to no namespace of the container's ends with its cgroup, and is reaped by whoever reaps
        // after us.
        self.orphans.retain(|process| exit_code(process.as_fd()).is_none());
    }
}

/// What a visitor had to say.
enum Heard {
    Ask(Ask),
    Nothing,
    /// They have left, or speak no sense.
    Left,
}

impl Visitor {
    fn has_program(&self) -> bool {
        matches!(self.matter, Matter::Start(..) | Matter::Program(_))
    }

    fn hear(&self) -> Heard {
        match protocol::hear::<Ask>(self.socket.as_fd()) {
            Ok(Some((ask, _))) => Heard::Ask(ask),
            Err(Error::Step { source, .. }) if source.errno == Errno::AGAIN => Heard::Nothing,
            Ok(None) | Err(_) => Heard::Left,
        }
    }

    fn say(&self, answer: &Answer, fd: Option<BorrowedFd<'_>>) {
        match protocol::say(self.socket.as_fd(), answer, fd) {
            // Whoever does not listen, or has left, is found out by the next poll.
            Ok(()) | Err(_) => {}
        }
    }

    /// Goes on with a program; what has just started is returned, without the streams that the visitor got.
    fn go_on(&mut self) -> Option<Ends> {
        match std::mem::replace(&mut self.matter, Matter::Open) {
            Matter::Start(starting, streams) => match starting.hear() {
                Ok(Progress::Waits(starting)) => self.matter = Matter::Start(Box::new(starting), streams),
                Ok(Progress::Runs(beside)) => return self.begun(beside, &streams),
                Err(error) => {
                    let error = Error::from(error);
                    self.say(&Answer::Failed(crate::error::in_full(&error), error.exit_code()), None);
                }
            },
            Matter::Program(process) => match exit_code(process.as_fd()) {
                Some(code) => self.say(&Answer::Exited(code), None),
                None => self.matter = Matter::Program(process),
            },
            other => self.matter = other,
        }
        None
    }

    fn begun(&mut self, mut beside: Beside, streams: &[Which]) -> Option<Ends> {
        let terminal = if beside.terminal.is_some() { Terminal::Yes } else { Terminal::No };
        match beside.terminal.take_if(|_| !streams.is_empty()) {
            Some(master) => self.say(&Answer::Stream(Which::Output), Some(master.as_fd())),
            None => {
                for which in streams {
                    if let Some(end) = beside.streams[which.number()].take() {
                        self.say(&Answer::Stream(*which), Some(end.as_fd()));
                    }
                }
            }
        }
        self.say(&Answer::Begun(terminal), None);
        self.matter = Matter::Program(beside.child.pidfd);
        Some(Ends { streams: beside.streams, terminal: beside.terminal, listener: beside.listener })
    }
}

/// How a program ended, if it has.
fn exit_code(process: BorrowedFd<'_>) -> Option<i32> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    let status = waitid(WaitId::PidFd(process), options).ok()??;
    status.exit_status().or(status.terminating_signal().map(|signal| 128 + signal))
}

/// Each has up to four descriptors, of the 1024 that a process usually has.
const MOST_VISITORS: usize = 128;
const KILLED: i32 = 137;
