// SPDX-License-Identifier: Apache-2.0
//! Limits of one process, by Docker's names (getrlimit(2)).

use kernel::rustix::process::{Pid, Resource, Rlimit as Pair, getrlimit, prlimit, setrlimit};

use crate::error::{Error, Result, Step};
use crate::spec::{Asked, Rlimit};

/// Applies `limit` to this process.
pub(crate) fn set(limit: &Rlimit) -> Result<()> {
    let Some((_, resource)) = NAMES.iter().find(|(name, _)| *name == limit.name) else {
        return Err(Error::Refused {
            what: format!("--ulimit {}", limit.name),
            reason: "no such limit".into(),
        });
    };
    let pair = match limit.asked {
        Asked::ByPerson => Pair { current: limit.soft, maximum: limit.hard },
        Asked::ByDefault => within(limit, getrlimit(*resource).maximum),
    };
    setrlimit(*resource, pair).step(|| {
        format!(
            "set the limit {} (only root may raise a hard limit, and nofile never above fs.nr_open)",
            limit.name
        )
    })
}

/// A default never asks for more than this process was left with.
fn within(limit: &Rlimit, inherited: Option<u64>) -> Pair {
    let least = |one: Option<u64>, other: Option<u64>| match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    let maximum = least(limit.hard, inherited);
    Pair { current: least(limit.soft, maximum), maximum }
}

/// Raises hard limits of `process` that a person wants above our own, which its user namespace could
/// not do. Without the right to do so (an ordinary user) nothing changes, and [`set`] tells it.
pub(crate) fn raise(process: Option<Pid>, limits: &[Rlimit]) -> Result<()> {
    for limit in limits.iter().filter(|limit| limit.asked == Asked::ByPerson) {
        let Some((_, resource)) = NAMES.iter().find(|(name, _)| *name == limit.name) else { continue };
        let inherited = getrlimit(*resource);
        let unlimited = u64::MAX;
        if limit.hard.unwrap_or(unlimited) <= inherited.maximum.unwrap_or(unlimited) {
            continue;
        }
        let raised = Pair { current: inherited.current, maximum: limit.hard };
        match prlimit(process, *resource, raised) {
            Ok(_) | Err(kernel::Errno::PERM) => {}
            Err(errno) => return Err(errno).step(|| format!("raise the limit {}", limit.name)),
        }
    }
    Ok(())
}

/// Calls `make` under the soft limit of processes that is among the defaults, if one is.
///
/// A user namespace takes over the limit of processes of whoever makes it, for all users inside
/// together (Linux 5.14): where no cgroup can bound a container, this does. The host's root is exempt.
pub(crate) fn under_default_nproc<T>(limits: &[Rlimit], make: impl FnOnce() -> T) -> Result<T> {
    let default = limits.iter().find(|limit| limit.name == "nproc" && limit.asked == Asked::ByDefault);
    let Some(Rlimit { soft: Some(most), .. }) = default else { return Ok(make()) };
    let before = getrlimit(Resource::Nproc);
    let lower = before.current.map_or(*most, |current| current.min(*most));
    let step = || "bound the container's processes";
    setrlimit(Resource::Nproc, Pair { current: Some(lower), ..before }).step(step)?;
    let made = make();
    setrlimit(Resource::Nproc, before).step(step)?;
    Ok(made)
}

/// Whether `name` is a limit.
pub fn is_known(name: &str) -> bool {
    NAMES.iter().any(|(known, _)| *known == name)
}

const NAMES: [(&str, Resource); 16] = [
    ("as", Resource::As),
    ("core", Resource::Core),
    ("cpu", Resource::Cpu),
    ("data", Resource::Data),
    ("fsize", Resource::Fsize),
    ("locks", Resource::Locks),
    ("memlock", Resource::Memlock),
    ("msgqueue", Resource::Msgqueue),
    ("nice", Resource::Nice),
    ("nofile", Resource::Nofile),
    ("nproc", Resource::Nproc),
    ("rss", Resource::Rss),
    ("rtprio", Resource::Rtprio),
    ("rttime", Resource::Rttime),
    ("sigpending", Resource::Sigpending),
    ("stack", Resource::Stack),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_stays_within_what_was_inherited() {
        let limit = |soft, hard| Rlimit { name: "nofile".into(), soft, hard, asked: Asked::ByDefault };
        for (limit, inherited, want) in [
            (limit(Some(1024), Some(4096)), None, (Some(1024), Some(4096))),
            (limit(Some(1024), Some(4096)), Some(2000), (Some(1024), Some(2000))),
            (limit(Some(1024), Some(4096)), Some(100), (Some(100), Some(100))),
            (limit(None, None), Some(100), (Some(100), Some(100))),
            (limit(None, None), None, (None, None)),
        ] {
            let pair = within(&limit, inherited);
            assert_eq!((pair.current, pair.maximum), want, "{limit:?} {inherited:?}");
        }
    }
}
