// SPDX-License-Identifier: Apache-2.0
//! `run`: what the container sees of files.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use tests::Sandbox;

use crate::run_loop::Loop;

/// The options of the mount at `target`, from inside.
fn options(sandbox: &Sandbox, flags: &str, target: &str) -> Vec<String> {
    let line = sandbox.sh(flags, &format!("grep ' {target} ' /proc/mounts | tail -n 1")).ok();
    line.split(' ').nth(3).unwrap_or_default().split(',').map(str::to_owned).collect()
}

fn has(options: &[String], wanted: &[&str]) -> bool {
    wanted.iter().all(|&wanted| options.iter().any(|option| option == wanted))
}

#[test]
fn a_read_only_root_takes_nothing_but_in_its_mounts() {
    let sandbox = Sandbox::minimal();
    let script = "for place in / /etc /root /usr/bin; do touch $place/x 2>/dev/null && echo $place; done; touch /t/x && echo t";
    assert_eq!(sandbox.sh("--read-only --tmpfs /t", script).ok(), "t");
    assert_eq!(sandbox.sh("--tmpfs /t", script).ok(), "/\n/etc\n/root\n/usr/bin\nt");
    // Nor can root inside make it writable again, whatever it may do.
    let remount = "mount -o remount,rw / 2>/dev/null; touch /x 2>/dev/null || echo held";
    assert_eq!(sandbox.sh("--read-only --cap-add SYS_ADMIN", remount).ok(), "held");
}

#[test]
fn what_a_container_writes_is_its_own() {
    let sandbox = Sandbox::minimal();
    let script =
        "test -e /etc/mark && echo seen; echo x > /etc/mark; rm -r /usr/share 2>/dev/null; echo done";
    assert_eq!(sandbox.sh("", script).ok(), "done");
    assert_eq!(sandbox.sh("", script).ok(), "done");
}

/// An image without any of the places that are always mounted on: the container's own layer holds what the
/// container made, and nothing of ours.
#[test]
fn mount_points_are_not_made_in_the_containers_layer() {
    let sandbox = Sandbox::new();
    let script = "mkdir bin && cp \"$1\" bin/busybox && ln -s busybox bin/sh && tar -c bin";
    let archive = std::process::Command::new("sh")
        .args(["-euc", script, "sh", "/bin/busybox"])
        .current_dir(sandbox.file(""))
        .output()
        .unwrap();
    assert!(archive.status.success(), "{}", String::from_utf8_lossy(&archive.stderr));
    let archive = sandbox.write("bare.tar", archive.stdout);
    sandbox.call(["import", "--quiet", archive.to_str().unwrap(), "bare"]).ok();
    let script = "/bin/busybox cat /etc/hostname; /bin/busybox ls / /etc";
    let told = sandbox.call(["run", "--name", "kept", "--hostname", "here", "bare", "sh", "-c", script]).ok();
    let names: Vec<&str> = told.split_whitespace().collect();
    assert_eq!(names.join(" "), "here /: bin dev etc proc sys /etc: hostname hosts resolv.conf");
    let upper = sandbox.root().join("containers").join(&sandbox.containers()[0]).join("upper");
    assert_eq!(std::fs::read_dir(upper).unwrap().count(), 0);
    sandbox.call(["rm", "kept"]).ok();
}

#[test]
fn tmpfs_has_the_options_it_is_given() {
    let sandbox = Sandbox::minimal();
    let plain = options(&sandbox, "--tmpfs /t", "/t");
    assert!(has(&plain, &["rw", "nosuid", "nodev", "noexec"]), "{plain:?}");
    let sized = options(&sandbox, "--tmpfs /t:size=2m,mode=750,exec,ro", "/t");
    assert!(
        has(&sized, &["ro", "nosuid", "nodev", "size=2048k", "mode=750"]) && !has(&sized, &["noexec"]),
        "{sized:?}"
    );
    let run = "cp /bin/busybox /t/ && /t/busybox true 2>/dev/null && echo ran || echo refused";
    assert_eq!(sandbox.sh("--tmpfs /t", run).ok(), "refused");
    assert_eq!(sandbox.sh("--tmpfs /t:exec", run).ok(), "ran");
    let full = "head -c 3m /dev/zero > /t/x 2>/dev/null || echo full";
    assert_eq!(sandbox.sh("--tmpfs /t:size=2m", full).ok(), "full");
    let look = "stat -c '%u:%g %a' /t";
    assert_eq!(sandbox.sh("--tmpfs /t", look).ok(), "0:0 1777");
    assert_eq!(sandbox.sh("--tmpfs /t:uid=1000,gid=2000,mode=0700", look).ok(), "1000:2000 700");
    // As runc has it: what covers /root is as private as /root.
    assert_eq!(sandbox.sh("--tmpfs /root", "stat -c '%u:%g %a' /root").ok(), "0:0 700");
    for (value, says) in [
        ("t", "is not an absolute path"),
        ("/t:size=lots", "is not a size"),
        ("/t:suid", "every mount is nosuid and nodev"),
        ("/t:siez=1m", "is not an option of a tmpfs"),
    ] {
        let error = sandbox.run(&format!("--tmpfs {value} minimal true")).fails(125);
        assert!(error.contains(says), "{value}: {error}");
    }
}

#[test]
fn a_directory_of_the_host_is_shared() {
    let sandbox = Sandbox::minimal();
    let file = sandbox.write("shared/file", "from outside");
    let shared = file.parent().unwrap();
    let flags = format!("-v {}:/m", shared.display());
    let script = "cat /m/file; echo from inside > /m/back; stat -c %u:%g /m/file";
    assert_eq!(sandbox.sh(&flags, script).ok(), "from outside0:0");
    let back = shared.join("back");
    assert_eq!(std::fs::read_to_string(&back).unwrap(), "from inside\n");
    // The container's root owns what it makes there, as the host's root does: no stray ids on the disk.
    assert_eq!(back.metadata().unwrap().uid(), 0);
    let mounted = options(&sandbox, &flags, "/m");
    assert!(has(&mounted, &["rw", "nosuid", "nodev"]) && !has(&mounted, &["noexec"]), "{mounted:?}");
    let error = sandbox.sh(&format!("{flags}:ro"), "touch /m/x").fails(1);
    assert!(error.contains("Read-only file system"), "{error}");
    let mounted = options(&sandbox, &format!("{flags}:ro,noexec"), "/m");
    assert!(has(&mounted, &["ro", "noexec"]), "{mounted:?}");
    // Relative to where the caller is, which the harness says is the sandbox's folder.
    assert_eq!(sandbox.sh("-v ./shared:/m:ro", "cat /m/file").ok(), "from outside");
}

#[test]
fn a_single_file_of_the_host_is_shared() {
    let sandbox = Sandbox::minimal();
    let file = sandbox.write("one", "content");
    let flags = |target: &str| format!("-v {}:{target}", file.display());
    assert_eq!(sandbox.sh(&flags("/new/place/one"), "cat /new/place/one").ok(), "content");
    assert_eq!(sandbox.sh(&flags("/etc/hosts"), "cat /etc/hosts").ok(), "content");
}

#[test]
fn a_missing_source_is_made_for_v_and_refused_for_mount() {
    let sandbox = Sandbox::minimal();
    let source = sandbox.file("not/there/yet");
    let error =
        sandbox.run(&format!("--mount type=bind,src={},dst=/m minimal true", source.display())).fails(125);
    assert!(
        error.contains(&format!("mount source `{}` does not exist on the host", source.display())),
        "{error}"
    );
    assert!(!source.exists() && sandbox.containers().is_empty());
    sandbox.sh(&format!("-v {}:/m", source.display()), "touch /m/x").ok();
    let made = source.metadata().unwrap();
    assert!(made.is_dir() && made.permissions().mode() & 0o777 == 0o755, "{made:?}");
    assert!(source.join("x").exists());
}

#[test]
fn mounts_by_keys() {
    let sandbox = Sandbox::minimal();
    let file = sandbox.write("a, b/file", "found");
    let source = file.parent().unwrap().to_str().unwrap().to_owned();
    let run = |mount: &str, script: &str| {
        sandbox.call(["run", "--rm", "--mount", mount, "minimal", "sh", "-c", script])
    };
    let quoted = format!("type=bind,\"src={source}\",dst=/m");
    assert_eq!(run(&quoted, "cat /m/file").ok(), "found");
    assert!(run(&format!("{quoted},ro"), "touch /m/x").fails(1).contains("Read-only"));
    assert_eq!(
        run(
            "type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=0711",
            "stat -c %a /t; df -k /t | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2"
        )
        .ok(),
        "711\n1024"
    );
    for (mount, says) in [
        ("type=bind,dst=/m", "lacks src="),
        ("type=bind,src=/tmp", "lacks dst="),
        ("type=bind,src=/tmp,dst=relative", "is not an absolute path"),
        ("type=bind,src=/tmp,dst=/", "root itself"),
        ("type=bind,src=/tmp,dst=/m,frobnicate=1", "is not a key of a mount"),
        ("type=tmpfs,src=/tmp,dst=/m", "keys of a bind mount on a tmpfs"),
        ("type=bind,src=/tmp,dst=/m,readonly=perhaps", "neither true nor false"),
    ] {
        let error = run(mount, "true").fails(125);
        assert!(error.contains("--mount") && error.contains(says), "{mount}: {error}");
    }
}

#[test]
fn mounts_below_a_source_come_along_unless_said_otherwise() {
    let sandbox = Sandbox::minimal();
    sandbox.write("tree/below/marker", "on the disk");
    let tree = sandbox.file("tree");
    // In a mount namespace of the test's own, so that nothing is mounted on this machine.
    let within = |mount: &str| {
        let call =
            sandbox.call(["run", "--rm", "--mount", mount, "minimal", "ls", "/m/below"]).into_command();
        let script = r#"mount -t tmpfs none "$0/below"; : > "$0/below/mounted"; exec "$@""#;
        let mut command = std::process::Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-euc", script]).arg(&tree);
        command.arg(call.get_program()).args(call.get_args()).env("BULKHEAD_ROOT", sandbox.root());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let mount = format!("type=bind,src={},dst=/m", tree.display());
    assert_eq!(within(&mount), "mounted\n");
    assert_eq!(within(&format!("{mount},bind-recursive=disabled")), "marker\n");
    // Read-only means all of it.
    let call = format!("{mount},ro");
    assert_eq!(within(&call), "mounted\n");
}

#[test]
fn the_same_place_is_not_given_twice() {
    let sandbox = Sandbox::minimal();
    for flags in ["--tmpfs /m --tmpfs /m", "-v /tmp:/m --tmpfs /m", "-v /tmp:/m -v /var:/m/"] {
        let error = sandbox.sh(flags, "true").fails(125);
        assert!(error.contains("mount point") && error.contains("given twice"), "{flags}: {error}");
    }
    // Parents before children, in whatever order they are given.
    let script = "touch /m/inner/x /m/y && ls /m";
    assert_eq!(sandbox.sh("--tmpfs /m/inner --tmpfs /m", script).ok(), "inner\ny");
}

#[test]
fn mounts_that_cannot_be_are_refused() {
    let sandbox = Sandbox::minimal();
    for (value, says) in [
        ("data", "is not an absolute path"),
        ("d:/m", "volume name is too short"),
        ("da/ta:/m", "includes invalid characters for a local volume name"),
        ("data:/m:rslave", "is for paths of the host"),
        ("/tmp:/m:nocopy", "is for volumes"),
        ("/tmp:/m:z", "asks for SELinux"),
        ("/tmp:/m:rw,ro", "says twice"),
        ("/tmp:/m:ro:x", "too many colons"),
        ("/tmp:relative", "is not an absolute path"),
        ("/tmp:/proc/sys", "CVE-2015-3631"),
        ("/tmp:/a/../..", ".."),
    ] {
        let error = sandbox.run(&format!("-v {value} minimal true")).fails(125);
        assert!(error.contains(says), "{value}: {error}");
    }
}

#[test]
fn shared_memory_has_its_size() {
    let sandbox = Sandbox::minimal();
    let size = "df -k /dev/shm | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2";
    assert_eq!(sandbox.sh("", size).ok(), "65536");
    assert_eq!(sandbox.sh("--shm-size 3m", size).ok(), "3072");
    assert_eq!(sandbox.sh("--shm-size 0", size).ok(), "65536");
    assert_eq!(
        sandbox.sh("--shm-size 1m", "head -c 2m /dev/zero > /dev/shm/x 2>/dev/null || echo full").ok(),
        "full"
    );
    let shm = options(&sandbox, "", "/dev/shm");
    assert!(has(&shm, &["nosuid", "nodev", "noexec"]), "{shm:?}");
    assert!(sandbox.run("--shm-size -1 minimal true").fails(125).contains("is not a size"));
}

#[test]
fn a_device_of_the_host_is_given_with_its_rights() {
    let sandbox = Sandbox::minimal();
    let Some(device) = Loop::new(&sandbox, 1 << 20) else { return tests::skip("no free loop device") };
    let node = device.path.display();
    // 0600 of the host's root outside: inside it belongs to the container's root.
    let look = "stat -c '%u:%g %a' /dev/given";
    assert_eq!(sandbox.sh(&format!("--device {node}:/dev/given"), look).ok(), "0:0 600");
    let read = "head -c 4 /dev/given 2>/dev/null || echo no read";
    let write = "echo WROT > /dev/given 2>/dev/null || echo no write";
    for (rights, read_says, write_says) in
        [("r", "disk", "no write"), ("w", "no read", ""), ("rw", "WROT", ""), ("rwm", "WROT", "")]
    {
        let flags = format!("--device {node}:/dev/given:{rights}");
        assert_eq!(sandbox.sh(&flags, read).ok(), read_says, "{rights}");
        assert_eq!(sandbox.sh(&flags, write).ok(), write_says, "{rights}");
    }
    // Without the flag a node of it opens for nobody, who could make one anyway.
    let flags = "--cap-add MKNOD";
    let number = device.path.metadata().unwrap().rdev() & 0xff;
    let script =
        format!("mknod /dev/own b 7 {number} 2>/dev/null && head -c 4 /dev/own 2>/dev/null || echo no");
    assert_eq!(sandbox.sh(flags, &script).ok(), "no");
    // Another user inside may not open it, whose mode is root's alone.
    assert_eq!(sandbox.sh(&format!("--device {node}:/dev/given -u user"), read).ok(), "no read");
}

#[test]
fn devices_that_are_none() {
    let sandbox = Sandbox::minimal();
    for (value, says) in [
        ("/dev/no-such-device", "device `/dev/no-such-device` does not exist on the host"),
        ("/etc/passwd", "it is not a device"),
        ("/dev/null:/dev/x:rwx", "are not rights"),
        ("null", "is not an absolute path"),
    ] {
        let error = sandbox.run(&format!("--device {value} minimal true")).fails(125);
        assert!(error.contains(says), "{value}: {error}");
        assert!(sandbox.containers().is_empty());
    }
    // A usual one can be replaced, and one can be put anywhere.
    let script = "echo x > /dev/null 2>/dev/null || echo full; echo x > /here/full 2>/dev/null || echo full";
    assert_eq!(
        sandbox.sh("--device /dev/full:/dev/null --device /dev/full:/here/full", script).ok(),
        "full\nfull"
    );
}

/// `rslave`: what the host mounts later shows up inside. `shared`, the other way round, is refused.
#[test]
fn mounts_of_the_host_are_followed_when_asked_for() {
    let sandbox = Sandbox::minimal();
    let tree = sandbox.file("tree");
    std::fs::create_dir(&tree).unwrap();
    // A host of the test's own: a mount namespace in which the tree is shared.
    let script = r#"
        tree=$1; shift
        mount -t tmpfs outer "$tree"; mount --make-shared "$tree"; mkdir "$tree/below"; mkfifo "$tree/go" "$tree/ready"
        "$@" & container=$!
        read line < "$tree/ready"
        mount -t tmpfs inner "$tree/below"; : > "$tree/below/later"
        echo now > "$tree/go"
        wait $container"#;
    let inside = "echo up > /m/ready; read line < /m/go; ls /m/below";
    let within = |propagation: &str| {
        let volume = format!("{}:/m{propagation}", tree.display());
        let call = sandbox.call(["run", "--rm", "-v", &volume, "minimal", "sh", "-c", inside]).into_command();
        let mut command = std::process::Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-euc", script, "sh"]).arg(&tree);
        command.arg(call.get_program()).args(call.get_args()).env("BULKHEAD_ROOT", sandbox.root());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(within(":rslave"), "later\n");
    assert_eq!(within(":slave,ro"), "later\n");
    assert_eq!(within(""), "");
    let error = sandbox.run("-v /tmp:/m:rshared minimal true").fails(125);
    assert!(error.contains("would carry the container's mounts to the host"), "{error}");
}

/// The third right is making nodes of it, which only somebody with the host's own ids could do at all.
#[test]
fn nodes_of_a_device_are_made_with_the_third_right_only() {
    let sandbox = Sandbox::minimal();
    let Some(disk) = Loop::new(&sandbox, 1 << 20) else { return tests::skip("no free loop device") };
    let number = disk.path.metadata().unwrap().rdev() & 0xff;
    let script = format!("mknod /own b 7 {number} 2>/dev/null && echo made || echo refused");
    for (rights, says) in [("rw", "refused"), ("rwm", "made"), ("m", "made")] {
        let flags = format!(
            "--userns host --cap-add MKNOD --security-opt landlock=off --device {}:/dev/given:{rights}",
            disk.path.display()
        );
        assert_eq!(sandbox.sh(&flags, &script).ok(), says, "{rights}");
    }
}

#[test]
fn a_privileged_container_has_the_hosts_devices() {
    let sandbox = Sandbox::minimal();
    let Some(disk) = Loop::new(&sandbox, 1 << 20) else { return tests::skip("no free loop device") };
    let node = disk.path.display();
    let read = format!("head -c 4 {node} 2>/dev/null || echo none");
    assert_eq!(sandbox.sh("--privileged", &read).ok(), "disk");
    assert_eq!(sandbox.sh("", &read).ok(), "none");
    // What a container has of its own stays its own.
    assert_eq!(
        sandbox.sh("--privileged -t", "tty; ls -1 /dev/pts").ok().replace('\r', ""),
        "/dev/pts/0\n0\nptmx"
    );
}

#[test]
fn what_a_container_wrote_is_counted() {
    let sandbox = Sandbox::minimal();
    let script = "echo hello > /x; ln /x /y; ln -s /x /z; mkdir /d; echo more > /d/w";
    sandbox.call(["run", "--name", "writer", "minimal", "sh", "-c", script]).ok();
    let said = sandbox.call(["ps", "-a", "--format", "{{.Size}}"]).ok();
    assert!(said.starts_with("11B (virtual "), "{said}");
    let table = sandbox.call(["ps", "-l", "--size"]).ok();
    assert!(table.lines().next().unwrap().ends_with("SIZE") && table.contains("11B (virtual "), "{table}");
    assert_eq!(sandbox.call(["ps", "-n", "0", "-q"]).ok(), "");
    sandbox.call(["rm", "writer"]).ok();
}
