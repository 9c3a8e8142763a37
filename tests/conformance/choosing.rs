// SPDX-License-Identifier: Apache-2.0
//! Which image of an archive is meant, and what it is called.

use oci::digest::Algorithm;
use serde_json::{Value, json};
use tests::Sandbox;

use crate::making::{self, INDEX, Layer, Layout, MANIFEST, descriptor, docker_archive, tar_of};
use crate::tarball::file;

/// Docker since version 25 writes a layout, the old manifest.json beside it, and the whole name in an
/// annotation of containerd's.
#[test]
fn what_docker_saves_today() {
    let sandbox = Sandbox::new();
    let mut layout = Layout::of("1.2", &[layer("x")]);
    layout.index["manifests"][0]["annotations"]["io.containerd.image.name"] =
        "docker.io/library/today:1.2".into();
    let mut members = layout.members();
    members.extend(
        docker_archive("today:1.2", &[layer("x")]).into_iter().filter(|(name, _)| name == "manifest.json"),
    );
    assert_eq!(load(&sandbox, tar_of(&members)), "Loaded image: today:1.2");
}

/// A tag alone is no name.
#[test]
fn an_image_without_a_name_is_told_by_its_id() {
    let sandbox = Sandbox::new();
    let layout = Layout::of("latest", &[layer("x")]);
    let id = making::digest(&making::config(&[layer("x")]));
    assert_eq!(load(&sandbox, layout.tar()), format!("Loaded image ID: {id}"));
    let row: Value = serde_json::from_str(&sandbox.call(["images", "--format", "json"]).ok()).unwrap();
    assert_eq!(row["Repository"], "<none>");
}

/// An index for several machines, with provenance beside each image as BuildKit writes it.
#[test]
fn the_image_for_this_machine() {
    let sandbox = Sandbox::new();
    let machines = [("arm64", "linux"), ("amd64", "linux"), ("amd64", "windows"), ("unknown", "unknown")];
    let (mut entries, mut blobs) = (Vec::new(), Vec::new());
    for (architecture, os) in machines {
        let image = Layout::of("x", &[layer(&format!("{architecture} {os}"))]);
        let mut entry = image.index["manifests"][0].clone();
        entry["platform"] = json!({ "architecture": architecture, "os": os });
        entries.push(entry);
        blobs.extend(image.blobs);
    }
    let inner = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries });
    let inner = serde_json::to_vec(&inner).unwrap();
    let mut entry = descriptor(INDEX, &inner);
    entry["annotations"] = json!({ "org.opencontainers.image.ref.name": "many:1" });
    blobs.push(inner);
    let layout = Layout { blobs, index: json!({ "schemaVersion": 2, "manifests": [entry] }) };
    assert_eq!(load(&sandbox, layout.tar()), "Loaded image: many:1");
    let ours = if cfg!(target_arch = "aarch64") { "arm64 linux" } else { "amd64 linux" };
    let inspected: Value = serde_json::from_str(&sandbox.call(["inspect", "many:1"]).ok()).unwrap();
    assert_eq!(inspected[0]["RootFS"]["Layers"], json!([layer(ours).diff_id]));
}

#[test]
fn an_archive_for_other_machines_only_is_refused() {
    let sandbox = Sandbox::new();
    let image = Layout::of("x", &[layer("x")]);
    let mut entry = image.index["manifests"][0].clone();
    entry["platform"] = json!({ "architecture": "s390x", "os": "linux" });
    let inner = serde_json::to_vec(&json!({ "schemaVersion": 2, "manifests": [entry] })).unwrap();
    let index = json!({ "schemaVersion": 2, "manifests": [descriptor(INDEX, &inner)] });
    let layout = Layout { blobs: [image.blobs, vec![inner]].concat(), index };
    let told = sandbox.call(["load"]).input(layout.tar()).fails(1);
    assert!(told.contains("no image for linux/"), "{told}");
}

/// A name moves to the newest image that comes with it; the older one stays, without a name.
#[test]
fn a_name_moves() {
    let sandbox = Sandbox::new();
    for content in ["old", "new"] {
        load(&sandbox, Layout::of("moving:1", &[layer(content)]).tar());
    }
    let named: Value = serde_json::from_str(&sandbox.call(["inspect", "moving:1"]).ok()).unwrap();
    assert_eq!(named[0]["RootFS"]["Layers"], json!([layer("new").diff_id]));
    assert_eq!(sandbox.call(["images", "--quiet"]).ok().lines().count(), 2);
}

/// The second algorithm that the specification registers.
#[test]
fn blobs_by_sha512() {
    let sandbox = Sandbox::new();
    let sha512 = |content: &[u8]| {
        let mut hasher = oci::Hasher::new(Algorithm::Sha512);
        hasher.update(content);
        hasher.finish()
    };
    let (layer, config) = (layer("x").gzip(), making::config(&[layer("x")]));
    let mut described = descriptor(layer.media_type, &layer.blob);
    described["digest"] = sha512(&layer.blob).to_string().into();
    let manifest =
        json!({ "schemaVersion": 2, "config": descriptor(making::CONFIG, &config), "layers": [described] });
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let index = json!({ "schemaVersion": 2, "manifests": [descriptor(MANIFEST, &manifest)] });
    let mut members = Layout { blobs: vec![config, manifest], index }.members();
    let name = format!("blobs/sha512/{}", sha512(&layer.blob).hex());
    members.push((name.clone(), layer.blob));
    load(&sandbox, tar_of(&members));

    let last = members.len() - 1;
    members[last].1[20] ^= 1;
    let told = sandbox.call(["load"]).input(tar_of(&members)).fails(1);
    assert!(told.contains(name.rsplit('/').next().unwrap()), "{told}");
}

fn load(sandbox: &Sandbox, archive: Vec<u8>) -> String {
    sandbox.call(["load", "--quiet"]).input(archive).ok()
}

fn layer(content: &str) -> Layer {
    Layer::of(&[file("file", content)])
}
