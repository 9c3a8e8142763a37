// SPDX-License-Identifier: Apache-2.0
//! The system calls that a worker may make. All others are refused with EPERM, numbers that no table here
//! has and other ABIs with ENOSYS.

use crate::seccomp::{
    Action, Arch, Call, Condition, Entry, Errno, Error, Policy, Program, Request, Rule, Test,
};

/// The filter as instructions.
pub(super) fn program() -> Result<Program, Error> {
    let mut entries = Vec::new();
    for (names, reason) in ALLOWED {
        entries.push(entry(names, &[], Action::Allow, reason)?);
    }
    let executable = Condition { argument: 2, mask: PROT_EXEC, test: Test::Is, value: PROT_EXEC };
    let rules: Vec<Rule> = Rule::new(&[executable], REFUSED).into_iter().collect();
    entries.push(entry(MEMORY, &rules, Action::Allow, "Memory that is not code: nothing new can be run.")?);
    let named: Vec<Call> = entries.iter().flat_map(|entry| entry.calls.iter().copied()).collect();
    let rest: Vec<Call> = Call::all().filter(|call| !named.contains(call)).collect();
    entries.push(Entry {
        calls: rest.into(),
        rules: Vec::new().into(),
        otherwise: REFUSED,
        reason: "Nothing that unpacking files needs.".into(),
    });
    Policy::new(entries, Vec::new())?.compile(&Request::new(ARCH))
}

fn entry(names: &[&str], rules: &[Rule], otherwise: Action, reason: &'static str) -> Result<Entry, Error> {
    let calls = names.iter().map(|name| Call::named(name)).collect::<Result<Vec<_>, _>>()?;
    Ok(Entry { calls: calls.into(), rules: rules.to_vec().into(), otherwise, reason: reason.into() })
}

const REFUSED: Action = Action::Refuse(Errno::PERM);
const PROT_EXEC: u64 = 4;
const ARCH: Arch = if cfg!(target_arch = "aarch64") { Arch::Aarch64 } else { Arch::X86_64 };
const MEMORY: &[&str] = &["mmap", "mprotect"];

/// By what they are for.
const ALLOWED: &[(&[&str], &str)] = &[
    (&["read", "write", "close", "exit", "exit_group"], "Its standard streams, and its end."),
    (
        &["openat", "openat2", "lseek", "ftruncate", "copy_file_range", "fallocate"],
        "Files beneath the one directory there is.",
    ),
    (
        &["mkdirat", "mknodat", "symlinkat", "linkat", "unlinkat", "getdents64"],
        "What a layer is made of, and what a later entry replaces.",
    ),
    (
        &["fchown", "fchownat", "fchmod", "fchmodat", "fchmodat2", "utimensat", "fsetxattr", "fgetxattr"],
        "Owners, modes, times and attributes that the layer says.",
    ),
    (&["newfstatat", "fstat", "statx"], "What is there already."),
    (&["brk", "munmap", "mremap", "madvise"], "Memory."),
    (
        &["getrandom", "futex", "clock_gettime", "geteuid", "getegid"],
        "What the standard library asks for by itself.",
    ),
    (
        &["rt_sigreturn", "rt_sigprocmask", "rt_sigaction", "sigaltstack", "restart_syscall"],
        "Signal frames of the runtime, and calls that a stop interrupted.",
    ),
];
