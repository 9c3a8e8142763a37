// SPDX-License-Identifier: Apache-2.0
//! What other tools look for in a container's surroundings (research: amicontained, CDK, deepce, BOtB).
//! Everything here only looks: no packet is sent and no secret is shown. Counted apart.

use std::fs::read_to_string;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::fs::PermissionsExt;

use super::identity::status;
use super::{Row, Seen, row};
use crate::Class::{Attempt, Leak, Posture};
use crate::Wall;

pub(super) const ROWS: &[Row] =
    &[
        row("cloud-metadata", Leak, "a route to the cloud's metadata address", |_| {
            // connect(2) of a UDP socket looks the route up and sends nothing.
            let routed = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))
                .and_then(|socket| socket.connect((Ipv4Addr::new(169, 254, 169, 254), 80)));
            match routed {
                Ok(()) => Seen::Open("169.254.169.254 has a route".into()),
                Err(error) => Seen::io("169.254.169.254", &error),
            }
        })
        .held(&[Wall::NetworkNamespace]),
        row("neighbours", Leak, "neighbours in the ARP table", |_| match read_to_string("/proc/net/arp") {
            Ok(table) => match table.lines().count().saturating_sub(1) {
                0 => Seen::Absent("none".into()),
                count => Seen::Open(format!("{count} neighbours")),
            },
            Err(error) => Seen::io("/proc/net/arp", &error),
        })
        .held(&[Wall::NetworkNamespace]),
        row("abstract-sockets", Attempt, "abstract sockets of the host (CVE-2020-15257)", |_| {
            match read_to_string("/proc/net/unix") {
                Ok(table) => {
                    let names = table.lines().filter_map(|line| line.split_whitespace().nth(7));
                    match names.filter(|name| name.starts_with('@')).count() {
                        0 => Seen::Absent("none in sight".into()),
                        count => Seen::Open(format!("{count} in sight")),
                    }
                }
                Err(error) => Seen::io("/proc/net/unix", &error),
            }
        })
        .held(&[Wall::NetworkNamespace]),
        row("service-account", Leak, "a Kubernetes service account's token", |_| {
            let path = "/var/run/secrets/kubernetes.io/serviceaccount/token";
            match std::fs::File::open(path) {
                Ok(_) => Seen::Open(format!("{path} can be read")),
                Err(error) => not_there(path, &error),
            }
        }),
        row("cluster-names", Leak, "names of a cluster's services in resolv.conf", |_| {
            let text = read_to_string("/etc/resolv.conf").unwrap_or_default();
            let cluster = text.contains("cluster.local") || text.contains(".consul");
            if cluster {
                Seen::Open("a cluster's search domain".into())
            } else {
                Seen::Absent("no such domain".into())
            }
        }),
        row("secrets-in-env", Leak, "secrets among the environment variables", |_| {
            let names = std::env::vars_os().filter(|(_, value)| !value.is_empty());
            let names = names.map(|(name, _)| name.to_string_lossy().to_ascii_uppercase());
            let telling: Vec<_> =
                names.filter(|name| SECRETS.iter().any(|word| name.contains(word))).collect();
            match telling[..] {
                [] => Seen::Absent("no telling name".into()),
                _ => Seen::Open(telling.join(" ")),
            }
        }),
        row("run-secrets", Leak, "files in /run/secrets", |_| match std::fs::read_dir("/run/secrets") {
            Ok(list) => {
                let count = list.count();
                Seen::open_if(count > 0, format!("{count} files"))
            }
            Err(error) => not_there("/run/secrets", &error),
        }),
        row("setuid-programs", Posture, "set-user-id programs that would work", |_| {
            let programs: Vec<String> = PROGRAMS.iter().flat_map(|directory| setuid_in(directory)).collect();
            let dead = status("NoNewPrivs") == "1";
            match (programs.is_empty(), dead) {
                (true, _) => Seen::Absent("there are none".into()),
                (false, true) => {
                    Seen::Stopped(format!("no_new_privs makes them harmless: {}", programs.join(" ")))
                }
                (false, false) => Seen::Open(programs.join(" ")),
            }
        })
        .held(&[Wall::NoNewPrivs]),
        row("sshd", Posture, "an SSH server", |_| {
            let installed = std::fs::metadata("/usr/sbin/sshd").is_ok();
            let listening = ["/proc/net/tcp", "/proc/net/tcp6"].iter().any(|table| listens_at_22(table));
            match (installed, listening) {
                (_, true) => Seen::Open("somebody listens on port 22".into()),
                (true, false) => Seen::Open("/usr/sbin/sshd is installed".into()),
                (false, false) => Seen::Absent("neither installed nor listening".into()),
            }
        }),
    ];

fn not_there(path: &str, error: &std::io::Error) -> Seen {
    match error.kind() {
        std::io::ErrorKind::NotFound => Seen::Absent(format!("no {path}")),
        _ => Seen::io(path, error),
    }
}

/// Names of files that change the user when they are run.
fn setuid_in(directory: &str) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let programs = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let metadata = entry.metadata().ok()?;
        let set = metadata.is_file() && metadata.permissions().mode() & 0o4000 != 0;
        set.then(|| entry.file_name().to_string_lossy().into_owned())
    });
    programs.collect()
}

/// proc_net_tcp(5): the local address ends in the port, state 0A listens.
fn listens_at_22(table: &str) -> bool {
    let text = read_to_string(table).unwrap_or_default();
    text.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.get(1).is_some_and(|local| local.ends_with(":0016")) && fields.get(3) == Some(&"0A")
    })
}

const SECRETS: [&str; 6] = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "API_KEY", "CREDENTIAL"];
const PROGRAMS: [&str; 6] = ["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/lib/openssh"];
