// SPDX-License-Identifier: Apache-2.0
//! Layers are unpacked by a process of their own, without rights: this program once more.
//!
//! ```text
//!  store ──plain tar──▶ pipe ──▶ [unpack-layer: unpack::unpack, confined] ──▶ files
//!    │ decompresses, digests                        │
//!    └──◀── answer: figures, or what was refused ───┘ a sealed memory file of fixed size
//! ```
//!
//! zstd is decompressed by such a process as well, which sees no files at all (`zstd.rs`).
//!
//! The digest of what was written to the pipe is taken on this side, so a worker that an archive has
//! taken over can spoil that layer's own files and nothing else. Its answer is bounded, and its
//! words are made fit to print.

mod zstd;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use kernel::rustix::fs::{MemfdFlags, Mode, SealFlags, fcntl_add_seals, memfd_create};
use kernel::{Errno, Root};
use runtime::worker::{self, Limits, Sees};
use serde::{Deserialize, Serialize};
use store::unpack::{self, Modes, Options, Unpacked, Unpacker};

/// Starts such a process for each layer.
#[derive(Debug)]
pub(crate) struct Confined;

/// What the worker has to say.
#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Done(Unpacked),
    Full,
    Entry { place: String, why: String },
    Rule { what: String },
}

impl Unpacker for Confined {
    fn unpack(
        &self,
        stream: &mut dyn Read,
        target: &Root,
        alive: BorrowedFd<'_>,
        options: &Options,
    ) -> Result<Unpacked, unpack::Error> {
        let mut answer = answer_file().map_err(|error| failed("make room for its answer", &error))?;
        let mut child = start(target, &answer, alive, options)
            .map_err(|error| failed("start the process that unpacks it", &error))?;
        let fed = feed(stream, child.stdin.take());
        let ended = child.wait().map_err(|error| failed("wait for the process that unpacks it", &error))?;
        let answer = read_answer(&mut answer, ended);
        match (fed?, answer) {
            (Fed::Whole, answer) => answer,
            // The worker saw but an early end; it knows in which entry.
            (Fed::Damaged(why), Err(unpack::Error::Entry { place, .. })) => {
                Err(unpack::Error::Entry { place, why })
            }
            (Fed::Damaged(what), _) => Err(unpack::Error::Rule { what }),
        }
    }

    fn zstd<'a>(&self, source: Box<dyn Read + 'a>) -> std::io::Result<Box<dyn Read + 'a>> {
        Ok(Box::new(zstd::Decompressed::start(source)?))
    }
}

/// How the stream ended.
enum Fed {
    Whole,
    Damaged(String),
}

/// The worker's side, in a fresh process with one thread whose working directory is the target: reads a
/// tar stream from standard input and writes its answer to standard output, where errors go as well. The
/// result is its exit status.
pub fn serve(options: &str) -> i32 {
    work(options).unwrap_or_else(|error| worker::complain(&error))
}

fn work(options: &str) -> crate::Result<i32> {
    if options == zstd::WORD {
        return zstd::serve();
    }
    let mut options: Options = serde_json::from_str(options).map_err(|error| crate::Error::Invalid {
        what: "the call of the process that unpacks layers".into(),
        reason: error.to_string(),
    })?;
    // Files get the very modes that they are made with.
    kernel::rustix::process::umask(Mode::empty());
    options.modes = Modes::Exact;
    let limits = Limits { file: options.most_bytes, memory: MEMORY };
    Ok(worker::run_confined(Sees::WorkingDirectory, limits, || {
        let answer = match Root::open("/") {
            Ok(root) => unpack::unpack(BufReader::with_capacity(BUFFER, Input), &root, &options)
                .map_or_else(Answer::of, Answer::Done),
            Err(error) => Answer::Rule { what: error.to_string() },
        };
        answer.tell()
    })?)
}

impl Answer {
    fn of(error: unpack::Error) -> Self {
        match error {
            unpack::Error::Full => Self::Full,
            unpack::Error::Entry { place, why } => Self::Entry { place, why },
            other => Self::Rule { what: other.to_string() },
        }
    }

    fn tell(&self) -> i32 {
        let Ok(mut text) = serde_json::to_vec(self) else { return 1 };
        text.push(b'\n');
        let mut rest = &text[..];
        while !rest.is_empty() {
            match kernel::rustix::io::write(kernel::rustix::stdio::stdout(), rest) {
                Ok(count) => rest = &rest[count..],
                Err(Errno::INTR) => {}
                Err(_) => return 1,
            }
        }
        0
    }
}

/// Standard input without a lock or a buffer.
struct Input;

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        Ok(kernel::rustix::io::read(kernel::rustix::stdio::stdin(), buffer)?)
    }
}

fn start(target: &Root, answer: &File, alive: BorrowedFd<'_>, options: &Options) -> std::io::Result<Child> {
    let options = serde_json::to_string(options)?;
    let mut command = Command::new("/proc/self/exe");
    command.args([ENTRY, &options]).env_clear();
    // Looked up by the child before its exec, when the descriptor is still there.
    command.current_dir(format!("/proc/self/fd/{}", target.as_fd().as_raw_fd()));
    command.stdin(Stdio::piped()).stdout(answer.try_clone()?).stderr(alive.try_clone_to_owned()?);
    command.spawn()
}

/// Hands the stream on until one of the two ends. That the worker wants no more is its own to explain.
fn feed(stream: &mut dyn Read, pipe: Option<ChildStdin>) -> Result<Fed, unpack::Error> {
    let Some(mut pipe) = pipe else { return Err(unpack::Error::Rule { what: "it has no pipe".into() }) };
    match kernel::rustix::pipe::fcntl_setpipe_size(&pipe, PIPE) {
        // A user who has many pipes gets a small one (pipe(7)).
        Ok(_) | Err(_) => {}
    }
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = match stream.read(&mut buffer) {
            Ok(0) => return Ok(Fed::Whole),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Ok(Fed::Damaged(error.to_string())),
        };
        match pipe.write_all(&buffer[..count]) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(Fed::Whole),
            Err(error) => return Err(failed("hand it to the process that unpacks it", &error)),
        }
    }
}

/// Room that the worker cannot make larger, so that it cannot fill our memory; and no pipe, so that it
/// cannot make us wait.
fn answer_file() -> std::io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = match memfd_create("answer", flags | MemfdFlags::NOEXEC_SEAL) {
        // Before Linux 6.3.
        Err(Errno::INVAL) => memfd_create("answer", flags),
        other => other,
    }?;
    let file = File::from(memory);
    file.set_len(LARGEST_ANSWER)?;
    fcntl_add_seals(&file, SealFlags::GROW | SealFlags::SHRINK)?;
    Ok(file)
}

fn read_answer(file: &mut File, ended: ExitStatus) -> Result<Unpacked, unpack::Error> {
    let mut line = Vec::new();
    let mut reader = BufReader::new(file);
    reader.rewind().map_err(|error| failed("read its answer", &error))?;
    reader.read_until(b'\n', &mut line).map_err(|error| failed("read its answer", &error))?;
    let rule = |what: String| unpack::Error::Rule { what };
    if !ended.success() {
        let said = line.split(|byte| *byte == 0).next().unwrap_or_default();
        let said = oci::shown(&String::from_utf8_lossy(said));
        let why = if said.is_empty() { ended.to_string() } else { said };
        return Err(rule(format!("the process that unpacks it failed: {why}")));
    }
    match serde_json::from_slice(&line) {
        Ok(Answer::Done(unpacked)) => Ok(unpacked),
        Ok(Answer::Full) => Err(unpack::Error::Full),
        Ok(Answer::Entry { place, why }) => {
            Err(unpack::Error::Entry { place: printable(&place), why: printable(&why) })
        }
        Ok(Answer::Rule { what }) => Err(rule(printable(&what))),
        Err(error) => Err(rule(format!("the process that unpacks it gave no sense: {error}"))),
    }
}

/// The honest worker's words are; a taken-over one's may be made for a terminal.
fn printable(text: &str) -> String {
    text.chars().take(LONGEST_WORDS).map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

fn failed(what: &str, error: &std::io::Error) -> unpack::Error {
    match error.kind() {
        std::io::ErrorKind::StorageFull => unpack::Error::Full,
        _ => unpack::Error::Rule { what: format!("could not {what}: {error}") },
    }
}

/// The word by which this program is called as a worker.
pub const ENTRY: &str = "unpack-layer";
const BUFFER: usize = 256 << 10;
/// What an ordinary user may have (pipe(7)).
const PIPE: usize = 1 << 20;
const MEMORY: u64 = 1 << 30;
const LARGEST_ANSWER: u64 = 32 << 20;
const LONGEST_WORDS: usize = 1000;
