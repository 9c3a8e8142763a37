// SPDX-License-Identifier: Apache-2.0
//! Layers and image archives, into a directory with a canary beside it.

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use kernel::Root;
use oci::Digest;
use store::tar::write::Writer;
use store::unpack::{InProcess, Modes, Options, Owners};
use store::{Store, Unpacking};

/// A layer's tar stream, unpacked. Whatever it says, nothing beside the target changes.
pub(crate) fn unpack(stream: &[u8]) {
    let folder = folder();
    let (target, canary) = (folder.path().join("target"), folder.path().join("canary"));
    fs::create_dir(&target).expect("a directory of our own");
    fs::write(&canary, "alive").expect("a file of our own");
    let options =
        Options { owners: Owners::Caller, most_bytes: 1 << 20, most_entries: 1000, modes: Modes::Masked };
    let root = Root::open(&target).expect("it was just made");
    let unpacked = store::unpack::unpack(stream, &root, &options);
    if let Err(error) = unpacked {
        assert!(error.to_string().len() < LONGEST_SENTENCE, "{error}");
    }
    assert_eq!(fs::read(&canary).expect("nobody removes it"), b"alive");
    assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 2);
    // A mode may forbid the removal.
    store::unpack::remove_tree(
        std::os::fd::AsFd::as_fd(&Root::open(folder.path()).expect("it is there")),
        "target".as_ref(),
    )
    .expect("what was unpacked can be removed");
}

/// The `manifest.json` of an archive whose other members are good.
pub(crate) fn docker_archive(manifest: &[u8]) {
    let layer = layer();
    let config = config(&layer);
    load(&[
        ("config.json", &config),
        ("layer.tar", &layer),
        ("a/layer.tar", &layer),
        ("manifest.json", manifest),
    ]);
}

/// The `index.json` of a layout, or with a first byte of 1 its manifest, whose other blobs are good.
/// Digests cannot be guessed, so `$M`, `$C` and `$L` stand for those of the good manifest, configuration
/// and layer, and `$m`, `$c` and `$l` for their sizes.
pub(crate) fn image_layout(bytes: &[u8]) {
    let layer = layer();
    let config = config(&layer);
    let image = manifest(&config, &layer);
    let marks = [(b'M', &image), (b'C', &config), (b'L', &layer)];
    let (index, image) = match bytes.split_first() {
        Some((1, rest)) => {
            let image = filled(rest, &marks);
            (index(&image), image)
        }
        _ => (filled(bytes, &marks), image.clone()),
    };
    let blob = |content: &[u8]| format!("blobs/sha256/{}", Digest::sha256_of(content).hex());
    load(&[
        ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#),
        ("index.json", &index),
        (&blob(&image), &image),
        (&blob(&config), &config),
        (&blob(&layer), &layer),
    ]);
}

/// `text` with the marks replaced by digests and sizes.
fn filled(text: &[u8], marks: &[(u8, &Vec<u8>)]) -> Vec<u8> {
    let (mut out, mut letters) = (Vec::new(), text.iter().copied().peekable());
    while let Some(letter) = letters.next() {
        let mark = letters.peek().filter(|_| letter == b'$').copied();
        let meant = |(name, content): &(u8, &Vec<u8>)| match mark? {
            letter if letter == *name => Some(Digest::sha256_of(content).to_string()),
            letter if letter == name.to_ascii_lowercase() => Some(content.len().to_string()),
            _ => None,
        };
        match marks.iter().find_map(meant) {
            Some(text) => {
                out.extend(text.into_bytes());
                letters.next();
            }
            None => out.push(letter),
        }
    }
    out
}

/// Loads an archive of these members: all of it comes in, or nothing, and the same from a file as through a
/// pipe.
fn load(members: &[(&str, &[u8])]) {
    let mut archive = Writer::default();
    for (name, content) in members {
        archive.file(name, 0o644, content);
    }
    let archive = archive.finish();
    let mut file = tempfile::tempfile().expect("a file of our own");
    file.write_all(&archive).and_then(|()| file.rewind()).expect("there is room");
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let piped = std::thread::scope(|scope| {
        scope.spawn(move || writer.write_all(&archive).expect("it is read to its end"));
        let mut rest = reader.try_clone().expect("a second handle");
        let came = take(File::from(OwnedFd::from(reader)));
        // The loader may stop early; SIGPIPE would end a fuzzer, whose main is not Rust's.
        std::io::copy(&mut rest, &mut std::io::sink()).expect("the rest is read");
        came
    });
    assert_eq!(take(file), piped, "a file and a pipe differ");
}

/// Whether the archive came in.
fn take(archive: File) -> bool {
    let folder = folder();
    let store =
        Store::open(folder.path(), Unpacking::SingleId, Box::new(InProcess)).expect("a store of our own");
    let loaded = store.load(archive, &mut |_| ());
    let layers = fs::read_dir(folder.path().join("layers")).expect("it is there").count();
    match &loaded {
        Ok(images) => assert!(!images.is_empty() && layers <= 1),
        Err(error) => {
            assert_eq!(layers, 0, "left behind");
            assert!(error.to_string().len() < LONGEST_SENTENCE, "{error}");
        }
    }
    assert_eq!(fs::read_dir(folder.path().join("staging")).expect("it is there").count(), 0);
    loaded.is_ok()
}

fn layer() -> Vec<u8> {
    let mut writer = Writer::default();
    writer.file("hello", 0o644, b"hello");
    writer.finish()
}

fn config(layer: &[u8]) -> Vec<u8> {
    let diff_id = Digest::sha256_of(layer);
    format!(
        r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#
    )
    .into_bytes()
}

fn manifest(config: &[u8], layer: &[u8]) -> Vec<u8> {
    let config = descriptor(oci::manifest::OCI_CONFIG, config);
    let layer = descriptor(oci::manifest::OCI_LAYER, layer);
    format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layer}]}}"#).into_bytes()
}

fn index(manifest: &[u8]) -> Vec<u8> {
    let manifest = descriptor(oci::manifest::OCI_MANIFEST, manifest);
    format!(r#"{{"schemaVersion":2,"manifests":[{manifest}]}}"#).into_bytes()
}

fn descriptor(kind: &str, content: &[u8]) -> String {
    format!(r#"{{"mediaType":"{kind}","digest":"{}","size":{}}}"#, Digest::sha256_of(content), content.len())
}

/// In memory, where it is fast.
fn folder() -> tempfile::TempDir {
    let place = Path::new("/dev/shm");
    let place = if place.is_dir() { place.to_owned() } else { std::env::temp_dir() };
    tempfile::tempdir_in(place).expect("a directory in memory")
}

/// A sentence for a terminal.
const LONGEST_SENTENCE: usize = 2000;
