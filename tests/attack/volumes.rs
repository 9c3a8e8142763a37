// SPDX-License-Identifier: Apache-2.0
//! Volumes between containers that mean each other harm, and volumes of images that mean harm.

use std::time::{Duration, Instant};

use tests::Sandbox;

use crate::hostile::{self, Canary, INSIDE, Running, helper_mount};

/// While a volume is filled from an image, a container that has it exchanges a directory with a link to
/// one of the host. Fails without: `RESOLVE_BENEATH` and `RESOLVE_NO_SYMLINKS` of `Links::Refuse` in
/// kernel/root.rs.
#[test]
fn a_fill_stays_in_the_volume() {
    let sandbox = Sandbox::minimal();
    let canary = Canary::new(&sandbox);
    hostile::image(&sandbox, "filled", |tree| {
        std::fs::create_dir_all(tree.join("shared/dir/deep")).unwrap();
        std::fs::write(tree.join("shared/dir/planted"), "x").unwrap();
        std::fs::write(tree.join("shared/dir/deep/planted"), "x").unwrap();
    });
    let script = format!(
        "mkdir /shared/dir && ln -s {} /shared/link && exec {INSIDE} swap /shared/dir /shared/link",
        canary.path()
    );
    let flags = format!("-v data:/shared -v {}", helper_mount());
    let racer = Running::start(&sandbox, sandbox.sh(&flags, &script), "swapping");
    let cut_off = sandbox.root().join("volumes/data/filling");
    let (start, mut rounds, mut filled) = (Instant::now(), 0, 0);
    while start.elapsed() < RACE {
        // As if a command had been killed while it filled: so it is filled although it is not empty.
        std::fs::write(&cut_off, "").unwrap();
        let ended = sandbox.call(["run", "--rm", "-v", "data:/shared", "filled", "true"]).ended();
        assert!(matches!(ended.code, 0 | 125), "{ended}");
        rounds += 1;
        filled += u32::from(ended.code == 0);
    }
    drop(racer);
    assert!(rounds > 4, "only {rounds} rounds, {filled} filled");
    canary.assert_untouched();
}

/// The directory that the image says is a volume is a link to one of the host. Fails without:
/// `RESOLVE_IN_ROOT` of `Links::InRoot` in kernel/root.rs.
#[test]
fn a_fill_takes_the_images_files_only() {
    let sandbox = Sandbox::minimal();
    let canary = Canary::new(&sandbox);
    let host = sandbox.write("host/secret", "the host's");
    let host = host.parent().unwrap();
    let up = format!("../../../../../../../../..{}", host.display());
    for (name, link) in [("linked", host.to_str().unwrap()), ("up", &up)] {
        hostile::image_with(&sandbox, name, &["VOLUME /data"], |tree| {
            hostile::link(tree, "data", link);
            // The same path is there inside.
            let inside = tree.join(host.strip_prefix("/").unwrap());
            std::fs::create_dir_all(&inside).unwrap();
            std::fs::write(inside.join("inside"), "x").unwrap();
        });
        let volume = format!("{name}:/data");
        let said = sandbox.call(["run", "--rm", "-v", &volume, name, "sh", "-c", "ls -A /data"]).ok();
        assert_eq!(said, "inside", "{link}");
        let data = sandbox.root().join("volumes").join(name).join("_data");
        assert!(data.join("inside").exists() && !data.join("secret").exists(), "{link}");
    }
    canary.assert_untouched();
}

/// Places that an image may not have as volumes: they would take walls down.
#[test]
fn an_image_has_no_volumes_where_no_mount_may_be() {
    let sandbox = Sandbox::minimal();
    for (name, place) in [("root", "/"), ("proc", "/proc"), ("sys", "/proc/sys"), ("up", "/a/../../proc")] {
        hostile::image_with(&sandbox, name, &[&format!("VOLUME {place}")], |_| {});
        let error = sandbox.call(["run", "--rm", name, "true"]).fails(125);
        assert!(error.contains("mount point"), "{place}: {error}");
        assert!(!sandbox.root().join("volumes").exists(), "{place}: nothing was made");
    }
}

/// A file that is set-user-id root in a volume does nothing for who runs it in another container, and no
/// ordinary user of the host gets to it (CVE-2021-41091). Fails without: `NOSUID` in runtime/plan.rs, and
/// `refuse_others` and the mode of the state root in engine/lib.rs.
#[test]
fn a_set_user_id_file_stays_an_ordinary_one() {
    let sandbox = Sandbox::minimal();
    let give = format!("-v data:/m -v {}", helper_mount());
    sandbox.sh(&give, &format!("cp {INSIDE} /m/user && chmod 4755 /m/user")).ok();
    let flags = "-u 1000 --security-opt no-new-privileges=false -v data:/m";
    assert_eq!(sandbox.sh(flags, "/m/user user").ok(), "1000");
    let file = sandbox.root().join("volumes/data/_data/user");
    let mut command = std::process::Command::new("setpriv");
    command.args(["--reuid", "4242", "--regid", "4242", "--clear-groups", "sh", "-c", "exec \"$0\" user"]);
    let output = command.arg(&file).output().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
}

/// What one container wrote is not reached by another that has a part of the volume only.
#[test]
fn a_part_of_a_volume_has_no_way_up() {
    let sandbox = Sandbox::minimal();
    sandbox.sh("-v data:/m", "mkdir /m/part && echo secret > /m/secret && ln -s ../secret /m/part/link").ok();
    let script = "cat /m/link /m/../secret /m/part/../../secret 2>/dev/null; ls /m";
    assert_eq!(sandbox.sh("--mount src=data,dst=/m,volume-subpath=part", script).ok(), "link");
}

const RACE: Duration = Duration::from_secs(4);
