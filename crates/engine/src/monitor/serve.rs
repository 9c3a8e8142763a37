// SPDX-License-Identifier: Apache-2.0
//! What commands ask of a container's monitor.

use std::os::fd::{AsFd, OwnedFd};

use kernel::rustix::event::PollFlags;
use kernel::rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use kernel::rustix::process::Signal;
use kernel::rustix::termios::{Winsize, tcsetwinsize};
use runtime::beside;

use super::door::{Ends, Wish};
use super::fan::{Fan, Patience};
use super::flow::{Direction, End, Flow};
use super::log::Stream;
use super::protocol::{Answer, Ask, Terminal, Which};
use super::{Container, Dismissed, Open, Watch, duplicate, send};
use crate::error::{Context, Error, Result, in_full};
use crate::prepare;

impl<'a> Watch<'a> {
    pub(super) fn serve_visitors(
        &mut self,
        container: &mut Container<'_>,
        open: &mut Open<'a>,
        found: &[PollFlags],
    ) -> Result<()> {
        let (wishes, started) = self.door.advance(found)?;
        for ends in started {
            take_in(container, open, ends);
        }
        for Wish { visitor, ask } in wishes {
            match self.grant(container, open, visitor, ask) {
                Ok(Some(answer)) => self.door.answer(visitor, &answer, None),
                Ok(None) => {}
                Err(error) => {
                    let failed = Answer::Failed(in_full(&error), error.exit_code());
                    self.door.answer(visitor, &failed, None);
                }
            }
        }
        Ok(())
    }

    fn grant(
        &mut self,
        container: &mut Container<'_>,
        open: &mut Open<'a>,
        visitor: usize,
        ask: Ask,
    ) -> Result<Option<Answer>> {
        match ask {
            Ask::Wait => self.door.waits(visitor),
            Ask::Attach(streams) => return self.attach(container, open, visitor, &streams).map(Some),
            Ask::Signal(number) => return signal(container, number).map(Some),
            Ask::Stop(number) => {
                self.dismissed = Dismissed::Yes;
                return signal(container, number).map(Some);
            }
            Ask::Exec(request, streams) => {
                let process = prepare::beside(container.spec, &request)?;
                let capabilities = prepare::capabilities_beside(container.spec, &request);
                let running = &container.running;
                let starting = beside::start(
                    container.spec,
                    running.child.pidfd.as_fd(),
                    &running.cgroup,
                    &process,
                    capabilities,
                )?;
                self.door.starts(visitor, starting, streams);
            }
            Ask::Resize(rows, columns) => {
                if let Some(master) = &container.running.terminal {
                    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
                    match tcsetwinsize(master, size) {
                        // A terminal that has just closed has no size to keep.
                        Ok(()) | Err(_) => {}
                    }
                }
            }
        }
        Ok(None)
    }

    /// A visitor gets the other ends of the streams, from now on, and is told how the container ends.
    fn attach(
        &mut self,
        container: &Container<'_>,
        open: &mut Open<'a>,
        visitor: usize,
        streams: &[Which],
    ) -> Result<Answer> {
        for fan in &mut open.outputs {
            if streams.contains(&Which::of(fan.stream())) {
                let (read, write) = wide_pipe()?;
                fan.add(End::Owned(write), Patience::Bounded);
                self.door.answer(visitor, &Answer::Stream(Which::of(fan.stream())), Some(read.as_fd()));
            }
        }
        if let (true, Some(stdin)) = (streams.contains(&Which::Input), &open.stdin) {
            let (read, write) = wide_pipe()?;
            let sink = duplicate(stdin.as_fd())?;
            open.inputs.push(Flow::new(End::Owned(read), End::Owned(sink), Direction::In));
            self.door.answer(visitor, &Answer::Stream(Which::Input), Some(write.as_fd()));
        }
        self.door.waits(visitor);
        Ok(Answer::Begun(if container.running.terminal.is_some() { Terminal::Yes } else { Terminal::No }))
    }
}

/// What belongs to the monitor of a program that has started: its filter's questions, and output that nobody
/// reads.
fn take_in(container: &mut Container<'_>, open: &mut Open<'_>, ends: Ends) {
    if let (Some(view), Some(listener)) = (&mut container.running.view, ends.listener) {
        view.answer_on(listener);
    }
    let [_, output, errors] = ends.streams;
    let unread = [ends.terminal, output, errors].into_iter().flatten();
    open.drains.extend(unread.map(|end| Fan::new(end, Stream::Stdout)));
}

/// Frozen processes do not die of a signal, but by their cgroup.
fn signal(container: &Container<'_>, number: i32) -> Result<Answer> {
    if !container.record.state.is_up() {
        return Err(Error::WrongState { name: container.record.name.clone(), state: "not running" });
    }
    send(container.running, number)?;
    if number == Signal::KILL.as_raw() {
        container.running.cgroup.kill().map_err(runtime::Error::from)?;
    }
    Ok(Answer::Done)
}

/// As wide as the kernel lets it be, so that a reader may rest for a moment.
fn wide_pipe() -> Result<(OwnedFd, OwnedFd)> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).told("make a pipe")?;
    match fcntl_setpipe_size(&write, WIDE) {
        // A user who has many pipes gets a small one (pipe(7)).
        Ok(_) | Err(_) => {}
    }
    Ok((read, write))
}

/// What an ordinary user may have (pipe(7)).
const WIDE: usize = 1 << 20;
