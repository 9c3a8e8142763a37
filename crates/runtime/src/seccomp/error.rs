// SPDX-License-Identifier: Apache-2.0
//! Why there is no filter.

/// Why a policy, a profile or a program could not be made. Nothing is ever left out to make it fit.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no TOML, or has fields that a policy does not have.
    #[error("the policy is not well formed")]
    Toml(#[from] toml::de::Error),
    /// The text is no JSON, or has fields that a profile does not have.
    #[error("the seccomp profile is not well formed")]
    Json(#[from] serde_json::Error),
    /// No ABI has a call of this name.
    #[error("no system call is named `{name}`")]
    UnknownCall {
        /// As written.
        name: String,
    },
    /// A policy names a call in two entries, so that their order would decide.
    #[error("`{name}` stands in two entries")]
    CallTwice {
        /// Of the call.
        name: &'static str,
    },
    /// A policy says nothing about calls that exist.
    #[error("no entry decides {names}")]
    Undecided {
        /// Of the calls, separated by commas.
        names: String,
    },
    /// An entry does not say why it is there.
    #[error("the entry for {calls} has no reason")]
    NoReason {
        /// The names in the entry.
        calls: String,
    },
    /// An entry is about nothing.
    #[error("the entry with the reason `{reason}` has no calls")]
    NoCalls {
        /// Its reason.
        reason: String,
    },
    /// An entry that is about arguments has no rules for them.
    #[error("the entry for {calls} has no rules")]
    NoRules {
        /// The names in the entry.
        calls: String,
    },
    /// An error number that has no name here.
    #[error("`{name}` is no answer: not `allow` and no known error number")]
    UnknownAnswer {
        /// As written.
        name: String,
    },
    /// A rule of a policy cannot be read.
    #[error("rule `{rule}`: {reason}")]
    Rule {
        /// As written.
        rule: String,
        /// In words.
        reason: String,
    },
    /// No capability is called that.
    #[error("no capability is named `{name}`")]
    UnknownCapability {
        /// As written.
        name: String,
    },
    /// A profile asks for something that this compiler cannot express, or that has no one meaning.
    #[error("the seccomp profile cannot be applied: {reason}")]
    Inexpressible {
        /// In words, with the part of the profile that is meant.
        reason: String,
    },
    /// The program is longer than the kernel takes.
    #[error("the filter has {instructions} instructions and the kernel takes 4096")]
    TooLong {
        /// How many it has.
        instructions: usize,
    },
}
