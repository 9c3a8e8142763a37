// SPDX-License-Identifier: Apache-2.0
//! Each wall of a running container as the kernel reports it, not as it was configured.
//!
//! Everything is read from `/proc/PID` of the container's first process and from its cgroup. What was
//! asked for only explains what was found: a wall is shown as up when the kernel says so, and as
//! lowered when it does not, whoever lowered it. Where the kernel has no read-back (a Landlock domain)
//! or not a full one (which filter is loaded), the report says so, and never "up" on the strength of
//! the configuration alone.

mod facts;
mod rows;

use serde::Serialize;

use facts::Facts;

/// One wall of one container.
#[derive(Debug, Clone, Serialize)]
pub struct WallReport {
    /// The wall's name, as in the drill: `user`, `capabilities`, ...
    pub name: &'static str,
    /// Whether it stands.
    pub state: State,
    /// What was read, and where.
    pub evidence: String,
    /// What lowered it, in the words that asked for it. Empty for a lowered wall that nobody asked to
    /// lower.
    pub weakened_by: Vec<String>,
    /// How to put it up again, when it is not.
    pub restore: Option<String>,
}

/// Whether a wall stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As the default has it, or stricter.
    Up,
    /// Weaker than the default.
    Lowered,
    /// This host or user cannot have it.
    Absent,
    /// The kernel does not tell.
    Unknown,
}

/// What the engine knows besides.
#[derive(Debug, Default)]
pub struct Known<'a> {
    /// The container's id, which names its cgroup.
    pub id: &'a str,
    /// Walls that were lowered on request: which, and the words.
    pub lowered: &'a [(String, String)],
    /// Walls that are absent on this host: which, and why.
    pub absent: &'a [(String, String)],
    /// The bounds that were set at the start.
    pub bounds: Bounds,
    /// Hard limits of the default, by Docker's names.
    pub rlimits: &'a [(&'static str, u64)],
    /// What its cgroup says now.
    pub limits: Option<Limits>,
}

/// Bounds of a container's cgroup.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, serde::Deserialize, Serialize)]
pub struct Bounds {
    /// Bytes.
    pub memory: Option<u64>,
    /// Processes.
    pub pids: Option<u64>,
}

/// What is read back from the cgroup.
#[derive(Debug, Clone)]
pub struct Limits {
    /// In how many hierarchies it has a directory.
    pub places: usize,
    /// The bounds now.
    pub bounds: Bounds,
    /// Where they can be written again: memory, processes.
    pub files: [Option<String>; 2],
    /// What guards devices.
    pub devices: Devices,
}

/// What guards a cgroup's devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Devices {
    /// The default's program, by the hash that the kernel keeps of its instructions.
    Default,
    /// Other programs, this many.
    Other(usize),
    /// Nothing.
    Open,
    /// The kernel does not tell this reader.
    Hidden(String),
}

/// Reads all walls of the process `pid`. The reader must be where the engine started, outside the
/// user namespace that it enters for an ordinary user: from a sibling of it the kernel hides much.
///
/// # Errors
/// The first file that cannot be read, with its path: a report with holes would look like a good one.
pub fn read(pid: i32, known: &Known<'_>) -> std::io::Result<Vec<WallReport>> {
    let facts = Facts::read(pid)?;
    let mut reports = rows::all(&facts, known);
    for report in &mut reports {
        explain(report, known);
    }
    Ok(reports)
}

/// Adds what asked for a lowered wall and how to restore it.
fn explain(report: &mut WallReport, known: &Known<'_>) {
    let name = report.name;
    let words = |list: &[(String, String)]| -> Vec<String> {
        list.iter().filter(|(wall, _)| wall == name).map(|(_, words)| words.clone()).collect()
    };
    let absent = words(known.absent);
    // What lies on a path of the host no mount flag tells.
    if name == "mounts" && report.state == State::Up && !words(known.lowered).is_empty() {
        report.state = State::Lowered;
        report.evidence =
            format!("paths of the host that give power over it are mounted; {}", report.evidence);
    }
    match report.state {
        State::Up => {}
        _ if !absent.is_empty() => {
            report.state = State::Absent;
            report.evidence = format!("{}; {}", absent.join("; "), report.evidence);
        }
        State::Lowered => {
            report.weakened_by = words(known.lowered);
            report.weakened_by.dedup();
            if !report.weakened_by.is_empty() {
                report.restore = Some(format!("run it again without {}", report.weakened_by.join(", ")));
            } else if report.restore.is_none() {
                let text = "nobody asked for this, so it was changed from outside; run the container again";
                report.restore = Some(text.to_owned());
            }
        }
        State::Absent | State::Unknown => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(state: State, lowered: &[(&str, &str)], absent: &[(&str, &str)]) -> WallReport {
        let own = |list: &[(&str, &str)]| -> Vec<(String, String)> {
            list.iter().map(|(wall, words)| ((*wall).to_owned(), (*words).to_owned())).collect()
        };
        let (lowered, absent) = (own(lowered), own(absent));
        let mut report = rows::report("devices", state, "seen".to_owned());
        explain(&mut report, &Known { lowered: &lowered, absent: &absent, ..Known::default() });
        report
    }

    #[test]
    fn what_the_kernel_says_counts() {
        let flags = [("devices", "--device /dev/fuse"), ("user", "--userns host")];
        let up = explained(State::Up, &flags, &[]);
        assert_eq!((up.state, up.weakened_by.len(), up.restore), (State::Up, 0, None));
        let lowered = explained(State::Lowered, &flags, &[]);
        assert_eq!(lowered.weakened_by, ["--device /dev/fuse"]);
        assert_eq!(lowered.restore.unwrap(), "run it again without --device /dev/fuse");
        let behind_our_back = explained(State::Lowered, &[], &[]);
        assert!(behind_our_back.weakened_by.is_empty());
        assert!(behind_our_back.restore.unwrap().contains("from outside"));
    }

    #[test]
    fn an_absent_wall_says_why() {
        let absent = explained(State::Lowered, &[], &[("devices", "not here")]);
        assert_eq!((absent.state, &absent.evidence[..]), (State::Absent, "not here; seen"));
    }
}
