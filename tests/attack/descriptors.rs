// SPDX-License-Identifier: Apache-2.0
//! Files of the host that stay open in the container (CVE-2015-3627, CVE-2024-21626).

use std::process::{Command, Stdio};

use tests::Sandbox;

use crate::hostile::{INSIDE, helper_mount};

/// Fails without: `close_descriptors` in confine.rs. The caller is a shell with the host's directories
/// open at 3 to 20, none of them close-on-exec.
#[test]
fn nothing_of_the_callers_is_open_inside() {
    let sandbox = Sandbox::minimal();
    let mount = helper_mount();
    for init in [&["--rm"][..], &["--rm", "--init"]] {
        let words = ["run"].into_iter().chain(init.iter().copied());
        let said = leaky(&sandbox, words.chain(["-v", &mount, "minimal", INSIDE, "descriptors"]));
        assert_eq!(said, (0, "listed\n".to_owned()), "{init:?}");
    }
}

/// CVE-2024-21626: the working directory of the image or the caller goes through such a descriptor. Fails
/// without: `RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS` in kernel/root.rs and the look at getcwd(2) in
/// confine.rs (either of the two holds alone).
#[test]
fn no_working_directory_lies_outside() {
    let sandbox = Sandbox::minimal();
    for number in 3..24 {
        for path in [format!("/proc/self/fd/{number}"), format!("/proc/self/fd/{number}/../../../..")] {
            let words = ["run", "--rm", "-w", &path, "minimal", "sh", "-c", "pwd -P; ls"];
            let (code, said) = leaky(&sandbox, words);
            let inside = code == 0 && said.starts_with("/\n") && said.contains("\nproc\n");
            assert!(code >= 125 || (inside && !said.contains("lost+found")), "{path}: {code} {said}");
        }
    }
}

/// CVE-2021-3602: variables of the caller's. Fails without: the environment given to execve(2) in
/// confine.rs, and for the init, `rename` and its being not dumpable.
#[test]
fn the_callers_environment_stays_outside() {
    let sandbox = Sandbox::minimal();
    for init in ["", "--init"] {
        let script = "env; cat /proc/1/environ /proc/1/cmdline /proc/self/environ 2>&1 | tr '\\0' '\\n'";
        let said = sandbox.sh(init, script).env("CANARY_TOKEN", "hunter2").ok();
        assert!(said.contains("PATH="), "{said}");
        assert!(!said.contains("CANARY") && !said.contains("hunter2"), "{said}");
    }
}

/// A call of the binary by a shell that left descriptors open: exit code and output.
fn leaky<'a>(sandbox: &Sandbox, words: impl IntoIterator<Item = &'a str>) -> (i32, String) {
    let call = sandbox.call(words).into_command();
    let opened: Vec<String> =
        (3..21).map(|number| format!("exec {number}<{}", DIRECTORIES[number % 3])).collect();
    let mut command = Command::new("bash");
    command.arg("-c").arg(format!("{}; exec \"$@\"", opened.join("; "))).arg("bash");
    command.arg(call.get_program()).args(call.get_args()).env_clear();
    command.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
}

const DIRECTORIES: [&str; 3] = ["/", "/etc", "/var/tmp"];
