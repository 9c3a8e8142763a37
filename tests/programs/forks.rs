// SPDX-License-Identifier: Apache-2.0
//! A fork bomb that counts: `forks MOST [USERS]` makes processes that only wait, as so many users one
//! after the other, until the kernel refuses or there are MOST, and prints how many there were.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "it ends where it cannot go on")]

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use kernel::rustix::process::{Signal, set_parent_process_death_signal};
use kernel::rustix::thread::{Uid, set_thread_res_uid};

fn main() {
    let mut words = std::env::args().skip(1).map(|word| word.parse::<u32>().unwrap());
    let (most, users) = (words.next().unwrap(), words.next().unwrap_or(1));
    // All of them are there before the first one bombs, whose limit would keep us from making more.
    let mut waiting: Vec<UnixStream> = (0..users).map(user).collect();
    let mut made = users;
    for socket in &mut waiting {
        socket.write_all(&most.saturating_sub(made).to_ne_bytes()).unwrap();
        made += read(socket);
    }
    println!("{made}");
}

/// A process of that user, which waits for a number, makes at most so many more, and tells how many.
fn user(user: u32) -> UnixStream {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    if kernel::fork::fork().unwrap().is_some() {
        return ours;
    }
    die_with_parent();
    if user > 0 {
        let user = Uid::from_raw(user);
        set_thread_res_uid(user, user, user).unwrap();
    }
    let made = bomb(read(&mut theirs));
    theirs.write_all(&made.to_ne_bytes()).unwrap();
    wait_for_ever();
}

fn read(socket: &mut UnixStream) -> u32 {
    let mut bytes = [0; 4];
    socket.read_exact(&mut bytes).unwrap();
    u32::from_ne_bytes(bytes)
}

fn bomb(most: u32) -> u32 {
    for made in 0..most {
        match kernel::fork::fork() {
            Ok(Some(_)) => {}
            Ok(None) => {
                die_with_parent();
                wait_for_ever();
            }
            Err(_) => return made,
        }
    }
    most
}

/// Whatever becomes of the container, the bomb leaves nothing.
fn die_with_parent() {
    set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
}

fn wait_for_ever() -> ! {
    loop {
        std::thread::park();
    }
}
