// SPDX-License-Identifier: Apache-2.0
//! The three images of the bench, each as a docker-archive and as an OCI archive with gzip layers.
//!
//! | image | what it is |
//! |---|---|
//! | bookworm | Debian's minimal system, one layer: 128 MB, 6,700 files |
//! | small | 40,000 generated files of about 2 KB in 400 folders, one layer |
//! | multi | bookworm, and small cut in four: five layers |
//! | more | multi and one layer of one small file; only as an OCI archive, and not in [`Archives::all`] |

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::command::program;
use crate::failure::{Result, While};
use crate::images;
use crate::project::Project;

/// Which kind of archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// An OCI layout in a tar, gzip layers.
    Oci,
    /// What `docker save` writes, plain layers.
    Docker,
}

impl Form {
    /// What skopeo calls it.
    pub(super) fn transport(self) -> &'static str {
        match self {
            Self::Oci => "oci-archive",
            Self::Docker => "docker-archive",
        }
    }
}

/// One archive.
#[derive(Debug)]
pub(super) struct Archive {
    pub(super) image: &'static str,
    pub(super) form: Form,
    pub(super) path: PathBuf,
    /// Its layers as files: for the floor.
    pub(super) layers: Vec<PathBuf>,
    directory: PathBuf,
}

impl Archive {
    /// The same as a directory, where it is a layout.
    pub(super) fn layout(&self) -> PathBuf {
        self.directory.clone()
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct Archives {
    all: Vec<Archive>,
    more: Archive,
}

impl Archives {
    pub(super) fn make(project: &Project, place: &Path) -> Result<Self> {
        let bookworm = place.join("bookworm.tar");
        std::fs::copy(images::minbase(project)?, &bookworm).cannot(|| "copy bookworm.tar")?;
        let small = generate(place, "small", 0..400)?;
        let mut cut = vec![bookworm.clone()];
        for part in 0..4 {
            cut.push(generate(place, &format!("small{part}"), part * 100..(part + 1) * 100)?);
        }
        let mut archives = Vec::new();
        for (image, layers) in [("bookworm", vec![bookworm]), ("small", vec![small]), ("multi", cut.clone())]
        {
            archives.push(pack(place, image, Form::Oci, &layers)?);
            archives.push(pack(place, image, Form::Docker, &layers)?);
        }
        cut.push(pack_files(place, "last", &[("last", "one more\n".to_owned())])?);
        Ok(Self { all: archives, more: pack(place, "more", Form::Oci, &cut)? })
    }

    /// The three images.
    pub(super) fn all(&self) -> &[Archive] {
        &self.all
    }

    /// What goes into a registry.
    pub(super) fn pushed(&self) -> impl Iterator<Item = &Archive> {
        self.all.iter().filter(|archive| archive.form == Form::Oci).chain([&self.more])
    }
}

/// 100 files in each of the folders `numbers`, of words, so that they compress as texts do.
fn generate(place: &Path, name: &str, numbers: std::ops::Range<u32>) -> Result<PathBuf> {
    let files: Vec<(String, String)> = numbers
        .flat_map(|folder| (0..100).map(move |file| (folder, file)))
        .map(|(folder, file)| (format!("data/d{folder:03}/file-{file:02}.txt"), words(folder * 100 + file)))
        .collect();
    pack_files(place, name, &files)
}

/// A tar of these files.
fn pack_files(place: &Path, name: &str, files: &[(impl AsRef<Path>, String)]) -> Result<PathBuf> {
    let tree = place.join(name);
    write_files(&tree, files)?;
    let tar = place.join(format!("{name}.tar"));
    let flags =
        ["--create", "--sort=name", "--mtime=@1700000000", "--owner=0", "--group=0", "--numeric-owner"];
    program("tar", flags).arg("--file").arg(&tar).arg("--directory").arg(&tree).arg(".").run()?;
    images::remove(&tree)?;
    Ok(tar)
}

/// These files, by their paths below `tree`.
pub(super) fn write_files(tree: &Path, files: &[(impl AsRef<Path>, String)]) -> Result<()> {
    for (path, text) in files {
        let path = tree.join(path);
        let parent = path.parent().unwrap_or(tree);
        std::fs::create_dir_all(parent).cannot(|| format!("make {}", parent.display()))?;
        std::fs::write(&path, text).cannot(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// 1 to 3 KiB, the same for the same seed (a linear congruential generator, Knuth's constants).
pub(super) fn words(seed: u32) -> String {
    let mut state = u64::from(seed) + 1;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or_default()
    };
    let length = 1024 + next() % 2048;
    let mut text = String::new();
    while text.len() < length {
        text.push_str(WORDS[next() % WORDS.len()]);
        text.push_str(if next() % 12 == 0 { ".\n" } else { " " });
    }
    text
}

fn pack(place: &Path, image: &'static str, form: Form, tars: &[PathBuf]) -> Result<Archive> {
    let directory = place.join(format!("{image}.{}", form.transport()));
    std::fs::create_dir_all(directory.join("blobs/sha256")).cannot(|| "make a layout")?;
    let blob = |file: &Path| -> Result<String> {
        let digest = digest(file)?;
        let target = directory.join("blobs/sha256").join(&digest);
        std::fs::rename(file, &target).cannot(|| format!("keep {}", file.display()))?;
        Ok(digest)
    };
    let document = |value: &serde_json::Value| -> Result<(String, usize)> {
        let (path, text) = (directory.join("document"), value.to_string());
        std::fs::write(&path, &text).cannot(|| "write a document")?;
        Ok((blob(&path)?, text.len()))
    };
    let (mut diff_ids, mut layers, mut described) = (Vec::new(), Vec::new(), Vec::new());
    for tar in tars {
        diff_ids.push(format!("sha256:{}", digest(tar)?));
        let content = directory.join("layer");
        let script = if form == Form::Oci { "gzip -n -6 <\"$1\" >\"$2\"" } else { "cp \"$1\" \"$2\"" };
        program("sh", ["-euc", script, "sh"]).arg(tar).arg(&content).run()?;
        let size = std::fs::metadata(&content).cannot(|| "look at a layer")?.len();
        let digest = blob(&content)?;
        described.push(json!({"mediaType": LAYER, "digest": format!("sha256:{digest}"), "size": size}));
        layers.push(format!("blobs/sha256/{digest}"));
    }
    let (config, size) = document(&json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }))?;
    let tag = format!("{image}:1");
    let (file, index) = match form {
        Form::Docker => {
            let config = format!("blobs/sha256/{config}");
            ("manifest.json", json!([{"Config": config, "RepoTags": [tag], "Layers": layers}]))
        }
        Form::Oci => {
            let config = json!({"mediaType": CONFIG, "digest": format!("sha256:{config}"), "size": size});
            let (digest, size) = document(&json!({
                "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": described,
            }))?;
            let write = std::fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#);
            write.cannot(|| "write oci-layout")?;
            // A tag for umoci, a whole name for the others.
            let names = json!({"org.opencontainers.image.ref.name": "1", "io.containerd.image.name": tag});
            let digest = format!("sha256:{digest}");
            let manifest =
                json!({"mediaType": MANIFEST, "digest": digest, "size": size, "annotations": names});
            ("index.json", json!({"schemaVersion": 2, "manifests": [manifest]}))
        }
    };
    std::fs::write(directory.join(file), index.to_string()).cannot(|| format!("write {file}"))?;
    let path = place.join(format!("{image}.{}.tar", form.transport()));
    program("tar", ["--create", "--file"]).arg(&path).arg("--directory").arg(&directory).arg(".").run()?;
    let layers = layers.iter().map(|name| directory.join(name)).collect();
    Ok(Archive { image, form, path, layers, directory })
}

fn digest(file: &Path) -> Result<String> {
    let line = program("sha256sum", [file]).text()?;
    Ok(line.split(' ').next().unwrap_or_default().to_owned())
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const WORDS: [&str; 40] = [
    "layer",
    "digest",
    "harbour",
    "ballast",
    "keel",
    "of",
    "the",
    "and",
    "mooring",
    "watertight",
    "frame",
    "is",
    "bulkhead",
    "hatch",
    "with",
    "without",
    "pump",
    "cargo",
    "manifest",
    "tide",
    "in",
    "rope",
    "signal",
    "lamp",
    "anchor",
    "between",
    "compartment",
    "pressure",
    "valve",
    "north",
    "log",
    "sound",
    "depth",
    "crew",
    "to",
    "watch",
    "bell",
    "chart",
    "rudder",
    "wake",
];
