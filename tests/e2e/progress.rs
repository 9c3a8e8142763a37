// SPDX-License-Identifier: Apache-2.0
//! How far a transfer is, as a person at a terminal, a log and a program see it.

use serde_json::Value;
use tests::{DockerRegistry, Guarded, Sandbox};

use crate::run_terminal::Person;

/// A registry with the image `minimal`, and what that is called there.
fn registry() -> Option<(DockerRegistry, Sandbox, String)> {
    let registry = DockerRegistry::start(Guarded::No)?;
    let name = format!("{}/minimal:1", registry.host());
    let sandbox = Sandbox::new();
    sandbox.import("minimal.tar", &name);
    Some((registry, sandbox, name))
}

#[test]
fn bars_on_a_terminal() {
    let Some((_registry, there, name)) = registry() else {
        return tests::skip("docker-registry is not installed");
    };
    let mut person = Person::calls(there.call(["push", &name]));
    // The short id, what is done to it, a bar, and how much of how much.
    let seen = person.sees("digest: sha256:");
    assert!(bar(&seen, "pushing"), "{seen:?}");
    let here = Sandbox::new();
    let mut person = Person::calls(here.call(["pull", &name]));
    let seen = person.sees("Digest: sha256:");
    assert!(bar(&seen, "pulling"), "{seen:?}");
    // What comes next begins in a clear line.
    assert!(seen.ends_with("\r\u{1b}[JDigest: sha256:"), "{seen:?}");
    let file = tests::image("layers.docker.tar").display().to_string();
    let seen = Person::calls(here.call(["load", "-i", &file])).sees("Loaded image");
    assert!(bar(&seen, "unpacking"), "{seen:?}");
}

/// Whether one of the lines is a bar of `step`.
fn bar(seen: &str, step: &str) -> bool {
    seen.split(['\r', '\n', 'J']).any(|line| {
        let Some((id, rest)) = line.split_once(&format!("  {step}")) else { return false };
        id.len() == 12
            && id.bytes().all(|byte| byte.is_ascii_hexdigit())
            && rest.contains("  [")
            && rest.contains("B of ")
    })
}

#[test]
fn lines_elsewhere_and_objects_for_programs() {
    let Some((_registry, there, name)) = registry() else {
        return tests::skip("docker-registry is not installed");
    };
    there.call(["push", "--quiet", &name]).ok();
    let again = there.call(["push", &name]).ended();
    assert!(again.code == 0 && again.err.lines().all(|line| line.starts_with("already there  ")), "{again}");
    assert_eq!(again.err.lines().count(), 2, "the configuration and the layer: {again}");
    let here = Sandbox::new();
    let plain = here.call(["pull", &name]).ended();
    assert_eq!(plain.code, 0, "{plain}");
    assert!(plain.err.starts_with("pulling  ") && !plain.err.contains('\u{1b}'), "{plain}");
    assert_eq!(plain.err.lines().count(), 1, "{plain}");
    here.call(["rmi", &name]).ok();
    let json = here.call(["pull", "--progress", "json", &name]).ended();
    assert_eq!(json.code, 0, "{json}");
    let objects: Vec<Value> = json.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let done: Vec<u64> = objects.iter().map(|object| object["done"].as_u64().unwrap()).collect();
    assert!(done.is_sorted() && objects.last().is_some_and(|last| last["done"] == last["total"]), "{json}");
    for object in &objects {
        assert!(object["id"].as_str().unwrap().starts_with("sha256:"), "{json}");
        assert_eq!((&object["step"], object.as_object().unwrap().len()), (&"pulling".into(), 4), "{json}");
    }
    // A program that wants its output alone.
    let silent = here.call(["pull", "--quiet", "--progress", "json", &name]).ended();
    assert_eq!((silent.code, silent.err.as_str()), (0, ""), "{silent}");
}
