// SPDX-License-Identifier: Apache-2.0
//! `load`, `import`, `images`, `tag`, `rmi`, `inspect`, `history`.

use serde_json::Value;
use tests::{Ids, Sandbox};

#[test]
fn an_imported_image_is_listed_named_inspected_and_removed() {
    let sandbox = Sandbox::new();
    let archive = tests::image("minimal.tar");
    let id = sandbox.call(["import", "--quiet", archive.to_str().unwrap(), "base:1"]).ok();
    assert!(id.starts_with("sha256:") && id.len() == 71, "{id}");
    let table = sandbox.call(["images"]).ok();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 2, "{table}");
    assert!(lines[0].starts_with("REPOSITORY") && lines[1].starts_with("base "), "{table}");
    assert!(lines[1].contains(&id[7..19]), "{table}");
    assert_eq!(sandbox.call(["images", "--quiet", "--no-trunc"]).ok(), id);

    sandbox.call(["tag", "base:1", "registry.example:5000/team/base"]).ok();
    let rows = sandbox.call(["images", "--format", "json", "registry.example:5000/team/base"]).ok();
    let row: Value = serde_json::from_str(&rows).unwrap();
    assert_eq!(
        (row["Repository"].as_str(), row["Tag"].as_str()),
        (Some("registry.example:5000/team/base"), Some("latest"))
    );

    let inspected = inspect(&sandbox, &id[7..20]);
    assert_eq!(inspected["Id"], id.as_str());
    assert_eq!(
        inspected["RepoTags"],
        serde_json::json!(["base:1", "registry.example:5000/team/base:latest"])
    );
    assert_eq!(inspected["RootFS"]["Layers"].as_array().unwrap().len(), 1);

    let refused = sandbox.call(["rmi", &id]).fails(1);
    assert!(refused.contains("2 names"), "{refused}");
    assert_eq!(sandbox.call(["rmi", "base:1"]).ok(), "Untagged: base:1");
    let removed = sandbox.call(["rmi", "registry.example:5000/team/base"]).ok();
    assert!(removed.contains(&format!("Deleted: {id}")), "{removed}");
    assert_eq!(files_of(&sandbox, "layers"), 0);
    assert_eq!(sandbox.call(["images", "--quiet"]).ok(), "");
}

#[test]
fn what_is_not_here_is_told() {
    let sandbox = Sandbox::new();
    for words in [&["rmi", "nope"][..], &["inspect", "nope"], &["history", "nope"], &["tag", "nope", "x"]] {
        let told = sandbox.call(words.iter().copied()).fails(1);
        assert!(told.contains("nope"), "{told}");
    }
    let told = sandbox.call(["load", "-i", "/nowhere/at-all.tar"]).fails(1);
    assert!(told.contains("/nowhere/at-all.tar"), "{told}");
    let told = sandbox.call(["import", "/nowhere/at-all.tar", "x"]).fails(1);
    assert!(told.contains("/nowhere/at-all.tar"), "{told}");
}

#[test]
fn names_that_are_none_are_refused_before_anything_is_unpacked() {
    let sandbox = Sandbox::new();
    let archive = tests::image("minimal.tar");
    for name in ["UPPER", "a b", "../x", "-x-", "a:b:c", &format!("a@sha256:{}", "0".repeat(64))] {
        let told = sandbox.call(["import", archive.to_str().unwrap(), "--", name]).ended();
        assert_ne!(told.code, 0, "{name}: {told}");
        assert_eq!(files_of(&sandbox, "layers"), 0, "{name}");
    }
}

/// Each instruction is checked where it counts: in a container of the image.
#[test]
fn changes_of_an_import_count_when_it_runs() {
    let sandbox = Sandbox::new();
    let changes = [
        "ENV GREETING=\"two words\" OTHER=1",
        "WORKDIR /tmp",
        "USER 1000",
        "ENTRYPOINT [\"/bin/sh\", \"-c\"]",
        "CMD [\"echo $GREETING; pwd; id -u\"]",
        "LABEL a=b",
        "EXPOSE 80",
        "VOLUME /data",
    ];
    let mut call = sandbox.call(["import", "--message", "made by a test"]);
    for change in changes {
        call = call.args(["--change", change]);
    }
    call.args([tests::image("minimal.tar").to_str().unwrap(), "changed"]).ok();
    assert_eq!(sandbox.call(["run", "--rm", "changed"]).ok(), "two words\n/tmp\n1000");
    let config = &inspect(&sandbox, "changed")["Config"];
    assert_eq!(config["Labels"], serde_json::json!({ "a": "b" }));
    assert_eq!(config["ExposedPorts"], serde_json::json!({ "80/tcp": {} }));
    assert_eq!(config["Volumes"], serde_json::json!({ "/data": {} }));
    let history = sandbox.call(["history", "changed"]).ok();
    assert!(history.contains("made by a test"), "{history}");
    for bad in ["RUN true", "CMD [x", "EXPOSE http", "ENV NAME"] {
        let told = sandbox.call(["import", "--change", bad, "-", "bad"]).input("").fails(1);
        assert!(told.contains(bad), "{told}");
    }
}

#[test]
fn an_import_may_be_compressed() {
    let sandbox = Sandbox::new();
    let plain = std::fs::read(tests::image("minimal.tar")).unwrap();
    let packed = zstd::encode_all(&plain[..], 1).unwrap();
    let layers = |sandbox: &Sandbox, name: &str| inspect(sandbox, name)["RootFS"]["Layers"].clone();
    sandbox.call(["import", "-", "plain"]).input(plain).ok();
    sandbox.call(["import", "-", "packed"]).input(packed).ok();
    assert_eq!(layers(&sandbox, "plain"), layers(&sandbox, "packed"));
    assert_eq!(files_of(&sandbox, "layers"), 1, "one directory per layer");
    assert_eq!(sandbox.call(["run", "--rm", "packed", "echo", "hello"]).ok(), "hello");
    // The layer stays as long as one image has it.
    sandbox.call(["rmi", "plain"]).ok();
    assert_eq!(sandbox.call(["run", "--rm", "packed", "echo", "hello"]).ok(), "hello");
}

#[test]
fn a_loaded_image_has_its_history() {
    let sandbox = Sandbox::new();
    let archive = tests::image("layers.docker.tar");
    let told = sandbox.call(["load", "--input", archive.to_str().unwrap()]).ok();
    assert_eq!(told, "Loaded image: layers:1");
    let rows = sandbox.call(["history", "--no-trunc", "--format", "json", "layers:1"]).ok();
    let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |word: &str| rows.iter().find(|row| row["CreatedBy"].as_str().unwrap().contains(word)).unwrap();
    assert!(of("ENTRYPOINT")["Size"] == "0B" && of("ADD")["Size"] != "0B", "{rows:#?}");
    assert!(rows.iter().all(|row| row["CreatedAt"].as_str().unwrap().starts_with("20")), "{rows:#?}");
    let id = inspect(&sandbox, "layers:1")["Id"].as_str().unwrap().to_owned();
    assert_eq!(rows[0]["ID"], id.as_str(), "the newest step is the image itself");
    assert!(rows[1..].iter().all(|row| row["ID"] == "<missing>"));

    // Again, and through a pipe: nothing is there twice.
    let layers = files_of(&sandbox, "layers");
    let told = sandbox.call(["load"]).input(std::fs::read(archive).unwrap()).ok();
    assert_eq!(told, "Loaded image: layers:1");
    assert_eq!(files_of(&sandbox, "layers"), layers);
    assert_eq!(sandbox.call(["images", "--quiet"]).ok().lines().count(), 1);
}

#[test]
fn an_image_that_a_container_was_made_from_stays() {
    let sandbox = Sandbox::minimal();
    sandbox.call(["run", "--name", "user", "minimal", "true"]).ok();
    let told = sandbox.call(["rmi", "minimal"]).fails(1);
    assert!(told.contains("user"), "{told}");
    assert_eq!(files_of(&sandbox, "layers"), 1);
    sandbox.call(["rm", "user"]).ok();
    sandbox.call(["rmi", "minimal"]).ok();
    assert_eq!(files_of(&sandbox, "layers"), 0);
}

/// Owners, whiteouts and opaque directories are made of other things in a user namespace.
#[test]
fn an_ordinary_user_loads_and_runs_an_image_of_several_layers() {
    for ids in [Ids::Range, Ids::None] {
        let sandbox = Sandbox::rootless(ids);
        let archive = std::fs::read(tests::image("layers.docker.tar")).unwrap();
        sandbox.call(["load", "--quiet"]).input(archive).ok();
        let listed = "ls -A /data /data/kept /data/emptied; cat /data/becomes-directory/y /data/becomes-file";
        let said = sandbox.call(["run", "--rm", "--user", "0", "layers:1", listed]).ok();
        assert!(
            said.contains("becomes-directory") && said.ends_with("y\nz") && said.contains("new"),
            "{ids:?}: {said}"
        );
        assert!(
            !said.contains("removed") && !said.contains("gone") && !said.contains("old"),
            "{ids:?}: {said}"
        );
        sandbox.call(["rmi", "layers:1"]).ok();
        assert_eq!(files_of(&sandbox, "layers"), 0, "{ids:?}");
    }
}

/// All want the same layers at the same time, while another takes the image away again and again.
#[test]
fn many_loads_and_removals_at_once() {
    let sandbox = Sandbox::new();
    let archive = tests::image("layers.docker.tar");
    let words = ["load", "--quiet", "--input", archive.to_str().unwrap()];
    std::thread::scope(|scope| {
        let loads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..3 {
                        assert_eq!(sandbox.call(words).ok(), "Loaded image: layers:1");
                        // Somebody else may have been faster.
                        let removed = sandbox.call(["rmi", "layers:1"]).ended();
                        assert!(removed.code == 0 || removed.err.contains("no image"), "{removed}");
                    }
                })
            })
            .collect();
        loads.into_iter().for_each(|load| load.join().unwrap());
    });
    assert_eq!((files_of(&sandbox, "layers"), files_of(&sandbox, "staging")), (0, 0));
    sandbox.call(words).ok();
    assert_eq!(sandbox.call(["run", "--rm", "layers:1"]).ok().lines().count(), 5);
}

fn inspect(sandbox: &Sandbox, name: &str) -> Value {
    let mut found: Value = serde_json::from_str(&sandbox.call(["inspect", name]).ok()).unwrap();
    found[0].take()
}

fn files_of(sandbox: &Sandbox, folder: &str) -> usize {
    std::fs::read_dir(sandbox.root().join(folder)).unwrap().count()
}
