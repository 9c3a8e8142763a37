// SPDX-License-Identifier: Apache-2.0
//! Waiting for what must happen, with a limit and without guessing how long it takes.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Output};
use std::time::{Duration, Instant};

/// A call that runs on; killed, by pid, when dropped.
#[derive(Debug)]
pub struct Background {
    child: Option<Child>,
    line: String,
    out: BufReader<std::process::ChildStdout>,
}

impl Background {
    pub(crate) fn new(mut child: Child, line: String) -> Self {
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child: Some(child), line, out }
    }

    /// Its process id: the monitor's.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.as_ref().unwrap().id()).unwrap()
    }

    /// Reads its output up to a line that contains `text`: the way to wait until a program is ready.
    #[track_caller]
    pub fn read_until(&mut self, text: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(
                self.out.read_line(&mut line).unwrap() > 0,
                "`{}` ended before it said {text}",
                self.line
            );
            if line.contains(text) {
                return line.trim().to_owned();
            }
        }
    }

    /// The next line of its output; nothing at the end.
    pub fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.out.read_line(&mut line).unwrap() > 0).then(|| line.trim().to_owned())
    }

    /// Sends the monitor a signal.
    pub fn signal(&self, signal: kernel::rustix::process::Signal) {
        let pid = kernel::rustix::process::Pid::from_raw(self.pid()).unwrap();
        kernel::rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end: exit code (128 and the signal when one ended it), the rest of its output, its errors.
    pub fn end(mut self) -> (i32, String, String) {
        let mut child = self.child.take().unwrap();
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        let mut errors = String::new();
        child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        use std::os::unix::process::ExitStatusExt as _;
        let status = child.wait().unwrap();
        (status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)), rest, errors)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

/// A process of any program that is killed, by pid, when dropped.
#[derive(Debug)]
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // One that was waited for is gone already.
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Asks again until `ask` gives something; fails the test after 30 seconds.
#[track_caller]
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// The output of `child`, which is killed when it takes longer than `limit`.
#[track_caller]
pub(crate) fn wait_within(child: Child, limit: Duration, line: &str) -> Output {
    let pid = kernel::rustix::process::Pid::from_child(&child);
    let pidfd =
        kernel::rustix::process::pidfd_open(pid, kernel::rustix::process::PidfdFlags::empty()).unwrap();
    let (done, waiting) = std::sync::mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        let timed_out = waiting.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
        if timed_out {
            kernel::rustix::process::pidfd_send_signal(&pidfd, kernel::rustix::process::Signal::KILL)
                .unwrap();
        }
        timed_out
    });
    let output = child.wait_with_output().unwrap();
    drop(done);
    assert!(
        !guard.join().unwrap(),
        "`{line}` took longer than {limit:?}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

const LIMIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);
