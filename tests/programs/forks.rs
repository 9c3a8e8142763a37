// SPDX-License-Identifier: Apache-2.0
//! A fork bomb that counts: `forks MOST [USERS]` makes processes that only wait, as so many users one
//! after the other, until the kernel refuses or there are MOST, and prints how many there were.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "it ends where it cannot go on")]

use std::io::Write as _;

use kernel::rustix::process::{Signal, set_parent_process_death_signal};
use kernel::rustix::thread::{Uid, set_thread_res_uid};

fn main() {
    let mut words = std::env::args().skip(1).map(|word| word.parse::<u32>().unwrap());
    let (most, users) = (words.next().unwrap(), words.next().unwrap_or(1));
    let mut made = 0;
    for user in 0..users {
        made += as_user(user, most - made);
    }
    println!("{made}");
}

/// Forks as `user`: a process of that user does it, tells how many, and stays.
fn as_user(user: u32, most: u32) -> u32 {
    let (mut read, mut write) = std::io::pipe().unwrap();
    match kernel::fork::fork() {
        Err(_) => return 0,
        Ok(Some(_)) => drop(write),
        Ok(None) => {
            die_with_parent();
            if user > 0 {
                let user = Uid::from_raw(user);
                set_thread_res_uid(user, user, user).unwrap();
            }
            let made = 1 + bomb(most.saturating_sub(1));
            write.write_all(&made.to_ne_bytes()).unwrap();
            wait_for_ever();
        }
    }
    let mut bytes = [0; 4];
    std::io::Read::read_exact(&mut read, &mut bytes).unwrap();
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
