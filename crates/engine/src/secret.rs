// SPDX-License-Identifier: Apache-2.0
//! Reading what must not be seen.

use std::io::{Read, stdin};
use std::os::fd::AsFd;

use kernel::rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

use crate::error::{Context, Error, Result};

/// A line from the terminal that standard input is, without its end, while the terminal shows nothing
/// of it. `ask` is called once the terminal is silent, so that nothing typed after it can be seen.
///
/// # Errors
/// Standard input is no terminal; the person gave up by ^C, or closed it.
pub fn line(ask: impl FnOnce()) -> Result<String> {
    let quiet = Quiet::enter()?;
    ask();
    let mut line = Vec::new();
    let mut letter = [0];
    while line.len() < LONGEST && stdin().lock().read(&mut letter).told("read from the terminal")? == 1 {
        match letter[0] {
            b'\n' => {
                drop(quiet);
                let text = String::from_utf8(line);
                return text.map_err(|_| invalid("it is not UTF-8"));
            }
            INTERRUPT => break,
            other => line.push(other),
        }
    }
    Err(invalid("it was not typed to its end"))
}

fn invalid(reason: &str) -> Error {
    Error::Invalid { what: "the password".to_owned(), reason: reason.to_owned() }
}

/// The terminal without echo, put back when dropped. ^C ends the line instead of the process, which
/// would leave the terminal as it is.
struct Quiet {
    before: Termios,
}

impl Quiet {
    fn enter() -> Result<Self> {
        let before = tcgetattr(stdin().as_fd()).told("look at the terminal")?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        quiet.local_modes.insert(LocalModes::ECHONL | LocalModes::ICANON);
        quiet.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
        tcsetattr(stdin().as_fd(), OptionalActions::Flush, &quiet).told("make the terminal silent")?;
        Ok(Self { before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // At the end there is nobody left to tell.
        match tcsetattr(stdin().as_fd(), OptionalActions::Now, &self.before) {
            Ok(()) | Err(_) => {}
        }
    }
}

/// ^C.
const INTERRUPT: u8 = 3;
const LONGEST: usize = 4096;
