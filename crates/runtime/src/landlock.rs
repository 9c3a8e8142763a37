// SPDX-License-Identifier: Apache-2.0
//! Landlock: an access control that needs no set-up of the host (landlock(7)).
//!
//! The domain forbids what no container needs, whatever capabilities it holds:
//!
//! - any change of the mount tree (implied by every domain that handles files),
//! - making device nodes,
//! - device ioctls outside `/dev` (Linux 6.10),
//! - ptrace of processes outside the domain (implied),
//! - connecting to abstract sockets and signalling processes outside (Linux 6.12).
//!
//! Linking and renaming between directories stays allowed: a domain that does not say so forbids
//! it.

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use crate::error::{Error, Result};

/// Puts this process into a domain for good. `no_new_privs` must be set, or `CAP_SYS_ADMIN` held.
///
/// Errors when the kernel has no Landlock at all; what a kernel of an earlier version lacks is left
/// out.
/// Whom signals and abstract sockets are kept from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Apart {
    /// Everybody but this process and those it starts.
    FromAll,
    /// Nobody whom the container's own namespaces do not keep them from: a program beside the first one has
    /// to reach that.
    ByNamespaces {
        /// Whether the container has processes of its own.
        processes: Own,
        /// Whether it has a network of its own, in which abstract sockets are.
        network: Own,
    },
}

/// Whether a container has something of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    Yes,
    /// It is the host's.
    No,
}

impl Apart {
    fn scope(self) -> BitFlags<Scope> {
        let Self::ByNamespaces { processes, network } = self else { return Scope::from_all(NEWEST) };
        let shared = [(processes, Scope::Signal), (network, Scope::AbstractUnixSocket)];
        shared.into_iter().filter(|(own, _)| *own == Own::No).map(|(_, scope)| scope).collect()
    }
}

pub(crate) fn restrict(apart: Apart) -> Result<()> {
    let root = open("/")?;
    let dev = open("/dev")?;
    match build(root, dev, apart).map_err(|error| refused(error.to_string()))? {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        RulesetStatus::NotEnforced => Err(refused("the kernel enforces nothing of it".into())),
    }
}

fn build(root: PathFd, dev: PathFd, apart: Apart) -> Result<RulesetStatus, RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::MakeChar | AccessFs::MakeBlock)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::Refer | AccessFs::IoctlDev)?;
    // An empty set is an error to it.
    if !apart.scope().is_empty() {
        rules = rules.scope(apart.scope())?;
    }
    let domain = rules
        .create()?
        .add_rule(PathBeneath::new(root, AccessFs::Refer))?
        .add_rule(PathBeneath::new(dev, AccessFs::IoctlDev))?
        .no_new_privs(false)
        .restrict_self()?;
    Ok(domain.ruleset)
}

fn open(path: &str) -> Result<PathFd> {
    PathFd::new(path).map_err(|error| refused(error.to_string()))
}

fn refused(reason: String) -> Error {
    Error::Refused {
        what: "Landlock".into(),
        reason: format!("{reason}; on a kernel without it, lift the wall with --security-opt landlock=off"),
    }
}

/// The version whose rules this module was written for.
const NEWEST: ABI = ABI::V6;
