// SPDX-License-Identifier: Apache-2.0
//! A client of registries: OCI distribution 1.1 and what Docker's schema 2 adds.
//!
//! It knows the wire and not the store: verified bytes go to its caller and come from there. It knows
//! no environment either; [`Settings`] say who asks, whom to trust and when to give up. What is never
//! done, whoever asks: falling back from TLS, showing credentials to another host than theirs, giving
//! out a blob's last byte before its digest is right.
//!
//! ```text
//! pull:  let plan = client.plan(&name, &platform)?;          // manifest and configuration, checked
//!        pool::each(plan.layers(), 4, &[plan.client()], |layer, cancel| {
//!            take_in(plan.open(layer, Start::Beginning, cancel))  // a reader; Start::behind(...) resumes
//!        })?;
//! push:  pool::each(&blobs, 4, &[&client], |blob, cancel| {
//!            client.push_blob(repository, blob, mount_from, &|| open(blob), cancel)
//!        })?;
//!        client.push_manifest(repository, &Target::Tag(tag), media_type, &bytes)?;
//! ```
#![forbid(unsafe_code)]

mod address;
mod blob;
mod cancel;
pub mod challenge;
mod client;
pub mod config;
mod copy;
mod document;
mod endpoint;
pub mod error;
mod guard;
mod hosts;
pub mod link;
mod lists;
mod login;
mod pace;
mod patience;
mod plan;
mod platform;
pub mod pool;
mod session;
mod settings;
mod token;
mod upload;
mod wire;

pub use address::Address;
pub use blob::{BlobReader, Start, Watch, Watched, failure};
pub use cancel::Cancel;
pub use client::{Client, Target};
pub use config::{ConfigFile, Forgotten, Kept};
pub use copy::{Copied, Copy, Which};
pub use document::Fetched;
pub use error::{Error, Result};
pub use hosts::toml as hosts_toml;
pub use lists::Referrer;
pub use login::{Login, Secret};
pub use plan::{PullPlan, Shelf};
pub use platform::Platform;
pub use session::{login, logout};
pub use settings::{Keyring, Patience, Proxies, Settings};
pub use upload::{Accepted, Arrival, Listed, Source};
