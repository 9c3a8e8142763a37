// SPDX-License-Identifier: Apache-2.0
//! The archive around an image: its documents and its members.

use std::os::unix::fs::symlink;

use serde_json::json;

use crate::making::{self, INDEX, Layer, Layout, MANIFEST, blob_name, descriptor, docker_archive, tar_of};
use crate::tarball::{self, file};
use crate::watched::Watched;

#[test]
fn manifests_with_two_meanings() {
    let watched = Watched::new();
    let good = Layout::of("two:1", &[layer()]);
    let manifest: serde_json::Value = serde_json::from_slice(good.blobs.last().unwrap()).unwrap();
    let described = |kind: &str, document: serde_json::Value| {
        let bytes = serde_json::to_vec(&document).unwrap();
        let mut layout = good.clone();
        layout.index["manifests"] = json!([descriptor(kind, &bytes)]);
        layout.blobs.push(bytes);
        layout.tar()
    };
    // CVE-2021-41190.
    let mut both = manifest.clone();
    both["manifests"] = good.index["manifests"].clone();
    watched.refuses("both", described(MANIFEST, both.clone()), &["CVE-2021-41190"]);
    both.as_object_mut().unwrap().remove("mediaType");
    watched.refuses("both, untyped", described(INDEX, both), &["CVE-2021-41190"]);
    watched.refuses("called an index", described(INDEX, manifest.clone()), &["descriptor"]);
    let mut untyped = manifest.clone();
    untyped.as_object_mut().unwrap().remove("mediaType");
    watched.refuses("untyped, called an index", described(INDEX, untyped.clone()), &["descriptor"]);
    watched.accepts("untyped", described(MANIFEST, untyped));
    let mut old = manifest.clone();
    old["schemaVersion"] = 1.into();
    watched.refuses("schema 1", described(MANIFEST, old), &["schema 1"]);
    let mut artifact = manifest;
    artifact["config"]["mediaType"] = "application/vnd.oci.empty.v1+json".into();
    watched.refuses("an artifact", described(MANIFEST, artifact), &["vnd.oci.empty"]);

    let mut both = good.clone();
    both.index["layers"] = json!([]);
    watched.refuses("the index itself", both.tar(), &["CVE-2021-41190"]);
}

#[test]
fn documents_that_are_none() {
    let watched = Watched::new();
    let with = |name: &str, content: &[u8]| {
        let mut members = Layout::of("bad:1", &[layer()]).members();
        members.iter_mut().find(|(known, _)| known == name).unwrap().1 = content.to_vec();
        tar_of(&members)
    };
    let deep = "[".repeat(100_000);
    let huge = [b"[\"".as_slice(), &vec![b'x'; 5 << 20], b"\"]"].concat();
    let twice = br#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#;
    for (case, content, words) in [
        ("no JSON", b"hello".as_slice(), "not valid"),
        ("empty", b"", "not valid"),
        ("cut off", br#"{"schemaVersion":2,"mani"#, "not valid"),
        ("more behind it", br#"{"schemaVersion":2,"manifests":[]} {}"#, "not valid"),
        ("nested too deep", deep.as_bytes(), "not valid"),
        ("larger than 4 MiB", &huge, "4 MiB"),
        ("a key twice", twice, "twice"),
        ("no images", br#"{"schemaVersion":2,"manifests":[]}"#, "no image"),
        ("another version", br#"{"schemaVersion":3,"manifests":[]}"#, "schemaVersion"),
    ] {
        watched.refuses(case, with("index.json", content), &[words]);
    }
    let version = br#"{"imageLayoutVersion":"2.0.0"}"#;
    watched.refuses("a layout of the future", with("oci-layout", version), &["2.0.0"]);

    let manifest = |content: &[u8]| {
        let mut members = docker_archive("bad:1", &[layer()]);
        members.last_mut().unwrap().1 = content.to_vec();
        tar_of(&members)
    };
    watched.refuses("docker: no JSON", manifest(b"hello"), &["manifest.json"]);
    watched.refuses("docker: huge", manifest(&huge), &["4 MiB"]);
    watched.refuses("docker: deep", manifest(deep.as_bytes()), &["manifest.json"]);
    watched.refuses("docker: no images", manifest(b"[]"), &["no image"]);
    watched.refuses("docker: a bad name", renamed("UPPER:1"), &["UPPER"]);
    watched.refuses("docker: a name that climbs", renamed("../../etc:1"), &["../../etc"]);
    let digest = format!("a@sha256:{}", "0".repeat(64));
    watched.refuses("docker: a name that is a digest", renamed(&digest), &["digest"]);
    watched.refuses("neither", [file("x", "x"), tarball::end()].concat(), &["neither"]);
    watched.refuses("nothing", Vec::new(), &["neither"]);
    watched.refuses("text", b"hello".repeat(500), &["refused"]);
}

/// Names in an archive are looked up in the archive, never on the disk.
#[test]
fn members_that_lead_elsewhere() {
    let watched = Watched::new();
    let canary = watched.canary().join("secret").display().to_string();
    let pointing = |at: &str| {
        let (layer, config) = (layer(), making::config(&[layer()]));
        let manifest = json!([{ "Config": "config.json", "RepoTags": ["x:1"], "Layers": [at] }]);
        [file("l.tar", &layer.blob), file("config.json", config), file("manifest.json", manifest.to_string())]
            .concat()
    };
    let end = tarball::end();
    for at in [canary.as_str(), "../../../../etc/passwd", "/etc/passwd", "l.tar/../l.tar", "nope"] {
        watched.refuses(at, [pointing(at), end.clone()].concat(), &["no layer"]);
    }
    let link = |target: &str| [pointing("link"), tarball::symlink("link", target), end.clone()].concat();
    watched.accepts("a link to a member", link("l.tar"));
    watched.refuses("a link to the disk", link(&canary), &["no layer"]);
    watched.refuses("a link that climbs", link("../../etc/passwd"), &["leads out"]);
    watched.refuses("a link to itself", link("link"), &["no layer"]);
    let hard = [pointing("link"), tarball::hard_link("link", &canary), end.clone()].concat();
    watched.refuses("a hard link to the disk", hard, &["no layer"]);
    let device = [tarball::node("l", b'3', (1, 3)), pointing("l.tar"), end.clone()].concat();
    watched.refuses("a device", device, &["`l`"]);
    let twice = [pointing("l.tar"), file("l.tar", "other"), end].concat();
    watched.refuses("a member twice", twice, &["`l.tar`", "twice"]);
}

/// A layout in a directory may be full of traps as well.
#[test]
fn layouts_in_a_directory() {
    let watched = Watched::new();
    let layout = Layout::of("folder:1", &[layer()]);
    let folder = watched.sandbox.file("layout");
    layout.write(&folder);
    let told = watched.sandbox.call(["load", "--quiet", "-i", folder.to_str().unwrap()]).ok();
    watched.remove_loaded("as it is", &told);

    let blob = folder.join(blob_name(&layer().blob));
    let hex = blob.file_name().unwrap().to_str().unwrap().to_owned();
    let outside = watched.sandbox.write("outside", &layer().blob);
    std::fs::remove_file(&blob).unwrap();
    watched.refuses_path("a blob that is missing", &folder, &[&hex]);
    symlink(&outside, &blob).unwrap();
    watched.refuses_path("a blob that is a link to outside", &folder, &[&hex]);
    std::fs::remove_file(&blob).unwrap();
    symlink("/dev/zero", &blob).unwrap();
    watched.refuses_path("a blob that is a link to a device", &folder, &[&hex]);
    std::fs::remove_file(&blob).unwrap();
    let mode = kernel::rustix::fs::Mode::from_raw_mode(0o600);
    kernel::rustix::fs::mknodat(kernel::rustix::fs::CWD, &blob, kernel::rustix::fs::FileType::Fifo, mode, 0)
        .unwrap();
    watched.refuses_path("a blob that is a fifo", &folder, &[&hex]);
    std::fs::remove_file(&blob).unwrap();
    std::fs::create_dir(&blob).unwrap();
    watched.refuses_path("a blob that is a directory", &folder, &[&hex]);
    std::fs::remove_dir(&blob).unwrap();
    std::fs::write(&blob, &layer().blob).unwrap();
    std::fs::remove_file(folder.join("oci-layout")).unwrap();
    watched.refuses_path("no marker", &folder, &["oci-layout"]);
}

fn renamed(name: &str) -> Vec<u8> {
    tar_of(&docker_archive(name, &[layer()]))
}

fn layer() -> Layer {
    Layer::of(&[file("file", "content")])
}
