// SPDX-License-Identifier: Apache-2.0
//! As whom the engine runs: the host's root, or an ordinary user who becomes root of a user
//! namespace with the subordinate ids that the host gave them.
//!
//! After [`take`] both look alike to the code above: this process may mount, chown and map ids within
//! its reach. What a rootless engine cannot reach (other users' ids, cgroups that were not
//! delegated) is said once, in [`Standing::Rootless`].

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Command, Stdio};

use kernel::fork::Namespaces;

use crate::error::{Context, Error, Result};

/// As whom the engine runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The host's root.
    Root,
    /// An ordinary user, by now root of an own user namespace.
    Rootless {
        /// How many ids are mapped, the user's own first.
        count: u32,
        /// What to tell the person, when fewer than a whole range are.
        notice: Option<String>,
    },
}

/// Finds out as whom this process runs and, for an ordinary user, enters the user namespace.
///
/// Must be called while the process has one thread. Errors when the kernel forbids user namespaces.
pub(crate) fn take() -> Result<Standing> {
    let user = kernel::rustix::process::geteuid();
    if !user.is_root() {
        return enter(user.as_raw(), kernel::rustix::process::getegid().as_raw());
    }
    let own = |file: &str| std::fs::read_to_string(format!("/proc/self/{file}")).told("read the map of ids");
    match (mapped(&own("uid_map")?), mapped(&own("gid_map")?)) {
        (Mapped::All, Mapped::All) => Ok(Standing::Root),
        (users, groups) => inside(users.count().min(groups.count())),
    }
}

/// Root of a user namespace that somebody else made, as in `unshare --map-root-user`.
fn inside(count: u32) -> Result<Standing> {
    kernel::fork::unshare(Namespaces::MOUNT)
        .map_err(|error| lacking("a mount namespace of its own", &error))?;
    let notice = (count == 1).then(|| single("this user namespace maps one id"));
    Ok(Standing::Rootless { count: count.min(crate::prepare::RANGE), notice })
}

fn enter(uid: u32, gid: u32) -> Result<Standing> {
    let ranges = ranges(uid)?;
    let (ours, theirs) = kernel::socket::pair().told("talk to the id mapper")?;
    let target = kernel::rustix::process::getpid().as_raw_nonzero().get();
    match kernel::fork::fork().told("start the id mapper")? {
        None => {
            drop(ours);
            kernel::process::exit_now(map_for(target, uid, gid, ranges, &theirs))
        }
        Some(mapper) => {
            drop(theirs);
            kernel::fork::unshare(Namespaces::USER.and(Namespaces::MOUNT))
                .map_err(|error| lacking("user namespaces for ordinary users", &error))?;
            kernel::socket::send(ours.as_fd(), b"go", None).told("start the id mapper")?;
            let code = wait_for(mapper)?;
            standing(code, &heard(ours.as_fd()), ranges, uid, gid)
        }
    }
}

fn lacking(what: &str, error: &kernel::Error) -> Error {
    let reason = match error.errno {
        // namespaces(7): what the limits of /proc/sys/user answer.
        kernel::Errno::NOSPC | kernel::Errno::USERS => {
            "the limits in /proc/sys/user (max_user_namespaces, max_mnt_namespaces) allow no more".to_owned()
        }
        _ => error.to_string(),
    };
    Error::HostLacks {
        what: what.to_owned(),
        reason,
        remedy: "run as root, or let the administrator allow them (user.max_user_namespaces, \
                 kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)"
            .into(),
    }
}

fn standing(mapper: i32, refusal: &str, ranges: Option<Ranges>, uid: u32, gid: u32) -> Result<Standing> {
    match (mapper, ranges) {
        (MAPPED, Some(ranges)) => {
            let count = 1 + ranges.count.min(crate::prepare::RANGE - 1);
            return Ok(Standing::Rootless { count, notice: None });
        }
        (HALF_MAPPED, _) => {
            return Err(Error::HostLacks {
                what: "a range of group ids for you".into(),
                reason: format!(
                    "newuidmap took your range of user ids, but not so that of group ids: {refusal}"
                ),
                remedy: "have /etc/subgid say what /etc/subuid says, and newgidmap be set-uid root".into(),
            });
        }
        _ => {}
    }
    // Without ranges or their helper programs a user may still map the one id that is theirs.
    let write =
        |file: &str, text: String| std::fs::write(format!("/proc/self/{file}"), text).told("map your own id");
    write("setgroups", "deny".into())?;
    write("uid_map", format!("0 {uid} 1"))?;
    write("gid_map", format!("0 {gid} 1"))?;
    let why = match ranges {
        None => "you have no ranges in /etc/subuid and /etc/subgid".to_owned(),
        Some(_) => format!("newuidmap (Debian package uidmap) is missing or refused your ranges: {refusal}"),
    };
    Ok(Standing::Rootless { count: 1, notice: Some(single(&why)) })
}

fn single(why: &str) -> String {
    format!("{why}: only one id is mapped, so files keep no other owners and programs cannot change user")
}

/// What a map file says (user_namespaces(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mapped {
    /// Every id, each to itself: the first user namespace.
    All,
    /// So many from 0 on without a gap.
    From0(u32),
}

impl Mapped {
    fn count(self) -> u32 {
        match self {
            Self::All => u32::MAX,
            Self::From0(count) => count,
        }
    }
}

fn mapped(map: &str) -> Mapped {
    let mut next = 0u32;
    for line in map.lines() {
        let numbers: Vec<u32> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        match numbers[..] {
            [0, 0, u32::MAX] => return Mapped::All,
            [inside, _, count] if inside == next => next = next.saturating_add(count),
            _ => break,
        }
    }
    Mapped::From0(next)
}

/// Subordinate ids of one user: the first user id, the first group id, and how many of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ranges {
    first_uid: u32,
    first_gid: u32,
    count: u32,
}

fn ranges(uid: u32) -> Result<Option<Ranges>> {
    let name = user_name(uid);
    let of = |path: &str| match std::fs::read_to_string(path) {
        Ok(text) => Ok(subordinate(&text, &name, uid)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).told("read your subordinate ids"),
    };
    Ok(match (of("/etc/subuid")?, of("/etc/subgid")?) {
        (Some(users), Some(groups)) => {
            Some(Ranges { first_uid: users.0, first_gid: groups.0, count: users.1.min(groups.1) })
        }
        _ => None,
    })
}

/// subuid(5): name:first:count, by name or number. The largest range counts.
fn subordinate(text: &str, name: &str, uid: u32) -> Option<(u32, u32)> {
    let number = uid.to_string();
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let (owner, first, count) = (fields.next()?, fields.next()?, fields.next()?);
            (owner == name || owner == number).then_some((first.parse().ok()?, count.trim().parse().ok()?))
        })
        .max_by_key(|(_, count)| *count)
}

fn user_name(uid: u32) -> String {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let entry = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = entry
        .filter(|fields| fields.get(2).and_then(|id| id.parse().ok()) == Some(uid))
        .find_map(|fields| fields.first().map(|name| (*name).to_owned()));
    found.unwrap_or_default()
}

/// In the helper: waits until `target` is in its namespace, then has the set-uid programs map it.
fn map_for(target: i32, uid: u32, gid: u32, ranges: Option<Ranges>, socket: &OwnedFd) -> i32 {
    let mut word = [0; 8];
    let told = kernel::socket::receive(socket.as_fd(), &mut word);
    let (Ok((1.., _)), Some(ranges)) = (told, ranges) else { return UNMAPPED };
    let count = ranges.count.min(crate::prepare::RANGE - 1);
    let map = |program: &str, own: u32, first: u32| {
        let words = [
            target.to_string(),
            "0".into(),
            own.to_string(),
            "1".into(),
            "1".into(),
            first.to_string(),
            count.to_string(),
        ];
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::null()).stdout(Stdio::null());
        match command.output() {
            Ok(output) if output.status.success() => true,
            Ok(output) => tell(socket, String::from_utf8_lossy(&output.stderr).trim()),
            Err(error) => tell(socket, &format!("{program} could not be started: {error}")),
        }
    };
    if !map("newuidmap", uid, ranges.first_uid) {
        return UNMAPPED;
    }
    if map("newgidmap", gid, ranges.first_gid) { MAPPED } else { HALF_MAPPED }
}

/// From the helper: why there is no map. Without a listener the exit code alone has to do.
fn tell(socket: &OwnedFd, refusal: &str) -> bool {
    let end = refusal.floor_char_boundary(TOLD);
    match kernel::socket::send(socket.as_fd(), &refusal.as_bytes()[..end], None) {
        Ok(()) | Err(_) => false,
    }
}

/// What [`tell`] sent before the helper ended.
fn heard(socket: BorrowedFd<'_>) -> String {
    let mut text = [0; TOLD];
    match kernel::socket::receive(socket, &mut text) {
        Ok((1.., _)) => {
            String::from_utf8_lossy(text.split(|&byte| byte == 0).next().unwrap_or_default()).into()
        }
        Ok(_) | Err(_) => "it gave no reason".into(),
    }
}

fn wait_for(mapper: i32) -> Result<i32> {
    let pid = kernel::rustix::process::Pid::from_raw(mapper);
    let status = kernel::rustix::process::waitpid(pid, kernel::rustix::process::WaitOptions::empty())
        .told("wait for the id mapper")?;
    Ok(status.and_then(|(_, status)| status.exit_status()).unwrap_or(UNMAPPED))
}

/// How many bytes of a refusal are passed on.
const TOLD: usize = 256;

/// Exit codes of the id mapper.
const MAPPED: i32 = 0;
const UNMAPPED: i32 = 1;
const HALF_MAPPED: i32 = 2;

#[cfg(test)]
mod tests {
    use super::{Mapped, mapped, subordinate};

    #[test]
    fn maps_tell_whose_namespace_it_is() {
        assert_eq!(mapped("         0          0 4294967295\n"), Mapped::All);
        assert_eq!(mapped("0 4242 1\n1 200000 65535\n"), Mapped::From0(65_536));
        assert_eq!(mapped("0 4242 1\n5 200000 65535\n"), Mapped::From0(1));
        assert_eq!(mapped("0 0 65536\n"), Mapped::From0(65_536));
        assert_eq!(mapped(""), Mapped::From0(0));
    }

    #[test]
    fn subordinate_ids_by_name_or_number() {
        let text = "root:1:2\nann:100000:65536\n1000:300000:70000\nbroken\n";
        assert_eq!(subordinate(text, "ann", 5), Some((100_000, 65_536)));
        assert_eq!(subordinate(text, "ann", 1000), Some((300_000, 70_000)));
        assert_eq!(subordinate(text, "bob", 7), None);
    }
}
