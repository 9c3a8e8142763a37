// SPDX-License-Identifier: Apache-2.0
//! One function per wall: from what the kernel told to a verdict with its evidence.

use kernel::caps::Caps;

use super::facts::{Facts, Shared};
use super::{Devices, Known, State, WallReport};
use crate::policy;

/// Every wall, the outermost first.
pub(super) fn all(facts: &Facts, known: &Known<'_>) -> Vec<WallReport> {
    vec![
        user(facts),
        capabilities(facts),
        seccomp(facts, known),
        no_new_privileges(facts),
        landlock(known),
        namespaces(facts),
        mounts(facts),
        masks(facts),
        view(facts),
        cgroup(facts, known),
        devices(known),
        rlimits(facts, known),
        session(facts),
        descriptors(facts),
        label(facts),
    ]
}

pub(super) fn report(name: &'static str, state: State, evidence: String) -> WallReport {
    WallReport { name, state, evidence, weakened_by: Vec::new(), restore: None }
}

fn state(up: bool) -> State {
    if up { State::Up } else { State::Lowered }
}

fn user(facts: &Facts) -> WallReport {
    let lines: Vec<Vec<&str>> = facts.uid_map.lines().map(|line| line.split_whitespace().collect()).collect();
    let root = lines.iter().find_map(|line| match line[..] {
        ["0", outside, _] => Some(outside),
        _ => None,
    });
    let count: u64 =
        lines.iter().filter_map(|line| line.get(2)).filter_map(|count| count.parse::<u64>().ok()).sum();
    let root = root.unwrap_or("nobody");
    let own = facts.namespace("user");
    let evidence = format!("uid_map: {count} ids; root inside is user {root} outside");
    let verdict = match own {
        Some(Shared::No) => state(root != "0"),
        Some(Shared::Yes) => State::Lowered,
        Some(Shared::Hidden) | None => State::Unknown,
    };
    report("user", verdict, evidence)
}

fn capabilities(facts: &Facts) -> WallReport {
    let sets = ["CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"].map(|key| facts.caps(key));
    let [Some(effective), Some(permitted), Some(bounding), Some(inheritable), Some(ambient)] = sets else {
        return report("capabilities", State::Unknown, "status does not tell them".into());
    };
    let allowed = policy::default_capabilities();
    let bounded = [effective, permitted, bounding].iter().all(|set| allowed.has(*set));
    let kept_empty = inheritable == Caps::EMPTY && ambient == Caps::EMPTY;
    let mut evidence = format!("status: it can have {bounding}");
    let more = effective.with(permitted).with(bounding).without(allowed);
    if more != Caps::EMPTY {
        evidence.push_str(&format!("; beyond the default: {more}"));
    }
    if !kept_empty {
        evidence.push_str("; inheritable or ambient sets are not empty");
    }
    report("capabilities", state(bounded && kept_empty), evidence)
}

/// The kernel counts the filters and does not say what is in them. Those of the monitor were there
/// before the container.
fn seccomp(facts: &Facts, known: &Known<'_>) -> WallReport {
    let (mode, filters) = (facts.status("Seccomp"), facts.status("Seccomp_filters"));
    let own = filters.parse::<u32>().unwrap_or(0).saturating_sub(facts.filters_of_parent);
    let mut evidence = format!("status: Seccomp {mode}, {own} filter(s) of its own");
    let up = mode == "2" && own > 0;
    let another = known.lowered.iter().any(|(wall, _)| wall == "seccomp");
    if up && another {
        evidence
            .push_str("; another than the default was asked for, and the kernel does not tell which it is");
    }
    report("seccomp", state(up && !another), evidence)
}

fn no_new_privileges(facts: &Facts) -> WallReport {
    let value = facts.status("NoNewPrivs");
    report("no_new_privs", state(value == "1"), format!("status: NoNewPrivs {value}"))
}

fn landlock(known: &Known<'_>) -> WallReport {
    let lowered = known.lowered.iter().any(|(wall, _)| wall == "landlock");
    let verdict = if lowered { State::Lowered } else { State::Unknown };
    let evidence = "the kernel shows nobody whether a process is in a domain; the launch ends with an error \
                    when the domain cannot be entered, and `bulkhead drill` tries it from inside";
    report("landlock", verdict, evidence.into())
}

/// The user namespace is a row of its own.
fn namespaces(facts: &Facts) -> WallReport {
    let with = |wanted: Shared| -> Vec<&str> {
        SEPARATE.iter().copied().filter(|name| facts.namespace(name) == Some(wanted)).collect()
    };
    let (own, shared, hidden) = (with(Shared::No), with(Shared::Yes), with(Shared::Hidden));
    let mut evidence = format!("ns: its own: {}", own.join(" "));
    for (list, words) in [(&shared, "shared with the host"), (&hidden, "not shown to this reader")] {
        if !list.is_empty() {
            evidence.push_str(&format!("; {words}: {}", list.join(" ")));
        }
    }
    let verdict = if hidden.is_empty() { state(shared.is_empty()) } else { State::Unknown };
    report("namespaces", if shared.is_empty() { verdict } else { State::Lowered }, evidence)
}

/// One root, nothing of the old one beneath it, and neither set-user-id bits nor device nodes count
/// anywhere. A device that was bound in is a mount of its own.
fn mounts(facts: &Facts) -> WallReport {
    let roots: Vec<_> = facts.mounts().iter().filter(|mount| mount.point == "/").collect();
    let loose: Vec<&str> = facts
        .mounts()
        .iter()
        .filter(|mount| !mount.has("nosuid") || !(mount.has("nodev") || is_device(&mount.point)))
        .map(|mount| mount.point.as_str())
        .collect();
    let kind = roots.first().map_or("missing", |mount| mount.kind.as_str());
    let mut evidence = format!("mountinfo: / is {kind}");
    if roots.len() != 1 {
        evidence.push_str(&format!(", and {} mounts are stacked there", roots.len()));
    }
    match loose.is_empty() {
        true => evidence.push_str(", every mount nosuid and nodev"),
        false => evidence.push_str(&format!(", without nosuid or nodev: {}", loose.join(" "))),
    }
    report("mounts", state(roots.len() == 1 && loose.is_empty()), evidence)
}

/// Device nodes that were bound in, and the file systems of ours that hold nothing else.
fn is_device(point: &str) -> bool {
    point == "/dev" || point.starts_with("/dev/") && !matches!(point, "/dev/shm" | "/dev/mqueue")
}

/// A path that this kernel lacks needs no mask; the reader's own /proc and /sys tell.
fn masks(facts: &Facts) -> WallReport {
    let here = |path: &&str| std::path::Path::new(path).symlink_metadata().is_ok();
    let read_only = |path: &str| facts.mount(path).is_some_and(|mount| mount.has("ro"));
    let hidden: Vec<&str> = policy::HIDDEN_PATHS.iter().map(|(path, _)| *path).filter(here).collect();
    let open: Vec<&str> = hidden.iter().copied().filter(|path| facts.mount(path).is_none()).collect();
    let mut writable: Vec<&str> =
        policy::READ_ONLY_PATHS.iter().map(|(path, _)| *path).filter(here).collect();
    writable.push("/sys");
    writable.retain(|path| !read_only(path));
    let mut evidence = format!("mountinfo: {} of {} paths hidden", hidden.len() - open.len(), hidden.len());
    for (list, words) in [(&open, "in sight"), (&writable, "writable")] {
        if !list.is_empty() {
            evidence.push_str(&format!("; {words}: {}", list.join(" ")));
        }
    }
    report("masks", state(open.is_empty() && writable.is_empty()), evidence)
}

fn view(facts: &Facts) -> WallReport {
    let own = facts.mount("/proc/meminfo").is_some();
    let whose = if own { "its own" } else { "the host's" };
    report("view", state(own), format!("mountinfo: /proc/meminfo and its kin are {whose}"))
}

fn cgroup(facts: &Facts, known: &Known<'_>) -> WallReport {
    let Some(limits) = &known.limits else {
        return report("cgroup", State::Unknown, "it has no cgroup that could be read".into());
    };
    let member = facts.memberships(known.id) >= limits.places;
    let within = |now: Option<u64>, set: Option<u64>| now.is_some_and(|now| set.is_none_or(|set| now <= set));
    let text = |value: Option<u64>| value.map_or("unlimited".to_owned(), |value| value.to_string());
    let (now, set) = (limits.bounds, known.bounds);
    let mut evidence = format!("cgroup: memory {} bytes, {} processes", text(now.memory), text(now.pids));
    let mut restore = Vec::new();
    for (what, now, set, file) in [
        ("memory", now.memory, set.memory, &limits.files[0]),
        ("processes", now.pids, set.pids, &limits.files[1]),
    ] {
        if let (false, Some(set)) = (within(now, set), set) {
            evidence.push_str(&format!("; at the start {what} were bounded at {set}"));
            restore.extend(file.as_ref().map(|file| format!("echo {set} > {file}")));
        }
    }
    if !member {
        evidence.push_str("; the process is not in it");
    }
    let up = member && within(now.memory, set.memory) && within(now.pids, set.pids);
    let mut report = report("cgroup", state(up), evidence);
    report.restore = (!restore.is_empty()).then(|| restore.join("; "));
    report
}

fn devices(known: &Known<'_>) -> WallReport {
    let (verdict, evidence) = match known.limits.as_ref().map(|limits| &limits.devices) {
        Some(Devices::Default) => {
            (State::Up, "bpf: the default's device program is on its cgroup".to_owned())
        }
        Some(Devices::Other(count)) => (
            State::Lowered,
            format!("bpf: {count} device program(s) on its cgroup, none of them the default's"),
        ),
        Some(Devices::Open) => (State::Lowered, "bpf: no device program is on its cgroup".to_owned()),
        Some(Devices::Hidden(why)) => (State::Unknown, format!("bpf: {why}")),
        None => (State::Unknown, "it has no cgroup v2 directory to ask about".to_owned()),
    };
    report("devices", verdict, evidence)
}

fn rlimits(facts: &Facts, known: &Known<'_>) -> WallReport {
    let mut seen = Vec::new();
    let mut restore = Vec::new();
    let mut verdict = State::Up;
    for (name, title) in TITLES {
        let Some((_, most)) = known.rlimits.iter().find(|(known, _)| *known == name) else { continue };
        let Some(hard) = facts.hard_limit(title) else {
            verdict = State::Unknown;
            continue;
        };
        seen.push(format!("{name} {}", hard.map_or("unlimited".to_owned(), |hard| hard.to_string())));
        if hard.is_none_or(|hard| hard > *most) {
            verdict = State::Lowered;
            restore.push(format!("prlimit --pid {} --{name}=:{most}", facts.pid));
        }
    }
    let mut report = report("rlimits", verdict, format!("limits: at most {}", seen.join(", ")));
    report.restore = (!restore.is_empty()).then(|| restore.join("; "));
    report
}

fn session(facts: &Facts) -> WallReport {
    match facts.session() {
        Some((session, terminal)) => {
            let own = session == facts.pid;
            let of = if own { "its own".to_owned() } else { format!("that of process {session}") };
            let on = if terminal == 0 { "no terminal" } else { "a terminal" };
            report("session", state(own), format!("stat: its session is {of}, with {on}"))
        }
        None => report("session", State::Unknown, "stat does not tell it".into()),
    }
}

fn descriptors(facts: &Facts) -> WallReport {
    match &facts.foreign_files {
        Some(files) if files.is_empty() => {
            report("descriptors", State::Up, "fdinfo: every open file is on a mount of its own".into())
        }
        Some(files) => report(
            "descriptors",
            State::Lowered,
            format!("fdinfo: open on mounts of others: {}", files.join(", ")),
        ),
        None => report("descriptors", State::Unknown, "the kernel does not show them to this reader".into()),
    }
}

fn label(facts: &Facts) -> WallReport {
    match facts.label.as_deref().map(str::trim) {
        Some("unconfined") => report("label", State::Lowered, "AppArmor: unconfined".into()),
        Some(label) if !label.is_empty() => report("label", State::Up, format!("AppArmor: {label}")),
        _ => report("label", State::Absent, "this kernel runs neither AppArmor nor SELinux".into()),
    }
}

/// namespaces(7), without the one that another row speaks of. A kernel that lacks one (clocks, before
/// 5.6) shares nothing there that could be separate.
const SEPARATE: [&str; 7] = ["mnt", "pid", "ipc", "uts", "net", "cgroup", "time"];
/// proc_pid_limits(5) has its own names.
const TITLES: [(&str, &str); 3] =
    [("core", "Max core file size"), ("nofile", "Max open files"), ("nproc", "Max processes")];
