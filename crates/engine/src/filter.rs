// SPDX-License-Identifier: Apache-2.0
//! Which system call filter a container gets.

use kernel::caps::Caps;
use runtime::seccomp::{Arch, Call, Policy, Profile, Program, Request, UserNamespace};
use runtime::spec::Wall;

use crate::error::{Error, Result};
use crate::request::{IsolationRequest, SeccompRequest};

/// The filter for `isolation`, whose container is bounded by `capabilities`.
pub(crate) fn choose(isolation: &IsolationRequest, capabilities: Caps) -> Result<Wall<Program>> {
    if let Some(danger) = &isolation.privileged {
        return Ok(Wall::Down(danger.clone()));
    }
    match &isolation.seccomp {
        SeccompRequest::Off(danger) => Ok(Wall::Down(danger.clone())),
        SeccompRequest::Default => built_in(isolation, capabilities).map(Wall::Up),
        SeccompRequest::Profile { path, json } => {
            let refused = |error: runtime::seccomp::Error| Error::Invalid {
                what: format!("the seccomp profile {}", path.display()),
                reason: error.to_string(),
            };
            let profile = Profile::parse(json.as_bytes()).map_err(refused)?;
            let asked = answered_calls(isolation)?;
            profile.filter(&request_for(isolation, capabilities, &asked)).compile().map(Wall::Up).map_err(refused)
        }
    }
}

fn built_in(isolation: &IsolationRequest, capabilities: Caps) -> Result<Program> {
    let asked = answered_calls(isolation)?;
    Policy::built_in().compile(&request_for(isolation, capabilities, &asked)).map_err(refused)
}

fn request_for<'a>(isolation: &IsolationRequest, capabilities: Caps, asked: &'a [Call]) -> Request<'a> {
    let mut request = Request::new(Arch::NATIVE);
    request.capabilities = capabilities.0;
    request.notify = asked;
    request.kernel = kernel_version();
    if isolation.userns_host.is_some() {
        request.user_namespace = UserNamespace::Host;
    }
    request
}

/// The running kernel's version and patch level; 0.0, which profiles take for "older than any", when it
/// does not say.
fn kernel_version() -> (u32, u32) {
    let name = kernel::rustix::system::uname();
    let release = name.release().to_string_lossy().into_owned();
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map_while(|number| number.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// The calls that the container's view answers.
fn answered_calls(isolation: &IsolationRequest) -> Result<Vec<Call>> {
    match isolation.view_host {
        Some(_) => Ok(Vec::new()),
        None => ["sysinfo", "sched_getaffinity"].iter().map(|name| Call::named(name).map_err(refused)).collect(),
    }
}

fn refused(error: runtime::seccomp::Error) -> Error {
    Error::Invalid { what: "the system call filter".into(), reason: error.to_string() }
}
