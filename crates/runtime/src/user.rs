// SPDX-License-Identifier: Apache-2.0
//! `user[:group]` to numbers, by the image's own passwd and group files.
//!
//! A number is a number and is never looked up as a name (CVE-2016-3697), ids end at 2^32 - 2
//! (CVE-2024-40635), the files are read to a limit and only when they are regular files
//! (CVE-2024-9676, CVE-2026-47262), and the supplementary groups are those the group file gives,
//! the primary among them (CVE-2022-36109).

use std::io::Read;

use kernel::Root;

use crate::error::{Error, Result, Step};
use crate::spec::{FileOwners, IdRange};

/// Who the first process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// User id inside.
    pub uid: u32,
    /// Primary group id inside.
    pub gid: u32,
    /// All groups, the primary included, sorted.
    pub groups: Vec<u32>,
    /// From the passwd file, else `/`.
    pub home: String,
}

impl User {
    /// Refuses ids that a container of these ids does not have.
    pub fn check_range(&self, IdRange { count, files, .. }: IdRange) -> Result<()> {
        let remedy = match files {
            FileOwners::Mapped => "; --userns host has all of the host's",
            // An ordinary user has no more to give.
            FileOwners::Outer => "",
        };
        let ids = [("user", self.uid)].into_iter().chain(self.groups.iter().map(|&gid| ("group", gid)));
        for (what, id) in ids {
            if id >= count {
                let reason = format!("the container has the ids 0 to {}{remedy}", count.saturating_sub(1));
                return Err(Error::Refused { what: format!("{what} id {id}"), reason });
            }
        }
        Ok(())
    }
}

/// Finds `wanted` (`user`, `user:group`, names or numbers, empty is root) and the groups `more` in
/// the image's files.
pub fn look_up(root: &Root, wanted: &str, more: &[String]) -> Result<User> {
    let passwd = read(root, "etc/passwd")?;
    let group = read(root, "etc/group")?;
    resolve(wanted, more, &passwd, &group)
}

/// [`look_up`] on the text of the two files.
pub fn resolve(wanted: &str, more: &[String], passwd: &str, group: &str) -> Result<User> {
    let (user, wanted_group) = match wanted.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
        None => (wanted, None),
    };
    let user = if user.is_empty() { "0" } else { user };
    let entry = match number("user", user)? {
        Some(uid) => accounts(passwd).find(|account| account.uid == uid).unwrap_or(Account {
            name: "",
            uid,
            gid: 0,
            home: "/",
        }),
        None => accounts(passwd)
            .find(|account| account.name == user)
            .ok_or_else(|| Error::NoSuchUser { what: "user", name: user.to_owned() })?,
    };
    let gid = match wanted_group {
        Some(name) => group_id(name, group)?,
        None => entry.gid,
    };
    let mut groups = vec![gid];
    if wanted_group.is_none() && !entry.name.is_empty() {
        groups.extend(memberships(group, entry.name));
    }
    for name in more {
        groups.push(group_id(name, group)?);
    }
    groups.sort_unstable();
    groups.dedup();
    let home = if entry.home.is_empty() { "/" } else { entry.home };
    Ok(User { uid: entry.uid, gid, groups, home: home.to_owned() })
}

struct Account<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

/// passwd(5): name:password:uid:gid:comment:home:shell. Lines that are not of this form are passed
/// over, as getpwnam(3) does.
fn accounts(passwd: &str) -> impl Iterator<Item = Account<'_>> {
    passwd.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, home, ..] = fields[..] else { return None };
        Some(Account { name, uid: id(uid)?, gid: id(gid)?, home })
    })
}

/// group(5): name:password:gid:member,member.
fn group_rows(group: &str) -> impl Iterator<Item = (&str, u32, &str)> {
    group.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, gid, members] = fields[..] else { return None };
        Some((name, id(gid)?, members))
    })
}

fn memberships<'a>(group: &'a str, user: &'a str) -> impl Iterator<Item = u32> + 'a {
    group_rows(group)
        .filter(move |(_, _, members)| members.split(',').any(|member| member == user))
        .map(|row| row.1)
}

fn group_id(name: &str, group: &str) -> Result<u32> {
    match number("group", name)? {
        Some(gid) => Ok(gid),
        None => group_rows(group)
            .find(|(known, _, _)| *known == name)
            .map(|(_, gid, _)| gid)
            .ok_or_else(|| Error::NoSuchUser { what: "group", name: name.to_owned() }),
    }
}

/// The id that `text` spells, nothing when it is a name, an error when it is a number that is no
/// id.
fn number(what: &'static str, text: &str) -> Result<Option<u32>> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    match id(text) {
        Some(id) => Ok(Some(id)),
        None => Err(Error::Refused {
            what: format!("{what} id {text}"),
            reason: "ids go from 0 to 4294967294".into(),
        }),
    }
}

/// 4294967295 is the kernel's "leave it as it is" and never an id.
fn id(text: &str) -> Option<u32> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|id| *id != u32::MAX)
}

fn read(root: &Root, path: &str) -> Result<String> {
    let file = match root.open_file(path) {
        Ok(file) => file,
        Err(error) if matches!(error.errno, kernel::Errno::NOENT | kernel::Errno::NOTDIR) => {
            return Ok(String::new());
        }
        Err(error) => return Err(error).step(|| format!("read the image's {path}")),
    };
    let mut bytes = Vec::new();
    let limited = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    limited
        .map_err(|error| Error::Refused { what: format!("the image's {path}"), reason: error.to_string() })?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::Refused {
            what: format!("the image's {path}"),
            reason: "it is larger than 1 MiB (CVE-2026-47262)".into(),
        });
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Far above any real passwd file.
const MAX_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/bash\nbroken\nweb:x:33:33::/var/www:/bin/sh\n1000:x:0:0::/evil:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nweb:x:33:\nlog:x:4:web,other\nnot:x:5:webmaster\n";

    fn ids(wanted: &str, more: &[&str]) -> Result<(u32, u32, Vec<u32>)> {
        let more: Vec<String> = more.iter().map(|&name| name.to_owned()).collect();
        resolve(wanted, &more, PASSWD, GROUP).map(|user| (user.uid, user.gid, user.groups))
    }

    #[test]
    fn names_numbers_and_groups() {
        assert_eq!(ids("", &[]).unwrap(), (0, 0, vec![0]));
        assert_eq!(ids("web", &[]).unwrap(), (33, 33, vec![4, 33]));
        assert_eq!(ids("33", &[]).unwrap(), (33, 33, vec![4, 33]));
        assert_eq!(ids("web:log", &[]).unwrap(), (33, 4, vec![4]));
        assert_eq!(ids("web:0", &["log", "77"]).unwrap(), (33, 0, vec![0, 4, 77]));
        assert_eq!(ids("4242", &[]).unwrap(), (4242, 0, vec![0]));
    }

    #[test]
    fn a_number_is_never_a_name() {
        // CVE-2016-3697: a user called "1000" with uid 0 must not catch `--user 1000`.
        assert_eq!(ids("1000", &[]).unwrap().0, 1000);
    }

    #[test]
    fn ids_that_wrap_are_refused() {
        for text in ["4294967295", "4294967296", "18446744073709551616"] {
            assert!(matches!(ids(text, &[]), Err(Error::Refused { .. })), "{text}");
        }
        assert_eq!(ids("2147483648", &[]).unwrap().0, 2_147_483_648);
    }

    #[test]
    fn ids_beyond_the_container_are_refused() {
        let user = |wanted, more: &[&str]| {
            let more: Vec<String> = more.iter().map(|&name| name.to_owned()).collect();
            resolve(wanted, &more, PASSWD, GROUP).unwrap()
        };
        let range = IdRange { first: 0, count: 65_536, files: FileOwners::Outer };
        assert!(user("65535:65535", &[]).check_range(range).is_ok());
        for beyond in [user("65536", &[]), user("0:65536", &[]), user("0", &["70000"])] {
            assert!(matches!(beyond.check_range(range), Err(Error::Refused { .. })), "{beyond:?}");
        }
    }

    #[test]
    fn unknown_names_are_errors() {
        assert!(matches!(ids("nobody-here", &[]), Err(Error::NoSuchUser { what: "user", .. })));
        assert!(matches!(ids("web:nope", &[]), Err(Error::NoSuchUser { what: "group", .. })));
        assert!(matches!(ids("-1", &[]), Err(Error::NoSuchUser { .. })));
    }
}
