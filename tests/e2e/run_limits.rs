// SPDX-License-Identifier: Apache-2.0
//! `run`: what the container may use, exceeded from inside.

use std::path::{Path, PathBuf};

use tests::Sandbox;

use crate::run_loop::Loop;

/// The value of a cgroup file as the container sees it, by its v1 or its v2 name; nothing when neither
/// hierarchy has it.
fn value(sandbox: &Sandbox, flags: &str, legacy: &str, unified: &str) -> Option<String> {
    let (controller, _) = legacy.split_once('.').unwrap();
    let script =
        format!("cat /sys/fs/cgroup/{controller}/{legacy} 2>/dev/null || cat /sys/fs/cgroup/{unified}");
    let ended = sandbox.sh(flags, &script).ended();
    (ended.code == 0).then(|| ended.out.trim().to_owned())
}

/// Whether this machine has the controller, by its v1 or its v2 name.
fn has_controller(name: &str) -> bool {
    let legacy = Path::new("/sys/fs/cgroup").join(name).exists();
    let unified = std::fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").unwrap_or_default();
    legacy || unified.split_whitespace().any(|known| known == name || (name == "blkio" && known == "io"))
}

fn is_unified() -> bool {
    Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
}

#[test]
fn memory_beyond_the_limit_kills_inside() {
    if !has_controller("memory") {
        return tests::skip("no memory controller");
    }
    let sandbox = Sandbox::minimal();
    // tail keeps what it reads, and nothing ends it but the kernel.
    sandbox.run("-m 32m minimal tail /dev/zero").fails(137);
    // A child is killed, the container lives.
    let script = "tail /dev/zero; echo $?";
    assert_eq!(sandbox.sh("-m 32m", script).ok(), "137");
    assert_eq!(value(&sandbox, "-m 64m", "memory.limit_in_bytes", "memory.max").unwrap(), "67108864");
    for (flags, says) in [
        ("-m 4m", "the minimum memory limit allowed is 6MB"),
        ("-m 64x", "is not a size"),
        ("-m 64m --memory-reservation 65m", "--memory-reservation"),
        ("-m 64m --memory-reservation 1m", "the minimum memory reservation allowed is 6MB"),
        ("-m 64m --memory-swap 32m", "--memory-swap"),
    ] {
        let error = sandbox.sh(flags, "true").fails(125);
        assert!(error.contains(says), "{flags}: {error}");
        assert!(sandbox.containers().is_empty());
    }
}

#[test]
fn swap_and_reservation_are_the_kernels() {
    if !has_controller("memory") {
        return tests::skip("no memory controller");
    }
    let sandbox = Sandbox::minimal();
    let reserved =
        value(&sandbox, "-m 64m --memory-reservation 32m", "memory.soft_limit_in_bytes", "memory.low");
    assert_eq!(reserved.unwrap(), "33554432");
    let swap = |flags| value(&sandbox, flags, "memory.memsw.limit_in_bytes", "memory.swap.max");
    let Some(given) = swap("-m 64m --memory-swap 96m") else {
        return tests::skip("this kernel does not count swap");
    };
    // v1 counts memory and swap together, v2 swap alone.
    let (want, by_default) = if is_unified() { ("33554432", "67108864") } else { ("100663296", "134217728") };
    assert_eq!(given, want);
    assert_eq!(swap("-m 64m").unwrap(), by_default);
    let unlimited = swap("-m 64m --memory-swap -1").unwrap();
    assert!(unlimited == "max" || unlimited.parse::<u64>().unwrap() > 1 << 60, "{unlimited}");
}

#[test]
fn the_killer_can_be_turned_off_where_the_kernel_has_the_switch() {
    let sandbox = Sandbox::minimal();
    if is_unified() {
        let error = sandbox.run("-m 64m --oom-kill-disable minimal true").fails(125);
        return assert!(error.contains("--oom-kill-disable"), "{error}");
    }
    let state = sandbox.sh("-m 64m --oom-kill-disable", "cat /sys/fs/cgroup/memory/memory.oom_control").ok();
    assert!(state.contains("oom_kill_disable 1"), "{state}");
}

#[test]
fn processors_are_a_quota_that_throttles() {
    if !has_controller("cpu") {
        return tests::skip("no cpu controller");
    }
    let sandbox = Sandbox::minimal();
    // By the kernel's own counters and not by a clock: a loop runs until it has been throttled.
    let script = "until grep -q 'nr_throttled [1-9]' /sys/fs/cgroup/cpu/cpu.stat /sys/fs/cgroup/cpu.stat 2>/dev/null; do :; done; echo throttled";
    assert_eq!(sandbox.sh("--cpus 0.2", script).ok(), "throttled");
    assert_eq!(
        value(&sandbox, "--cpus 1.5", "cpu.cfs_quota_us", "cpu.max").unwrap().split(' ').next(),
        Some("150000")
    );
    let shares = value(&sandbox, "--cpu-shares 512", "cpu.shares", "cpu.weight").unwrap();
    assert_eq!(shares, if is_unified() { "20" } else { "512" });
    for (flags, says) in [
        ("--cpus 0.001", "the range of CPUs is from 0.01 to"),
        ("--cpus 4096", "the range of CPUs is from 0.01 to"),
        ("--cpus many", "is not a number of processors"),
        ("--cpu-shares 1", "between 2 and 262144"),
        ("--cpu-shares 262145", "between 2 and 262144"),
    ] {
        let error = sandbox.sh(flags, "true").fails(125);
        assert!(error.contains(says), "{flags}: {error}");
    }
}

#[test]
fn processors_and_memory_nodes_can_be_picked() {
    if !has_controller("cpuset") {
        return tests::skip("no cpuset controller");
    }
    let sandbox = Sandbox::minimal();
    let allowed = "grep -E '(Cpus|Mems)_allowed_list' /proc/self/status | cut -f 2";
    assert_eq!(sandbox.sh("--cpuset-cpus 0 --cpuset-mems 0", allowed).ok(), "0\n0");
    assert_eq!(sandbox.sh("--cpuset-cpus 0", "nproc").ok(), "1");
    for (flags, says) in [
        ("--cpuset-cpus 4000", "--cpuset-cpus"),
        ("--cpuset-cpus 1-", "--cpuset-cpus"),
        ("--cpuset-mems 60", "--cpuset-mems"),
    ] {
        let error = sandbox.sh(flags, "true").fails(125);
        assert!(error.contains(says), "{flags}: {error}");
        assert!(sandbox.containers().is_empty());
    }
}

#[test]
fn processes_beyond_the_limit_are_not_made() {
    if !has_controller("pids") {
        return tests::skip("no pids controller");
    }
    let sandbox = Sandbox::minimal();
    // Each sleeper is one; the shell that cannot fork any more says so and ends.
    let script = "i=0; while [ $i -lt 50 ]; do sleep 1000 & i=$((i+1)); echo $i; done";
    let ended = sandbox.sh("--pids-limit 10", script).ended();
    assert_eq!(ended.code, 2, "{ended}");
    assert!(ended.err.contains("can't fork"), "{ended}");
    assert_eq!(ended.out.lines().count(), 9, "{ended}");
    assert_eq!(value(&sandbox, "", "pids.max", "pids.max").unwrap(), "2048");
    // Only the hierarchies that bound something are shown on v1.
    let unlimited = value(&sandbox, "--pids-limit -1", "pids.max", "pids.max");
    assert!(matches!(unlimited.as_deref(), None | Some("max")), "{unlimited:?}");
    assert!(sandbox.run("--pids-limit few minimal true").fails(125).contains("--pids-limit"));
}

#[test]
fn disks_have_rates() {
    if !has_controller("blkio") {
        return tests::skip("no blkio or io controller");
    }
    let Some((path, number)) = block_device() else { return tests::skip("no block device") };
    let sandbox = Sandbox::minimal();
    for (flag, rate, legacy, unified) in [
        ("--device-read-bps", "1mb", "read_bps_device", "rbps=1048576"),
        ("--device-write-bps", "2mb", "write_bps_device", "wbps=2097152"),
        ("--device-read-iops", "100", "read_iops_device", "riops=100"),
        ("--device-write-iops", "200", "write_iops_device", "wiops=200"),
    ] {
        let flags = format!("{flag} {}:{rate}", path.display());
        let found = value(&sandbox, &flags, &format!("blkio.throttle.{legacy}"), "io.max").unwrap();
        let figure = unified.split_once('=').unwrap().1;
        let want = if is_unified() { unified.to_owned() } else { format!("{number} {figure}") };
        assert!(found.contains(&want), "{flags}: {found}");
    }
    for (flag, says) in [
        ("--device-read-bps /dev/null:1mb", "it is not a block device"),
        ("--device-read-bps /dev/no-such-disk:1mb", "/dev/no-such-disk"),
        ("--device-read-bps /dev/null", "is not a device below /dev and a rate"),
        ("--device-write-iops /dev/null:1mb", "is not a number of operations"),
    ] {
        let error = sandbox.sh(flag, "true").fails(125);
        assert!(error.contains(says), "{flag}: {error}");
    }
}

/// What is read past the page cache comes at the rate that was given: 3 MiB at 1 MiB a second cannot take
/// less than two, however fast or slow the machine is.
#[test]
fn a_disk_is_not_read_faster_than_it_may_be() {
    if !has_controller("blkio") {
        return tests::skip("no blkio or io controller");
    }
    let sandbox = Sandbox::minimal();
    let Some(disk) = Loop::new(&sandbox, 8 << 20) else { return tests::skip("no free loop device") };
    let node = disk.path.display();
    let script = "dd if=/dev/disk of=/dev/null bs=1M count=3 iflag=direct 2>/dev/null && echo read";
    let start = std::time::Instant::now();
    let flags = format!("--device {node}:/dev/disk:r --device-read-bps {node}:1mb");
    assert_eq!(sandbox.sh(&flags, script).ok(), "read");
    let took = start.elapsed();
    assert!(took >= std::time::Duration::from_secs(2), "{took:?}");
}

#[test]
fn weights_of_disks_or_that_there_are_none() {
    let sandbox = Sandbox::minimal();
    match value(&sandbox, "--blkio-weight 500", "blkio.weight", "io.weight") {
        Some(weight) => assert!(weight.contains("500") || weight.contains("4950"), "{weight}"),
        None => {
            let error = sandbox.run("--blkio-weight 500 minimal true").fails(125);
            assert!(error.contains("--blkio-weight"), "{error}");
            tests::skip("no blkio.weight or io.weight in this kernel; the flag is refused");
        }
    }
    for weight in ["5", "1001", "heavy"] {
        let error = sandbox.run(&format!("--blkio-weight {weight} minimal true")).fails(125);
        assert!(error.contains("--blkio-weight"), "{error}");
    }
}

fn block_device() -> Option<(PathBuf, String)> {
    let disks = std::fs::read_dir("/sys/block").ok()?;
    let mut names: Vec<String> = disks.map(|disk| disk.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.into_iter().find_map(|name| {
        let path = Path::new("/dev").join(&name);
        let number = std::fs::read_to_string(Path::new("/sys/block").join(&name).join("dev")).ok()?;
        path.exists().then(|| (path, number.trim().to_owned()))
    })
}
