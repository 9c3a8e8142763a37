// SPDX-License-Identifier: Apache-2.0
//! What the engine keeps on disk, and who else can reach it (CVE-2014-0047, CVE-2014-3499, CVE-2021-21284,
//! CVE-2021-41091, CVE-2021-41103, CVE-2024-25621).

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use tests::Sandbox;

use crate::hostile;

/// The caller's umask is 0. Fails without: the modes in engine/lib.rs (`make_directory`), records.rs,
/// directory.rs, store/lib.rs.
#[test]
fn nobody_else_gets_into_the_state() {
    let sandbox = Sandbox::new();
    with_umask_zero(
        &sandbox,
        &["import", "--quiet", tests::image("minimal.tar").to_str().unwrap(), "minimal"],
    );
    with_umask_zero(&sandbox, &["run", "minimal", "true"]);
    let root = sandbox.root();
    assert_eq!(mode(&root), 0o700);
    for entry in std::fs::read_dir(&root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_eq!(mode(&path), 0o700, "{}", path.display());
        }
    }
    let container = root.join("containers").join(&sandbox.containers()[0]);
    assert_eq!(mode(&container), 0o700);
    // A user of the host, and the ids that containers have.
    for user in ["4343", "1879048192", "1879048193", "1879113728"] {
        let listed = Command::new("setpriv")
            .args(["--reuid", user, "--regid", user, "--clear-groups", "find"])
            .arg(&root)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert!(!listed.status.success() && said.lines().count() <= 1, "{user}: {said}");
    }
}

/// A state root that somebody else may write to, or made, is not trusted: its layers could be anybody's.
/// Fails without: `refuse_others` in engine/lib.rs.
#[test]
fn a_root_that_others_may_write_to_is_refused() {
    let sandbox = Sandbox::new();
    for (name, permissions, owner) in
        [("open", 0o777, 0), ("sticky", 0o1777, 0), ("group", 0o775, 0), ("foreign", 0o755, 4343)]
    {
        let root = sandbox.file(name);
        std::fs::create_dir(&root).unwrap();
        std::fs::set_permissions(&root, std::fs::Permissions::from_mode(permissions)).unwrap();
        std::os::unix::fs::chown(&root, Some(owner), Some(owner)).unwrap();
        let told = sandbox.call(["images"]).env("BULKHEAD_ROOT", root.to_str().unwrap()).ended();
        assert!(told.code != 0 && told.err.contains(root.to_str().unwrap()), "{name}: {told}");
        assert_eq!(std::fs::read_dir(&root).unwrap().count(), 0, "{name}");
    }
    let usual = sandbox.file("usual");
    std::fs::create_dir(&usual).unwrap();
    sandbox.call(["images"]).env("BULKHEAD_ROOT", usual.to_str().unwrap()).ok();
}

/// Nothing of a container is mounted on the host, where a set-user-id file of an image would be in reach of
/// its users. The mount namespace that stands for the host passes mounts on to nobody outside the test.
/// Fails without: `make the mount namespace private` in mounts.rs.
#[test]
fn nothing_is_mounted_on_the_host() {
    let sandbox = Sandbox::minimal();
    let script = "mount --make-rshared / && wc -l < /proc/self/mountinfo && \
                  \"$0\" run --rm --userns host minimal wc -l /proc/self/mountinfo >&2 && \
                  wc -l < /proc/self/mountinfo";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "slave", "sh", "-c", script]).arg(tests::binary());
    let said = output(&sandbox, command);
    let counts: Vec<&str> = said.lines().collect();
    assert_eq!(counts.len(), 2, "{said}");
    assert_eq!(counts[0], counts[1]);
}

/// Predictable names in a shared /tmp: a whole life of a container leaves nothing there and follows nothing
/// that lies there. The machine's own /tmp is covered in a mount namespace of the test's. Fails when a
/// crate takes std::env::temp_dir.
#[test]
fn nothing_is_made_in_tmp() {
    let sandbox = Sandbox::new();
    let script = "mount -t tmpfs none /tmp && mount -t tmpfs none /dev/shm && umask 0 && \
                  for name in bulkhead bulkhead.lock layer.tar; do ln -s /etc/passwd /tmp/$name; done; \
                  \"$0\" import --quiet \"$1\" minimal >&2 && \"$0\" run --rm -i --init minimal true </dev/null >&2 && \
                  ls -A /tmp /dev/shm";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script]);
    command.arg(tests::binary()).arg(tests::image("minimal.tar"));
    let said = output(&sandbox, command);
    assert_eq!(said, "/dev/shm:\n\n/tmp:\nbulkhead\nbulkhead.lock\nlayer.tar\n");
    for source in sources(&crates()) {
        let text = std::fs::read_to_string(&source).unwrap();
        let shipped = text.split("#[cfg(test)]").next().unwrap();
        assert!(!shipped.contains("temp_dir("), "{}", source.display());
    }
}

/// Row 127: a socket of an engine is what most containers are taken over by. Fails without: the mounts of
/// plan.rs being all there are.
#[test]
fn there_is_no_socket_inside() {
    let sandbox = Sandbox::minimal();
    let script = "find / -type s 2>/dev/null; find / -xdev -type p 2>/dev/null; cat /proc/net/unix | wc -l";
    assert_eq!(sandbox.sh("", script).ok(), "1");
}

/// CVE-2014-9358: ids and names as parts of paths. Fails without: the parsed names of oci and records.rs.
#[test]
fn names_do_not_climb() {
    let sandbox = Sandbox::minimal();
    let canary = hostile::Canary::new(&sandbox);
    for name in ["../../canary", "..", ".", "/../etc", "a/../../canary", "sha256:../../canary", "\0", ""] {
        if name.contains('\0') {
            continue;
        }
        for words in [
            &["rmi", name][..],
            &["rm", name],
            &["inspect", name],
            &["history", name],
            &["tag", "minimal", name],
            &["walls", name],
            &["run", "--rm", name, "true"],
            &["run", "--rm", "--name", &format!("x{name}/"), "minimal", "true"],
        ] {
            let ended = sandbox.call(words).ended();
            assert_ne!(ended.code, 0, "{ended}");
        }
    }
    canary.assert_untouched();
    let left = std::fs::read_dir(sandbox.root().join("containers")).unwrap().count();
    assert_eq!(left, 0);
    let sockets = std::fs::read_dir(sandbox.root()).unwrap();
    assert_eq!(sockets.filter(|entry| entry.as_ref().unwrap().file_type().unwrap().is_socket()).count(), 0);
}

fn with_umask_zero(sandbox: &Sandbox, words: &[&str]) {
    let mut command = Command::new("sh");
    command.args(["-c", "umask 0; exec \"$@\"", "sh"]).arg(tests::binary()).args(words);
    output(sandbox, command);
}

/// What `command` says, which must succeed, with the environment that calls of the binary have.
fn output(sandbox: &Sandbox, mut command: Command) -> String {
    let call = sandbox.call(["unused"]).into_command();
    command.env_clear().envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn crates() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("crates")
}

fn sources(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let mut all: Vec<_> =
        files.into_iter().filter(|path| path.extension().is_some_and(|name| name == "rs")).collect();
    all.extend(folders.iter().flat_map(|folder| sources(folder)));
    all
}
