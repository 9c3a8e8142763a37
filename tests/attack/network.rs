// SPDX-License-Identifier: Apache-2.0
//! The network that a container has now: none, or the host's.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use tests::Sandbox;

use crate::hostile::Running;

/// CVE-2020-8558, CVE-2024-32473: services that the host offers to itself, and addresses of its links.
/// Fails without: the network namespace (`namespaces` in launch.rs).
#[test]
fn services_of_the_host_are_out_of_reach() {
    let sandbox = Sandbox::minimal();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script =
        format!("nc -w 2 127.0.0.1 {port} </dev/null; echo $?; cat /proc/net/if_inet6 /proc/net/route");
    let said = sandbox.sh("", &script).ok();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "1", "{said}");
    let foreign = lines[1..].iter().filter(|line| !line.contains(" lo") && !line.starts_with("Iface"));
    assert_eq!(foreign.count(), 0, "{said}");
    // busybox waits for the other side to hang up.
    let answer = std::thread::spawn(move || listener.accept().map(drop));
    let with = sandbox.sh("--network host", &format!("nc -w 2 127.0.0.1 {port} </dev/null; echo $?")).ok();
    assert_eq!(with, "0", "the listener itself must be there");
    answer.join().unwrap().unwrap();
}

/// The monitor's, by a path that means nothing to others.
fn is_ours(name: &str) -> bool {
    name.starts_with("/proc/self/fd/") && name.ends_with("/monitor")
}

/// CVE-2020-15257: an abstract socket has no path and no permissions; with the host's network it is in
/// reach. Ours are socket pairs without a name, and one in a directory that only the owner may open. Fails when
/// launch.rs gives its socket a name.
#[test]
fn the_engine_has_no_socket_within_reach() {
    let sandbox = Sandbox::minimal();
    let monitor = Running::start(&sandbox, sandbox.sh("--network host", "echo ready; sleep 300"), "ready");
    let table = std::fs::read_to_string("/proc/net/unix").unwrap();
    let list = std::fs::read_dir(format!("/proc/{}/fd", monitor.pid())).unwrap();
    for entry in list {
        let target = std::fs::read_link(entry.unwrap().path()).unwrap();
        let inode = target.to_str().unwrap().strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
        let Some(inode) = inode.map(str::to_owned) else { continue };
        // The eighth column is the name, when there is one (unix(7)).
        let named = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let named = named.filter(|fields| {
            fields.get(6) == Some(&inode.as_str()) && fields.get(7).is_some_and(|name| !is_ours(name))
        });
        assert_eq!(named.count(), 0, "socket {inode} has a name");
    }
    let abstracts = "grep -c '@.*bulkhead' /proc/net/unix; true";
    assert_eq!(sandbox.sh("--network host", abstracts).ok(), "0");
    for id in sandbox.containers() {
        let mode =
            std::fs::metadata(sandbox.root().join("containers").join(id)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
