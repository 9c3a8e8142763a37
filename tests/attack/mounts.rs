// SPDX-License-Identifier: Apache-2.0
//! Where mounts may land: links in the image and volumes over what the walls rely on (CVE-2015-3629,
//! 2015-3631, 2015-1335, 2019-16884, 2019-19921, 2023-27561, 2026-41579).

use tests::Sandbox;

use crate::hostile::{self, Canary};

/// Fails without: `Links::Refuse` in `own_place` of targets.rs.
#[test]
fn an_image_with_links_at_our_places_is_refused() {
    let sandbox = Sandbox::new();
    let canary = Canary::new(&sandbox);
    for place in ["proc", "sys", "dev"] {
        for to in [canary.path(), "/home", "/tmp", "../../../../../../tmp"] {
            let name = format!("{place}-{}", to.len());
            hostile::image(&sandbox, &name, |tree| hostile::link(tree, place, to));
            let told = sandbox.call(["run", "--rm", &name, "true"]).fails(125);
            assert!(told.contains(&format!("a link or a file at /{place}")), "{told}");
        }
    }
    canary.assert_untouched();
}

/// CVE-2015-3631, CVE-2019-16884. Fails without: the refusal of `/proc` in engine/prepare.rs.
#[test]
fn nothing_is_mounted_over_proc() {
    let sandbox = Sandbox::minimal();
    let volume = sandbox.file("volume");
    std::fs::create_dir(&volume).unwrap();
    for target in ["/proc", "/proc/", "/proc/self", "/proc/self/attr", "//proc/sys", "/./proc/1", "/"] {
        for flag in ["--volume", "--tmpfs"] {
            let bind = format!("{}:{target}", volume.display());
            let value = if flag == "--tmpfs" { target } else { &bind };
            let ended = sandbox.call(["run", "--rm", flag, value, "minimal", "true"]).ended();
            assert_eq!(ended.code, 125, "{ended}");
        }
    }
}

/// The same through a link of the image, where the words say nothing of /proc. Fails without: `landed` in
/// targets.rs.
#[test]
fn nothing_is_mounted_over_our_places_through_a_link() {
    let sandbox = Sandbox::new();
    let volume = sandbox.file("volume");
    std::fs::create_dir(&volume).unwrap();
    std::fs::write(volume.join("planted"), "x").unwrap();
    let ways = [
        ("/proc", ""),
        ("/proc", "/sys"),
        ("/proc/self", "/attr"),
        ("/dev", ""),
        ("/sys", "/kernel"),
        ("/", ""),
    ];
    for (at, (to, below)) in ways.into_iter().enumerate() {
        let name = format!("linked-{at}");
        hostile::image(&sandbox, &name, |tree| hostile::link(tree, "data", to));
        for flag in ["--volume", "--tmpfs"] {
            let target = format!("/data{below}");
            let bind = format!("{}:{target}", volume.display());
            let value = if flag == "--tmpfs" { &target } else { &bind };
            let told = sandbox.call(["run", "--rm", flag, value, &name, "true"]).fails(125);
            assert!(told.contains("a link leads it"), "{to}{below}: {told}");
        }
    }
}

/// The engine's own files (`/etc/hosts` and the like) land where the image's links say, and a proc file is
/// one of the places: the write that starts the clocks at zero, or that enters an AppArmor profile, would
/// go into a file of the image's choice. Fails without: `landed` in targets.rs (and `Links::SameMount` in
/// confine.rs, which holds alone for the clocks).
#[test]
fn the_engines_files_do_not_land_on_the_kernels() {
    let sandbox = Sandbox::new();
    let places = [
        "/proc/self/timens_offsets",
        "/proc/thread-self/attr/apparmor/exec",
        "/proc/sys/kernel/core_pattern",
        "/proc/self/attr/exec",
        "/dev/null",
        "/dev/pts/ptmx",
        "/sys/kernel/mm/transparent_hugepage/enabled",
    ];
    for (at, place) in places.into_iter().enumerate() {
        for file in ["hosts", "hostname", "resolv.conf"] {
            let name = format!("{file}-{at}");
            hostile::image(&sandbox, &name, |tree| hostile::link(tree, &format!("etc/{file}"), place));
            let ended = sandbox.call(["run", "--rm", &name, "cat", "/proc/uptime"]).ended();
            // What this kernel does not have cannot be landed on.
            assert_eq!(ended.code, 125, "{place}: {ended}");
        }
    }
}

/// CVE-2014-9356, CVE-2015-1335, CVE-2024-45310: links and dangling links in the path of a mount, of the
/// engine's files, of the working directory, of a device. Fails without: `RESOLVE_IN_ROOT` in
/// kernel/root.rs.
#[test]
fn links_lead_inside_and_never_to_the_host() {
    let sandbox = Sandbox::new();
    let canary = Canary::new(&sandbox);
    let deep = canary.path().trim_start_matches('/').to_owned();
    let up = format!("{}{deep}", "../".repeat(12));
    for (at, to) in [canary.path(), &up, &format!("{}/missing", canary.path())].into_iter().enumerate() {
        let name = format!("image-{at}");
        hostile::image_with(&sandbox, &name, &["WORKDIR /work/made"], |tree| {
            std::fs::create_dir_all(tree.join(&deep)).unwrap();
            for place in ["work", "data"] {
                hostile::link(tree, place, to);
            }
            for place in ["etc/hosts", "etc/hostname", "etc/resolv.conf"] {
                hostile::link(tree, place, format!("{to}/new-{}", place.trim_start_matches("etc/")));
            }
        });
        let volume = format!("{}:/data/mounted", sandbox.root().display());
        let device = "/dev/null:/data/device";
        let words = ["run", "--rm", "-v", &volume, "--device", device, &name, "sh", "-c"];
        let script = "cat /etc/hosts; : > made-inside; ls -d /data/mounted /data/device";
        let ended = sandbox.call(words.into_iter().chain([script])).ended();
        assert!(ended.code == 125 || ended.out.contains("localhost"), "{ended}");
        canary.assert_untouched();
    }
}

/// Nothing that lies at the place of an engine's file can stall the start: a fifo, a device, a directory.
/// Fails without: `O_PATH` and `O_EXCL` in `file` of targets.rs.
#[test]
fn odd_files_at_the_engines_places() {
    let sandbox = Sandbox::new();
    hostile::image(&sandbox, "fifo", |tree| hostile::fifo(&tree.join("etc/hosts")));
    hostile::image(&sandbox, "folder", |tree| std::fs::create_dir(tree.join("etc/hosts")).unwrap());
    hostile::image(&sandbox, "circle", |tree| hostile::link(tree, "etc/hosts", "hosts"));
    hostile::image(&sandbox, "file", |tree| {
        std::fs::rename(tree.join("etc"), tree.join("etc-was")).unwrap();
        std::fs::write(tree.join("etc"), "").unwrap();
    });
    let limit = std::time::Duration::from_secs(20);
    assert!(
        sandbox.call(["run", "--rm", "fifo", "cat", "/etc/hosts"]).within(limit).ok().contains("localhost")
    );
    for name in ["folder", "circle", "file"] {
        let ended = sandbox.call(["run", "--rm", name, "true"]).within(limit).ended();
        assert_eq!(ended.code, 125, "{ended}");
    }
}

/// Images of systemd distributions have a resolv.conf that leads to a file made at boot: it is made inside.
#[test]
fn a_link_to_nothing_gets_its_target() {
    let sandbox = Sandbox::new();
    hostile::image(&sandbox, "systemd", |tree| {
        hostile::link(tree, "etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf");
    });
    let script = ["run", "--rm", "systemd", "sh", "-c", "cat /etc/resolv.conf && ls /run/systemd/resolve"];
    assert!(sandbox.call(script).ok().ends_with("stub-resolv.conf"));
}

/// Row 131: whatever the order of the flags, a mount does not hide one below it.
#[test]
fn the_order_of_flags_hides_nothing() {
    let sandbox = Sandbox::minimal();
    let (above, below) = (sandbox.file("above"), sandbox.file("below"));
    for (folder, name) in [(&above, "a"), (&below, "b")] {
        std::fs::create_dir(folder).unwrap();
        std::fs::write(folder.join(name), "").unwrap();
    }
    std::fs::create_dir(above.join("in")).unwrap();
    let (first, second) = (format!("{}:/x", above.display()), format!("{}:/x/in", below.display()));
    for order in [[&first, &second], [&second, &first]] {
        let words = ["run", "--rm", "-v", order[0], "-v", order[1], "minimal", "sh", "-c", "ls /x /x/in"];
        assert_eq!(sandbox.call(words).ok(), "/x:\na\nin\n\n/x/in:\nb");
    }
}
