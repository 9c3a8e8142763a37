// SPDX-License-Identifier: Apache-2.0
//! `run -t`: a terminal between the caller's and the container's.

use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Stdio};

use kernel::rustix::event::{PollFd, PollFlags, Timespec, poll};
use kernel::rustix::process::{Pid, Signal, kill_process};
use kernel::rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use kernel::rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use tests::{Call, Sandbox};

/// A person at a terminal.
pub(crate) struct Person {
    master: OwnedFd,
    /// What they type at: their side of it, as a program sees it.
    terminal: OwnedFd,
    child: Child,
    seen: String,
}

impl Person {
    /// Starts `run --rm` with `flags` and a shell script at a terminal.
    fn run(sandbox: &Sandbox, flags: &[&str], script: &str) -> Self {
        let words =
            ["run", "--rm"].into_iter().chain(flags.iter().copied()).chain(["minimal", "sh", "-c", script]);
        Self::calls(sandbox.call(words))
    }

    /// Starts `call` at a terminal of 40 rows and 100 columns.
    pub(crate) fn calls(call: Call) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let terminal =
            ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
                .unwrap();
        resize(&terminal, 40, 100);
        // setsid makes it the terminal of its own session, as a login does.
        let call = call.into_command();
        let mut command = std::process::Command::new("setsid");
        command.args(["--ctty", "--wait", "--"]).arg(call.get_program()).args(call.get_args());
        command.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let side = || Stdio::from(terminal.try_clone().unwrap());
        let child = command.stdin(side()).stdout(side()).stderr(side()).spawn().unwrap();
        Self { master, terminal, child, seen: String::new() }
    }

    pub(crate) fn types(&self, text: &str) {
        assert_eq!(kernel::rustix::io::write(&self.master, text.as_bytes()).unwrap(), text.len());
    }

    /// Reads on until `text` is on the screen; what came before it goes.
    #[track_caller]
    pub(crate) fn sees(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.seen.find(text) {
                let rest = self.seen.split_off(at + text.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            let mut polled = [PollFd::new(&self.master, PollFlags::IN)];
            let limit = Timespec { tv_sec: 30, tv_nsec: 0 };
            assert_eq!(poll(&mut polled, Some(&limit)).unwrap(), 1, "no {text:?} in {:?}", self.seen);
            let mut buffer = [0; 4096];
            let count = kernel::rustix::io::read(&self.master, &mut buffer[..]).unwrap();
            self.seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    }

    /// Whether what is typed is shown and collected into lines, as at a shell's prompt.
    pub(crate) fn is_cooked(&self) -> bool {
        tcgetattr(&self.terminal)
            .unwrap()
            .local_modes
            .contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    fn resizes(&self, rows: u16, columns: u16) {
        resize(&self.terminal, rows, columns);
    }

    pub(crate) fn ends(mut self, code: i32) {
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(code), "{}", self.seen);
        assert!(self.is_cooked(), "the terminal was not put back");
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        // Ended already, unless the test failed.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn resize(terminal: impl AsFd, rows: u16, columns: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).unwrap();
}

#[test]
fn a_person_works_at_a_terminal_inside() {
    let sandbox = Sandbox::minimal();
    let script = "trap 'stty size' WINCH; tty; stty size; test -c /dev/console && tty < /dev/console; \
                  echo $TERM; echo ready; while read line; do echo \"[$line]\"; done; echo over; exit 6";
    let mut person = Person::run(&sandbox, &["-it"], script);
    let start = person.sees("ready\r\n");
    assert_eq!(start, "/dev/pts/0\r\n40 100\r\n/dev/console\r\nxterm\r\nready\r\n");
    assert!(!person.is_cooked(), "what is typed must reach the container as it is");
    person.types("hello\r");
    // The container's own terminal echoes, once.
    assert_eq!(person.sees("[hello]\r\n"), "hello\r\n[hello]\r\n");
    person.resizes(50, 132);
    person.sees("50 132\r\n");
    person.types("\u{4}");
    person.sees("over\r\n");
    person.ends(6);
}

#[test]
fn control_c_reaches_the_program_once() {
    for flags in [&["-it"][..], &["-it", "--init"]] {
        let sandbox = Sandbox::minimal();
        let script = "trap 'echo interrupted' INT; echo ready; \
                      while :; do read line && echo \"[$line]\" && [ $line = quit ] && exit 0; done";
        let mut person = Person::run(&sandbox, flags, script);
        person.sees("ready\r\n");
        person.types("\u{3}");
        person.sees("interrupted\r\n");
        person.types("next\r");
        assert_eq!(person.sees("[next]\r\n"), "next\r\n[next]\r\n", "{flags:?}");
        person.types("quit\r");
        person.ends(0);
    }
}

/// Docker's `-t` without `-i`: a terminal for the output, and nothing is typed into it.
#[test]
fn without_i_nothing_is_read() {
    let sandbox = Sandbox::minimal();
    let script =
        "trap 'echo interrupted; exit 3' INT; tty; echo ready; while :; do sleep 1000 & wait $!; done";
    let mut person = Person::run(&sandbox, &["-t"], script);
    // Both terminals put a carriage return before a new line, as with Docker.
    assert_eq!(person.sees("ready\r\r\n"), "/dev/pts/0\r\r\nready\r\r\n");
    assert!(person.is_cooked(), "the caller's terminal is the caller's");
    // So control-C is ours, and passed on.
    person.types("\u{3}");
    person.sees("interrupted\r\r\n");
    person.ends(3);
}

#[test]
fn the_terminal_is_put_back_whatever_happens() {
    let sandbox = Sandbox::minimal();
    let person = Person::run(&sandbox, &["-it"], "exit 0");
    person.ends(0);
    let mut person = Person::run(&sandbox, &["-it", "--entrypoint", "/no/such/program"], "");
    person.sees("was not found");
    person.ends(127);
    let mut person = Person::run(&sandbox, &["-it", "--init"], "echo ready; kill -TERM $$; sleep 1000");
    person.sees("ready\r\n");
    person.ends(143);
}

#[test]
fn a_terminal_is_asked_for_where_there_is_none() {
    let sandbox = Sandbox::minimal();
    let error = sandbox.run("-it minimal true").fails(125);
    assert!(error.contains("standard input is not a terminal"), "{error}");
    // Output alone needs none.
    assert_eq!(sandbox.sh("-t", "test -t 1 && echo terminal").ok(), "terminal");
}

/// Everything that hangs up the caller's terminal is passed on, and ends a program that does not mind.
#[test]
fn a_hang_up_reaches_the_program() {
    let sandbox = Sandbox::minimal();
    let script = "trap 'echo hung up; exit 4' HUP; echo ready; while read line; do :; done; sleep 1000";
    let mut person = Person::run(&sandbox, &["-it"], script);
    person.sees("ready\r\n");
    let monitor = monitor_of(&person);
    kill_process(monitor, Signal::HUP).unwrap();
    person.sees("hung up\r\n");
    person.ends(4);
}

/// The only child of the setsid that a person started.
fn monitor_of(person: &Person) -> Pid {
    let setsid = person.child.id();
    let path = format!("/proc/{setsid}/task/{setsid}/children");
    let children = std::fs::read_to_string(path).unwrap();
    match children.split_whitespace().next() {
        Some(pid) => Pid::from_raw(pid.parse().unwrap()).unwrap(),
        // It did not have to fork.
        None => Pid::from_raw(i32::try_from(setsid).unwrap()).unwrap(),
    }
}

#[test]
fn control_characters_of_a_large_output_arrive_as_they_are() {
    let sandbox = Sandbox::minimal();
    let script = "stty -opost; i=0; while [ $i -lt 2000 ]; do printf '\\033[31m%05d\\033[0m' $i; i=$((i+1)); done; echo; echo end";
    let mut person = Person::run(&sandbox, &["-it"], script);
    let screen = person.sees("end\n");
    assert_eq!(screen.matches("\u{1b}[31m").count(), 2000);
    assert!(screen.contains("\u{1b}[31m01999\u{1b}[0m"));
    person.ends(0);
}
