// SPDX-License-Identifier: Apache-2.0
//! The text of a flag becomes a value of the request, one file for each notation.
//!
//! Nothing here touches the system but [`list_file`], which reads the files a person named. An error
//! is one sentence without a full stop that quotes what could not be read; the caller puts the name
//! of the flag in front of it. Notations are Docker's; whatever this version cannot do is refused in
//! words and never passed over.

pub(crate) mod bounds;
pub(crate) mod capabilities;
pub(crate) mod cpus;
pub(crate) mod devices;
pub(crate) mod env;
pub(crate) mod labels;
pub(crate) mod list_file;
pub(crate) mod mounts;
pub(crate) mod namespaces;
pub(crate) mod nearest;
pub(crate) mod numbers;
pub(crate) mod rates;
pub(crate) mod security;
pub(crate) mod signals;
pub(crate) mod sizes;
pub(crate) mod switch;
pub(crate) mod sysctls;
pub(crate) mod ulimits;

/// A sentence for a person.
pub(crate) type Complaint = String;
