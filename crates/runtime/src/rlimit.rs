// SPDX-License-Identifier: Apache-2.0
//! Limits of one process, by Docker's names (getrlimit(2)).

use kernel::rustix::process::{Resource, Rlimit as Pair, setrlimit};

use crate::error::{Error, Result, Step};
use crate::spec::Rlimit;

/// Applies `limit` to this process.
pub(crate) fn set(limit: &Rlimit) -> Result<()> {
    let Some((_, resource)) = NAMES.iter().find(|(name, _)| *name == limit.name) else {
        return Err(Error::Refused { what: format!("--ulimit {}", limit.name), reason: "no such limit".into() });
    };
    let pair = Pair { current: limit.soft, maximum: limit.hard };
    setrlimit(*resource, pair).step(|| format!("set the limit {} (a hard limit can only be raised with CAP_SYS_RESOURCE)", limit.name))
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
