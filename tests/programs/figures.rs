// SPDX-License-Identifier: Apache-2.0
//! What a program learns of its machine by system calls, without any libc in between; also the static Rust
//! program of the suites.
//!
//! | command | says |
//! |---|---|
//! | `figures` | one `name value` a line: sysinfo(2), sched_getaffinity(2), what Rust makes of them |
//! | `figures storm THREADS CALLS` | `steady` when every answer to every thread was the same and right |
//! | `figures time CALL COUNT` | nanoseconds for one call of `sysinfo`, `affinity` or `getppid` |
//! | `figures hold BYTES` | takes this much memory, then says `holding`, and waits for its standard input to end |
//! | `figures edges` | how the two calls answer to wrong arguments |
//! | `figures every` | which numbers of each ABI answer something else than ENOSYS |
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use kernel::probe::{Arg, Ended, Throwaway, in_child};
use kernel::rustix::system::sysinfo;
use kernel::rustix::thread::sched_getaffinity;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let said = match words[..] {
        [] => figures(),
        ["storm", threads, calls] => number(threads).and_then(|threads| storm(threads, number(calls)?)),
        ["time", call, count] => number(count).and_then(|count| time(call, count)),
        ["hold", bytes] => number(bytes).and_then(hold),
        ["edges"] => thrown_away(edges),
        ["every"] => thrown_away(every),
        _ => Err("see the head of tests/programs/figures.rs".to_owned()),
    };
    match said {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("figures: {error}");
            ExitCode::FAILURE
        }
    }
}

fn figures() -> Result<String, String> {
    let info = sysinfo();
    let unit = u64::from(info.mem_unit);
    let rust = std::thread::available_parallelism().map_err(|error| error.to_string())?;
    let rows = [
        ("total", info.totalram * unit),
        ("free", info.freeram * unit),
        ("swap", info.totalswap * unit),
        ("uptime", info.uptime.unsigned_abs()),
        ("processes", u64::from(info.procs)),
        ("load", info.loads[0]),
        ("affinity", u64::from(affinity()?)),
        ("parallelism", rust.get() as u64),
    ];
    Ok(rows.map(|(name, value)| format!("{name} {value}")).join("\n"))
}

fn affinity() -> Result<u32, String> {
    sched_getaffinity(None).map(|set| set.count()).map_err(|errno| format!("sched_getaffinity: {errno}"))
}

/// All threads ask at once, each question answered into the asker's own stack.
fn storm(threads: usize, calls: usize) -> Result<String, String> {
    let expected = (sysinfo().totalram, affinity()?);
    let ask = || (0..calls).all(|_| (sysinfo().totalram, affinity().unwrap_or(0)) == expected);
    let steady = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..threads).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().all(|thread| thread.join().unwrap_or(false))
    });
    if steady { Ok("steady".into()) } else { Err(format!("not always {expected:?}")) }
}

fn time(call: &str, count: usize) -> Result<String, String> {
    let once: fn() -> bool = match call {
        "sysinfo" => || sysinfo().totalram > 0,
        "affinity" => || affinity().is_ok(),
        "getppid" => || kernel::rustix::process::getppid().is_none(),
        _ => return Err(format!("no call {call}")),
    };
    once();
    let start = Instant::now();
    (0..count).for_each(|_| {
        std::hint::black_box(once());
    });
    Ok((start.elapsed().as_nanos() / count.max(1) as u128).to_string())
}

fn hold(bytes: usize) -> Result<String, String> {
    // Not zeros: untouched pages take no memory.
    let held = vec![1u8; bytes];
    println!("holding");
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).map_err(|error| error.to_string())?;
    Ok(format!("held {}", std::hint::black_box(held).len()))
}

fn thrown_away(attempt: fn(&Throwaway) -> String) -> Result<String, String> {
    match in_child(Duration::from_secs(60), attempt).map_err(|error| error.to_string())? {
        Ended::Said(text) => Ok(text),
        other => Err(format!("{other:?}")),
    }
}

fn edges(here: &Throwaway) -> String {
    let mut mask = [0xffu8; 1024];
    let own = u64::from(std::process::id());
    let rows = [
        ("sysinfo into nothing", here.call(SYSINFO, &mut [Arg::Int(0)])),
        ("sysinfo into the kernel", here.call(SYSINFO, &mut [Arg::Int(0xffff_8000_0000_0000)])),
        ("affinity into nothing", here.call(AFFINITY, &mut [Arg::Int(0), Arg::Int(128), Arg::Int(0)])),
        ("affinity of no bytes", here.call(AFFINITY, &mut [Arg::Int(0), Arg::Int(0), Arg::Out(&mut mask)])),
        ("affinity of odd bytes", here.call(AFFINITY, &mut [Arg::Int(0), Arg::Int(9), Arg::Out(&mut mask)])),
        (
            "affinity of nobody",
            here.call(AFFINITY, &mut [Arg::Int(999_999), Arg::Int(128), Arg::Out(&mut mask)]),
        ),
        ("affinity by number", here.call(AFFINITY, &mut [Arg::Int(own), Arg::Int(128), Arg::Out(&mut mask)])),
        (
            "affinity of many bytes",
            here.call(AFFINITY, &mut [Arg::Int(0), Arg::Int(1024), Arg::Out(&mut mask)]),
        ),
    ];
    rows.map(|(name, result)| format!("{name}: {}", shown(result))).join("\n")
}

fn shown(result: Result<i64, i32>) -> String {
    result.map_or_else(|errno| format!("errno {errno}"), |value| value.to_string())
}

/// Only numbers that must not exist are called: whatever else they did would not be harmless.
fn every(here: &Throwaway) -> String {
    // getpid(2): where that is made, the others are as well, and not all are harmless.
    if here.call_i386(20, [0; 3]) != Err(NOSYS) {
        return "strange: i386 20".to_owned();
    }
    let unknown = (UNKNOWN_FROM..1024).chain((0..600).map(|number| X32 + number));
    let native = unknown
        .filter(|number| here.call(*number, &mut []) != Err(NOSYS))
        .map(|number| format!("{number:#x}"));
    let foreign = (0..600)
        .filter(|number| here.call_i386(*number, [0; 3]) != Err(NOSYS))
        .map(|number| format!("i386 {number}"));
    let strange: Vec<String> = native.chain(foreign).collect();
    format!("strange: {}", strange.join(" "))
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number"))
}

const NOSYS: i32 = 38;
const X32: i64 = 0x4000_0000;
/// The first number that crates/runtime/src/seccomp/numbers.rs does not have.
const UNKNOWN_FROM: i64 = 472;

#[cfg(target_arch = "x86_64")]
const SYSINFO: i64 = 99;
#[cfg(target_arch = "x86_64")]
const AFFINITY: i64 = 204;
#[cfg(target_arch = "aarch64")]
const SYSINFO: i64 = 179;
#[cfg(target_arch = "aarch64")]
const AFFINITY: i64 = 123;
