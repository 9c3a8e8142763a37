// SPDX-License-Identifier: Apache-2.0
//! Logging in and out.

use crate::client::Client;
use crate::config::{ConfigFile, Forgotten, Kept};
use crate::error::Result;
use crate::login::{Login, Secret};
use crate::settings::{Keyring, Settings};

/// Shows `login` to the registry `host[:port]`, and keeps it in `file` if the registry takes it. What
/// is kept is a refresh token instead of the password, when the token server gives one out.
///
/// # Errors
/// The registry does not take it; it could not be kept.
pub fn login(host: &str, login: Login, file: &ConfigFile, settings: &Settings) -> Result<Kept> {
    let client = Client::new(host, &Settings { keyring: Keyring::Given(login.clone()), ..settings.clone() })?;
    client.ping()?;
    let kept = client.identity().map_or(login, |token| Login::Identity(Secret::new(token)));
    file.keep(host, &kept)
}

/// Forgets what `file` keeps for `host[:port]`.
///
/// # Errors
/// The file, or the helper that it names, cannot be used.
pub fn logout(host: &str, file: &ConfigFile) -> Result<Forgotten> {
    file.forget(host)
}
