// SPDX-License-Identifier: Apache-2.0
//! The system call wall from inside: what it answers, what a capability opens, and profiles of others.

use kernel::rustix::process::Signal;
use tests::{Sandbox, helper, skip};

/// A libc that is newer than the policy tries a new call and falls back when there is none; EPERM would stop it.
#[test]
fn numbers_without_a_call_do_not_exist() {
    let sandbox = Sandbox::minimal();
    let mount = format!("-v {}:/figures:ro", helper("figures").display());
    // Those above the newest, all of x32, and all through the entry of 32-bit programs.
    for flags in ["", "--cap-add ALL"] {
        let said = sandbox.sh(&format!("{mount} {flags}"), "/figures every").ok();
        assert_eq!(said, "strange:", "`{flags}`");
    }
    // So they answer because of the filter and not because of this kernel.
    let native = sandbox.sh(&format!("{mount} --security-opt seccomp=unconfined"), "/figures every").ok();
    assert_eq!(native, "strange: i386 20");
}

#[test]
fn a_capability_opens_its_own_calls_and_no_namespace() {
    let sandbox = Sandbox::minimal();
    let attempts = "chroot / true 2> /dev/null && echo chroot
        mount -t tmpfs none /tmp 2> /dev/null && echo mount
        hostname other 2> /dev/null && echo hostname
        unshare -U true 2> /dev/null && echo user namespace
        unshare -m true 2> /dev/null && echo mount namespace
        mknod /tmp/null c 1 3 2> /dev/null && echo device
        true";
    for (flags, opened) in [
        ("", ""),
        ("--cap-add SYS_CHROOT", "chroot"),
        // Mounting is open by then, and stopped by Landlock; namespaces are opened by nothing.
        ("--cap-add SYS_ADMIN", "hostname"),
        ("--cap-add SYS_ADMIN --security-opt landlock=off", "mount\nhostname"),
        ("--cap-add ALL", "chroot\nhostname"),
    ] {
        assert_eq!(sandbox.sh(flags, attempts).ok(), opened, "`{flags}`");
    }
}

/// What is lifted is named, for as long as the container lives.
#[test]
fn what_a_capability_opens_is_told() {
    let sandbox = Sandbox::minimal();
    let told = |flags: &[&str]| {
        let script = ["minimal", "sh", "-c", "trap exit TERM; echo up; sleep 1000 & wait"];
        let words: Vec<&str> =
            ["run", "--rm", "--name", "told"].iter().chain(flags).chain(&script).copied().collect();
        let mut monitor = sandbox.call(words).spawn();
        monitor.read_until("up");
        let text = sandbox.call(["walls", "--format", "json", "told"]).ok();
        monitor.signal(Signal::TERM);
        monitor.end();
        let walls: serde_json::Value = serde_json::from_str(&text).unwrap();
        let row = walls["walls"].as_array().unwrap().iter().find(|row| row["name"] == "seccomp").unwrap();
        (row["state"].as_str().unwrap().to_owned(), row["weakened_by"].to_string())
    };
    assert_eq!(told(&[]), ("up".into(), "[]".into()));
    let (state, by) = told(&["--cap-add", "SYS_PTRACE", "--cap-add", "IPC_LOCK"]);
    assert_eq!(state, "lowered");
    assert!(by.contains("--cap-add SYS_PTRACE (opens ptrace, process_vm_readv"), "{by}");
    assert!(!by.contains("IPC_LOCK"), "{by}");
}

#[test]
fn a_profile_replaces_the_policy() {
    let sandbox = Sandbox::minimal();
    let profile = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
        {"names": ["kill"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "value": 10, "op": "SCMP_CMP_EQ"}]}]}"#;
    let path = sandbox.write("profile.json", profile);
    let flags = format!("--security-opt seccomp={}", path.display());
    let said = sandbox
        .sh(&flags, "mkdir /tmp/x 2>&1; kill -USR1 $$ 2>&1; trap 'echo hello' USR2; kill -USR2 $$")
        .ok();
    assert_eq!(
        said,
        "mkdir: can't create directory '/tmp/x': No space left on device\nsh: can't kill pid 1: Operation not permitted\nhello"
    );

    let path = sandbox.write("bad.json", r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["raed"], "action": "SCMP_ACT_ERRNO"}]}"#);
    let error = sandbox.sh(&format!("--security-opt seccomp={}", path.display()), "true").fails(125);
    assert!(error.contains("bad.json") && error.contains("raed"), "{error}");
}

/// Docker's own default profile, as it ships it; a twin of it is compared rule by rule in crates/runtime.
#[test]
fn docker_s_profile_runs_programs() {
    let path = "/work/shared/reference/moby-seccomp-default.json";
    if !std::path::Path::new(path).exists() {
        return skip("Docker's default seccomp profile is not at hand");
    }
    let sandbox = Sandbox::minimal();
    let flags = format!("--security-opt seccomp={path} -m 64m");
    let said = sandbox
        .sh(
            &flags,
            "grep -h Seccomp: /proc/self/status; unshare -U true 2>&1; free -k | awk '/^Mem/ { print $2 }'",
        )
        .ok();
    assert_eq!(said, "Seccomp:\t2\nunshare: unshare(0x10000000): Operation not permitted\n65536");
}

/// The 32-bit entry is shut, unless the image is for a 32-bit machine; then it shows, and the view answers there too.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_32_bit_image_runs_32_bit_programs() {
    let sandbox = Sandbox::minimal();
    let probe = sandbox.write("probe", thirty_two_bits());
    std::fs::set_permissions(&probe, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let flags = format!("-v {}:/probe:ro -m 64m", probe.display());
    // Its calls do not exist, exit(2) neither: it runs off its end.
    sandbox.sh(&flags, "exec /probe").fails(139);

    sandbox.call(["load", "--input", image_for(&sandbox, "386").to_str().unwrap()]).ok();
    let words = ["run", "--rm"].into_iter().chain(flags.split(' ')).chain(["for-386", "sh", "-c"]);
    // struct sysinfo: the fifth word is the total.
    let text = "/probe | od -A n -t u4 -w64 | awk '{ print $5, $14 }'";
    assert_eq!(sandbox.call(words.chain([text])).ok(), "67108864 1");

    let other = image_for(&sandbox, "s390x");
    sandbox.call(["load", "--input", other.to_str().unwrap()]).ok();
    let error = sandbox.call(["run", "--rm", "for-s390x", "true"]).fails(125);
    assert!(error.contains("s390x"), "{error}");
}

/// A static i386 program: sysinfo(2), write(2) of its 64 bytes, exit(2).
#[cfg(target_arch = "x86_64")]
fn thirty_two_bits() -> Vec<u8> {
    const BASE: u32 = 0x0804_8000;
    const HEADERS: u32 = 52 + 32;
    let buffer = (BASE + 0x1000).to_le_bytes();
    let load = |register: u8, value: [u8; 4]| [vec![register], value.to_vec()].concat();
    let (eax, ebx, ecx, edx, call) = (0xb8, 0xbb, 0xb9, 0xba, vec![0xcd, 0x80]);
    let number = |number: u32| number.to_le_bytes();
    let sysinfo = [load(eax, number(116)), load(ebx, buffer), call.clone()].concat();
    let write =
        [load(eax, number(4)), load(ebx, number(1)), load(ecx, buffer), load(edx, number(64)), call.clone()];
    let exit = [load(eax, number(1)), load(ebx, number(0)), call].concat();
    let code = [sysinfo, write.concat(), exit].concat();
    let size = HEADERS + u32::try_from(code.len()).unwrap();
    // elf(5): a 32-bit executable for Intel 80386 with one segment.
    let mut elf = vec![0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0];
    elf.extend([1, BASE + HEADERS, 52, 0, 0].map(u32::to_le_bytes).concat());
    elf.extend([52u16, 32, 1, 0, 0, 0].map(u16::to_le_bytes).concat());
    elf.extend([1, 0, BASE, BASE, size, 0x2000, 7, 0x1000].map(u32::to_le_bytes).concat());
    elf.extend(code);
    elf
}

/// The image `minimal` as a docker-archive that says it is for `architecture`.
#[cfg(target_arch = "x86_64")]
fn image_for(sandbox: &Sandbox, architecture: &str) -> std::path::PathBuf {
    let script = r#"
        mkdir "$1"; cd "$1"; cp "$2" layer.tar
        sum=$(sha256sum layer.tar | cut -d' ' -f1)
        printf '{"architecture":"%s","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$3" "$sum" > config.json
        printf '[{"Config":"config.json","RepoTags":["for-%s:latest"],"Layers":["layer.tar"]}]' "$3" > manifest.json
        tar --create --file ../"$1.tar" manifest.json config.json layer.tar"#;
    let folder = sandbox.write(&format!("{architecture}/unused"), "").parent().unwrap().to_owned();
    let status = std::process::Command::new("sh")
        .current_dir(&folder)
        .args(["-euc", script, "sh", architecture])
        .arg(tests::image("minimal.tar"))
        .arg(architecture)
        .status();
    assert!(status.unwrap().success());
    folder.join(format!("{architecture}.tar"))
}
