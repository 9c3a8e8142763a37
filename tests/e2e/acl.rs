// SPDX-License-Identifier: Apache-2.0
//! Access control lists of files go with them, by the numbers of whoever gets them.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use kernel::rustix::fs::{XattrFlags, getxattr, setxattr};
use tests::{Ids, Sandbox};

const ACCESS: &str = "system.posix_acl_access";

/// `u::rw- u:USER:r-- g::--- m::r-- o::---` (acl(5), linux/posix_acl_xattr.h): only the owner and USER may read.
fn list(user: u32) -> Vec<u8> {
    let nobody = u32::MAX;
    let rights = [(1, 6, nobody), (2, 4, user), (4, 0, nobody), (0x10, 4, nobody), (0x20, 0, nobody)];
    let right = |(tag, rights, id): (u8, u8, u32)| [&[tag, 0, rights, 0][..], &id.to_le_bytes()].concat();
    [2, 0, 0, 0].into_iter().chain(rights.into_iter().flat_map(right)).collect()
}

fn list_of(path: &Path) -> Option<Vec<u8>> {
    let mut value = [0u8; 256];
    let length = getxattr(path, ACCESS, &mut value).ok()?;
    Some(value[..length].to_vec())
}

/// A container called `box` with `/secret`, whose list names user 1000 of the container, or what `user` says.
fn container(sandbox: &Sandbox, user: Option<u32>) -> PathBuf {
    let script = "echo hidden > /secret; chmod 600 /secret; touch /owned; chown 1000:1000 /owned";
    sandbox.call(["run", "--name", "box", "minimal", "sh", "-c", script]).ok();
    let upper = sandbox.root().join("containers").join(&sandbox.containers()[0]).join("upper");
    let user = user.unwrap_or_else(|| fs::metadata(upper.join("owned")).unwrap().uid());
    setxattr(upper.join("secret"), ACCESS, &list(user), XattrFlags::empty()).unwrap();
    assert_eq!(mode(&upper.join("secret")), 0o640, "the mask is what the mode shows");
    upper
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// User 1000 reads it in containers of the image, user 7 does not.
fn is_readable_by_1000_alone(sandbox: &Sandbox, image: &str) {
    assert_eq!(sandbox.call(["run", "--rm", "-u", "1000", image, "/bin/cat", "/secret"]).ok(), "hidden");
    sandbox.call(["run", "--rm", "-u", "7", image, "/bin/cat", "/secret"]).fails(1);
}

#[test]
fn a_list_goes_with_an_export_and_a_commit() {
    let ordinary = Sandbox::rootless(Ids::Range);
    ordinary.import("minimal.tar", "minimal");
    for sandbox in [Sandbox::minimal(), ordinary] {
        container(&sandbox, None);
        let told = sandbox.call(["commit", "box", "made"]).ended();
        assert_eq!((told.code, &told.err[..]), (0, ""), "{told}");
        is_readable_by_1000_alone(&sandbox, "made");
        let tar = sandbox.file("tar");
        let told = sandbox.call(["export", "-o", tar.to_str().unwrap(), "box"]).ended();
        assert_eq!((told.code, &told.err[..]), (0, ""), "{told}");
        sandbox.call(["import", tar.to_str().unwrap(), "flat"]).ok();
        is_readable_by_1000_alone(&sandbox, "flat");
        sandbox.call(["run", "--name", "again", "flat", "/bin/true"]).ok();
        sandbox.call(["export", "-o", "again.tar", "again"]).ok();
        assert!(
            fs::read(tar).unwrap() == fs::read(sandbox.file("again.tar")).unwrap(),
            "the archives differ"
        );
    }
}

#[test]
fn a_list_goes_with_a_copy_that_keeps_owners() {
    let sandbox = Sandbox::minimal();
    container(&sandbox, None);
    let out = sandbox.file("kept");
    assert_eq!(sandbox.call(["cp", "-a", "box:/secret", "kept"]).ended().err, "");
    assert_eq!(list_of(&out), Some(list(1000)));
    assert_eq!(sandbox.call(["cp", "-a", "kept", "box:/in"]).ended().err, "");
    let tar = sandbox.call(["cp", "box:/in", "-"]).into_command().output().unwrap().stdout;
    sandbox.call(["cp", "-", "box:/tmp"]).input(tar).ok();
    sandbox.call(["commit", "box", "made"]).ok();
    for path in ["/in", "/tmp/in"] {
        assert_eq!(sandbox.call(["run", "--rm", "-u", "1000", "made", "cat", path]).ok(), "hidden", "{path}");
        sandbox.call(["run", "--rm", "-u", "7", "made", "cat", path]).fails(1);
    }
    // To somebody else it would name strangers; and the group has no more rights than it had.
    let told = sandbox.call(["cp", "box:/secret", "plain"]).ended();
    assert_eq!((told.code, &told.err[..]), (0, "note: the access control list of plain was left out\n"));
    assert_eq!((list_of(&sandbox.file("plain")), mode(&sandbox.file("plain"))), (None, 0o600));
    let told = sandbox.call(["cp", "kept", "box:/plain"]).ended();
    assert!(told.err.contains("was left out"), "{told}");
}

/// A list that names somebody of the host has no meaning in an image: it is left out, and that is said.
#[test]
fn a_list_that_names_a_stranger_is_left_out() {
    let sandbox = Sandbox::minimal();
    container(&sandbox, Some(5));
    let note = "note: the access control list of secret was left out\n";
    let told = sandbox.call(["export", "-o", "tar", "box"]).ended();
    assert_eq!((told.code, &told.err[..]), (0, note), "{told}");
    let told = sandbox.call(["commit", "box", "made"]).ended();
    assert_eq!((told.code, &told.err[..]), (0, note), "{told}");
    let told = sandbox.call(["run", "--rm", "made", "stat", "-c", "%a", "/secret"]).ok();
    assert_eq!(told, "600", "its group may not read it now either");
    // Nor does a copy give it a number that it has not.
    fs::write(sandbox.file("file"), "x").unwrap();
    setxattr(sandbox.file("file"), ACCESS, &list(4_000_000), XattrFlags::empty()).unwrap();
    let told = sandbox.call(["cp", "-a", "file", "box:/file"]).ended();
    assert_eq!((told.code, &told.err[..]), (0, "note: the access control list of file was left out\n"));
}
