// SPDX-License-Identifier: Apache-2.0
//! Calls that come from our own processes and not from a person. They are recognised before
//! anything else happens: no flags are parsed, nothing is opened.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::failure::Failure;
use crate::output;

/// Something that `bulkhead` starts itself as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// `bulkhead drill --inside`: the probes, from within the container they probe.
    Probes,
    /// `bulkhead unpack-layer OPTIONS`: the process that unpacks one layer.
    Unpack(String),
    /// `bulkhead attend ROOT ID`: the monitor of one container.
    Attend(PathBuf, String),
}

/// Which entry `args` (the program's name first) is a call of, if any.
pub(crate) fn called(args: &[OsString]) -> Option<Entry> {
    match args {
        [_, verb, mode, ..] if verb == "drill" && mode == "--inside" => Some(Entry::Probes),
        [_, verb, options] if verb == engine::unpacker::ENTRY => {
            Some(Entry::Unpack(options.to_string_lossy().into_owned()))
        }
        [_, verb, root, id] if verb == engine::start::ENTRY => {
            Some(Entry::Attend(root.into(), id.to_string_lossy().into_owned()))
        }
        _ => None,
    }
}

impl Entry {
    /// Does what the entry is for.
    pub(crate) fn enter(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Probes => {
                output::json(&::drill::inside(&facts()))?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Unpack(options) => {
                let status = engine::unpacker::serve(&options);
                Ok(ExitCode::from(u8::try_from(status).unwrap_or(1)))
            }
            Self::Attend(root, id) => {
                let status = engine::start::attend(&root, &id);
                Ok(ExitCode::from(u8::try_from(status).unwrap_or(1)))
            }
        }
    }
}

/// What the engine told of the host; nothing, when another engine runs this.
fn facts() -> ::drill::HostFacts {
    let told = std::env::var(engine::FACTS).ok();
    told.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_words_enter() {
        let called = |words: &[&str]| called(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(called(&["bulkhead", "drill", "--inside"]), Some(Entry::Probes));
        for words in [&["bulkhead"][..], &["bulkhead", "drill"], &["bulkhead", "run", "--inside"], &[]] {
            assert_eq!(called(words), None);
        }
    }
}
