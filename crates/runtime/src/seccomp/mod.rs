// SPDX-License-Identifier: Apache-2.0
//! The system call wall: a policy becomes a program that the kernel runs before every call.
//!
//! Read in this order: `policies/seccomp.toml` is the policy, as data with reasons; [`Policy`] is the same in
//! memory; a [`Request`] says for which container; [`Filter`] is the answer to each number on each entry point; and
//! [`Program`] is that filter as instructions, in the form the kernel takes.
//!
//! ```text
//!   seccomp.toml ── table.rs ── Policy ──┐
//!                                        ├── Filter ── tree.rs, assemble.rs ── Program
//!   profile.json ─────────── Profile ────┘      │                                 │
//!                                               └──────── must agree ───── bpf::interpret
//! ```
//!
//! Nothing here makes a system call: loading the program is the `kernel` crate's business, and keeping a
//! supervisor that answers notifications is the caller's.

mod action;
mod assemble;
pub mod bpf;
mod call;
mod capability;
mod error;
mod filter;
#[rustfmt::skip]
mod numbers;
mod policy;
mod profile;
mod request;
mod rule;
mod shorthand;
#[rustfmt::skip]
mod table;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod weight;
mod words;

pub use action::{Action, Errno};
pub use bpf::Insn;
pub use call::{Abi, Arch, Call};
pub use capability::Capability;
pub use error::Error;
pub use filter::Filter;
pub use policy::{Entry, Lift, Policy, Scope};
pub use profile::{Listener, Profile};
pub use request::{ForeignAbi, Grant, Lifted, Request, UserNamespace};
pub use rule::{Condition, Rule, Test};

/// A filter in the form that the kernel takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The instructions, at most [`bpf::LONGEST`].
    pub instructions: Vec<Insn>,
    /// What is open beyond the default, to be shown to whoever asks.
    pub lifted: Vec<Lifted>,
    /// `SECCOMP_FILTER_FLAG_*` that a profile asked for, for seccomp(2).
    pub flags: u32,
}

impl Program {
    /// Each instruction as the fields of the kernel's `sock_filter`: `code`, `jt`, `jf`, `k`.
    pub fn raw(&self) -> impl ExactSizeIterator<Item = (u16, u8, u8, u32)> + '_ {
        self.instructions.iter().map(|insn| (insn.code, insn.jt, insn.jf, insn.k))
    }

    /// Whether some call waits for a supervisor: the program must then be loaded with
    /// `SECCOMP_FILTER_FLAG_NEW_LISTENER`, or such calls fail with ENOSYS.
    pub fn notifies(&self) -> bool {
        let notify = Action::Notify.encode();
        self.instructions.iter().any(|insn| insn.code == bpf::RET_K && insn.k == notify)
    }
}

impl Policy {
    /// The program for one container.
    ///
    /// # Errors
    /// Only when it would be too long for the kernel.
    pub fn compile(&self, request: &Request<'_>) -> Result<Program, Error> {
        self.filter(request).compile()
    }
}

impl Filter<'_> {
    /// The program that answers as this filter does.
    ///
    /// # Errors
    /// Only when it would be too long for the kernel.
    pub fn compile(self) -> Result<Program, Error> {
        Ok(Program { instructions: assemble::assemble(&self)?, lifted: self.lifted, flags: self.flags })
    }
}
