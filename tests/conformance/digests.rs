// SPDX-License-Identifier: Apache-2.0
//! Every byte is checked against its digest: change one anywhere, and the archive is refused.

use crate::making::{self, Layer, Layout, blob_name};
use crate::tarball::file;
use crate::watched::Watched;

/// One byte of each blob in turn: its first, its last, one in between.
#[test]
fn a_changed_byte_in_any_blob_is_refused() {
    let watched = Watched::new();
    let layers = [layer("one"), layer("two").gzip(), layer("three").zstd()];
    let layout = Layout::of("changed:1", &layers);
    watched.accepts("unchanged", layout.tar());
    for at in 0..layout.blobs.len() {
        let name = blob_name(&layout.blobs[at]);
        let hex = name.rsplit('/').next().unwrap().to_owned();
        let length = layout.blobs[at].len();
        for byte in [0, length / 3, length / 2, length - 1] {
            let mut members = layout.members();
            let changed = members.iter_mut().find(|(known, _)| *known == name).unwrap();
            changed.1[byte] ^= 1;
            let case = format!("blob {at}, byte {byte} of {length}");
            watched.refuses(&case, making::tar_of(&members), &[&hex]);

            let folder = watched.sandbox.file("layout");
            for (name, content) in &members {
                let path = folder.join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content).unwrap();
            }
            watched.refuses_path(&case, &folder, &[&hex]);
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
}

#[test]
fn a_changed_byte_in_a_docker_archive_is_refused() {
    let watched = Watched::new();
    let members = making::docker_archive("changed:1", &[layer("one"), layer("two").gzip()]);
    watched.accepts("unchanged", making::tar_of(&members));
    // All but manifest.json, which nothing vouches for.
    for at in 0..members.len() - 1 {
        let mut members = members.clone();
        let middle = members[at].1.len() / 2;
        members[at].1[middle] ^= 1;
        watched.refuses(&members[at].0.clone(), making::tar_of(&members), &["cannot load"]);
    }
}

/// The configuration's name is its digest, and nothing else says which configuration is meant
/// (CVE-2014-5282).
#[test]
fn a_docker_archive_with_another_configuration_than_it_says_is_refused() {
    let watched = Watched::new();
    let mut members = making::docker_archive("changed:1", &[layer("one")]);
    let (name, config) = members.iter_mut().find(|(name, _)| name.ends_with(".json")).unwrap();
    let hex = name.trim_end_matches(".json").to_owned();
    *config = String::from_utf8(config.clone()).unwrap().replace("2026-01-01", "2027-01-01").into_bytes();
    watched.refuses("another date", making::tar_of(&members), &[&hex]);
}

/// The digest of the uncompressed tar is promised by the configuration, and is another one than the
/// blob's.
#[test]
fn a_layer_that_is_another_than_the_configuration_says_is_refused() {
    let watched = Watched::new();
    let other = layer("other").diff_id;
    let lie = Layer { diff_id: other.clone(), ..layer("one").gzip() };
    watched.refuses("layout", Layout::of("lie:1", std::slice::from_ref(&lie)).tar(), &[&other]);
    watched.refuses("docker", making::tar_of(&making::docker_archive("lie:1", &[lie])), &[&other]);
}

#[test]
fn a_blob_of_another_length_than_promised_is_refused() {
    let watched = Watched::new();
    let mut layout = Layout::of("length:1", &[layer("one")]);
    layout.index["manifests"][0]["size"] = 17.into();
    watched.refuses("length", layout.tar(), &["17"]);
}

/// One refused image of an archive takes the others with it, their layers too.
#[test]
fn all_of_an_archive_or_nothing() {
    let watched = Watched::new();
    let good = Layout::of("both:1", &[layer("good")]);
    let bad = Layout::of("both:2", &[layer("good"), Layer { diff_id: layer("x").diff_id, ..layer("bad") }]);
    let entries = [good.index["manifests"][0].clone(), bad.index["manifests"][0].clone()];
    let mut both = Layout { blobs: [good.blobs, bad.blobs].concat(), index: good.index };
    both.index["manifests"] = entries.to_vec().into();
    watched.refuses("both", both.tar(), &["promised"]);
}

fn layer(content: &str) -> Layer {
    Layer::of(&[file("file", content.repeat(500))])
}
