// SPDX-License-Identifier: Apache-2.0
//! Each wall of a running container as the kernel reports it, not as it was configured.
//!
//! Everything is read from `/proc/PID` of the container's first process and from its cgroup. What the
//! kernel cannot tell (a Landlock domain has no read-back) is said to be so, and never shown as up on
//! the strength of the configuration alone.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use kernel::caps::Caps;
use serde::Serialize;

use crate::policy;

/// One wall of one container.
#[derive(Debug, Clone, Serialize)]
pub struct WallReport {
    /// The wall's name, as in the drill: `user`, `capabilities`, ...
    pub name: &'static str,
    /// Whether it stands.
    pub state: State,
    /// What was read, and where.
    pub evidence: String,
    /// What lowered it, in the words that asked for it.
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

/// What the engine knows besides: which walls were lowered, and which are absent here, each by name
/// with its reason.
#[derive(Debug, Default)]
pub struct Known<'a> {
    /// Lowered on request.
    pub lowered: &'a [(String, String)],
    /// Absent on this host.
    pub absent: &'a [(String, String)],
    /// The container's cgroup, as text from the engine.
    pub limits: Option<Limits>,
}

/// Bounds read back from the cgroup.
#[derive(Debug, Default, Clone)]
pub struct Limits {
    /// Bytes.
    pub memory: Option<u64>,
    /// Processes.
    pub pids: Option<u64>,
    /// What the cgroup's device program is.
    pub devices: Option<String>,
}

/// Reads all walls of the process `pid`.
///
/// # Errors
/// The first file that cannot be read, with its path: a report with holes would look like a good one.
pub fn read(pid: i32, known: &Known<'_>) -> std::io::Result<Vec<WallReport>> {
    let facts = Facts::read(pid)?;
    let mut reports = vec![
        user(&facts),
        capabilities(&facts),
        seccomp(&facts),
        no_new_privileges(&facts),
        landlock(known),
        namespaces(&facts),
        root_mount(&facts),
        masks(&facts),
        view(&facts),
        resources(known),
        devices(known),
        label(&facts),
    ];
    for report in &mut reports {
        explain(report, known);
    }
    Ok(reports)
}

/// Adds what asked for a lowered wall and how to restore it.
fn explain(report: &mut WallReport, known: &Known<'_>) {
    report.weakened_by =
        known.lowered.iter().filter(|(wall, _)| wall == report.name).map(|(_, why)| why.clone()).collect();
    if let Some((_, why)) = known.absent.iter().find(|(wall, _)| wall == report.name) {
        report.state = State::Absent;
        report.evidence = format!("{why}; {}", report.evidence);
        return;
    }
    if !report.weakened_by.is_empty() {
        // Whoever asked for less gets a report that says so, whatever could be read.
        report.state = State::Lowered;
        report.restore = Some(format!("run it again without {}", report.weakened_by.join(", ")));
    }
}

struct Facts {
    status: String,
    uid_map: String,
    mounts: String,
    label: Option<String>,
    /// Name, ours, the container's.
    namespaces: Vec<(&'static str, PathBuf, PathBuf)>,
}

impl Facts {
    fn read(pid: i32) -> std::io::Result<Self> {
        let text = |name: &str| {
            let path = format!("/proc/{pid}/{name}");
            std::fs::read_to_string(&path).map_err(|error| std::io::Error::new(error.kind(), format!("{path}: {error}")))
        };
        let link = |path: String| {
            std::fs::read_link(&path).map_err(|error| std::io::Error::new(error.kind(), format!("{path}: {error}")))
        };
        let mut namespaces = Vec::new();
        for name in NAMESPACES {
            if Path::new(&format!("/proc/self/ns/{name}")).symlink_metadata().is_ok() {
                namespaces.push((name, link(format!("/proc/self/ns/{name}"))?, link(format!("/proc/{pid}/ns/{name}"))?));
            }
        }
        let label = std::fs::read_to_string(format!("/proc/{pid}/attr/apparmor/current")).ok();
        Ok(Self { status: text("status")?, uid_map: text("uid_map")?, mounts: text("mountinfo")?, label, namespaces })
    }

    fn status(&self, key: &str) -> &str {
        self.status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).map_or("", str::trim)
    }

    fn caps(&self, key: &str) -> Option<Caps> {
        u64::from_str_radix(self.status(key), 16).ok().map(Caps)
    }

    /// Options of the topmost mount at `target`.
    fn mount_options(&self, target: &str) -> Option<&str> {
        self.mounts
            .lines()
            .filter_map(|line| {
                let mut fields = line.split(' ');
                (fields.nth(4)? == target).then(|| fields.next())?
            })
            .next_back()
    }
}

fn report(name: &'static str, state: State, evidence: String) -> WallReport {
    WallReport { name, state, evidence, weakened_by: Vec::new(), restore: None }
}

fn state(up: bool) -> State {
    if up { State::Up } else { State::Lowered }
}

fn user(facts: &Facts) -> WallReport {
    let mut fields = facts.uid_map.split_whitespace();
    let (inside, outside, count) = (fields.next(), fields.next(), fields.next());
    let up = inside == Some("0") && outside.is_some_and(|outside| outside != "0");
    let evidence = format!(
        "uid_map: {} ids from {} on; root inside is user {} outside",
        count.unwrap_or("?"),
        outside.unwrap_or("?"),
        outside.unwrap_or("?")
    );
    report("user", state(up), evidence)
}

fn capabilities(facts: &Facts) -> WallReport {
    let sets = ["CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"].map(|key| (key, facts.caps(key)));
    let allowed = policy::default_capabilities();
    let known = sets.iter().all(|(_, set)| set.is_some());
    let bounded = sets[..3].iter().all(|(_, set)| set.is_some_and(|set| allowed.has(set)));
    let empty = sets[3..].iter().all(|(_, set)| *set == Some(Caps::EMPTY));
    let mut evidence = format!("bounding: {}", sets[2].1.unwrap_or_default());
    if let Some(more) = sets[2].1.map(|set| set.without(allowed)).filter(|more| *more != Caps::EMPTY) {
        let _infallible = write!(evidence, "; beyond the default: {more}");
    }
    if !empty {
        evidence.push_str("; inheritable or ambient sets are not empty");
    }
    let verdict = if known { state(bounded && empty) } else { State::Unknown };
    report("capabilities", verdict, evidence)
}

fn seccomp(facts: &Facts) -> WallReport {
    let (mode, filters) = (facts.status("Seccomp"), facts.status("Seccomp_filters"));
    let up = mode == "2";
    report("seccomp", state(up), format!("status: Seccomp {mode}, {filters} filter(s)"))
}

fn no_new_privileges(facts: &Facts) -> WallReport {
    let value = facts.status("NoNewPrivs");
    report("no_new_privs", state(value == "1"), format!("status: NoNewPrivs {value}"))
}

fn landlock(known: &Known<'_>) -> WallReport {
    let lowered = known.lowered.iter().any(|(wall, _)| wall == "landlock");
    let verdict = if lowered { State::Lowered } else { State::Unknown };
    report(
        "landlock",
        verdict,
        "the kernel has no read-back for a domain; the launch ends with an error when the domain cannot be entered. \
         `bulkhead drill CONTAINER` tries it from inside"
            .into(),
    )
}

fn namespaces(facts: &Facts) -> WallReport {
    let shared: Vec<_> = facts.namespaces.iter().filter(|(_, ours, theirs)| ours == theirs).map(|(name, ..)| *name).collect();
    let own: Vec<_> = facts.namespaces.iter().filter(|(_, ours, theirs)| ours != theirs).map(|(name, ..)| *name).collect();
    let mut evidence = format!("own: {}", own.join(" "));
    if !shared.is_empty() {
        let _infallible = write!(evidence, "; shared with the host: {}", shared.join(" "));
    }
    report("namespaces", state(shared.is_empty()), evidence)
}

fn root_mount(facts: &Facts) -> WallReport {
    let options = facts.mount_options("/").unwrap_or("?");
    let has = |word: &str| options.split(',').any(|option| option == word);
    report("mounts", state(has("nosuid") && has("nodev")), format!("mountinfo: / is {options}"))
}

fn masks(facts: &Facts) -> WallReport {
    let mounted = |path: &str| facts.mount_options(path).is_some();
    let hidden = policy::HIDDEN_PATHS.iter().filter(|(path, _)| mounted(path)).count();
    let writable: Vec<_> = policy::READ_ONLY_PATHS
        .iter()
        .filter(|(path, _)| !facts.mount_options(path).is_some_and(|options| options.split(',').any(|word| word == "ro")))
        .map(|(path, _)| *path)
        .collect();
    let sys_read_only = facts.mount_options("/sys").is_some_and(|options| options.split(',').any(|word| word == "ro"));
    let up = writable.is_empty() && sys_read_only && hidden > 0;
    let mut evidence = format!("mountinfo: {hidden} paths hidden, /sys {}", if sys_read_only { "read-only" } else { "writable" });
    if !writable.is_empty() {
        let _infallible = write!(evidence, ", writable: {}", writable.join(" "));
    }
    report("masks", state(up), evidence)
}

fn view(facts: &Facts) -> WallReport {
    let own = facts.mount_options("/proc/meminfo").is_some();
    let evidence = if own { "mountinfo: /proc/meminfo and its kin are the container's own" } else { "mountinfo: /proc/meminfo is the host's" };
    report("view", state(own), evidence.into())
}

fn resources(known: &Known<'_>) -> WallReport {
    let Some(limits) = &known.limits else {
        return report("cgroup", State::Unknown, "its cgroup could not be read".into());
    };
    let text = |value: Option<u64>| value.map_or("unlimited".to_owned(), |value| value.to_string());
    let evidence = format!("cgroup: memory {} bytes, {} processes", text(limits.memory), text(limits.pids));
    report("cgroup", state(limits.memory.is_some() && limits.pids.is_some()), evidence)
}

fn devices(known: &Known<'_>) -> WallReport {
    match known.limits.as_ref().and_then(|limits| limits.devices.clone()) {
        Some(evidence) => report("devices", State::Up, evidence),
        None => report("devices", State::Unknown, "no device program was found on its cgroup".into()),
    }
}

fn label(facts: &Facts) -> WallReport {
    match facts.label.as_deref().map(str::trim) {
        Some("unconfined") => report("label", State::Absent, "AppArmor: unconfined".into()),
        Some(label) => report("label", State::Up, format!("AppArmor: {label}")),
        None => report("label", State::Absent, "this kernel runs neither AppArmor nor SELinux".into()),
    }
}

/// namespaces(7).
const NAMESPACES: [&str; 8] = ["user", "mnt", "pid", "ipc", "uts", "net", "cgroup", "time"];
