// SPDX-License-Identifier: Apache-2.0
//! A kernel that lacks something: `without NUMBER[,NUMBER...] PROGRAM [ARG...]` runs a program for which
//! the system calls of these numbers do not exist (ENOSYS), as on a kernel that is older.
#![forbid(unsafe_code)]

use std::error::Error;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use kernel::seccomp::Instruction;

fn main() -> ExitCode {
    let Err(error) = run();
    eprintln!("without: {error}");
    ExitCode::from(99)
}

fn run() -> Result<std::convert::Infallible, Box<dyn Error>> {
    let mut words = std::env::args_os().skip(1);
    let numbers = words.next().and_then(|word| word.into_string().ok()).ok_or("which calls?")?;
    let numbers: Vec<u32> = numbers.split(',').map(str::parse).collect::<Result<_, _>>()?;
    kernel::seccomp::load(&filter(&numbers))?;
    let program = words.next().ok_or("which program?")?;
    Err(Command::new(program).args(words).exec().into())
}

/// Compares the call's number with each of `numbers`; equal is "no such call", the rest is allowed.
fn filter(numbers: &[u32]) -> Vec<Instruction> {
    let load_number = Instruction { code: LOAD_WORD, jt: 0, jf: 0, k: 0 };
    let refuse = Instruction { code: RETURN, jt: 0, jf: 0, k: NO_SUCH_CALL };
    let compare = |&number: &u32| [Instruction { code: JUMP_EQUAL, jt: 0, jf: 1, k: number }, refuse];
    let allow = Instruction { code: RETURN, jt: 0, jf: 0, k: ALLOW };
    [load_number].into_iter().chain(numbers.iter().flat_map(compare)).chain([allow]).collect()
}

// linux/bpf_common.h and linux/seccomp.h.
const LOAD_WORD: u16 = 0x20;
const JUMP_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
/// `SECCOMP_RET_ERRNO` with ENOSYS.
const NO_SUCH_CALL: u32 = 0x0005_0000 | 38;
const ALLOW: u32 = 0x7fff_0000;
