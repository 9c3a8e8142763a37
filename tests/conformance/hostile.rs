// SPDX-License-Identifier: Apache-2.0
//! Hostile layers of our own making, one test for each class (research: what six engines did with 103
//! such layers). Whatever is refused leaves the store as it was, and nothing ever touches the canaries
//! beside it.

use crate::making::{Layer, Layout};
use crate::tarball::{self, Header, directory, file, hard_link, node, pax, sparse, symlink};
use crate::watched::Watched;

/// A name, the entries, and words that the refusal must have.
type Case<'a> = (&'a str, Vec<Vec<u8>>, &'a [&'a str]);

fn refuse_all(cases: Vec<Case<'_>>) {
    let watched = Watched::new();
    for (name, entries, words) in cases {
        watched.refuses(name, archive(&entries), words);
    }
}

fn accept_all(cases: Vec<(&str, Vec<Vec<u8>>)>) {
    let watched = Watched::new();
    for (name, entries) in cases {
        watched.accepts(name, archive(&entries));
    }
}

/// The entries as the second layer of an image.
fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    let below =
        [directory("dir", 0o755), file("dir/a", "a"), file("lower", "lower"), symlink("lowlink", "/canary")];
    Layout::of("hostile:1", &[Layer::of(&below), Layer::of(entries)]).tar()
}

fn up(rest: &str) -> String {
    "../".repeat(24) + rest
}

fn with(header: Header<'_>) -> Vec<u8> {
    header.bytes()
}

#[test]
fn names_that_climb_or_are_none() {
    let canary = "var/tmp/canary";
    refuse_all(vec![
        ("..", vec![file(up(canary), "x")], &["../", "`..`"]),
        ("inner ..", vec![file("a/b/".to_owned() + &up(canary), "x")], &["a/b/../", "`..`"]),
        (".. within the root", vec![file("a/../b", "x")], &["`a/../b`"]),
        (
            ".. as a prefix",
            vec![with(Header { name: b"x", prefix: b"../../..", ..Header::default() })],
            &["../"],
        ),
        ("a directory ..", vec![directory("../d", 0o777)], &["`../d`"]),
        ("no name", vec![file("", "x")], &["``", "no name"]),
        ("the root as a file", vec![file("./", "x")], &["`./`"]),
        ("the root as a link", vec![symlink(".", "/")], &["`.`"]),
        ("a file that is a directory's name", vec![file("d/", "x")], &["`d/`"]),
        ("a part of 256 bytes", vec![pax(&[("path", &[b'n'; 256])]), file("n", "x")], &["255 bytes"]),
        (
            "4096 bytes",
            vec![pax(&[("path", "d/".repeat(2048).as_bytes())]), directory("d", 0o755)],
            &["4095"],
        ),
        ("256 deep", vec![pax(&[("path", "d/".repeat(256).as_bytes())]), directory("d", 0o755)], &["deep"]),
        ("a zero byte", vec![pax(&[("path", b"a\0b")]), file("x", "x")], &["a\\x00b", "zero byte"]),
        ("a child of a file", vec![file("f", "x"), file("f/child", "y")], &["`f/child`"]),
    ]);
}

#[test]
fn names_that_are_merely_odd() {
    accept_all(vec![
        ("absolute", vec![file("/abs/olute", "x")]),
        ("doubled slashes", vec![file("a//b/./c", "x")]),
        ("no UTF-8", vec![file(b"\xff\xfe\n", "x")]),
        ("255 bytes", vec![pax(&[("path", &[b'n'; 255])]), file("n", "x")]),
        ("255 deep", vec![pax(&[("path", "d/".repeat(255).as_bytes())]), directory("d", 0o755)]),
        ("missing parents", vec![file("no/such/parent", "x")]),
        ("twice", vec![file("dup", "one"), file("dup", "two")]),
        (
            "file, directory, file",
            vec![file("t", "1"), directory("t", 0o755), file("t/in", "2"), file("t", "3")],
        ),
        ("a root that forbids everything", vec![directory("./", 0), file("after", "x")]),
        ("a directory that forbids everything", vec![directory("d", 0), file("d/in", "x")]),
        ("the GNU form of a name", vec![tarball::gnu_long(b'L', &[b'n'; 200]), file("n", "x")]),
    ]);
}

#[test]
fn symbolic_links() {
    let watched = Watched::new();
    let canary = watched.canary().display().to_string();
    let relative = up(canary.trim_start_matches('/'));
    let magic = format!("/proc/self/root{canary}");
    let link_then = |target: &str, entry: Vec<u8>| archive(&[symlink("l", target), entry]);
    for (case, target) in [("absolute", &canary), ("relative", &relative), ("magic", &magic)] {
        watched.refuses(case, link_then(target, file("l/new", "x")), &["`l/new`", "link"]);
        watched.refuses(case, link_then(target, directory("l/cdir", 0o777)), &["`l/cdir`"]);
        watched.refuses(case, link_then(target, file("l/.wh.victim", "")), &["`l/.wh.victim`"]);
        watched.refuses(case, link_then(target, file("l/.wh..wh..opq", "")), &["`l/.wh..wh..opq`"]);
        watched.refuses(case, link_then(target, symlink("l/secret", "x")), &["`l/secret`"]);
        watched.accepts("a file in its place", link_then(target, file("l", "x")));
        watched.accepts("a directory in its place", link_then(target, directory("l", 0o777)));
    }
    watched.refuses("a loop", archive(&[symlink("a", "b"), symlink("b", "a"), file("a/x", "x")]), &["`a/x`"]);
    watched.refuses("no target", archive(&[symlink("l", "")]), &["`l`"]);
    let long = archive(&[pax(&[("linkpath", &[b't'; 4096])]), symlink("l", "t")]);
    watched.refuses("a long target", long, &["`l`", "4095"]);
    watched.accepts("through a link of a lower layer", archive(&[file("lowlink/x", "x")]));
}

#[test]
fn hard_links() {
    let watched = Watched::new();
    let secret = watched.canary().join("secret").display().to_string();
    let relative = up(secret.trim_start_matches('/'));
    let folder = watched.canary().display().to_string();
    let cases: Vec<Case<'_>> = vec![
        ("absolute", vec![hard_link("h", &secret)], &["`h`", "secret"]),
        ("relative", vec![hard_link("h", &relative)], &["`h`", "`..`"]),
        ("through a link", vec![symlink("l", &folder), hard_link("h", "l/secret")], &["`h`", "l/secret"]),
        ("to nothing", vec![hard_link("h", "nope")], &["`h`", "`nope`"]),
        ("to a lower layer", vec![hard_link("h", "lower")], &["`h`", "`lower`"]),
        ("to a directory", vec![directory("d", 0o755), hard_link("h", "d")], &["`h`", "directory"]),
        ("to the root", vec![hard_link("h", "/")], &["`h`", "root"]),
        ("to itself", vec![file("s", "x"), hard_link("s", "./s")], &["`s`", "itself"]),
        ("to a whiteout", vec![file(".wh.lower", ""), hard_link("dir/a", "lower")], &["`dir/a`", "whiteout"]),
        (
            "with data",
            vec![
                file("o", "x"),
                with(Header { name: b"h", kind: b'1', link: b"o", size: 4, ..Header::default() }),
            ],
            &["`h`", "data"],
        ),
    ];
    for (name, entries, words) in cases {
        watched.refuses(name, archive(&entries), words);
    }
    let target = watched.canary().join("file").display().to_string();
    let over_link = [symlink("l", &target), hard_link("h", "l"), file("h", "overwritten")];
    watched.accepts("to a link, then overwritten", archive(&over_link));
}

#[test]
fn devices() {
    refuse_all(vec![
        ("a character device", vec![node("null", b'3', (1, 3))], &["`null`", "1:3"]),
        ("a block device", vec![node("disk", b'4', (254, 0))], &["`disk`", "254:0"]),
        ("a whiteout in disguise", vec![node("lower", b'3', (0, 0))], &["`lower`", "0:0"]),
        ("the same below dev", vec![node("dev/x", b'3', (0, 0))], &["`dev/x`", "0:0"]),
        ("dev through a detour", vec![node("a/dev/x", b'3', (1, 3))], &["`a/dev/x`"]),
        ("a large number", vec![node("big", b'3', (0o777_777, 0o777_777))], &["`big`"]),
        ("an unknown type", vec![node("z", b'Z', (0, 0))], &["`z`", "`Z`"]),
        ("the old sparse form", vec![node("s", b'S', (0, 0))], &["`s`", "`S`"]),
    ]);
    accept_all(vec![
        ("a fifo", vec![node("fifo", b'6', (0, 0))]),
        ("what debootstrap makes", vec![directory("dev", 0o755), node("dev/null", b'3', (1, 3))]),
        (
            "a contiguous file",
            vec![tarball::file_of(&Header { name: b"c", kind: b'7', ..Header::default() }, "x")],
        ),
    ]);
}

#[test]
fn owners_times_and_attributes() {
    let xattr = |name: &str, value: &[u8]| pax(&[(&format!("SCHILY.xattr.{name}"), value)]);
    refuse_all(vec![
        ("uid 2^32 - 1", vec![pax(&[("uid", b"4294967295")]), file("u", "x")], &["`u`", "4294967295"]),
        ("gid 2^32 - 1", vec![pax(&[("gid", b"4294967295")]), file("u", "x")], &["`u`", "4294967295"]),
        ("a negative uid", vec![pax(&[("uid", b"-5")]), file("u", "x")], &["`u`", "-5"]),
        (
            "a large attribute",
            vec![xattr("user.big", &[b'v'; 70_000]), file("big", "x")],
            &["`big`", "attribute"],
        ),
    ]);
    accept_all(vec![
        (
            "times beyond any file system",
            vec![
                pax(&[("mtime", b"99999999999999")]),
                file("m", "x"),
                pax(&[("mtime", b"-99999999999.5")]),
                file("n", "x"),
            ],
        ),
        ("an attribute of a link", vec![xattr("user.a", b"b"), symlink("l", "x")]),
        ("marks of overlayfs", vec![xattr("trusted.overlay.redirect", b"/etc"), directory("red", 0o755)]),
        ("labels of the host", vec![xattr("security.selinux", b"shadow_t"), file("s", "x")]),
    ]);
}

#[test]
fn whiteouts() {
    refuse_all(vec![
        ("of nothing", vec![file(".wh.", "")], &["`.wh.`"]),
        ("of .", vec![file("dir/.wh..", "")], &["`dir/.wh..`"]),
        ("of ..", vec![file("dir/.wh...", "")], &["`dir/.wh...`"]),
        ("beyond the root", vec![file("../../.wh.x", "")], &["`..`"]),
        ("that is a directory", vec![directory(".wh.dir", 0o755)], &["`.wh.dir`"]),
        ("that is a link", vec![symlink(".wh.dir", "x")], &["`.wh.dir`"]),
        ("with something in it", vec![file(".wh.dir", "payload")], &["`.wh.dir`"]),
        ("something below it", vec![file(".wh.dir/x", "x")], &["`.wh.dir/x`"]),
        ("of what the layer brings", vec![file("new", "x"), file(".wh.new", "")], &["`.wh.new`"]),
        ("a child of what is gone", vec![file(".wh.dir", ""), file("dir/new", "x")], &["`dir/new`"]),
        ("of the whole image", vec![file(".wh..wh..opq", "")], &["`.wh..wh..opq`"]),
    ]);
    accept_all(vec![
        ("of nobody", vec![file(".wh.nobody", "")]),
        ("and again there", vec![file(".wh.lower", ""), file("lower", "new")]),
        ("twice", vec![file(".wh.lower", ""), file(".wh.lower", "")]),
        (
            "opaque, before and after",
            vec![file("dir/new", "x"), file("dir/.wh..wh..opq", ""), file("dir/late", "x")],
        ),
        (
            "AUFS' own",
            vec![directory(".wh..wh.plnk", 0o755), file(".wh..wh.plnk/1.2", "x"), file(".wh..wh.aufs", "")],
        ),
    ]);
}

#[test]
fn headers_that_readers_disagree_on() {
    let twice = [tarball::record("path", b"first"), tarball::record("path", b"second")].concat();
    let mut damaged = file("damaged", "x");
    damaged[0] ^= 1;
    refuse_all(vec![
        ("a wrong checksum", vec![file("one", "x"), damaged], &["after `one`", "checksum"]),
        ("a key twice", vec![tarball::extended(b'x', &twice), file("o", "x")], &["twice"]),
        ("two headers", vec![pax(&[("path", b"one")]), pax(&[("uid", b"1")]), file("o", "x")], &["two"]),
        (
            "two names",
            vec![tarball::gnu_long(b'L', b"gnu"), pax(&[("path", b"pax")]), file("o", "x")],
            &["two names"],
        ),
        (
            "two long names",
            vec![tarball::gnu_long(b'L', b"a"), tarball::gnu_long(b'L', b"b"), file("o", "x")],
            &["two names"],
        ),
        (
            "a name for all",
            vec![tarball::extended(b'g', &tarball::record("path", b"x")), file("o", "x")],
            &["global"],
        ),
        (
            "a size for all",
            vec![tarball::extended(b'g', &tarball::record("size", b"0")), file("o", "x")],
            &["global"],
        ),
        ("a bad length", vec![tarball::extended(b'x', b"999 path=x\n"), file("o", "x")], &["malformed"]),
        ("a record of 2 MiB", vec![pax(&[("comment", &vec![b'c'; 2 << 20])]), file("o", "x")], &["1048576"]),
        (
            "a name of 100 KiB",
            vec![tarball::gnu_long(b'L', &vec![b'n'; 100 << 10]), file("o", "x")],
            &["65536"],
        ),
    ]);
    let smuggled = file("smuggled", "x");
    accept_all(vec![
        (
            "PAX says more than ustar",
            vec![
                pax(&[("size", smuggled.len().to_string().as_bytes())]),
                with(Header { name: b"outer", ..Header::default() }),
                smuggled,
            ],
        ),
        ("an empty PAX name", vec![pax(&[("path", b"")]), file("kept", "x")]),
        (
            "a comment for all",
            vec![tarball::extended(b'g', &tarball::record("comment", b"of git")), file("o", "x")],
        ),
    ]);
}

#[test]
fn sizes_that_are_none() {
    let raw = |size: [u8; 12]| with(Header { name: b"n", raw_size: Some(size), ..Header::default() });
    refuse_all(vec![
        ("a negative size", vec![raw([0xff; 12])], &["`n`", "negative"]),
        (
            "a size of 8 EiB",
            vec![raw([0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])],
            &["`n`"],
        ),
        ("a size beyond 64 bits", vec![raw([0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])], &["`n`", "large"]),
        ("a size in words", vec![raw(*b"12345678901x")], &["`n`", "octal"]),
        (
            "a directory with data",
            vec![
                with(Header { name: b"d", kind: b'5', size: 512, ..Header::default() }),
                file("hidden", "x"),
            ],
            &["`d`", "data"],
        ),
        ("a name for nobody", vec![pax(&[("path", b"x")])], &["extended header"]),
    ]);
}

#[test]
fn files_with_holes() {
    let tib = 8 << 40;
    refuse_all(vec![
        ("of 8 TiB", vec![sparse("holes", tib, &[(tib - 1, 1)], b"x")], &["`holes`", "bytes"]),
        ("out of order", vec![sparse("holes", 9000, &[(4096, 1), (0, 1)], b"xy")], &["`holes`", "order"]),
        ("overlapping", vec![sparse("holes", 9000, &[(0, 4), (2, 4)], b"abcdefgh")], &["`holes`", "order"]),
        ("beyond the end", vec![sparse("holes", 10, &[(8, 4)], b"abcd")], &["`holes`", "beyond"]),
        ("overflowing", vec![sparse("holes", 10, &[(u64::MAX, 4)], b"abcd")], &["`holes`"]),
        ("of more data than there is", vec![sparse("holes", 9000, &[(0, 400)], b"x")], &["`holes`", "fit"]),
        (
            "of a million pieces",
            vec![sparse("holes", 9000, &vec![(0, 0); 120_000], b"")],
            &["`holes`", "long"],
        ),
    ]);
}

/// A file of 60 GiB is below the limit, and must cost what its data costs.
#[test]
fn holes_take_no_room() {
    let watched = Watched::new();
    let layer = Layer::of(&[sparse("holes", 60 << 30, &[(50 << 30, 4)], b"data")]);
    let tree = watched.sandbox.root().join("layers").join(layer.diff_id.replace(':', "-")).join("fs");
    watched.sandbox.call(["load"]).input(Layout::of("holes:1", &[layer]).tar()).ok();
    let known = std::fs::metadata(tree.join("holes")).unwrap();
    use std::os::unix::fs::MetadataExt as _;
    assert_eq!(known.len(), 60 << 30);
    assert!(known.blocks() < 1000, "{} blocks", known.blocks());
}
