// SPDX-License-Identifier: Apache-2.0
//! Who asks: what a registry or its token server is shown.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Error, Result};

/// What a registry or its token server is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// A name and a password, or what a service gives out as one.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A refresh token of the token server (its `identitytoken`).
    Identity(Secret),
    /// A token that the registry itself takes (`registrytoken`).
    Bearer(Secret),
}

impl Login {
    /// A name and a password. Neither may have what would end a header or split it.
    pub fn password(user: &str, password: &str) -> Result<Self> {
        if user.is_empty() || user.contains(':') || user.chars().any(char::is_control) {
            return Err(Error::refused("the user name is empty, or has a colon or a control character"));
        }
        if password.is_empty() || password.chars().any(char::is_control) {
            return Err(Error::refused("the password is empty, or has a control character"));
        }
        Ok(Self::Password { user: user.to_owned(), password: Secret(password.to_owned()) })
    }

    /// The value of an `Authorization` header (RFC 7617), for those who have a password.
    pub(crate) fn basic(&self) -> Option<String> {
        match self {
            Self::Password { user, password } => Some(basic(user, &password.0)),
            Self::Identity(_) | Self::Bearer(_) => None,
        }
    }
}

/// The value of an `Authorization` header (RFC 7617).
pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub(crate) String);

impl Secret {
    /// Keeps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_printed() {
        let login = Login::password("me", "hunter2").unwrap();
        assert!(!format!("{login:?}").contains("hunter2"));
        assert_eq!(login.basic().unwrap(), "Basic bWU6aHVudGVyMg==");
        for (user, password) in [("", "x"), ("a:b", "x"), ("a", ""), ("a\n", "x"), ("a", "x\r\nHost: y")] {
            assert!(Login::password(user, password).is_err(), "{user} {password}");
        }
    }
}
