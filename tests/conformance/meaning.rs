// SPDX-License-Identifier: Apache-2.0
//! What layers mean, seen from inside a container: whiteouts, opaque directories, links, attributes,
//! owners, times. The lowest layer is busybox.

use crate::making::{Layer, Layout};
use crate::tarball::{Header, directory, file, file_of, gnu_long, hard_link, node, pax, sparse, symlink};
use tests::Sandbox;

/// An image of busybox and these layers.
fn image(layers: &[&[Vec<u8>]]) -> Sandbox {
    let sandbox = Sandbox::new();
    let busybox = Layer::plain(std::fs::read(tests::image("minimal.tar")).unwrap());
    let layers: Vec<Layer> =
        std::iter::once(busybox).chain(layers.iter().map(|entries| Layer::of(entries))).collect();
    sandbox.call(["load"]).input(Layout::of("made:1", &layers).tar()).ok();
    sandbox
}

fn sh(sandbox: &Sandbox, script: &str) -> String {
    sandbox.call(["run", "--rm", "made:1", "sh", "-c", script]).ok()
}

#[test]
fn whiteouts_and_opaque_directories() {
    let below = [
        directory("d", 0o755),
        file("d/kept", "1"),
        file("d/gone", "2"),
        directory("hidden", 0o755),
        file("hidden/old", "3"),
        directory("again", 0o755),
        file("again/old", "4"),
        file("becomes-directory", "5"),
        file("replaced", "old"),
    ];
    let above = [
        file("d/.wh.gone", ""),
        directory("hidden", 0o700),
        file("hidden/.wh..wh..opq", ""),
        file("hidden/new", "6"),
        file(".wh.again", ""),
        directory("again", 0o755),
        file("again/new", "7"),
        directory("becomes-directory", 0o755),
        file("becomes-directory/in", "8"),
        file("replaced", "new"),
        file(".wh.nobody", ""),
    ];
    let sandbox = image(&[&below, &above]);
    let listed = sh(
        &sandbox,
        "cd /; find d hidden again becomes-directory replaced | sort; cat replaced; stat -c %a hidden",
    );
    let want = "again\nagain/new\nbecomes-directory\nbecomes-directory/in\nd\nd/kept\nhidden\nhidden/new\nreplaced\nnew700";
    assert_eq!(listed, want);
}

/// Marks of overlayfs in a layer would hide or move what a scanner of its tar believes to see.
#[test]
fn marks_of_overlayfs_do_nothing() {
    let xattr = |name: &str, value: &[u8]| pax(&[(&format!("SCHILY.xattr.{name}"), value)]);
    for prefix in ["trusted", "user"] {
        let below = [directory("d", 0o755), file("d/old", "old"), file("plain", "plain")];
        let above = [
            xattr(&format!("{prefix}.overlay.opaque"), b"y"),
            directory("d", 0o755),
            xattr(&format!("{prefix}.overlay.redirect"), b"/bin"),
            directory("moved", 0o755),
            xattr(&format!("{prefix}.overlay.metacopy"), b""),
            file("plain", ""),
            xattr(&format!("{prefix}.overlay.whiteout"), b"y"),
            file("d/new", ""),
        ];
        let sandbox = image(&[&below, &above]);
        let said = sh(&sandbox, "cd /; ls d; ls moved | wc -l; wc -c < plain");
        assert_eq!(said, "new\nold\n0\n0", "{prefix}");
    }
}

#[test]
fn links_names_owners_and_times() {
    let long = "long/".repeat(40) + "name";
    let entries = [
        file_of(&Header { name: b"one", owner: (1000, 2000), mode: 0o4711, ..Header::default() }, "content"),
        hard_link("two", "one"),
        symlink("link", "one"),
        gnu_long(b'L', long.as_bytes()),
        file("cut", "long"),
        pax(&[("path", b"pax name"), ("uid", b"60000"), ("mtime", b"1234567890.5")]),
        file("x", "y"),
        sparse("holes", 5 << 20, &[(4 << 20, 4)], b"data"),
        node("fifo", b'6', (0, 0)),
        pax(&[("SCHILY.xattr.user.colour", b"green")]),
        file("coloured", "x"),
    ];
    let sandbox = image(&[&entries]);
    let script = format!(
        "cd /; stat -c '%h %u:%g %a' one two; readlink link; cat {long}; echo; \
         stat -c '%u %Y' 'pax name'; stat -c %s holes; tail -c +4194305 holes | head -c 4; echo; stat -c %F fifo"
    );
    let want = "2 1000:2000 4711\n2 1000:2000 4711\none\nlong\n60000 1234567890\n5242880\ndata\nfifo";
    assert_eq!(sh(&sandbox, &script), want);
}

/// Overwriting one name of a file leaves its other names alone, also those of a link's target.
#[test]
fn replaced_entries_break_links() {
    let entries = [
        file("one", "first"),
        hard_link("two", "one"),
        file("two", "second"),
        file("target", "kept"),
        symlink("link", "target"),
        file("link", "a file now"),
        directory("d", 0o755),
        file("d/in", "x"),
        file("d", "a file now"),
    ];
    let sandbox = image(&[&entries]);
    assert_eq!(
        sh(&sandbox, "cd /; for f in one two target link d; do cat $f; echo; done"),
        "first\nsecond\nkept\na file now\na file now"
    );
}
