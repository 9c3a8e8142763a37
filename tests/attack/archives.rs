// SPDX-License-Identifier: Apache-2.0
//! Hostile archives from end to end, in short: the whole corpus is in tests/conformance and in the store's
//! own tests (CVE-2014-5282, 2014-6407, 2014-9356, 2014-9357, 2014-9358, 2017-14992, 2021-32760,
//! 2021-41190). Each is refused with one sentence or stays inside, and leaves nothing behind.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use serde_json::json;
use tests::Sandbox;

use crate::hostile::Canary;
use crate::images::sha256;

/// Fails without: `kernel::Root` under the unpacker.
#[test]
fn entries_do_not_leave_the_layer() {
    let sandbox = Sandbox::new();
    let canary = Canary::new(&sandbox);
    let up = "../".repeat(16);
    let (file, deep) = (format!("{}/file", canary.path()), format!("{up}{}", &canary.path()[1..]));
    let cases: &[(&str, Vec<Entry>)] = &[
        ("dots", vec![Entry::file(&format!("{deep}/new"))]),
        ("through a link", vec![Entry::link("way", canary.path()), Entry::file("way/new")]),
        ("through a relative link", vec![Entry::link("way", &deep), Entry::file("way/new")]),
        ("over a link", vec![Entry::link("way", &file), Entry::file("way")]),
        ("a hard link out", vec![Entry::hard("in", &file), Entry::file("in")]),
        ("a hard link up", vec![Entry::hard("in", &format!("{deep}/file"))]),
        (
            "a hard link through a link",
            vec![Entry::link("way", canary.path()), Entry::hard("in", "way/file"), Entry::file("in")],
        ),
        (
            "modes through a hard link",
            vec![Entry::link("way", &file), Entry::hard("in", "way"), Entry::folder("in")],
        ),
        ("modes through a link", vec![Entry::link("way", canary.path()), Entry::folder("way")]),
        ("a whiteout out", vec![Entry::link("way", canary.path()), Entry::file("way/.wh.file")]),
        ("a whiteout up", vec![Entry::file(".wh..."), Entry::file(&format!("{deep}/.wh.file"))]),
        ("an opaque folder out", vec![Entry::link("way", canary.path()), Entry::file("way/.wh..wh..opq")]),
    ];
    for (name, entries) in cases {
        let archive = sandbox.write("case.tar", tar(entries));
        let ended = sandbox.call(["import", archive.to_str().unwrap(), "case"]).ended();
        canary.assert_untouched();
        if ended.code != 0 {
            assert_eq!(
                ended.err.trim().lines().filter(|line| line.starts_with("error")).count(),
                1,
                "{name}: {ended}"
            );
            assert!(left(&sandbox).is_empty(), "{name}: {:?}", left(&sandbox));
        } else {
            sandbox.call(["rmi", "case"]).ok();
        }
    }
}

/// CVE-2014-5282: a configuration or layer that is not what its digest says. Fails without: the digests
/// of import and load.
#[test]
fn digests_that_lie_are_refused() {
    let sandbox = Sandbox::new();
    let layer = tar(&[Entry::file("x")]);
    for (name, diff, config) in
        [("layer", "0".repeat(64), None), ("config", sha256(&layer), Some("1".repeat(64)))]
    {
        let archive = docker_archive(&sandbox, name, &layer, &diff, config);
        let ended = sandbox.call(["load", "--input", &archive]).ended();
        assert_ne!(ended.code, 0, "{ended}");
        assert!(left(&sandbox).is_empty(), "{:?}", left(&sandbox));
    }
}

/// CVE-2014-9358: names of the archive as parts of paths. Fails without: names looked up inside the archive
/// only.
#[test]
fn names_in_a_manifest_do_not_climb() {
    let sandbox = Sandbox::new();
    let canary = Canary::new(&sandbox);
    let outside = format!("{}/file", canary.path());
    for layers in [json!([outside]), json!(["../../../../etc/passwd"]), json!(["layer.tar/../../x"])] {
        let manifest = json!([{ "Config": "/etc/passwd", "RepoTags": ["../../x:y"], "Layers": layers }]);
        let archive = sandbox
            .write("case.tar", tar(&[Entry::with("manifest.json", manifest.to_string().into_bytes())]));
        assert_ne!(sandbox.call(["load", "--input", archive.to_str().unwrap()]).ended().code, 0);
    }
    canary.assert_untouched();
    assert!(left(&sandbox).is_empty(), "{:?}", left(&sandbox));
}

/// CVE-2014-9357, CVE-2026-41567: a decompressor of the attacker's in the search path. Fails when a child
/// process unpacks.
#[test]
fn no_helper_is_started() {
    let sandbox = Sandbox::new();
    let trap = sandbox.file("trap");
    std::fs::create_dir(&trap).unwrap();
    for name in
        ["xz", "unxz", "gzip", "gunzip", "unpigz", "pigz", "zstd", "unzstd", "bzip2", "bunzip2", "tar"]
    {
        let path =
            sandbox.write(&format!("trap/{name}"), format!("#!/bin/sh\n: > {}/sprung\n", trap.display()));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:/usr/bin:/bin", trap.display());
    for program in ["gzip", "zstd", "xz", "bzip2"] {
        let Some(packed) = packed(program, &tar(&[Entry::file("x")])) else { continue };
        let archive = sandbox.write("case.tar", packed);
        let ended = sandbox.call(["import", archive.to_str().unwrap(), "case"]).env("PATH", &path).ended();
        assert!(ended.code == 0 || matches!(program, "xz" | "bzip2"), "{program}: {ended}");
    }
    assert!(!trap.join("sprung").exists());
}

/// CVE-2017-14992: half a megabyte that becomes half a gigabyte. Fails without: the limits of store/decode.rs.
#[test]
fn a_bomb_does_not_go_off() {
    let sandbox = Sandbox::new();
    let mut shell = Command::new("sh");
    shell.args(["-c", "head -c 512000000 /dev/zero | gzip -9"]).stdout(Stdio::piped());
    // The entry says it has the size, so the zeros are its content.
    let mut head = tar(&[Entry::File { name: "zeros".into(), content: Vec::new() }]);
    head.truncate(512);
    set_size(&mut head, 512_000_000);
    let bomb = [packed("gzip", &head).unwrap(), shell.output().unwrap().stdout].concat();
    let archive = sandbox.write("bomb.tar.gz", bomb);
    let before = free();
    let ended = sandbox.call(["import", archive.to_str().unwrap(), "bomb"]).ended();
    assert!(ended.code != 0 && ended.err.contains("times its size"), "{ended}");
    assert!(left(&sandbox).is_empty(), "{:?}", left(&sandbox));
    assert!(before.saturating_sub(free()) < 256 << 20, "space is gone");
}

/// CVE-2021-41190: a document that is a manifest and an index at once. Fails without: the field sets in
/// oci/manifest.rs.
#[test]
fn a_document_is_one_thing() {
    let sandbox = Sandbox::new();
    let layout = sandbox.file("layout");
    let blobs = layout.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let put = |bytes: &[u8]| {
        let digest = sha256(bytes);
        std::fs::write(blobs.join(&digest), bytes).unwrap();
        (format!("sha256:{digest}"), bytes.len())
    };
    let layer = tar(&[Entry::file("x")]);
    let (layer, layer_size) = put(&layer);
    let config = json!({ "architecture": "amd64", "os": "linux", "config": {}, "rootfs": { "type": "layers", "diff_ids": [layer] } });
    let (config, config_size) = put(config.to_string().as_bytes());
    let manifest = |more: serde_json::Value| {
        let mut document = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": config_size },
            "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": layer_size }],
        });
        document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        put(document.to_string().as_bytes())
    };
    std::fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let index = |(digest, size): (String, usize), media: &str| {
        let document = json!({ "schemaVersion": 2, "manifests": [{ "mediaType": media, "digest": digest, "size": size,
            "annotations": { "org.opencontainers.image.ref.name": "case:latest" } }] });
        std::fs::write(layout.join("index.json"), document.to_string()).unwrap();
        sandbox.call(["load", "--input", layout.to_str().unwrap()]).ended()
    };
    let (is_manifest, is_index) =
        ("application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json");
    for more in [json!({ "manifests": [] }), json!({ "mediaType": is_index })] {
        let ended = index(manifest(more.clone()), is_manifest);
        assert_ne!(ended.code, 0, "{more}: {ended}");
    }
    let ended = index(manifest(json!({})), is_index);
    assert_ne!(ended.code, 0, "{ended}");
    let ended = index(manifest(json!({})), is_manifest);
    assert_eq!(ended.code, 0, "{ended}");
}

fn docker_archive(
    sandbox: &Sandbox,
    name: &str,
    layer: &[u8],
    diff: &str,
    config_digest: Option<String>,
) -> String {
    let config = json!({ "architecture": "amd64", "os": "linux", "config": { "Cmd": ["sh"] },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{diff}")] } });
    let config = config.to_string().into_bytes();
    let config_name = format!("{}.json", config_digest.unwrap_or_else(|| sha256(&config)));
    let manifest =
        json!([{ "Config": config_name, "RepoTags": [format!("{name}:latest")], "Layers": ["layer.tar"] }]);
    let archive = tar(&[
        Entry::with(&config_name, config),
        Entry::with("layer.tar", layer.to_vec()),
        Entry::with("manifest.json", manifest.to_string().into_bytes()),
    ]);
    sandbox.write(&format!("{name}.tar"), archive).to_str().unwrap().to_owned()
}

/// Layers and staging directories in the store.
fn left(sandbox: &Sandbox) -> Vec<String> {
    ["layers", "staging"]
        .into_iter()
        .filter_map(|name| std::fs::read_dir(sandbox.root().join(name)).ok())
        .flatten()
        .map(|entry| entry.unwrap().path().display().to_string())
        .collect()
}

fn free() -> u64 {
    let stat = kernel::rustix::fs::statvfs("/var/tmp").unwrap();
    stat.f_bavail * stat.f_frsize
}

fn packed(program: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut child =
        Command::new(program).arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    Some(child.wait_with_output().unwrap().stdout)
}

/// An entry of a tar file, written by hand since honest programs refuse these.
enum Entry {
    File { name: String, content: Vec<u8> },
    Folder(String),
    Link { name: String, to: String, kind: u8 },
}

impl Entry {
    fn file(name: &str) -> Self {
        Self::with(name, b"planted\n".to_vec())
    }

    fn with(name: &str, content: Vec<u8>) -> Self {
        Self::File { name: name.to_owned(), content }
    }

    fn folder(name: &str) -> Self {
        Self::Folder(name.to_owned())
    }

    fn link(name: &str, to: &str) -> Self {
        Self::Link { name: name.to_owned(), to: to.to_owned(), kind: b'2' }
    }

    fn hard(name: &str, to: &str) -> Self {
        Self::Link { name: name.to_owned(), to: to.to_owned(), kind: b'1' }
    }
}

fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        match entry {
            Entry::File { name, content } => {
                bytes.extend(header(name, "", b'0', content.len()));
                bytes.extend(content);
                bytes.resize(bytes.len().next_multiple_of(512), 0);
            }
            Entry::Folder(name) => bytes.extend(header(name, "", b'5', 0)),
            Entry::Link { name, to, kind } => bytes.extend(header(name, to, *kind, 0)),
        }
    }
    bytes.extend([0; 1024]);
    bytes
}

/// ustar, tar(5).
fn header(name: &str, to: &str, kind: u8, size: usize) -> [u8; 512] {
    let mut header = [0u8; 512];
    assert!(name.len() <= 100 && to.len() <= 100, "{name} {to}");
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0004777");
    header[108..115].copy_from_slice(b"0000000");
    header[116..123].copy_from_slice(b"0000000");
    header[136..147].copy_from_slice(b"00000000000");
    header[156] = kind;
    header[157..157 + to.len()].copy_from_slice(to.as_bytes());
    header[257..265].copy_from_slice(b"ustar\x0000");
    set_size(&mut header, size);
    header
}

fn set_size(header: &mut [u8], size: usize) {
    header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header[..512].iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}
