// SPDX-License-Identifier: Apache-2.0
//! A kernel that lacks some of what newer ones have: what stands in for it, and what is told.

use std::fs::read_to_string;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;
use tests::Sandbox;

use crate::{WAIT, end, start, walls};

/// overlayfs takes layers by descriptor since Linux 6.13; before, they are joined by name.
#[test]
fn layers_are_joined_and_no_path_of_the_host_shows() {
    let sandbox = Sandbox::minimal();
    let mounts = sandbox.sh("", "echo new > /etc/new; rm /etc/group; ls /etc; cat /proc/self/mountinfo").ok();
    assert!(mounts.contains("\nnew\n") && !mounts.contains("\ngroup\n"), "{mounts}");
    assert!(mounts.contains(" - overlay "), "{mounts}");
    assert!(!mounts.contains("bulkhead") && !mounts.contains("/var/"), "{mounts}");
    // The next container sees nothing of it.
    assert!(sandbox.sh("", "ls /etc").ok().contains("group"));
}

#[test]
fn joining_layers_leaves_no_mount_on_the_host() {
    let sandbox = Sandbox::minimal();
    let call = start(&sandbox, "", WAIT);
    let table = format!("/proc/{}/mounts", call.pid());
    for table in ["/proc/self/mounts", &table] {
        let mounts = read_to_string(table).unwrap();
        assert!(!mounts.contains(sandbox.root().to_str().unwrap()), "{table}: {mounts}");
    }
    end(call, &sandbox);
}

/// execve(2) enters a time namespace since Linux 6.3.
#[test]
fn clocks_start_with_the_container() {
    let before = read_to_string("/proc/uptime").unwrap();
    let before: f64 = before.split(' ').next().unwrap().parse().unwrap();
    let sandbox = Sandbox::minimal();
    let script = "cut -d ' ' -f 1 /proc/uptime; readlink /proc/self/ns/time";
    let told = sandbox.sh("", script).ok();
    let (uptime, namespace) = told.split_once('\n').unwrap();
    assert!(uptime.parse::<f64>().unwrap() < before, "{uptime} in the container, {before} before it");
    assert_ne!(namespace, std::fs::read_link("/proc/self/ns/time").unwrap().to_str().unwrap());
}

/// What a kernel lacks is no wall that somebody lowered.
#[test]
fn no_wall_is_lowered_without_being_asked() {
    let sandbox = Sandbox::minimal();
    let call = start(&sandbox, "", WAIT);
    let walls = walls(&sandbox);
    end(call, &sandbox);
    let lowered: Vec<_> = walls.iter().filter(|row| row["state"] == "lowered").collect();
    assert!(lowered.is_empty(), "{lowered:#?}");
}

/// The names of all layers have to fit into one page, and an option of fsconfig(2) takes 255 bytes.
#[test]
fn an_image_of_many_layers_is_joined() {
    let sandbox = Sandbox::new();
    let archive = many_layers(&sandbox);
    sandbox.call(["load", "--input", archive.to_str().unwrap()]).ok();
    let told = sandbox.call(["run", "--rm", "many", "sh", "-c", "cat /top; ls / | grep -c ^file-"]).ok();
    assert_eq!(told, format!("{LAYERS}\n{LAYERS}"));
}

/// What `docker save` would write of busybox with a file of its own in each of [`LAYERS`] layers, and
/// one file that each of them has.
fn many_layers(sandbox: &Sandbox) -> PathBuf {
    let directory = sandbox.file("many");
    std::fs::create_dir(&directory).unwrap();
    std::fs::copy(tests::image("minimal.tar"), directory.join("0.tar")).unwrap();
    let mut names = vec!["0.tar".to_owned()];
    for number in 1..=LAYERS {
        let name = format!("{number}.tar");
        let content = format!("{number}\n");
        let layer = [entry(&format!("file-{number}"), &content), entry("top", &content), vec![0; 1024]];
        std::fs::write(directory.join(&name), layer.concat()).unwrap();
        names.push(name);
    }
    let sums = Command::new("sha256sum").args(&names).current_dir(&directory).output().unwrap();
    let sums = String::from_utf8(sums.stdout).unwrap();
    let ids: Vec<_> = sums.lines().map(|line| format!("sha256:{}", &line[..64])).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {}, "rootfs": { "type": "layers", "diff_ids": ids }
    });
    let manifest = json!([{ "Config": "config.json", "RepoTags": ["many:latest"], "Layers": names }]);
    std::fs::write(directory.join("config.json"), config.to_string()).unwrap();
    std::fs::write(directory.join("manifest.json"), manifest.to_string()).unwrap();
    let archive = sandbox.file("many.tar");
    let status =
        Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&directory).arg(".").status().unwrap();
    assert!(status.success());
    archive
}

/// A file in a tar archive (POSIX.1-1988 ustar), root's.
fn entry(name: &str, content: &str) -> Vec<u8> {
    let mut block = vec![0; 512];
    let mut put = |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\x000000000\x000000000\0");
    put(124, &format!("{:011o}\x0000000000000\0        0", content.len()));
    put(257, "ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block.extend(content.as_bytes());
    block.resize(1024, 0);
    block
}

/// As many as Docker allows.
const LAYERS: usize = 126;
