// SPDX-License-Identifier: Apache-2.0
//! An ordinary user: every verb, with and without subordinate ids, with and without a cgroup.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tests::{Call, Ids, Killed, Sandbox, helper, skip};

use crate::walls::{end, not_up, started, walls};

#[test]
fn every_verb_works_with_ranges_and_without() {
    for ids in [Ids::Range, Ids::None] {
        let sandbox = Sandbox::rootless(ids);
        sandbox.import("minimal.tar", "minimal");
        assert!(sandbox.call(["images"]).ok().contains("minimal"));
        sandbox.call(["tag", "minimal", "again"]).ok();
        assert!(sandbox.call(["history", "again"]).ok().contains("IMAGE"));
        sandbox.call(["rmi", "again"]).ok();
        let running = started(&sandbox, "", &[]);
        assert_eq!(sandbox.call(["ps", "-q"]).ok().lines().count(), 1);
        assert!(sandbox.call(["inspect", "walled"]).ok().contains("\"walled\""));
        let error = sandbox.call(["rm", "walled"]).fails(1);
        assert!(error.contains("running"), "{error}");
        let error = sandbox.call(["rmi", "minimal"]).fails(1);
        assert!(error.contains("walled"), "{error}");
        end(running, &sandbox);
        sandbox.call(["run", "--name", "kept", "minimal", "sh", "-c", "echo x > /etc/x; exit 3"]).fails(3);
        assert!(sandbox.call(["ps", "-a"]).ok().contains("Exited (3)"));
        sandbox.call(["rm", "kept"]).ok();
        sandbox.call(["rmi", "minimal"]).ok();
        assert_eq!(sandbox.call(["images", "-q"]).ok(), "");
    }
}

/// All walls can be read, and those that an ordinary user cannot have are absent, not forgotten.
#[test]
fn walls_can_be_read_and_what_is_absent_is_said() {
    for ids in [Ids::Range, Ids::None] {
        let sandbox = Sandbox::rootless(ids);
        sandbox.import("minimal.tar", "minimal");
        let running = started(&sandbox, "", &[]);
        let walls = walls(&sandbox);
        let want =
            [("cgroup", "absent"), ("devices", "absent"), ("label", "absent"), ("landlock", "unknown")];
        assert_eq!(not_up(&walls), want, "{walls:#?}");
        let cgroup = walls["cgroup"]["evidence"].as_str().unwrap();
        assert!(cgroup.contains("not delegated") && cgroup.contains("RLIMIT_NPROC"), "{cgroup}");
        assert!(walls["user"]["evidence"].as_str().unwrap().contains("user 4242 outside"), "{walls:#?}");
        let listed: Value = serde_json::from_str(&sandbox.call(["ps", "--format", "json"]).ok()).unwrap();
        assert_eq!(listed["Absent"].to_string(), r#"["cgroup","devices"]"#);
        end(running, &sandbox);
    }
}

#[test]
fn a_limit_that_cannot_be_applied_is_an_error_with_the_remedy() {
    let sandbox = Sandbox::rootless(Ids::Range);
    sandbox.import("minimal.tar", "minimal");
    for (flag, value) in
        [("--memory", "64m"), ("--pids-limit", "20"), ("--cpus", "0.5"), ("--cpuset-cpus", "0")]
    {
        let error = sandbox.run(&format!("{flag} {value} minimal true")).fails(125);
        assert!(error.contains(&format!("{flag} cannot be applied")), "{error}");
        assert!(error.contains("systemd-run --user --scope -p Delegate=yes"), "{error}");
        assert_eq!(sandbox.containers(), [""; 0]);
    }
    let ended = sandbox.run("minimal true").ended();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.err.contains("note: no cgroup bounds memory and processes"), "{ended}");
    // Who gave the bounds up needs no note about them.
    let ended = sandbox.run("-m -1 --pids-limit -1 minimal true").ended();
    assert_eq!((ended.code, &ended.err[..]), (0, ""), "{ended}");
}

/// The user namespace itself holds no more, however many users share it.
#[test]
fn a_fork_bomb_of_many_users_is_bounded_as_a_whole() {
    let sandbox = Sandbox::rootless(Ids::Range);
    sandbox.import("minimal.tar", "minimal");
    let volume = format!("{}:/forks:ro", helper("forks").display());
    let made = sandbox.call(["run", "--rm", "-v", &volume, "minimal", "/forks", "10000", "4"]).ok();
    let made: u32 = made.parse().unwrap();
    assert!((1900..=2048).contains(&made), "{made}");
}

/// With a cgroup of the user's own, limits are the kernel's, as for root.
#[test]
fn a_delegated_cgroup_bounds_the_container() {
    let sandbox = Sandbox::rootless(Ids::Range);
    sandbox.import("minimal.tar", "minimal");
    let Some(delegated) = Delegated::make(&sandbox) else {
        return skip("cgroup v1 controllers are not here");
    };
    let within = |words: &[&str]| delegated.run(sandbox.call(words));
    let script = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max";
    let (out, errors) =
        within(&["run", "--rm", "-m", "64m", "--pids-limit", "20", "minimal", "sh", "-c", script]);
    assert_eq!((&out[..], &errors[..]), ("67108864\n20", ""));
    let (out, errors) = within(&["run", "--rm", "minimal", "cat", "/sys/fs/cgroup/pids/pids.max"]);
    assert_eq!((&out[..], &errors[..]), ("2048", ""));
    let (out, _) = within(&["run", "--rm", "-m", "32m", "minimal", "sh", "-c", "tail /dev/zero; echo $?"]);
    assert_eq!(out, "137");
    // Its end is the end of everything in it, and walls read it from any other cgroup.
    let script = "setsid sleep 1000 & echo ready; exec sleep 1000";
    let call = sandbox.call(["run", "--rm", "--name", "walled", "-m", "64m", "minimal", "sh", "-c", script]);
    let running = Killed(delegated.command(call).stdout(Stdio::null()).spawn().unwrap());
    let places = tests::eventually("it runs", || {
        let text = sandbox.call(["inspect", "walled"]).ended().out;
        let record: Value = serde_json::from_str(&text).ok()?;
        let record = record.as_array().map_or(Some(&record), |list| list.first())?;
        (record["state"] == "running").then(|| record["cgroups"].clone())
    });
    let places: Vec<PathBuf> =
        places.as_array().unwrap().iter().map(|path| PathBuf::from(path.as_str().unwrap())).collect();
    let cgroup = tests::eventually("walls are readable", || {
        let text = sandbox.call(["walls", "--format", "json", "walled"]).ended().out;
        let report: Value = serde_json::from_str(&text).ok()?;
        report["walls"].as_array()?.iter().find(|wall| wall["name"] == "cgroup").cloned()
    });
    assert_eq!(cgroup["state"], "up", "{cgroup}");
    assert!(cgroup["evidence"].as_str().unwrap().contains("67108864"), "{cgroup}");
    drop(running);
    assert_eq!(sandbox.call(["ps", "-a", "-q"]).ok(), "");
    assert!(places.iter().all(|place| !place.exists()), "{places:?}");
}

/// Whiteouts, hard links, set-user-id bits and owners come out inside as the layers have them.
#[test]
fn layers_keep_what_they_say() {
    let script = "ls /d /o; stat -c '%u:%g %a %h' /d/kept /d/link /bin-suid; cat /d/kept; \
                  echo more >> /d/kept; rm -r /d; mkdir /d; ls -A /d";
    let with_range = "/d:\nkept\nlink\n\n/o:\nnew\n33:33 640 2\n33:33 640 2\n7:9 4755 1\nx";
    let single = with_range.replace("33:33", "0:0").replace("7:9", "0:0");
    for (ids, want) in [(Ids::Range, with_range), (Ids::None, &single)] {
        let sandbox = Sandbox::rootless(ids);
        let archive = layered(&sandbox, "chown 33:33 1/d/kept; chown 7:9 1/bin-suid");
        sandbox.call(["load", "-i", archive.to_str().unwrap()]).ok();
        let out = sandbox.call(["run", "--rm", "layered", "sh", "-c", script]).ok();
        assert_eq!(out, want, "{ids:?}");
        assert_eq!(
            sandbox.call(["run", "--rm", "layered", "cat", "/d/kept"]).ok(),
            "x",
            "the layer is as it was"
        );
    }
}

/// On disk everything belongs to the user or to their subordinate ids.
#[test]
fn files_on_disk_belong_to_the_user_and_their_ids() {
    let sandbox = Sandbox::rootless(Ids::Range);
    sandbox.import("minimal.tar", "minimal");
    let script = "touch /mine; touch /www; chown 33:33 /www";
    sandbox.call(["run", "--name", "kept", "minimal", "sh", "-c", script]).ok();
    let upper = sandbox.root().join("containers").join(&sandbox.containers()[0]).join("upper");
    let owner = |name: &str| {
        let metadata = std::fs::symlink_metadata(upper.join(name)).unwrap();
        (metadata.uid(), metadata.gid())
    };
    assert_eq!((owner("mine"), owner("www")), ((4242, 4242), (200_032, 200_032)));
    let strangers = Command::new("find")
        .arg(sandbox.root())
        .args(["!", "-uid", "4242", "-a", "(", "-uid", "-200000", "-o", "-uid", "+265535", ")"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&strangers.stdout), "");
    sandbox.call(["rm", "kept"]).ok();
}

#[test]
fn an_owner_beyond_the_range_is_refused_by_name() {
    let sandbox = Sandbox::rootless(Ids::Range);
    let archive = layered(&sandbox, "chown 70000:70000 1/d/kept");
    let error = sandbox.call(["load", "-i", archive.to_str().unwrap()]).fails(1);
    assert!(error.contains("`./d/") && error.contains("70000:70000"), "{error}");
    assert_eq!(sandbox.call(["images", "-q"]).ok(), "");
    let layers = std::fs::read_dir(sandbox.root().join("layers")).unwrap().count();
    assert_eq!(layers, 0);
}

/// Every way in which the kernel says no is told in words.
#[test]
fn forbidden_user_namespaces_are_told() {
    let sandbox = Sandbox::rootless(Ids::Range);
    sandbox.import("minimal.tar", "minimal");
    // In a user namespace of its own the limit can be changed without touching the machine's.
    let forbid = "echo 0 > /proc/sys/user/max_user_namespaces; \
                  exec setpriv --reuid 4242 --regid 4242 --clear-groups -- \"$0\" \"$@\"";
    let output = in_a_user_namespace(&sandbox, forbid, &["run", "--rm", "minimal", "true"]);
    let errors = told(&output);
    assert_eq!(output.status.code(), Some(125), "{errors}");
    for words in ["this host lacks user namespaces", "/proc/sys/user", "hint: run as root"] {
        assert!(errors.contains(words), "{words}: {errors}");
    }
    // A launcher whose filter refuses the call: 272 is unshare(2), on any machine of this kind.
    if cfg!(target_arch = "x86_64") {
        let call = sandbox.call(["run", "--rm", "minimal", "true"]).into_command();
        let (program, mut words) = (call.get_program(), call.get_args().collect::<Vec<_>>());
        // The harness's own unshare must get through: the filter goes right before the binary.
        let binary = tests::binary();
        let at = words.iter().position(|word| *word == binary.as_os_str()).unwrap();
        let without = helper("without");
        // An ordinary user may load a filter only for programs that gain nothing.
        let filter = ["setpriv".as_ref(), "--no-new-privs".as_ref(), without.as_os_str(), "272".as_ref()];
        words.splice(at..at, filter);
        let mut command = Command::new(program);
        command.args(words).env_clear();
        command.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = command.current_dir(sandbox.file("")).output().unwrap();
        let errors = told(&output);
        assert_eq!(output.status.code(), Some(125), "{errors}");
        assert!(errors.contains("this host lacks user namespaces"), "{errors}");
    }
    assert_eq!(sandbox.containers(), [""; 0]);
}

/// The launcher is root of a user namespace that somebody else made.
#[test]
fn inside_somebody_elses_user_namespace() {
    let sandbox = Sandbox::rootless(Ids::None);
    sandbox.import("minimal.tar", "minimal");
    let words = ["run", "--rm", "minimal", "sh", "-c", "id -u; cat /proc/self/uid_map"];
    let enter = "exec setpriv --reuid 4242 --regid 4242 --clear-groups -- \
                 unshare --user --map-root-user -- \"$0\" \"$@\"";
    let call = sandbox.call(words).into_command();
    let mut command = Command::new("sh");
    command.args(["-euc", enter]).arg(tests::binary()).args(words);
    command.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.current_dir(sandbox.file("")).output().unwrap();
    let errors = told(&output);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let out = String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(out, "0 0 0 1");
    assert!(errors.contains("this user namespace maps one id"), "{errors}");
}

#[test]
fn ranges_without_their_helper_programs_are_one_id_and_a_note() {
    let sandbox = Sandbox::rootless(Ids::Range);
    sandbox.import("minimal.tar", "minimal");
    let call = sandbox.call(["run", "--rm", "minimal", "cat", "/proc/self/uid_map"]).into_command();
    // The harness's own programs are found before; the binary gets a PATH without newuidmap.
    let mut words = call.get_args().map(|word| word.to_owned()).collect::<Vec<_>>();
    let binary = tests::binary();
    let at = words.iter().position(|word| *word == binary.as_os_str()).unwrap();
    words.splice(at..at, ["env".into(), "PATH=/nowhere".into()]);
    let mut command = Command::new(call.get_program());
    command.args(words).envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.current_dir(sandbox.file("")).output().unwrap();
    let errors = told(&output);
    // The image's layer belongs to a range: with one id its files are nobody's, but can be read.
    assert!(errors.contains("newuidmap (Debian package uidmap) is missing"), "{errors}");
    let out = String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!((output.status.code(), &out[..]), (Some(0), "0 0 1"), "{errors}");
}

/// What research measured for Docker with root is 75 of 85 and 99 of 156.
#[test]
fn the_drill_holds_without_root() {
    let sandbox = Sandbox::rootless(Ids::Range);
    let text = sandbox.call(["drill", "--format", "json"]).within(std::time::Duration::from_secs(300)).ok();
    let report: Value = serde_json::from_str(&text).unwrap();
    let count = |group: &str, key: &str| report["summary"][group][key].as_u64().unwrap();
    let attempts = (count("attempts", "stopped"), count("attempts", "total"));
    let all = (count("all", "stopped"), count("all", "total"));
    assert!(attempts.0 + 1 >= attempts.1 && attempts.1 >= 84, "{attempts:?}");
    assert!(all.0 >= 140 && all.1 >= 150, "{all:?}");
}

/// A docker-archive of three layers: minimal, one with files, one that takes some of them away.
/// `owners` is a shell script that gives files of the second layer away.
fn layered(sandbox: &Sandbox, owners: &str) -> PathBuf {
    let folder = sandbox.file("archive");
    std::fs::create_dir_all(&folder).unwrap();
    let script = format!(
        r#"
        mkdir -p 1/d 1/o 2/d 2/o
        echo x > 1/d/kept; chmod 640 1/d/kept; echo y > 1/d/gone; echo z > 1/o/old; echo s > 1/bin-suid
        chmod 4755 1/bin-suid
        {owners}
        chmod 4755 1/bin-suid
        ln 1/d/kept 1/d/link
        touch 2/d/.wh.gone 2/o/.wh..wh..opq 2/o/new
        cp {minimal} 0.tar; tar --numeric-owner -C 1 -cf 1.tar .; tar --numeric-owner -C 2 -cf 2.tar .
        sum() {{ sha256sum "$1" | cut -d' ' -f1; }}
        printf '{{"architecture":"amd64","os":"linux","config":{{"Cmd":["sh"]}},"rootfs":{{"type":"layers","diff_ids":["sha256:%s","sha256:%s","sha256:%s"]}}}}' \
            "$(sum 0.tar)" "$(sum 1.tar)" "$(sum 2.tar)" > config
        name=$(sum config).json; mv config "$name"
        printf '[{{"Config":"%s","RepoTags":["layered:latest"],"Layers":["0.tar","1.tar","2.tar"]}}]' "$name" > manifest.json
        tar -cf ../layered.tar manifest.json "$name" 0.tar 1.tar 2.tar
        "#,
        minimal = tests::image("minimal.tar").display(),
    );
    let status = Command::new("sh").args(["-euc", &script]).current_dir(&folder).status().unwrap();
    assert!(status.success());
    std::fs::remove_dir_all(&folder).unwrap();
    sandbox.file("layered.tar")
}

/// Cgroups of the memory, pids and v2 trees that belong to the user, removed when dropped.
struct Delegated {
    places: Vec<PathBuf>,
}

impl Delegated {
    fn make(sandbox: &Sandbox) -> Option<Self> {
        let folder = sandbox.file("");
        let name = folder.components().next_back().unwrap().as_os_str().to_owned();
        let trees = ["memory", "pids", "unified"].map(|tree| PathBuf::from("/sys/fs/cgroup").join(tree));
        if !trees.iter().all(|tree| tree.join("cgroup.procs").exists()) {
            return None;
        }
        let places: Vec<PathBuf> = trees.iter().map(|tree| tree.join(&name)).collect();
        for place in &places {
            std::fs::create_dir(place).unwrap();
            for file in [".", "cgroup.procs", "tasks", "cgroup.threads", "cgroup.subtree_control"] {
                if place.join(file).exists() {
                    std::os::unix::fs::chown(place.join(file), Some(4242), Some(4242)).unwrap();
                }
            }
        }
        Some(Self { places })
    }

    /// The call as a command that first moves into these cgroups.
    fn command(&self, call: Call) -> Command {
        let call = call.into_command();
        let enter = self.places.iter().map(|place| format!("echo 0 > {}/cgroup.procs;", place.display()));
        let script = enter.collect::<String>() + " exec \"$0\" \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-euc", &script]).arg(call.get_program()).args(call.get_args());
        command.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
    }

    fn run(&self, call: Call) -> (String, String) {
        let output = self.command(call).output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
        (String::from_utf8_lossy(&output.stdout).trim().to_owned(), told(&output))
    }
}

impl Drop for Delegated {
    fn drop(&mut self) {
        for place in &self.places {
            // The directory of all containers stays when they are gone.
            for path in [place.join("bulkhead"), place.clone()] {
                if path.exists() && !std::thread::panicking() {
                    std::fs::remove_dir(&path).unwrap();
                }
            }
        }
    }
}

/// The binary with `words`, after `script`, in a user namespace that maps many ids to themselves.
fn in_a_user_namespace(sandbox: &Sandbox, script: &str, words: &[&str]) -> Output {
    let map = r#"
        mkfifo gate
        unshare --user --mount cat gate & holder=$!
        until [ "$(readlink /proc/$holder/ns/user)" != "$(readlink /proc/$$/ns/user)" ]; do :; done
        echo 0 0 65536 > /proc/$holder/gid_map; echo 0 0 65536 > /proc/$holder/uid_map
        code=0; nsenter --target $holder --user --mount sh -euc "$script" "$@" || code=$?
        echo > gate; wait $holder; exit $code
    "#;
    let call = sandbox.call(words).into_command();
    let mut command = Command::new("sh");
    command.args(["-euc", map, "sh"]).arg(tests::binary()).args(words).env("script", script);
    command.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(sandbox.file("")).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}
