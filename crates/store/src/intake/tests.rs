// SPDX-License-Identifier: Apache-2.0
//! What an intake takes, refuses and leaves behind.

use std::io::{self, Read, Write};

use oci::manifest::{Document, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST};
use oci::{Descriptor, Digest, Reference};

use super::{Partial, Wanted};
use crate::tar::write::Writer;
use crate::unpack::InProcess;
use crate::{Error, Store, Unpacking};

struct Fixture {
    folder: tempfile::TempDir,
    store: Store,
}

/// A layer of one file, as it travels.
struct Layer {
    blob: Vec<u8>,
    descriptor: Descriptor,
    diff_id: Digest,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Unpacking::SingleId, Box::new(InProcess)).unwrap();
        Self { folder, store }
    }

    /// How many files or directories are in each of `blobs`, `layers`, `partial` and `staging`.
    fn counts(&self) -> [usize; 4] {
        ["blobs", "layers", "partial", "staging"]
            .map(|name| std::fs::read_dir(self.folder.path().join(name)).unwrap().count())
    }

    fn take(&self, layers: &[&Layer], name: &str) -> Result<Digest, Error> {
        let intake = self.store.intake()?;
        for layer in layers {
            if let Wanted::Rest(partial) = intake.want(&layer.descriptor, &layer.diff_id)? {
                let have = usize::try_from(partial.have()).unwrap();
                intake.layer(partial, &layer.diff_id, &layer.blob[have..])?;
            }
        }
        let (manifest, config) = documents(layers);
        let id = intake.image(&manifest, &config, &[Reference::parse(name).unwrap()])?;
        intake.finish()?;
        Ok(id)
    }
}

impl Layer {
    fn new(content: &str) -> Self {
        let mut writer = Writer::default();
        // Enough that a half of it is not nothing.
        writer.file("file", 0o644, content.repeat(1000).as_bytes());
        let tar = writer.finish();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        encoder.write_all(&tar).unwrap();
        let blob = encoder.finish().unwrap();
        let descriptor = descriptor(&format!("{OCI_LAYER}+gzip"), &blob);
        Self { blob, descriptor, diff_id: Digest::sha256_of(&tar) }
    }
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    let (digest, size) = (Digest::sha256_of(bytes), bytes.len() as u64);
    Descriptor {
        media_type: media_type.into(),
        digest,
        size,
        platform: None,
        annotations: Default::default(),
    }
}

fn documents(layers: &[&Layer]) -> (Vec<u8>, Vec<u8>) {
    let diff_ids: Vec<String> = layers.iter().map(|layer| layer.diff_id.to_string()).collect();
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let config = config.to_string().into_bytes();
    let layers: Vec<_> = layers.iter().map(|layer| &layer.descriptor).collect();
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": descriptor(OCI_CONFIG, &config), "layers": layers,
    });
    (manifest.to_string().into_bytes(), config)
}

/// So many bytes, then the connection is gone.
fn cut_off(bytes: &[u8]) -> impl Read + '_ {
    struct Gone;
    impl Read for Gone {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    bytes.chain(Gone)
}

fn rest(wanted: Wanted) -> Partial {
    match wanted {
        Wanted::Rest(partial) => partial,
        Wanted::Nothing => panic!("it is here already"),
    }
}

#[test]
fn an_image_is_there_as_it_came() {
    let fixture = Fixture::new();
    let (one, two) = (Layer::new("one"), Layer::new("two"));
    let id = fixture.take(&[&one, &two], "image").unwrap();
    let image = fixture.store.existing("image").unwrap();
    let (manifest, config) = documents(&[&one, &two]);
    let stored = fixture.store.manifest(&image).unwrap();
    assert_eq!((image.id, stored.bytes), (id, manifest));
    for (digest, bytes) in [
        (&one.descriptor.digest, &one.blob),
        (&two.descriptor.digest, &two.blob),
        (&stored.manifest.config.digest, &config),
    ] {
        let mut kept = Vec::new();
        fixture.store.open_blob(digest).unwrap().unwrap().read_to_end(&mut kept).unwrap();
        assert_eq!(kept, *bytes);
    }
    assert_eq!(fixture.counts(), [4, 2, 0, 0]);
    // The second image shares a layer, which stays when the first one goes.
    fixture.take(&[&one], "other").unwrap();
    fixture.store.remove("image", false, &mut |_| Vec::new()).unwrap();
    assert_eq!(fixture.counts(), [3, 1, 0, 0]);
    fixture.store.remove("other", false, &mut |_| Vec::new()).unwrap();
    assert_eq!(fixture.counts(), [0; 4]);
}

#[test]
fn what_is_here_is_not_wanted_again() {
    let fixture = Fixture::new();
    let layer = Layer::new("one");
    fixture.take(&[&layer], "image").unwrap();
    let intake = fixture.store.intake().unwrap();
    assert!(matches!(intake.want(&layer.descriptor, &layer.diff_id), Ok(Wanted::Nothing)));
    // The same content under another diff-id is a lie.
    let other = Layer::new("two");
    assert!(matches!(intake.want(&layer.descriptor, &other.diff_id), Err(Error::Digest { .. })));
}

/// Fails without: `Partial::have` and the kept bytes in `Source`.
/// Only then may a pull do without taking anything in.
#[test]
fn an_image_is_whole_when_nothing_of_it_is_missing() {
    let fixture = Fixture::new();
    let (one, two) = (Layer::new("one"), Layer::new("two"));
    let (bytes, _) = documents(&[&one, &two]);
    let Document::Manifest(manifest) = Document::parse(&bytes).unwrap() else { panic!("a manifest") };
    let whole = |name: &str, bytes: &[u8]| {
        let found = fixture.store.whole(&Reference::parse(name).unwrap(), bytes, &manifest)?;
        Ok::<_, Error>(found.map(|image| image.id))
    };
    assert_eq!(whole("image", &bytes).unwrap(), None);
    let id = fixture.take(&[&one, &two], "image").unwrap();
    assert_eq!(whole("image", &bytes).unwrap(), Some(id.clone()));
    assert_eq!(whole("other", &bytes).unwrap(), None, "another name");
    assert_eq!(whole("image", &[&bytes[..], b"\n"].concat()).unwrap(), None, "another manifest");
    // Each part, taken away and put back.
    let parts = [&Digest::sha256_of(&bytes), &manifest.config.digest, &two.descriptor.digest]
        .map(|digest| fixture.store.blob_path(digest));
    let aside = fixture.folder.path().join("aside");
    for part in parts.iter().chain([&fixture.store.layer_directory(&one.diff_id)]) {
        std::fs::rename(part, &aside).unwrap();
        assert_eq!(whole("image", &bytes).unwrap(), None, "{}", part.display());
        std::fs::rename(&aside, part).unwrap();
        assert_eq!(whole("image", &bytes).unwrap(), Some(id.clone()), "{}", part.display());
    }
    std::fs::write(&parts[2], "cut").unwrap();
    assert!(whole("image", &bytes).is_err(), "content of another length");
}

#[test]
fn a_fetch_goes_on_where_it_was_cut_off() {
    let fixture = Fixture::new();
    let layer = Layer::new("one");
    for part in [1, 2, 3] {
        let intake = fixture.store.intake().unwrap();
        let partial = rest(intake.want(&layer.descriptor, &layer.diff_id).unwrap());
        let have = usize::try_from(partial.have()).unwrap();
        assert_eq!(have, (part - 1) * 500);
        let taken = intake.layer(partial, &layer.diff_id, cut_off(&layer.blob[have..part * 500]));
        let missing = layer.blob.len() - part * 500;
        assert!(
            matches!(taken, Err(Error::Transfer { missing: left, .. }) if left == missing as u64),
            "{taken:?}"
        );
        drop(intake);
        assert_eq!(fixture.counts(), [0, 0, 1, 0]);
    }
    fixture.take(&[&layer], "image").unwrap();
    assert_eq!(fixture.counts(), [3, 1, 0, 0]);
}

/// Fails without: the digest in `Source::next`.
#[test]
fn content_that_is_not_what_was_promised_is_refused_and_forgotten() {
    let (layer, other) = (Layer::new("one"), Layer::new("two"));
    let mut broken = layer.blob.clone();
    broken[700] ^= 1;
    for (case, content, diff_id) in [
        ("a bit", &broken, &layer.diff_id),
        ("another blob", &other.blob, &other.diff_id),
        ("another diff-id", &layer.blob, &other.diff_id),
    ] {
        let fixture = Fixture::new();
        let intake = fixture.store.intake().unwrap();
        let partial = rest(intake.want(&layer.descriptor, diff_id).unwrap());
        let taken = intake.layer(partial, diff_id, &content[..]);
        assert!(matches!(taken, Err(Error::Digest { .. } | Error::Layer { .. })), "{case}: {taken:?}");
        assert_eq!(fixture.counts()[2], 0, "{case}");
        let (manifest, config) = documents(&[&layer]);
        assert!(intake.image(&manifest, &config, &[]).is_err(), "{case}");
        drop(intake);
        assert_eq!(fixture.counts(), [0; 4], "{case}");
    }
}

/// What an earlier process kept is not trusted more than what comes now.
#[test]
fn kept_bytes_that_were_changed_are_refused() {
    let fixture = Fixture::new();
    let layer = Layer::new("one");
    let intake = fixture.store.intake().unwrap();
    let partial = rest(intake.want(&layer.descriptor, &layer.diff_id).unwrap());
    let path = partial.path().to_owned();
    intake.layer(partial, &layer.diff_id, cut_off(&layer.blob[..900])).unwrap_err();
    drop(intake);
    let mut kept = std::fs::read(&path).unwrap();
    kept[800] ^= 1;
    std::fs::write(&path, kept).unwrap();
    assert!(matches!(fixture.take(&[&layer], "image"), Err(Error::Digest { .. })));
    assert_eq!(fixture.counts(), [0; 4]);
    fixture.take(&[&layer], "image").unwrap();
}

/// More than was promised is not read, less is an error.
#[test]
fn the_length_counts() {
    let layer = Layer::new("one");
    let fixture = Fixture::new();
    let intake = fixture.store.intake().unwrap();
    let partial = rest(intake.want(&layer.descriptor, &layer.diff_id).unwrap());
    let taken = intake.layer(partial, &layer.diff_id, &layer.blob[..layer.blob.len() - 1]);
    assert!(matches!(taken, Err(Error::Transfer { missing: 1, .. })), "{taken:?}");
    let partial = rest(intake.want(&layer.descriptor, &layer.diff_id).unwrap());
    let end = [&layer.blob[layer.blob.len() - 1..], b"more"].concat();
    intake.layer(partial, &layer.diff_id, &end[..]).unwrap();
}

/// A manifest's layers and a configuration's diff-ids belong together, one by one.
#[test]
fn layers_in_another_order_are_refused() {
    let fixture = Fixture::new();
    let (one, two) = (Layer::new("one"), Layer::new("two"));
    fixture.take(&[&one, &two], "image").unwrap();
    let intake = fixture.store.intake().unwrap();
    let (_, config) = documents(&[&two, &one]);
    let (manifest, _) = documents(&[&one, &two]);
    let read: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let mut swapped = read.clone();
    swapped["config"] = serde_json::to_value(descriptor(OCI_CONFIG, &config)).unwrap();
    let refused = intake.image(swapped.to_string().as_bytes(), &config, &[]).unwrap_err();
    assert!(refused.to_string().contains("missing"), "{refused}");
}

/// CVE-2014-5282. Fails without: the check of the configuration in `Intake::image`.
#[test]
fn a_configuration_that_is_not_the_manifests_is_refused() {
    let fixture = Fixture::new();
    let layer = Layer::new("one");
    fixture.take(&[&layer], "image").unwrap();
    let intake = fixture.store.intake().unwrap();
    let (manifest, config) = documents(&[&layer]);
    let other = [&config[..], b" "].concat();
    assert!(matches!(intake.image(&manifest, &other, &[]), Err(Error::Digest { .. })));
}

#[test]
fn threads_take_one_layer_each() {
    let fixture = Fixture::new();
    let layers: Vec<Layer> = (0..8).map(|number| Layer::new(&number.to_string())).collect();
    let intake = fixture.store.intake().unwrap();
    std::thread::scope(|scope| {
        for layer in &layers {
            scope.spawn(|| {
                let partial = rest(intake.want(&layer.descriptor, &layer.diff_id).unwrap());
                intake.layer(partial, &layer.diff_id, &layer.blob[..]).unwrap();
            });
        }
    });
    let (manifest, config) = documents(&layers.iter().collect::<Vec<_>>());
    intake.image(&manifest, &config, &[]).unwrap();
    intake.finish().unwrap();
    assert_eq!(fixture.counts(), [10, 8, 0, 0]);
}

/// Whoever comes second waits, and then finds the bytes here.
#[test]
fn two_do_not_fetch_the_same() {
    let fixture = Fixture::new();
    let layer = Layer::new("one");
    let (first, second) = (fixture.store.intake().unwrap(), fixture.store.intake().unwrap());
    let partial = rest(first.want(&layer.descriptor, &layer.diff_id).unwrap());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| rest(second.want(&layer.descriptor, &layer.diff_id).unwrap()).have());
        first.layer(partial, &layer.diff_id, &layer.blob[..]).unwrap();
        assert_eq!(waiting.join().unwrap(), layer.descriptor.size);
    });
    let (manifest, config) = documents(&[&layer]);
    first.image(&manifest, &config, &[]).unwrap();
    first.finish().unwrap();
    assert!(matches!(second.want(&layer.descriptor, &layer.diff_id), Ok(Wanted::Nothing)));
}

/// The second one holds the lock on what the first one has checked and not yet moved: whatever the second
/// one's manifest says of it, the first one's content stays as it is.
#[test]
fn what_one_has_checked_another_does_not_change() {
    let fixture = Fixture::new();
    let layer = Layer::new("one");
    let (first, second) = (fixture.store.intake().unwrap(), fixture.store.intake().unwrap());
    let partial = rest(first.want(&layer.descriptor, &layer.diff_id).unwrap());
    first.layer(partial, &layer.diff_id, &layer.blob[..]).unwrap();
    for size in [1, layer.descriptor.size - 1, layer.descriptor.size + 1] {
        let other = Descriptor { size, ..layer.descriptor.clone() };
        let error = second.want(&other, &layer.diff_id).unwrap_err().to_string();
        assert!(error.contains("were promised"), "{error}");
    }
    let wrong = Digest::sha256_of(b"wrong");
    let partial = rest(second.want(&layer.descriptor, &wrong).unwrap());
    assert!(second.layer(partial, &wrong, io::empty()).is_err());
    // The file goes to its place while the second one reads it.
    let partial = rest(second.want(&layer.descriptor, &layer.diff_id).unwrap());
    let (manifest, config) = documents(&[&layer]);
    first.image(&manifest, &config, &[]).unwrap();
    first.finish().unwrap();
    let mut kept = Vec::new();
    partial.kept().read_to_end(&mut kept).unwrap();
    assert_eq!(kept, layer.blob);
    second.layer(partial, &layer.diff_id, io::empty()).unwrap();
    second.image(&manifest, &config, &[]).unwrap();
    second.finish().unwrap();
    let mut blob = Vec::new();
    fixture.store.open_blob(&layer.descriptor.digest).unwrap().unwrap().read_to_end(&mut blob).unwrap();
    assert_eq!(blob, layer.blob);
}

/// Fails without: `Origin` in the index.
#[test]
fn a_manifest_that_was_made_takes_no_others_place() {
    let fixture = Fixture::new();
    let layer = Layer::new("one");
    fixture.take(&[&layer], "image").unwrap();
    let before = fixture.store.existing("image").unwrap().manifest;
    let (manifest, config) = documents(&[&layer]);
    let intake = fixture.store.intake().unwrap();
    intake.image_without_manifest(&config, vec![layer.descriptor.clone()], &[]).unwrap();
    intake.finish().unwrap();
    assert_eq!(fixture.store.existing("image").unwrap().manifest, before);
    // One that came does: the same content in other words.
    let other = [&manifest[..], b"\n"].concat();
    let intake = fixture.store.intake().unwrap();
    intake.image(&other, &config, &[]).unwrap();
    intake.finish().unwrap();
    let after = fixture.store.existing("image").unwrap();
    assert_eq!(after.manifest, Some(Digest::sha256_of(&other)));
    assert_eq!(fixture.store.manifest(&after).unwrap().bytes, other);
}

/// An index that version 1 wrote: its images are there, and say why they cannot be saved.
#[test]
fn an_older_index_is_taken_over() {
    let fixture = Fixture::new();
    let (_, config) = documents(&[]);
    let id = Digest::sha256_of(&config).to_string();
    let index = rusqlite::Connection::open(fixture.folder.path().join("images.db")).unwrap();
    index
        .execute_batch(
            "CREATE TABLE image (id TEXT PRIMARY KEY NOT NULL, manifest TEXT, config BLOB NOT NULL,
                 size INTEGER NOT NULL, added INTEGER NOT NULL) STRICT;
             CREATE TABLE name (reference TEXT PRIMARY KEY NOT NULL,
                 image TEXT NOT NULL REFERENCES image (id)) STRICT;
             PRAGMA user_version = 1;",
        )
        .unwrap();
    index.execute("INSERT INTO image VALUES (?1, NULL, ?2, 7, 8)", rusqlite::params![id, config]).unwrap();
    index.execute("INSERT INTO name VALUES ('docker.io/library/old:1', ?1)", [&id]).unwrap();
    drop(index);
    let image = fixture.store.existing("old:1").unwrap();
    assert_eq!(image.size, 7);
    let refused = fixture.store.manifest(&image).unwrap_err().to_string();
    assert!(refused.contains("load it again"), "{refused}");
    fixture.take(&[&Layer::new("one")], "new").unwrap();
    fixture.store.remove("old:1", false, &mut |_| Vec::new()).unwrap();
    assert_eq!(fixture.store.list().unwrap().len(), 1);
}
