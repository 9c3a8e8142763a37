// SPDX-License-Identifier: Apache-2.0
//! `pull`, `push` and `save` beside Debian's registry, skopeo, podman and docker: what goes out is what came
//! in, byte for byte.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tests::{DockerRegistry, Guarded, Ids, Sandbox};

const SAID: &str = "hello from a layer\n1000\n/data\none\nnew";

#[test]
fn what_is_pulled_runs_and_is_pushed_with_its_digest() {
    let Some(registry) = DockerRegistry::start(Guarded::No) else {
        return tests::skip("docker-registry is not installed");
    };
    let layout = format!("oci:{}", tests::image("layers.oci").display());
    let name = format!("{}/team/layers:1", registry.host());
    skopeo(&["copy", "--dest-tls-verify=false", &layout, &format!("docker://{name}")]);
    let raw = skopeo(&["inspect", "--raw", &layout]);
    let digest = oci::Digest::sha256_of(raw.as_bytes()).to_string();

    let sandbox = Sandbox::new();
    let told = sandbox.call(["pull", &name]).ok();
    let want = format!("Digest: {digest}\nStatus: Downloaded newer image for {name}\n{name}");
    assert_eq!(told, want);
    assert_eq!(sandbox.call(["run", "--rm", &name]).ok(), SAID);
    let again = sandbox.call(["pull", "--format", "json", &name]).ok();
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!((&again["New"], &again["Fetched"]), (&false.into(), &0.into()), "{again}");

    // By digest, which then is a name of the image; and whatever else stands for it.
    let pinned = format!("{}/team/layers@{digest}", registry.host());
    sandbox.call(["pull", "--quiet", &pinned]).ok();
    assert_eq!(sandbox.call(["run", "--rm", &pinned]).ok(), SAID);

    // Under another name on the same registry nothing is sent again.
    let beside = format!("{}/other/layers:2", registry.host());
    sandbox.call(["tag", &name, &beside]).ok();
    let pushed = sandbox.call(["push", "--format", "json", &beside]).ok();
    let pushed: Value = serde_json::from_str(&pushed).unwrap();
    assert_eq!((pushed["Digest"].as_str(), &pushed["Sent"]), (Some(&digest[..]), &0.into()), "{pushed}");
    assert_eq!(skopeo(&["inspect", "--tls-verify=false", "--raw", &format!("docker://{beside}")]), raw);
}

/// `run` brings what is not here, says so on standard error, and leaves standard output to the program.
#[test]
fn run_pulls_what_is_missing() {
    let Some(registry) = DockerRegistry::start(Guarded::No) else {
        return tests::skip("docker-registry is not installed");
    };
    let layout = format!("oci:{}", tests::image("layers.oci").display());
    let name = format!("{}/team/layers", registry.host());
    skopeo(&["copy", "--dest-tls-verify=false", &layout, &format!("docker://{name}:latest")]);
    let sandbox = Sandbox::new();
    let run = |flags: &[&str]| sandbox.call(["run", "--rm"].iter().chain(flags).chain(&[&name[..]])).ended();
    let never = run(&["--pull", "never"]);
    assert!(never.code == 125 && never.err.contains("there is no image"), "{never}");
    let first = run(&[]);
    assert_eq!((first.code, first.out.trim()), (0, SAID), "{first}");
    let begin = format!("Unable to find image '{name}:latest' locally\n");
    let status = format!("Status: Downloaded newer image for {name}:latest\n");
    assert!(first.err.starts_with(&begin) && first.err.contains(&status), "{first}");
    let again = run(&[]);
    assert_eq!((again.out.trim(), &again.err[..]), (SAID, ""), "nothing is asked when it is here: {again}");

    // The name stands for another image there now: only `always` asks.
    sandbox.import("minimal.tar", "minimal");
    skopeo(&[
        "copy",
        "--dest-tls-verify=false",
        &format!("tarball:{}", tests::image("minimal.tar").display()),
        &format!("docker://{name}:latest"),
    ]);
    assert_eq!(run(&[]).out.trim(), SAID);
    let other = sandbox.call(["run", "--rm", "--pull=always", "-q", &name, "echo", "other"]).ended();
    assert_eq!((other.code, &other.out[..], &other.err[..]), (0, "other\n", ""), "{other}");
    let current = run(&["--pull", "always"]);
    assert!(current.err.contains(&format!("Status: Image is up to date for {name}:latest\n")), "{current}");
    let gone = run(&["--pull", "always", "--plain-http", "x.invalid"]);
    assert!(gone.err.contains("warning: x.invalid is spoken to without TLS"), "{gone}");
    let error = sandbox.call(["run", "--rm", &format!("{}/none", registry.host())]).fails(125);
    assert!(error.contains("Unable to find image") && error.contains("cannot pull"), "{error}");
    assert!(sandbox.containers().is_empty());

    let ordinary = Sandbox::rootless(Ids::Range);
    assert_eq!(ordinary.call(["run", "--rm", &name, "echo", "ordinary"]).ok(), "ordinary");
}

/// What is here already costs one question and no write.
#[test]
fn a_pull_of_what_is_here_writes_nothing() {
    let Some(registry) = DockerRegistry::start(Guarded::No) else {
        return tests::skip("docker-registry is not installed");
    };
    let name = format!("{}/layers:1", registry.host());
    let layout = format!("oci:{}", tests::image("layers.oci").display());
    skopeo(&["copy", "--dest-tls-verify=false", &layout, &format!("docker://{name}")]);
    let sandbox = Sandbox::new();
    sandbox.call(["pull", "--quiet", &name]).ok();
    let before = changes(&sandbox.root());
    let again: Value = serde_json::from_str(&sandbox.call(["pull", "--format", "json", &name]).ok()).unwrap();
    assert_eq!((&again["New"], &again["Fetched"]), (&false.into(), &0.into()), "{again}");
    assert_eq!(changes(&sandbox.root()), before);
    // A layer that somebody took away comes back.
    let layer = std::fs::read_dir(sandbox.root().join("layers")).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_dir_all(&layer).unwrap();
    sandbox.call(["pull", "--quiet", &name]).ok();
    assert!(layer.join("fs").exists());
    assert_eq!(sandbox.call(["run", "--rm", &name]).ok(), SAID);
}

/// Inode and time of change of what the store keeps.
fn changes(root: &Path) -> Vec<(std::path::PathBuf, u64, i64, i64)> {
    use std::os::unix::fs::MetadataExt as _;
    let kept = ["images.db", "blobs", "layers", "partial", "staging"].map(|name| root.join(name));
    let within = |folder: &Path| {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    let mut all: Vec<_> = kept.to_vec();
    all.extend(within(&kept[1]).into_iter().chain(within(&kept[2])));
    all.sort();
    let change = |path: std::path::PathBuf| {
        let found = std::fs::metadata(&path).unwrap();
        (path, found.ino(), found.ctime(), found.ctime_nsec())
    };
    all.into_iter().map(change).collect()
}

/// An image that was imported has no manifest of its own: it gets one, the same wherever it is imported.
#[test]
fn what_was_imported_is_pushed_and_pulled_elsewhere() {
    let Some(registry) = DockerRegistry::start(Guarded::No) else {
        return tests::skip("docker-registry is not installed");
    };
    let name = format!("{}/minimal:1", registry.host());
    let sandbox = Sandbox::new();
    sandbox.import("minimal.tar", &name);
    let pushed = sandbox.call(["push", &name]).ok();
    let elsewhere = Sandbox::new();
    let pulled = elsewhere.call(["pull", &name]).ok();
    let digest = pulled.lines().next().unwrap().strip_prefix("Digest: ").unwrap();
    assert!(pushed.contains(digest), "{pushed}, {pulled}");
    assert_eq!(elsewhere.call(["run", "--rm", &name, "echo", "runs"]).ok(), "runs");
    assert_eq!(id(&sandbox, &name), id(&elsewhere, &name));
}

#[test]
fn errors_are_sentences_and_leave_nothing() {
    let Some(registry) = DockerRegistry::start(Guarded::No) else {
        return tests::skip("docker-registry is not installed");
    };
    let sandbox = Sandbox::new();
    let name = format!("{}/nothing:1", registry.host());
    let error = sandbox.call(["pull", &name]).fails(1);
    assert!(error.contains(&format!("cannot pull {name}")) && error.contains("nothing"), "{error}");
    let error = sandbox.call(["push", &name]).fails(1);
    assert!(error.contains("there is no image"), "{error}");
    let error = sandbox.call(["save", "-o", sandbox.file("x.tar").to_str().unwrap(), &name]).fails(1);
    assert!(error.contains("there is no image") && !sandbox.file("x.tar").exists(), "{error}");
    assert_eq!(sandbox.call(["images", "-q"]).ok(), "");
}

/// Two commands pull one image again and again, a third removes it: each either succeeds or says why, and
/// what is here at the end is whole.
#[test]
fn pulls_and_removals_at_the_same_time() {
    let Some(registry) = DockerRegistry::start(Guarded::No) else {
        return tests::skip("docker-registry is not installed");
    };
    let layout = format!("oci:{}", tests::image("layers.oci").display());
    let name = format!("{}/shared:1", registry.host());
    skopeo(&["copy", "--dest-tls-verify=false", &layout, &format!("docker://{name}")]);
    let sandbox = Sandbox::new();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..8).for_each(|_| drop(sandbox.call(["pull", "--quiet", &name]).ok())));
        }
        scope.spawn(|| {
            for _ in 0..8 {
                let removed = sandbox.call(["rmi", &name]).ended();
                let fine = removed.code == 0 || removed.err.contains("there is no image");
                assert!(fine, "{removed}");
            }
        });
    });
    sandbox.call(["pull", "--quiet", &name]).ok();
    assert_eq!(sandbox.call(["run", "--rm", &name]).ok(), SAID);
    sandbox.call(["rmi", &name]).ok();
    for place in ["layers", "blobs", "staging", "partial"] {
        assert_eq!(std::fs::read_dir(sandbox.root().join(place)).unwrap().count(), 0, "{place}");
    }
}

#[test]
fn what_is_saved_is_read_by_the_peers_and_is_the_same_each_time() {
    let sandbox = Sandbox::new();
    let loaded = sandbox.call(["load", "-i", tests::image("layers.oci").to_str().unwrap()]).ok();
    let name = loaded.strip_prefix("Loaded image: ").unwrap();
    sandbox.import("minimal.tar", "minimal:1");
    let (saved, again) = (sandbox.file("saved.tar"), sandbox.file("again.tar"));
    for file in [&saved, &again] {
        sandbox.call(["save", "-q", "-o", file.to_str().unwrap(), name, "minimal:1"]).ok();
    }
    assert!(std::fs::read(&saved).unwrap() == std::fs::read(&again).unwrap());

    // Ours again, elsewhere.
    let elsewhere = Sandbox::new();
    elsewhere.call(["load", "-i", saved.to_str().unwrap()]).ok();
    for name in [name, "minimal:1"] {
        assert_eq!(id(&sandbox, name), id(&elsewhere, name));
    }
    elsewhere.call(["save", "-q", "-o", again.to_str().unwrap(), name, "minimal:1"]).ok();
    assert!(std::fs::read(&saved).unwrap() == std::fs::read(&again).unwrap());

    // skopeo finds the very manifest by its name in the layout, and the configuration in either form.
    let layout = format!("oci:{}", tests::image("layers.oci").display());
    let by_name = format!("oci-archive:{}:1", single(&sandbox, name).display());
    assert_eq!(skopeo(&["inspect", "--raw", &by_name]), skopeo(&["inspect", "--raw", &layout]));
    let archive = format!("docker-archive:{}:{name}", saved.display());
    assert_eq!(
        skopeo(&["inspect", "--config", "--raw", &archive]),
        skopeo(&["inspect", "--config", "--raw", &layout])
    );
    let podman = |words: &[&str]| {
        let roots = ["root", "runroot"].map(|root| sandbox.file(root).display().to_string());
        let storage = ["--root", &roots[0], "--runroot", &roots[1], "--storage-driver", "vfs"];
        output(Command::new("podman").args(storage).args(words))
    };
    podman(&["load", "--quiet", "--input", saved.to_str().unwrap()]);
    let theirs = podman(&["images", "--no-trunc", "--quiet"]);
    for name in [name, "minimal:1"] {
        assert!(theirs.contains(&id(&sandbox, name)), "{theirs}");
    }
}

/// An archive with one image.
fn single(sandbox: &Sandbox, name: &str) -> std::path::PathBuf {
    let path = sandbox.file("single.tar");
    sandbox.call(["save", "-q", "-o", path.to_str().unwrap(), name]).ok();
    path
}

fn id(sandbox: &Sandbox, name: &str) -> String {
    let told = sandbox.call(["inspect", name]).ok();
    let told: Value = serde_json::from_str(&told).unwrap();
    told[0]["Id"].as_str().unwrap().to_owned()
}

fn skopeo(words: &[&str]) -> String {
    output(Command::new("skopeo").args(words))
}

fn output(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.current_dir(Path::new("/")).output().unwrap();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8_lossy(&stdout).into_owned()
}
