// SPDX-License-Identifier: Apache-2.0
//! `run`: standard input, output and errors.

use std::io::{Read as _, Write as _};
use std::os::fd::AsFd;
use std::process::{Child, Stdio};

use kernel::rustix::event::{PollFd, PollFlags, Timespec, poll};
use kernel::rustix::process::{Pid, Signal, kill_process};
use tests::{Sandbox, eventually};

/// A shell script in the background, whose streams are the test's to hold.
fn started(sandbox: &Sandbox, flags: &[&str], script: &str) -> Child {
    let words =
        ["run", "--rm"].into_iter().chain(flags.iter().copied()).chain(["minimal", "sh", "-c", script]);
    let mut command = sandbox.call(words).into_command();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// The next line, which must come within half a minute.
fn read_line(stream: &mut (impl std::io::Read + AsFd)) -> String {
    let mut line = String::new();
    let mut byte = [0];
    while !line.ends_with('\n') {
        let mut polled = [PollFd::new(stream, PollFlags::IN)];
        let limit = Timespec { tv_sec: 30, tv_nsec: 0 };
        assert_eq!(poll(&mut polled, Some(&limit)).unwrap(), 1, "nothing comes after {line:?}");
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "the end comes after {line:?}");
        line.push(byte[0].into());
    }
    line
}

/// Bytes that do not repeat every power of two.
fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

#[test]
fn input_is_passed_on_to_its_end() {
    let sandbox = Sandbox::minimal();
    assert_eq!(sandbox.sh("-i", "cat; echo end").input("first\nlast").ok(), "first\nlastend");
    assert_eq!(sandbox.sh("-i", "cat; echo end").input("").ok(), "end");
    let many = bytes(5_000_000);
    assert_eq!(sandbox.sh("-i", "wc -c").input(many).ok(), "5000000");
    // Without -i there is none, and nobody waits for it.
    assert_eq!(sandbox.sh("", "cat; readlink /proc/self/fd/0").input("unread").ok(), "/dev/null");
}

#[test]
fn megabytes_come_back_as_they_went_in() {
    let sandbox = Sandbox::minimal();
    let sent = bytes(3_000_001);
    let mut child = started(&sandbox, &["-i"], "cat");
    let mut input = child.stdin.take().unwrap();
    let copy = sent.clone();
    let writer = std::thread::spawn(move || input.write_all(&copy).unwrap());
    let mut back = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut back).unwrap();
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
    assert!(back == sent, "{} bytes of {} came back", back.len(), sent.len());
}

#[test]
fn output_and_errors_stay_apart() {
    let sandbox = Sandbox::minimal();
    let ended = sandbox.sh("", "echo out; echo err >&2; echo out again; exit 3").ended();
    assert_eq!((ended.code, &ended.out[..], &ended.err[..]), (3, "out\nout again\n", "err\n"));
    // A program opens them again by their names, as its own user.
    let ended = sandbox.sh("-u user", "echo out > /dev/stdout; echo err > /dev/stderr").ended();
    assert_eq!((ended.code, &ended.out[..], &ended.err[..]), (0, "out\n", "err\n"));
}

#[test]
fn a_reader_who_does_not_read_stops_the_writer_and_nothing_else() {
    let sandbox = Sandbox::minimal();
    let script = "trap 'echo caught >&2; exit 9' TERM; head -c 100000000 /dev/zero & echo ready >&2; wait; echo never >&2";
    let mut child = started(&sandbox, &[], script);
    assert_eq!(read_line(child.stderr.as_mut().unwrap()), "ready\n");
    // The pipe to us fills up; the monitor must go on serving signals, and hold no more than a buffer.
    let pid = Pid::from_child(&child);
    let resident = || -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    // Twice, the second time in steps that are smaller than what there is to write.
    let full = |child: &Child| {
        eventually("the pipe is full", || {
            let waiting = kernel::rustix::io::ioctl_fionread(child.stdout.as_ref().unwrap()).unwrap();
            (waiting >= 61_440).then_some(())
        });
    };
    full(&child);
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 8192]).unwrap();
    full(&child);
    assert!(resident() < 4096, "{} KiB", resident());
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(read_line(child.stderr.as_mut().unwrap()), "caught\n");
    // The trap ends the container; what its first process's children wrote is read out.
    let reader = std::thread::spawn({
        let mut output = child.stdout.take().unwrap();
        move || std::io::copy(&mut output, &mut std::io::sink()).unwrap()
    });
    assert_eq!(child.wait().unwrap().code(), Some(9));
    assert!(reader.join().unwrap() < 1_000_000);
}

#[test]
fn a_slow_reader_gets_everything_after_the_end() {
    let sandbox = Sandbox::minimal();
    let mut child = started(&sandbox, &[], "head -c 300000 /dev/zero; echo done >&2");
    // Nothing is read before the writer has had time to fill pipe, buffer and pipe; then all of it.
    eventually("the pipe is full", || {
        let waiting = kernel::rustix::io::ioctl_fionread(child.stdout.as_ref().unwrap()).unwrap();
        (waiting >= 61_440).then_some(())
    });
    let mut all = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut all).unwrap();
    assert_eq!(all.len(), 300_000);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_closed_reader_ends_the_writer_as_in_a_shell() {
    let sandbox = Sandbox::minimal();
    let mut child = started(&sandbox, &[], "yes 2>/dev/null; echo $? >&2");
    drop(child.stdout.take());
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert!(child.wait().unwrap().success());
    // 128 + SIGPIPE: the container sees that nobody reads, and neither it nor the monitor spins.
    assert_eq!(errors, "141\n");
}

#[test]
fn streams_that_are_closed_from_the_start() {
    let sandbox = Sandbox::minimal();
    let call = sandbox.sh("", "echo lost; echo told >&2; exit 4").into_command();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", r#"exec "$@" <&- >&-"#, "sh"]).arg(call.get_program()).args(call.get_args());
    let output = command.env("BULKHEAD_ROOT", sandbox.root()).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "told\n");
}

/// The container gets pipes and never the caller's own file, which could be opened again for writing.
#[test]
fn the_callers_files_are_not_the_containers() {
    let sandbox = Sandbox::minimal();
    let file = sandbox.write("secret", "not to be written\n");
    let mut command = sandbox.sh("-i", "cat; readlink /proc/self/fd/0; echo x >> /dev/stdin").into_command();
    command.stdin(std::fs::File::open(&file).unwrap());
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("not to be written\npipe:["), "{text}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not to be written\n");
}

/// A file as standard output takes everything, and from the place where the caller's offset is.
#[test]
fn output_goes_to_a_file() {
    let sandbox = Sandbox::minimal();
    let path = sandbox.write("log", "before\n");
    let file = std::fs::File::options().append(true).open(&path).unwrap();
    let mut command = sandbox.sh("", "head -c 200000 /dev/zero; echo end").into_command();
    assert!(command.stdout(file).status().unwrap().success());
    let log = std::fs::read(&path).unwrap();
    assert_eq!(log.len(), 7 + 200_000 + 4);
    assert!(log.starts_with(b"before\n") && log.ends_with(b"end\n"));
}

/// What goes on in the background holds the output open, but not the caller.
#[test]
fn the_end_of_the_first_process_is_the_end() {
    let sandbox = Sandbox::minimal();
    assert_eq!(sandbox.sh("", "sleep 1000 & echo started").ok(), "started");
    assert_eq!(sandbox.sh("--init", "sleep 1000 & echo started").ok(), "started");
}
