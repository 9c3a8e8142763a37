// SPDX-License-Identifier: Apache-2.0
//! Docker's `json-file`: one JSON object for each line.
//!
//! ```text
//! {"log":"LINE\n","stream":"stdout","attrs":{"NAME":"VALUE"},"time":"2026-11-28T08:07:16.396487093Z"}
//! ```
//!
//! `log` ends in `\n` unless the line goes on in the next object, and is left out when it is empty;
//! `attrs` is left out without `labels`, `env` and `tag`. Byte for byte what moby writes
//! (daemon/logger/jsonfilelog/jsonlog), down to its escapes: `<`, `>`, `&`, U+2028 and U+2029 are
//! escaped, bytes that are not UTF-8 become `\ufffd`. Read is any JSON object with these keys.

mod decode;
mod encode;

pub use decode::decode;
pub use encode::encode;

pub(crate) use decode::Lines;
pub(crate) use encode::{attributes, record};
