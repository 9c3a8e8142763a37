// SPDX-License-Identifier: Apache-2.0
//! `/dev`, its console, null and terminals, when the image or a volume has its own idea of them
//! (CVE-2025-52565, CVE-2026-41579, CVE-2026-88264, CVE-2026-88265).

use std::time::Duration;

use tests::Sandbox;

use crate::hostile::{self, Canary};

/// Links of the image below /dev are never seen: `/dev` is fresh. Fails without: the fresh /dev of plan.rs.
#[test]
fn an_images_dev_is_not_used() {
    let sandbox = Sandbox::new();
    let canary = Canary::new(&sandbox);
    let target = format!("{}/file", canary.path());
    hostile::image(&sandbox, "minimal", |tree| {
        std::fs::create_dir_all(tree.join("dev/pts")).unwrap();
        for name in ["dev/console", "dev/null", "dev/ptmx", "dev/tty", "dev/pts/0", "dev/pts/ptmx"] {
            hostile::link(tree, name, &target);
        }
        hostile::link(tree, "etc/canary", "/dev/console");
    });
    for flags in ["", "-t"] {
        let script = "echo x > /dev/console; echo x > /dev/null; stat -c %F /dev/null; \
                      [ -L /dev/console ] || echo no link";
        let ended = sandbox.sh(flags, script).ended();
        assert!(ended.out.contains("character special file") && ended.out.contains("no link"), "{ended}");
    }
    canary.assert_untouched();
}

/// A volume over /dev holds a fifo for null, a fifo for ptmx, a link for the console. Ours are under it
/// and are the ones that are used. Fails without: `dev` and `terminals` in mounts.rs (by path the fifo
/// would become the program's input).
#[test]
fn a_volume_over_dev_is_not_used_by_the_engine() {
    let sandbox = Sandbox::minimal();
    let canary = Canary::new(&sandbox);
    let volume = sandbox.file("volume");
    std::fs::create_dir_all(volume.join("pts")).unwrap();
    hostile::fifo(&volume.join("null"));
    hostile::fifo(&volume.join("pts/ptmx"));
    hostile::link(&volume, "console", format!("{}/file", canary.path()));
    let flags = format!("-v {}:/dev", volume.display());
    let script = "stat -Lc %F /proc/self/fd/0; stat -Lc '%t %T' /proc/self/fd/0";
    let said = sandbox.sh(&flags, script).within(Duration::from_secs(20)).ok();
    assert_eq!(said, "character special file\n1 3");
    let said = sandbox.sh(&format!("-t {flags}"), script).within(Duration::from_secs(20)).ok();
    // A terminal of the pseudo terminal's major number.
    assert!(said.starts_with("character special file"), "{said}");
    assert!(said.lines().nth(1).unwrap().starts_with("88 "), "{said}");
    canary.assert_untouched();
}
