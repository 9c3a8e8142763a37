// SPDX-License-Identifier: Apache-2.0
//! The last step: finding the program in the container's `PATH` and becoming it.

use std::convert::Infallible;
use std::ffi::{CStr, CString};

use kernel::Errno;

use crate::error::{Error, Result};

/// Becomes `args[0]`, searched in the `PATH` of `env` when it has no slash. Returns only an error:
/// 127 when nothing was found, 126 when what was found cannot be run.
pub(crate) fn execute(args: &[CString], env: &[CString]) -> Result<Infallible> {
    let Some(program) = args.first() else {
        return Err(Error::ProgramNotFound { program: String::new() });
    };
    let name = || program.to_string_lossy().into_owned();
    let mut denied = None;
    for candidate in candidates(program, env) {
        match kernel::process::execute(&candidate, args, env) {
            Errno::NOENT | Errno::NOTDIR => {}
            errno => denied = denied.or(Some(errno)),
        }
    }
    match denied {
        None => Err(Error::ProgramNotFound { program: name() }),
        Some(errno) => Err(Error::NotExecutable { program: name(), reason: in_words(errno) }),
    }
}

/// Refuses a program that is reached through a link like /proc/self/exe. Until execve(2) that is our own
/// binary, a file of the host, and a program started from it would have a handle on it (CVE-2019-5736).
pub(crate) fn refuse_ways_out(args: &[CString], env: &[CString]) -> Result<()> {
    let program = args.first().map(CString::as_c_str).unwrap_or_default();
    for candidate in candidates(program, env) {
        if kernel::root::without_magic(&candidate).is_err_and(|error| error.errno == Errno::LOOP) {
            let program = program.to_string_lossy().into_owned();
            return Err(Error::NotExecutable { program, reason: THROUGH_PROC.into() });
        }
    }
    Ok(())
}

fn candidates(program: &CStr, env: &[CString]) -> Vec<CString> {
    let name = program.to_bytes();
    if name.contains(&b'/') {
        return vec![program.to_owned()];
    }
    if name.is_empty() {
        return Vec::new();
    }
    let path =
        env.iter().rev().find_map(|entry| entry.as_bytes().strip_prefix(b"PATH=")).unwrap_or(DEFAULT_PATH);
    path.split(|byte| *byte == b':')
        .filter(|folder| !folder.is_empty())
        .filter_map(|folder| CString::new([folder, b"/", name].concat()).ok())
        .collect()
}

fn in_words(errno: Errno) -> String {
    match errno {
        Errno::ACCESS => "permission denied (is it a directory, or is its execute bit missing?)".into(),
        Errno::NOEXEC => "exec format error (is it for another architecture, or a script without #!?)".into(),
        other => kernel::error::Describe(other).to_string(),
    }
}

const THROUGH_PROC: &str = "its path leads in a circle, or through a link of /proc to a file outside the \
                            container (CVE-2019-5736)";
/// Docker's, for an image that sets none.
const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[cfg(test)]
mod tests {
    use super::*;

    fn found(program: &str, path: &str) -> Vec<String> {
        let env = [CString::new(format!("PATH={path}")).unwrap()];
        let program = CString::new(program).unwrap();
        candidates(&program, &env).into_iter().map(|name| name.into_string().unwrap()).collect()
    }

    #[test]
    fn a_slash_means_no_search() {
        assert_eq!(found("./a", "/bin"), ["./a"]);
        assert_eq!(found("sh", "/bin::/usr/bin"), ["/bin/sh", "/usr/bin/sh"]);
        assert!(found("", "/bin").is_empty());
    }
}
