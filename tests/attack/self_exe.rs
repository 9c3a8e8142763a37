// SPDX-License-Identifier: Apache-2.0
//! The engine's own binary as seen from inside (CVE-2019-5736).

use std::os::unix::fs::PermissionsExt as _;

use tests::Sandbox;

use crate::hostile::{self, INSIDE, answers, helper_mount};

/// Fails without: `refuse_own_binary` in confine.rs. Root inside is root outside here, so nothing else keeps
/// the binary from being written to.
#[test]
fn a_container_is_not_started_from_it() {
    let sandbox = Sandbox::new();
    let before = hostile::digest(&tests::binary());
    hostile::image_with(&sandbox, "entry", &["ENTRYPOINT [\"/proc/self/exe\"]"], |_| {});
    hostile::image(&sandbox, "linked", |tree| hostile::link(tree, "bin/sh", "/proc/self/exe"));
    for words in [&["entry", "--version"][..], &["linked", "sh"], &["linked", "/proc/thread-self/exe"]] {
        let told = sandbox.call(["run", "--rm", "--userns", "host"].iter().chain(words)).fails(126);
        assert!(told.contains("CVE-2019-5736"), "{told}");
    }
    // From another working directory, where the path says nothing of /proc.
    let told = sandbox.call(["run", "--rm", "-w", "/proc/self", "entry", "x"]).fails(126);
    assert!(told.contains("CVE-2019-5736"), "{told}");
    let told = sandbox.call(["run", "--rm", "-w", "/proc/self", "--entrypoint", "./exe", "entry"]).fails(126);
    assert!(told.contains("CVE-2019-5736"), "{told}");
    assert_eq!(hostile::digest(&tests::binary()), before);
}

/// A script can name it as its interpreter, which the kernel looks up itself: then our binary runs inside
/// every wall, and ends. It is not written to. Rests on the owner of the file not being mapped, on the
/// binary being in use by the monitor, and on nobody else running in that container; shown by digest.
#[test]
fn a_script_that_names_it_gets_nothing() {
    let sandbox = Sandbox::new();
    let before = hostile::digest(&tests::binary());
    hostile::image(&sandbox, "script", |tree| {
        let path = tree.join("bin/evil");
        std::fs::write(&path, "#!/proc/self/exe --version\n").unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    });
    let ended = sandbox.call(["run", "--rm", "script", "/bin/evil"]).ended();
    assert!(ended.code != 0 || ended.out.contains("bulkhead"), "{ended}");
    assert_eq!(hostile::digest(&tests::binary()), before);
}

/// With `--init`, process 1 is our binary while the program runs beside it. Fails without:
/// `set_dumpable_behavior(NotDumpable)` in confine.rs (after own_clocks and in set_identity). The filter
/// and the owner of the file are out of the way.
#[test]
fn the_init_cannot_be_looked_into() {
    let sandbox = Sandbox::minimal();
    let before = hostile::digest(&tests::binary());
    for walls in ["", "--userns host --security-opt seccomp=unconfined --security-opt landlock=off"] {
        let flags = format!("--init {walls} -v {}", helper_mount());
        let said = answers(&sandbox.sh(&flags, &format!("{INSIDE} process 1")).ok());
        for (name, answer) in said {
            assert_ne!(answer, "open", "{name} ({walls})");
        }
    }
    assert_eq!(hostile::digest(&tests::binary()), before);
}
