// SPDX-License-Identifier: Apache-2.0
//! Who the program becomes, and what an image's passwd and group files can make of that.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Duration;

use tests::Sandbox;

use crate::hostile;

/// CVE-2016-3697. Fails without: `number` in user.rs, before any name is looked up.
#[test]
fn a_number_is_never_looked_up_as_a_name() {
    let sandbox = Sandbox::new();
    hostile::image(&sandbox, "minimal", |tree| {
        write(tree, "etc/passwd", "root:x:0:0::/:/bin/sh\n1000:x:0:0::/:/bin/sh\n");
        write(tree, "etc/group", "root:x:0:\n1000:x:0:\n");
    });
    assert_eq!(sandbox.sh("--user 1000:1000", "id -u; id -g").ok(), "1000\n1000");
}

/// CVE-2024-40635, CVE-2026-46680: ids that wrap to 0, from the caller and from the image. Fails without:
/// `id` in user.rs.
#[test]
fn ids_do_not_wrap() {
    let sandbox = Sandbox::minimal();
    let numbers = ["4294967295", "4294967296", "18446744073709551616", "2147483648", "99999999999999999999"];
    for (at, number) in numbers.into_iter().enumerate() {
        let name = format!("image-{at}");
        hostile::image_with(&sandbox, &name, &[&format!("USER {number}")], |_| {});
        let group = format!("0:{number}");
        for words in [
            &["--user", number, "minimal"][..],
            &["--user", &group, "minimal"],
            &["--group-add", number, "minimal"],
            &[&name],
        ] {
            let ended = sandbox.call(["run", "--rm"].iter().chain(words).chain(&["id"])).ended();
            assert_eq!(ended.code, 125, "{ended}");
        }
    }
    for odd in ["-1", "+0", "0x0", " 0", "0 ", "١"] {
        let ended = sandbox.call(["run", "--rm", &format!("--user={odd}"), "minimal", "id"]).ended();
        assert_eq!(ended.code, 125, "{odd:?}: {ended}");
    }
}

/// CVE-2024-9676, CVE-2026-47262: a fifo, a device, a huge file, a directory or a circle where passwd and
/// group should be. Fails without: `open_file` in kernel/root.rs (regular files only) and the bound in
/// user.rs.
#[test]
fn odd_account_files_neither_stall_nor_fill_memory() {
    let sandbox = Sandbox::new();
    for file in ["etc/passwd", "etc/group"] {
        let short = file.trim_start_matches("etc/");
        let ways: [Way<'_>; 6] = [
            ("fifo", &|path| hostile::fifo(path)),
            ("huge", &|path| {
                let mut huge = std::fs::File::create(path).unwrap();
                huge.seek(SeekFrom::Start(2 << 30)).unwrap();
                huge.write_all(b"\n").unwrap();
            }),
            ("folder", &|path| std::fs::create_dir(path).unwrap()),
            ("circle", &|path| std::os::unix::fs::symlink(path.file_name().unwrap(), path).unwrap()),
            ("device", &|path| std::os::unix::fs::symlink("/dev/zero", path).unwrap()),
            ("endless", &|path| std::os::unix::fs::symlink("/proc/kmsg", path).unwrap()),
        ];
        for (name, way) in ways {
            let image = format!("{short}-{name}");
            hostile::image(&sandbox, &image, |tree| {
                std::fs::remove_file(tree.join(file)).unwrap();
                way(&tree.join(file));
            });
            let call = sandbox.call(["run", "--rm", "--user", "user:user", &image, "id"]);
            let ended = call.within(Duration::from_secs(20)).ended();
            assert_eq!(ended.code, 125, "{image}: {ended}");
            // For what it is, and not because nobody is found in it; kmsg is hidden, so it is empty.
            assert!(ended.err.contains(file) || name == "endless", "{image}: {ended}");
        }
    }
}

/// CVE-2022-36109 and kin: a group that is denied, by a file that everybody else may read. Fails without:
/// the primary group and the memberships in `resolve` of user.rs.
#[test]
fn a_member_is_denied_what_its_group_is_denied() {
    let sandbox = Sandbox::new();
    hostile::image(&sandbox, "minimal", |tree| {
        write(
            tree,
            "etc/passwd",
            "root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\nother:x:1001:1001::/:/bin/sh\n",
        );
        write(tree, "etc/group", "root:x:0:\nuser:x:1000:\ndenied:x:2000:user\nother:x:1001:\n");
        for (name, group) in [("first", 1000), ("second", 2000)] {
            let path = tree.join(name);
            std::fs::write(&path, "secret\n").unwrap();
            std::os::unix::fs::chown(&path, Some(0), Some(group)).unwrap();
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o604)).unwrap();
        }
    });
    let script = "cat /first /second 2>/dev/null; id -G";
    assert_eq!(sandbox.sh("--user other", script).ok(), "secret\nsecret\n1001");
    assert_eq!(sandbox.sh("--user user", script).ok(), "1000 2000");
    assert_eq!(sandbox.sh("--user 1000", script).ok(), "1000 2000");
    assert_eq!(sandbox.sh("--user other:1000", "id -G").ok(), "1000", "the host's groups are gone");
}

/// CVE-2016-8867, CVE-2022-24769, CVE-2022-29162: sets that come back after an exec. Fails without:
/// `set_exactly` in kernel/caps.rs.
#[test]
fn no_capability_is_inheritable_or_ambient() {
    let sandbox = Sandbox::minimal();
    let none = "CapInh:\t0000000000000000\nCapAmb:\t0000000000000000";
    for flags in [
        "",
        "--user 1000",
        "--cap-add ALL",
        "--cap-add ALL --user 1000",
        "--privileged",
        "--init",
        "--userns host",
    ] {
        let said = sandbox.sh(flags, "grep -E 'Cap(Inh|Amb)' /proc/self/status").ok();
        assert_eq!(said, none, "{flags}");
    }
    let said = sandbox.sh("--cap-add ALL --user 1000", "grep -E 'Cap(Prm|Eff)' /proc/self/status").ok();
    assert!(said.lines().all(|line| line.ends_with("\t0000000000000000")), "{said}");
}

/// A set-user-id file of the image's gives nothing. Fails without: `forbid_new_privileges` in confine.rs
/// and `nosuid` on the root (either of the two holds alone; the test lifts the first).
#[test]
fn set_user_id_files_give_nothing() {
    let sandbox = Sandbox::new();
    hostile::image(&sandbox, "minimal", |tree| {
        std::fs::create_dir(tree.join("suid")).unwrap();
        let path = tree.join("suid/busybox");
        std::fs::copy(tree.join("bin/busybox"), &path).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o6755)).unwrap();
    });
    let script = "grep -E '^(Uid|NoNewPrivs)' /proc/self/status; /suid/busybox grep ^Uid /proc/self/status";
    let said = sandbox.sh("--user 1000 --security-opt no-new-privileges=false", script).ok();
    assert_eq!(said, "Uid:\t1000\t1000\t1000\t1000\nNoNewPrivs:\t0\nUid:\t1000\t1000\t1000\t1000");
    assert!(sandbox.sh("--user 1000", script).ok().contains("NoNewPrivs:\t1"));
}

fn write(tree: &Path, at: &str, text: &str) {
    std::fs::write(tree.join(at), text).unwrap();
}

/// A name, and what makes the file.
type Way<'a> = (&'a str, &'a dyn Fn(&Path));
