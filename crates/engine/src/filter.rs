// SPDX-License-Identifier: Apache-2.0
//! Which system call filter a container gets.

use kernel::caps::Caps;
use runtime::cgroup::Resources;
use runtime::seccomp::{Arch, Call, ForeignAbi, Policy, Profile, Program, Request, UserNamespace};
use runtime::spec::Wall;

use crate::error::{Context, Error, Result};
use crate::request::{Danger, IsolationRequest, SeccompRequest};

/// The filter for `isolation`, whose container is bounded by `capabilities` and `resources` and has programs that
/// enter the kernel as `foreign_abi` says.
pub(crate) fn choose(
    isolation: &IsolationRequest,
    capabilities: Caps,
    resources: &Resources,
    foreign_abi: ForeignAbi,
) -> Result<Wall<Program>> {
    if let Some(danger) = &isolation.privileged {
        return Ok(Wall::Down(danger.clone()));
    }
    let asked = answered_calls(isolation, resources)?;
    let request = Request { foreign_abi, ..request_for(isolation, capabilities, &asked) };
    let program = match &isolation.seccomp {
        SeccompRequest::Off(danger) => return Ok(Wall::Down(danger.clone())),
        SeccompRequest::Default => Policy::built_in().compile(&request).map_err(refused)?,
        SeccompRequest::Profile { path, json } => Profile::parse(json.as_bytes())
            .and_then(|profile| profile.filter(&request).compile())
            .map_err(|error| Error::Invalid {
                what: format!("the seccomp profile {}", path.display()),
                reason: with_its_cause(&error),
            })?,
    };
    Ok(Wall::Up(program))
}

/// What each added capability opens, after the words that added it.
pub(crate) fn opened(isolation: &IsolationRequest) -> Vec<String> {
    if isolation.privileged.is_some() || !matches!(isolation.seccomp, SeccompRequest::Default) {
        return Vec::new();
    }
    let opened = |(name, danger): &(String, Danger)| {
        let capabilities = if name == "ALL" { Caps::all() } else { Caps::named(name)? };
        let lifted = Policy::built_in().lifted(&request_for(isolation, capabilities, &[]));
        let calls: Vec<&str> =
            lifted.iter().flat_map(|lifted| lifted.calls.iter()).map(|call| call.name()).collect();
        (!calls.is_empty()).then(|| format!("{} (opens {})", danger.reason(), calls.join(", ")))
    };
    isolation
        .cap_add
        .iter()
        .filter(|(name, _)| !isolation.cap_drop.contains(name))
        .filter_map(opened)
        .collect()
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
    let mut numbers =
        release.split(|letter: char| !letter.is_ascii_digit()).map_while(|number| number.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// The calls that the container's view answers.
fn answered_calls(isolation: &IsolationRequest, resources: &Resources) -> Result<Vec<Call>> {
    if isolation.view_host.is_some() {
        return Ok(Vec::new());
    }
    let names = runtime::view::answered_calls(resources).told("see which processors are usable")?;
    names.iter().map(|name| Call::named(name).map_err(refused)).collect()
}

/// What is wrong and, where a parser knows it, in which line.
fn with_its_cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

fn refused(error: runtime::seccomp::Error) -> Error {
    Error::Invalid { what: "the system call filter".into(), reason: error.to_string() }
}
