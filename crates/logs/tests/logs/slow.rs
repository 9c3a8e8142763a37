// SPDX-License-Identifier: Apache-2.0
//! Servers that take nothing.

use std::io::Read;
use std::net::TcpListener;
use std::os::fd::AsFd;

use kernel::rustix::event::{PollFd, PollFlags, Timespec, poll};
use logs::{Room, Stream, Writer};

use crate::at;
use crate::servers::syslog;

/// With `mode=non-blocking` the container never waits; what does not fit is counted, and a line says so.
#[test]
fn what_does_not_fit_is_dropped_and_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let options = [("syslog-address", &*address), ("mode", "non-blocking"), ("max-buffer-size", "64k")];
    let mut log = syslog(&options);
    let (mut stream, _) = listener.accept().unwrap();
    let line = [&[b'x'; 8000][..], b"\n"].concat();
    let mut written = 0_u64;
    // Until the network's own buffers are full as well.
    while log.report().lost < 100 {
        log.write(Stream::Stdout, &line, at(0)).unwrap();
        assert!(matches!(log.room(), Room::Ready));
        written += 1;
    }
    // The server wakes, and takes until what waited is gone and the next line comes.
    let reading = std::thread::spawn(move || {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        all
    });
    while log.report().lost > 0 {
        let before = log.report().lost;
        log.write(Stream::Stdout, b"last\n", at(1)).unwrap();
        written += 1;
        if log.report().lost == before {
            break;
        }
    }
    let report = log.close();
    let all = String::from_utf8(reading.join().unwrap()).unwrap();
    let (notices, lines): (Vec<&str>, Vec<&str>) =
        all.lines().partition(|line| line.contains("were lost here"));
    assert_eq!(lines.len() as u64 + report.lost, written);
    let told: u64 = notices
        .iter()
        .map(|notice| {
            notice.split("bulkhead: ").nth(1).unwrap().split(' ').next().unwrap().parse::<u64>().unwrap()
        })
        .sum();
    assert_eq!(told, report.lost);
    assert!(lines.last().unwrap().ends_with("last"));
}

/// With blocking delivery the log says when the pipe is to be left alone, and when no more; nothing is
/// lost.
#[test]
fn what_does_not_fit_waits() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let mut log = syslog(&[("syslog-address", &address)]);
    let (mut stream, _) = listener.accept().unwrap();
    let line = [&[b'x'; 8000][..], b"\n"].concat();
    let written = fill(&mut log, &line);
    assert!(!readable(&log), "it is full and says otherwise");
    let reading = std::thread::spawn(move || {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        all
    });
    let Room::WaitOn(fd) = log.room() else { panic!("the server took it all") };
    poll(&mut [PollFd::new(&fd, PollFlags::IN)], None).unwrap();
    assert!(matches!(log.room(), Room::Ready));
    log.write(Stream::Stdout, b"last\n", at(1)).unwrap();
    assert_eq!(log.close().lost, 0);
    let all = reading.join().unwrap();
    assert_eq!(all.iter().filter(|byte| **byte == b'\n').count(), written + 1);
}

/// A server that never takes anything holds up the end of its container for seconds only.
#[test]
fn an_end_is_bounded() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut log = syslog(&[("syslog-address", &format!("tcp://{}", listener.local_addr().unwrap()))]);
    let line = [&[b'x'; 8000][..], b"\n"].concat();
    fill(&mut log, &line);
    let begun = std::time::Instant::now();
    let report = log.close();
    assert!(begun.elapsed() < std::time::Duration::from_secs(20));
    assert!(report.lost > 100 && report.trouble.is_some(), "{report:?}");
}

/// Writes until the queue is full and the network's own buffers are as well, which the log tells by
/// its trouble.
fn fill(log: &mut Writer, line: &[u8]) -> usize {
    let mut written = 0;
    loop {
        match log.room() {
            Room::Ready => {
                log.write(Stream::Stdout, line, at(0)).unwrap();
                written += 1;
            }
            Room::WaitOn(_) if log.report().trouble.is_some() => return written,
            Room::WaitOn(fd) => {
                poll(
                    &mut [PollFd::new(&fd, PollFlags::IN)],
                    Some(&Timespec { tv_sec: 0, tv_nsec: 50_000_000 }),
                )
                .unwrap();
            }
        }
    }
}

fn readable(log: &Writer) -> bool {
    let Room::WaitOn(fd) = log.room() else { return true };
    let mut polled = [PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)];
    poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap();
    !polled[0].revents().is_empty()
}
