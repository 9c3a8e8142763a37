// SPDX-License-Identifier: Apache-2.0
//! Calls by an ordinary user, without touching this machine's users.

use std::path::Path;
use std::process::Command;

/// Which subordinate ids the user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// 65,536 from 200,000 on.
    Range,
    /// None.
    None,
}

/// A command line that becomes the user in a mount namespace of its own, whose /etc/passwd knows them
/// (newuidmap asks) and whose /etc/subuid and /etc/subgid say what `ids` says, and runs the binary with the words that follow.
pub(crate) fn command(ids: Ids, home: &Path) -> Command {
    let ranges = match ids {
        Ids::Range => format!("{UID}:200000:65536"),
        Ids::None => String::new(),
    };
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-euc", SCRIPT, "sh"]);
    command.arg(home).arg(&ranges).arg(UID.to_string()).arg(crate::binary());
    command
}

/// $1 the home directory, $2 the ranges, $3 the user, then the program and its words.
const SCRIPT: &str = r#"
home=$1; ranges=$2; user=$3; shift 3
mkdir -p "$home"; chown "$user:$user" "$home"
ranged="$home/ranges.$$"; known="$home/passwd.$$" # Another call may be reading its own.
printf '%s\n' "$ranges" > "$ranged"
{ cat /etc/passwd; echo "boatman:x:$user:$user::$home:/bin/sh"; } > "$known"
mount --bind "$known" /etc/passwd
[ -e /etc/subuid ] && mount --bind "$ranged" /etc/subuid
[ -e /etc/subgid ] && mount --bind "$ranged" /etc/subgid
rm "$ranged" "$known" # The mounts keep them.
export HOME="$home"
exec setpriv --reuid "$user" --regid "$user" --clear-groups --inh-caps=-all --bounding-set=+all -- "$@"
"#;

/// No user of this machine.
pub(crate) const UID: u32 = 4242;
