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
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use crate::error::{Error, Result};

/// Puts this process into a domain for good. `no_new_privs` must be set, or `CAP_SYS_ADMIN` held.
///
/// Errors when the kernel has no Landlock at all; what a kernel of an earlier version lacks is left
/// out.
pub(crate) fn restrict() -> Result<()> {
    let root = open("/")?;
    let dev = open("/dev")?;
    match build(root, dev).map_err(|error| refused(error.to_string()))? {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        RulesetStatus::NotEnforced => Err(refused("the kernel enforces nothing of it".into())),
    }
}

fn build(root: PathFd, dev: PathFd) -> Result<RulesetStatus, RulesetError> {
    let domain = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::MakeChar | AccessFs::MakeBlock)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::Refer | AccessFs::IoctlDev)?
        .scope(Scope::from_all(NEWEST))?
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
