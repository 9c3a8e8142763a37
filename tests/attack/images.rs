// SPDX-License-Identifier: Apache-2.0
//! What an image says of itself may narrow its container and never widen it (CVE-2014-6408,
//! CVE-2026-53488, CVE-2025-23266).

use std::process::Command;

use serde_json::{Value, json};
use tests::Sandbox;

use crate::hostile::Running;

/// Labels that engines take orders from, and every field that a create call of the Engine API has. Fails
/// without: the fixed list of fields in oci/config.rs, from which prepare.rs takes.
#[test]
fn its_labels_and_unknown_fields_change_no_wall() {
    let sandbox = Sandbox::new();
    load(&sandbox, "plain", &json!({}), &json!({}));
    let labels: serde_json::Map<String, Value> =
        LABELS.iter().map(|name| ((*name).to_owned(), json!("true"))).collect();
    let host = json!({
        "Privileged": true, "CapAdd": ["ALL"], "UsernsMode": "host", "PidMode": "host", "NetworkMode": "host",
        "IpcMode": "host", "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined", "no-new-privileges=false"],
        "Binds": ["/:/host"], "Devices": [{"PathOnHost": "/dev/mem"}], "MaskedPaths": [], "ReadonlyPaths": [],
    });
    let process = json!({ "Labels": labels, "Privileged": true, "CapAdd": ["ALL"], "HostConfig": host });
    let around = json!({ "HostConfig": host, "Privileged": true, "container_config": {"Privileged": true}, "os.features": ["privileged"] });
    load(&sandbox, "hostile", &process, &around);
    assert_eq!(walls(&sandbox, "hostile"), walls(&sandbox, "plain"));
    let script = [
        "sh",
        "-c",
        "grep -E '^(Cap|Seccomp|NoNewPrivs)' /proc/self/status; ls -d /host 2>&1; readlink /proc/self/ns/user | wc -c",
    ];
    let of = |image: &str| sandbox.call(["run", "--rm", image].into_iter().chain(script)).ok();
    assert_eq!(of("hostile"), of("plain"));
}

/// CVE-2025-23266: variables that would load a library into a helper outside. There is no such helper, and
/// the engine's own environment never comes from an image. Fails when engine code takes over `config.env`.
#[test]
fn its_variables_stay_inside() {
    let sandbox = Sandbox::new();
    let env = json!({ "Env": ["LD_PRELOAD=/evil.so", "LD_LIBRARY_PATH=/evil", "PATH=/evil:/bin", "BULKHEAD_ROOT=/evil", "HOME=/evil"] });
    load(&sandbox, "hostile", &env, &json!({}));
    let call = sandbox.call(["run", "--rm", "hostile", "sh", "-c", "env; echo ready; sleep 300"]);
    let mut monitor = Running::start(&sandbox, call, "LD_PRELOAD=/evil.so");
    monitor.read_until("ready");
    let outside = std::fs::read_to_string(format!("/proc/{}/environ", monitor.pid())).unwrap();
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", monitor.pid())).unwrap();
    assert!(!outside.contains("evil") && !maps.contains("evil"), "{outside}");
    assert!(!std::path::Path::new("/evil").exists());
}

/// CVE-2022-23648: volumes of the image whose paths climb. It is refused before anything is made. Fails
/// without: `clean` in prepare/mounts.rs.
#[test]
fn its_volumes_show_nothing_of_the_host() {
    let sandbox = Sandbox::new();
    for (at, place) in ["/../../../../etc", "/proc", "/", "../../etc"].into_iter().enumerate() {
        let name = format!("hostile{at}");
        load(&sandbox, &name, &json!({ "Volumes": { place: {} } }), &json!({}));
        let error = sandbox.call(["run", "--rm", &name, "true"]).fails(125);
        assert!(error.contains("mount point"), "{place}: {error}");
        assert!(!sandbox.root().join("volumes").exists(), "{place}: nothing was made");
    }
}

/// Each wall of a running container of `image`, without what differs by chance.
fn walls(sandbox: &Sandbox, image: &str) -> Vec<(String, String, String)> {
    let mut monitor =
        sandbox.call(["run", "--rm", "--name", image, image, "sh", "-c", "echo ready; sleep 300"]).spawn();
    monitor.read_until("ready");
    let told: Value = serde_json::from_str(&sandbox.call(["walls", "--format", "json", image]).ok()).unwrap();
    let walls = told["walls"].as_array().unwrap().iter();
    let text = |wall: &Value, key: &str| wall[key].to_string();
    let list: Vec<_> =
        walls.map(|wall| (text(wall, "name"), text(wall, "state"), text(wall, "weakened_by"))).collect();
    assert!(list.len() > 5, "{told}");
    list
}

/// Loads the minimal tree as a docker archive whose configuration has `process` and `around` added.
fn load(sandbox: &Sandbox, name: &str, process: &Value, around: &Value) {
    let layer = tests::image("minimal.tar");
    let diff = sha256(&std::fs::read(&layer).unwrap());
    let mut inner = json!({ "Cmd": ["sh"], "Env": ["PATH=/bin"] });
    extend(&mut inner, process);
    let mut config = json!({
        "architecture": "amd64", "os": "linux", "config": inner,
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{diff}")] },
    });
    extend(&mut config, around);
    let folder = sandbox.file(&format!("{name}-archive"));
    std::fs::create_dir(&folder).unwrap();
    let text = config.to_string();
    let config_name = format!("{}.json", sha256(text.as_bytes()));
    std::fs::write(folder.join(&config_name), text).unwrap();
    std::fs::copy(layer, folder.join("layer.tar")).unwrap();
    let manifest =
        json!([{ "Config": config_name, "RepoTags": [format!("{name}:latest")], "Layers": ["layer.tar"] }]);
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    let archive = sandbox.file(&format!("{name}-archive.tar"));
    let status =
        Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&folder).arg(".").status().unwrap();
    assert!(status.success());
    sandbox.call(["load", "--quiet", "--input", archive.to_str().unwrap()]).ok();
}

fn extend(value: &mut Value, with: &Value) {
    let with = with.as_object().unwrap().clone();
    value.as_object_mut().unwrap().extend(with);
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    use std::io::Write as _;
    let mut child = Command::new("sha256sum")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

const LABELS: &[&str] = &[
    "privileged",
    "io.bulkhead.privileged",
    "io.bulkhead.userns",
    "bulkhead.walls",
    "com.docker.security.options",
    "io.podman.annotations.privileged",
    "io.podman.annotations.seccomp",
    "io.kubernetes.cri-o.userns-mode",
    "io.containerd.runc.v2.group",
    "io.kubernetes.container.privileged",
    "run.oci.keep_original_groups",
    "run.oci.handler",
    "io.kubernetes.cri.untrusted-workload",
    "security-opt",
    "seccomp",
    "apparmor",
    "cap-add",
];
