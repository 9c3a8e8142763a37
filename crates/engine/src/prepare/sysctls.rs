// SPDX-License-Identifier: Apache-2.0
//! `--sysctl`: settings of the kernel that are the container's own.

use crate::error::{Error, Result};
use crate::request::IsolationRequest;

/// Values for settings that belong to a namespace of the container's own, each with a name and a value that
/// can be nothing else.
pub(super) fn checked(isolation: &IsolationRequest) -> Result<Vec<(String, String)>> {
    for (name, value) in &isolation.sysctls {
        let namespaced = (name.starts_with("net.") && isolation.network_host.is_none())
            || (IPC_SYSCTLS.contains(&name.as_str()) || name.starts_with("fs.mqueue."))
                && isolation.ipc_host.is_none();
        if !namespaced {
            return Err(Error::Invalid {
                what: format!("--sysctl {name}"),
                reason: "it is not namespaced (or its namespace is shared with the host), so it would change the host".into(),
            });
        }
        let plain =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ' || byte == b'\t');
        let dotted = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            && !name.contains("..");
        // CVE-2022-0811: a value that smuggles a second setting.
        if !dotted || !plain(value) || value.contains(['+', '=']) {
            return Err(Error::Invalid {
                what: format!("--sysctl {name}={value}"),
                reason: "name or value has characters that no setting needs".into(),
            });
        }
    }
    Ok(isolation.sysctls.clone())
}

/// ipc_namespaces(7).
const IPC_SYSCTLS: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];
