// SPDX-License-Identifier: Apache-2.0
//! `run`: what separates the container from the host, and each flag that changes it.

use std::path::Path;

use tests::Sandbox;

/// A field of the first process's `/proc/self/status`.
fn status(sandbox: &Sandbox, flags: &str, field: &str) -> String {
    sandbox.sh(flags, &format!("grep ^{field}: /proc/self/status | cut -f 2")).ok()
}

fn capabilities(sandbox: &Sandbox, flags: &str, set: &str) -> u64 {
    u64::from_str_radix(&status(sandbox, flags, set), 16).unwrap()
}

/// Our own view of a namespace.
fn ours(namespace: &str) -> String {
    std::fs::read_link(Path::new("/proc/self/ns").join(namespace)).unwrap().display().to_string()
}

const CHOWN: u64 = 1;
const KILL: u64 = 1 << 5;
const NET_ADMIN: u64 = 1 << 12;
const SYS_TIME: u64 = 1 << 25;

#[test]
fn capabilities_are_added_and_dropped() {
    let sandbox = Sandbox::minimal();
    let sets = ["CapPrm", "CapEff", "CapBnd"];
    let default = capabilities(&sandbox, "", "CapEff");
    assert!(default & CHOWN != 0 && default & (NET_ADMIN | SYS_TIME) == 0, "{default:x}");
    for (flags, want) in [
        ("--cap-add NET_ADMIN", default | NET_ADMIN),
        ("--cap-add cap_net_admin --cap-add SYS_TIME", default | NET_ADMIN | SYS_TIME),
        ("--cap-drop CHOWN", default & !CHOWN),
        ("--cap-drop ALL", 0),
        ("--cap-drop all --cap-add CHOWN", CHOWN),
        ("--cap-add ALL --cap-drop KILL", all() & !KILL),
        ("--cap-add ALL", all()),
    ] {
        for set in sets {
            assert_eq!(capabilities(&sandbox, flags, set), want, "{flags} {set}");
        }
        // CVE-2022-24769: what is inheritable comes back in programs with file capabilities.
        for set in ["CapInh", "CapAmb"] {
            assert_eq!(capabilities(&sandbox, flags, set), 0, "{flags} {set}");
        }
    }
    // Another user has none, and the bounding set stays.
    let flags = "-u user --cap-add NET_ADMIN";
    assert_eq!((capabilities(&sandbox, flags, "CapEff"), capabilities(&sandbox, flags, "CapPrm")), (0, 0));
    assert_eq!(capabilities(&sandbox, flags, "CapBnd"), default | NET_ADMIN);
    // The effect, and not only the number.
    let chown = "chown 5 /etc/passwd 2>/dev/null && echo chowned || echo refused";
    assert_eq!(sandbox.sh("", chown).ok(), "chowned");
    assert_eq!(sandbox.sh("--cap-drop CHOWN", chown).ok(), "refused");
    assert!(sandbox.run("--cap-add NET_ADMN minimal true").fails(125).contains("did you mean NET_ADMIN?"));
    assert!(sandbox.run("--cap-drop nothing minimal true").fails(125).contains("is not a capability"));
}

fn all() -> u64 {
    let last: u64 = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap").unwrap().trim().parse().unwrap();
    (1 << (last + 1)) - 1
}

#[test]
fn every_wall_stands_by_default() {
    let sandbox = Sandbox::minimal();
    assert_eq!(status(&sandbox, "", "NoNewPrivs"), "1");
    assert_eq!(status(&sandbox, "", "Seccomp"), "2");
    for namespace in ["user", "pid", "ipc", "uts", "net", "mnt", "cgroup", "time"] {
        let inside = sandbox.sh("", &format!("readlink /proc/self/ns/{namespace}")).ok();
        assert_ne!(inside, ours(namespace), "{namespace}");
    }
    let map = sandbox.sh("", "cat /proc/self/uid_map").ok();
    let fields: Vec<u32> = map.split_whitespace().map(|field| field.parse().unwrap()).collect();
    assert!(fields[0] == 0 && fields[1] >= 1 << 20 && fields[2] == 65_536, "{map}");
}

#[test]
fn privileged_takes_down_what_it_says_and_is_written_down() {
    let sandbox = Sandbox::minimal();
    assert_eq!(capabilities(&sandbox, "--privileged", "CapEff"), all());
    assert_eq!(status(&sandbox, "--privileged", "NoNewPrivs"), "0");
    assert_eq!(status(&sandbox, "--privileged", "Seccomp"), "0");
    let script = "[ -n \"$(cat /proc/interrupts)\" ] && echo shown; mount -t tmpfs none /mnt 2>/dev/null || mount -t tmpfs none /tmp && echo mounted";
    assert_eq!(sandbox.sh("--privileged", script).ok(), "shown\nmounted");
    // Root inside is still nobody outside.
    let map = sandbox.sh("--privileged", "cat /proc/self/uid_map").ok();
    assert!(!map.split_whitespace().nth(1).unwrap().eq("0"), "{map}");
    sandbox.call(["run", "--name", "open", "--privileged", "minimal", "true"]).ok();
    let listed = sandbox.call(["ps", "-a", "--format", "json"]).ok();
    assert!(listed.contains("--privileged"), "{listed}");
    sandbox.call(["rm", "open"]).ok();
}

#[test]
fn each_security_option_takes_down_its_own_wall() {
    let sandbox = Sandbox::minimal();
    assert_eq!(status(&sandbox, "--security-opt seccomp=unconfined", "Seccomp"), "0");
    assert_eq!(status(&sandbox, "--security-opt seccomp=builtin", "Seccomp"), "2");
    for flags in ["--security-opt no-new-privileges=false", "--security-opt no-new-privileges:false"] {
        assert_eq!(
            (status(&sandbox, flags, "NoNewPrivs"), status(&sandbox, flags, "Seccomp")),
            ("0".into(), "2".into())
        );
    }
    assert_eq!(status(&sandbox, "--security-opt no-new-privileges", "NoNewPrivs"), "1");
    let masked = "[ -n \"$(cat /proc/interrupts)\" ] && echo shown || echo hidden";
    assert_eq!(sandbox.sh("", masked).ok(), "hidden");
    assert_eq!(sandbox.sh("--security-opt systempaths=unconfined", masked).ok(), "shown");
    let total = "grep MemTotal /proc/meminfo";
    let host = std::fs::read_to_string("/proc/meminfo").unwrap();
    let host = host.lines().next().unwrap();
    assert_ne!(sandbox.sh("-m 64m", total).ok(), host);
    assert_eq!(sandbox.sh("-m 64m --security-opt view=host", total).ok(), host);
    for (option, says) in [
        ("secomp=unconfined", "did you mean seccomp?"),
        ("seccomp=/nowhere.json", "/nowhere.json"),
        ("landlock=on", "landlock can be \"off\" and nothing else"),
        ("label=disable", "SELinux"),
        ("no-new-privileges=perhaps", "neither true nor false"),
        ("nonsense", "there is no security option"),
    ] {
        let error = sandbox.run(&format!("--security-opt {option} minimal true")).fails(125);
        assert!(error.contains(says), "{option}: {error}");
    }
}

/// Landlock has no read-back, so what tells is a thing that it forbids: mounts, whoever asks.
#[test]
fn landlock_holds_when_capability_and_filter_are_gone() {
    let sandbox = Sandbox::minimal();
    let flags = "--cap-add SYS_ADMIN --security-opt seccomp=unconfined";
    let mount = "mount -t tmpfs none /tmp 2>/dev/null && echo mounted || echo refused";
    assert_eq!(sandbox.sh(&format!("{flags} --security-opt landlock=off"), mount).ok(), "mounted");
    assert_eq!(sandbox.sh(flags, mount).ok(), "refused");
}

#[test]
fn apparmor_is_asked_for_by_name() {
    let sandbox = Sandbox::minimal();
    // Without AppArmor that is what every program is.
    sandbox.run("--security-opt apparmor=unconfined minimal true").ok();
    let error = sandbox.run("--security-opt apparmor=no-such-profile minimal true").fails(125);
    assert!(error.contains("AppArmor profile no-such-profile"), "{error}");
    assert!(sandbox.containers().is_empty());
}

/// In Docker's format: all calls but the one that names the host.
const PROFILE: &str = r#"{
  "defaultAction": "SCMP_ACT_ALLOW",
  "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
              {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]}],
  "syscalls": [
    {"names": ["sethostname"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
    {"names": ["chmod", "fchmodat", "fchmodat2"], "action": "SCMP_ACT_ERRNO",
     "includes": {}, "excludes": {"caps": ["CAP_SYS_TIME"]}}
  ]
}"#;

#[test]
fn a_profile_in_dockers_form() {
    let sandbox = Sandbox::minimal();
    let profile = sandbox.write("profile.json", PROFILE);
    let flags = format!("--security-opt seccomp={}", profile.display());
    assert_eq!(status(&sandbox, &flags, "Seccomp"), "2");
    let rename = "hostname other 2>&1 || true";
    let admin = format!("{flags} --cap-add SYS_ADMIN");
    assert!(sandbox.sh(&admin, rename).ok().contains("Function not implemented"));
    let chmod = "chmod 600 /etc/passwd 2>/dev/null && echo done || echo refused";
    assert_eq!(sandbox.sh(&flags, chmod).ok(), "refused");
    assert_eq!(sandbox.sh(&format!("{flags} --cap-add SYS_TIME"), chmod).ok(), "done");
    for (text, says) in [
        ("{", "not well formed"),
        ("{}", "profile"),
        (r#"{"defaultAction":"SCMP_ACT_WISH"}"#, "SCMP_ACT_WISH"),
    ] {
        let broken = sandbox.write("broken.json", text);
        let error =
            sandbox.run(&format!("--security-opt seccomp={} minimal true", broken.display())).fails(125);
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn dockers_own_profile() {
    let profile = Path::new("/work/shared/reference/moby-seccomp-default.json");
    if !profile.exists() {
        return tests::skip("moby-seccomp-default.json is not here");
    }
    let sandbox = Sandbox::minimal();
    // Landlock forbids mounts by itself.
    let flags = format!("--security-opt landlock=off --security-opt seccomp={}", profile.display());
    assert_eq!(status(&sandbox, &flags, "Seccomp"), "2");
    let mount = "mount -t tmpfs none /tmp 2>/dev/null && echo mounted || echo refused";
    assert_eq!(sandbox.sh(&flags, mount).ok(), "refused");
    // Its rules look at what the container may do.
    assert_eq!(sandbox.sh(&format!("{flags} --cap-add SYS_ADMIN"), mount).ok(), "mounted");
}

#[test]
fn namespaces_of_the_host_are_joined_by_name() {
    let sandbox = Sandbox::minimal();
    for (flag, namespace) in [
        ("--pid", "pid"),
        ("--ipc", "ipc"),
        ("--uts", "uts"),
        ("--cgroupns", "cgroup"),
        ("--network", "net"),
        ("--userns", "user"),
    ] {
        let inside = sandbox.sh(&format!("{flag} host"), &format!("readlink /proc/self/ns/{namespace}")).ok();
        assert_eq!(inside, ours(namespace), "{flag} host");
        let own = if flag == "--network" { "none" } else { "private" };
        let inside =
            sandbox.sh(&format!("{flag}={own}"), &format!("readlink /proc/self/ns/{namespace}")).ok();
        assert_ne!(inside, ours(namespace), "{flag} {own}");
        let error = sandbox.run(&format!("{flag} container:other minimal true")).fails(125);
        assert!(error.contains("is not supported yet"), "{error}");
    }
    // What was taken down is written down.
    sandbox.call(["run", "--name", "open", "--pid=host", "--uts=host", "minimal", "true"]).ok();
    let listed = sandbox.call(["ps", "-a", "--format", "json"]).ok();
    assert!(listed.contains("--pid host") && listed.contains("--uts host"), "{listed}");
    sandbox.call(["rm", "open"]).ok();
}

#[test]
fn with_the_hosts_processes_their_names_are_seen_and_nothing_more() {
    let sandbox = Sandbox::minimal();
    let us = std::process::id();
    assert_eq!(sandbox.sh("--pid host", &format!("test -d /proc/{us} && echo seen")).ok(), "seen");
    assert_eq!(sandbox.sh("", &format!("test -d /proc/{us} && echo seen || echo unseen")).ok(), "unseen");
    // Root inside is another user outside.
    let script = format!(
        "kill -0 {us} 2>/dev/null || echo refused; cat /proc/{us}/environ 2>/dev/null || echo unread"
    );
    assert_eq!(sandbox.sh("--pid host", &script).ok(), "refused\nunread");
    // The masks lie over the host's own proc as well.
    assert_eq!(
        sandbox.sh("--pid host", "[ -n \"$(cat /proc/interrupts)\" ] && echo shown || echo hidden").ok(),
        "hidden"
    );
    assert_eq!(sandbox.sh("--pid host --userns host", "readlink /proc/self/ns/pid").ok(), ours("pid"));
}

#[test]
fn with_the_hosts_ipc_comes_its_shared_memory() {
    let sandbox = Sandbox::minimal();
    let shared = tempfile::Builder::new().prefix("bulkhead-test-").tempfile_in("/dev/shm").unwrap();
    let name = shared.path().display();
    let look = format!("test -e {name} && echo seen || echo unseen");
    assert_eq!(sandbox.sh("--ipc host", &look).ok(), "seen");
    assert_eq!(sandbox.sh("", &look).ok(), "unseen");
    let error = sandbox.run("--ipc host --shm-size 1m minimal true").fails(125);
    assert!(error.contains("--shm-size"), "{error}");
}

#[test]
fn with_the_hosts_uts_comes_its_name() {
    let sandbox = Sandbox::minimal();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let host = host.trim();
    let script = "hostname; echo $HOSTNAME; cat /etc/hostname";
    let thrice = format!("{host}\n{host}\n{host}");
    assert_eq!(sandbox.sh("--uts host", script).ok(), thrice);
    assert_eq!(sandbox.sh("--network host", script).ok(), thrice);
    for flags in ["--uts host --hostname other", "--uts host --domainname other"] {
        let error = sandbox.sh(flags, "true").fails(125);
        assert!(error.contains("it would rename the host"), "{flags}: {error}");
    }
    assert_eq!(sandbox.sh("--network host --hostname other", "hostname").ok(), "other");
    assert_eq!(std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim(), host);
}

#[test]
fn networks_are_none_or_the_hosts() {
    let sandbox = Sandbox::minimal();
    let links = "ls /sys/class/net; cat /proc/net/dev | tail -n +3 | cut -d : -f 1 | tr -d ' '";
    assert_eq!(sandbox.sh("", links).ok(), "lo\nlo");
    // Up and loopback.
    assert_eq!(sandbox.sh("--network none", "cat /sys/class/net/lo/flags").ok(), "0x9");
    let ours: Vec<String> = std::fs::read_dir("/sys/class/net")
        .unwrap()
        .map(|link| link.unwrap().file_name().into_string().unwrap())
        .collect();
    let inside = sandbox.sh("--net host", "ls /sys/class/net").ok();
    assert!(ours.iter().all(|link| inside.lines().any(|seen| seen == link)), "{inside} {ours:?}");
    assert!(sandbox.run("--network bridge minimal true").fails(125).contains("is not supported yet"));
}

#[test]
fn settings_of_the_kernel_are_the_containers_own_or_refused() {
    let sandbox = Sandbox::minimal();
    for (name, value) in [
        ("net.ipv4.ip_forward", "1"),
        ("net.ipv4.ip_local_port_range", "20000\t30000"),
        ("kernel.msgmax", "9000"),
        ("kernel.sem", "250\t32000\t32\t128"),
        ("fs.mqueue.msg_max", "20"),
    ] {
        let path = Path::new("/proc/sys").join(name.replace('.', "/"));
        let before = std::fs::read_to_string(&path).unwrap();
        let setting = format!("{name}={}", value.replace('\t', " "));
        let inside =
            sandbox.call(["run", "--rm", "--sysctl", &setting, "minimal", "cat", path.to_str().unwrap()]);
        assert_eq!(inside.ok(), value, "{name}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before, "{name} of the host");
    }
    let (shared, smuggled) = ("it is not namespaced", "characters that no setting needs");
    for (flags, setting, says) in [
        (&[][..], "kernel.core_pattern=x", shared),
        (&[], "vm.swappiness=1", shared),
        (&[], "kernel.domainname=x", shared),
        (&[], "fs.file-max=1", shared),
        (&["--network", "host"], "net.ipv4.ip_forward=1", shared),
        (&["--ipc", "host"], "kernel.msgmax=9000", shared),
        (&["--privileged"], "kernel.core_pattern=x", shared),
        // CVE-2022-0811: a second setting behind the first.
        (&[], "kernel.shm_rmid_forced=1+kernel.core_pattern=|/evil", smuggled),
        (&[], "kernel.shm_rmid_forced=1\nkernel.core_pattern=x", smuggled),
        (&[], "net.../../kernel/core_pattern=x", "is not name=value"),
        (&[], "net.ipv4/../../kernel.core_pattern=x", "is not name=value"),
        (&[], "net.ipv4.ip_forward", "is not name=value"),
        (&[], "net.ipv4.no_such_setting=1", "could not set the sysctl"),
        (&[], "net.ipv4.ip_forward=perhaps", "could not set the sysctl"),
    ] {
        let words = ["run", "--rm", "--sysctl", setting].into_iter().chain(flags.iter().copied());
        let error = sandbox.call(words.chain(["minimal", "true"])).fails(125);
        assert!(error.contains("sysctl") && error.contains(says), "{setting}: {error}");
        assert!(sandbox.containers().is_empty());
    }
}
