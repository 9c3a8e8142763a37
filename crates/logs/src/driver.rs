// SPDX-License-Identifier: Apache-2.0
//! What `--log-driver` and `--log-opt` ask for, with Docker's names, defaults and refusals.
//!
//! Two options of Docker's are refused: `labels-regex` and `env-regex` (no regular expressions here),
//! and so is `syslog-tls-skip-verify=true`: a server that anybody can pretend to be gets no logs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::attributes::Details;
use crate::error::{Error, Result};
use crate::syslog::Syslog;

/// Where a container's output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Driver {
    pub(crate) target: Target,
    pub(crate) delivery: Delivery,
    pub(crate) details: Details,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    JsonFile(Rotation),
    Local(Rotation),
    Journald {
        /// A datagram socket that speaks journald's native protocol.
        socket: PathBuf,
    },
    Syslog(Box<Syslog>),
    None,
}

/// When a file is full, and what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// Bytes from which on a new file is begun; without it the file grows.
    pub(crate) size: Option<u64>,
    /// Files in all, at least one.
    pub(crate) files: u32,
    pub(crate) compression: Compression,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    /// Of the full files, by a thread of its own.
    Gzip,
}

/// What happens when lines come faster than they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// The container waits, once its pipe is full.
    Blocking,
    /// This many bytes wait, and then lines are dropped.
    NonBlocking(usize),
}

impl Driver {
    /// Checks a driver's name and its options; of two of the same name the last counts.
    ///
    /// # Errors
    /// An unknown driver or option, a value that makes no sense: in Docker's words where it has some.
    pub fn parse(name: &str, options: &[(String, String)]) -> Result<Self> {
        let mut options = Options::new(name, options)?;
        let delivery = options.delivery()?;
        let target = match name {
            "json-file" => Target::JsonFile(options.rotation(&JSON_FILE)?),
            "local" => Target::Local(options.rotation(&LOCAL)?),
            "journald" => Target::Journald {
                socket: options.take("journald-socket").unwrap_or(JOURNAL.to_owned()).into(),
            },
            "syslog" => Target::Syslog(Box::new(Syslog::parse(&mut |name| options.take(name))?)),
            _ => Target::None,
        };
        let mut text = |name| options.take(name).unwrap_or_default();
        let details = Details::parse(&text("labels"), &text("env"), &text("tag"))?;
        Ok(Self { target, delivery, details })
    }

    /// `json-file`, `local`, `syslog`, `journald` or `none`.
    pub fn name(&self) -> &'static str {
        match self.target {
            Target::JsonFile(_) => "json-file",
            Target::Local(_) => "local",
            Target::Journald { .. } => "journald",
            Target::Syslog(_) => "syslog",
            Target::None => "none",
        }
    }
}

impl Default for Driver {
    /// `json-file` without a limit, as Docker's default is.
    fn default() -> Self {
        Self {
            target: Target::JsonFile(JSON_FILE),
            delivery: Delivery::Blocking,
            details: Details::default(),
        }
    }
}

/// Options of a driver, each of which it knows.
struct Options(BTreeMap<String, String>);

impl Options {
    fn new(driver: &str, options: &[(String, String)]) -> Result<Self> {
        let Some((driver, known)) = KNOWN.iter().find(|(name, _)| *name == driver) else {
            return Err(Error::UnknownDriver { name: oci::shown(driver) });
        };
        for (option, _) in options {
            if matches!(option.as_str(), "labels-regex" | "env-regex") && known.contains(&"labels") {
                let plain = option.trim_end_matches("-regex");
                return Err(Error::option(option, format!("not supported; name them with {plain}=A,B")));
            }
            if !known.contains(&option.as_str()) {
                return Err(Error::UnknownOption { option: oci::shown(option), driver, known });
            }
        }
        Ok(Self(options.iter().cloned().collect()))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    fn delivery(&mut self) -> Result<Delivery> {
        let buffer = self.take("max-buffer-size");
        match self.take("mode").as_deref() {
            None | Some("" | "blocking") if buffer.is_some() => {
                Err(Error::option("max-buffer-size", "only supported with 'mode=non-blocking'"))
            }
            None | Some("" | "blocking") => Ok(Delivery::Blocking),
            Some("non-blocking") => {
                let text = buffer.as_deref().unwrap_or("1m");
                let bytes = oci::size::parse_bytes(text).ok().and_then(|bytes| usize::try_from(bytes).ok());
                match bytes {
                    Some(bytes @ 1..=MOST_BUFFER) => Ok(Delivery::NonBlocking(bytes)),
                    _ => Err(Error::option(
                        "max-buffer-size",
                        format!("`{}` is not between 1 byte and {}m", oci::shown(text), MOST_BUFFER >> 20),
                    )),
                }
            }
            Some(other) => {
                Err(Error::option("mode", format!("logging mode not supported: {}", oci::shown(other))))
            }
        }
    }

    fn rotation(&mut self, usual: &Rotation) -> Result<Rotation> {
        let mut rotation = *usual;
        if let Some(text) = self.take("max-size") {
            rotation.size = match size(&text) {
                Some(0) => return Err(Error::option("max-size", "max-size must be a positive number")),
                Some(size) => Some(size),
                None => {
                    return Err(Error::option("max-size", format!("invalid size: '{}'", oci::shown(&text))));
                }
            };
        }
        if let Some(text) = self.take("max-file") {
            rotation.files = match text.parse() {
                Ok(0) => return Err(Error::option("max-file", "max-file cannot be less than 1")),
                Ok(files @ 1..=MOST_FILES) => files,
                _ => {
                    let reason = format!("`{}` is not a number up to {MOST_FILES}", oci::shown(&text));
                    return Err(Error::option("max-file", reason));
                }
            };
        }
        let compress = self.take("compress").map(|text| truth("compress", &text)).transpose()?;
        let asked = compress == Some(Truth::Yes);
        rotation.compression = match compress {
            Some(Truth::Yes) => Compression::Gzip,
            Some(Truth::No) => Compression::None,
            None => rotation.compression,
        };
        if rotation.files < 2 || rotation.size.is_none() {
            if asked {
                let reason = "compress cannot be true when max-file is less than 2 or max-size is not set";
                return Err(Error::option("compress", reason));
            }
            rotation.compression = Compression::None;
        }
        Ok(rotation)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    Yes,
    No,
}

/// As Go's strconv.ParseBool.
pub(crate) fn truth(option: &str, text: &str) -> Result<Truth> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Truth::Yes),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Truth::No),
        other => Err(Error::option(option, format!("`{}` is neither true nor false", oci::shown(other)))),
    }
}

/// A size in powers of 1000, as Docker counts files (and nothing else): `20m` is 20,000,000 bytes.
fn size(text: &str) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let split = lower.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(split);
    let unit = unit.trim_start();
    let power = match unit.strip_suffix('b').unwrap_or(unit).trim_end_matches('i') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let (whole, digits) = (whole.parse::<u128>().ok()?, u32::try_from(fraction.len()).ok()?);
    let part = if fraction.is_empty() { 0 } else { fraction.parse::<u128>().ok()? };
    let factor = 1000_u128.pow(power);
    let scale = 10_u128.checked_pow(digits)?;
    u64::try_from(whole.checked_mul(factor)?.checked_add(part.checked_mul(factor)? / scale)?).ok()
}

/// Drivers and the options that each knows.
const KNOWN: &[(&str, &[&str])] = &[
    ("json-file", &["max-size", "max-file", "compress", "labels", "env", "tag", "mode", "max-buffer-size"]),
    ("local", &["max-size", "max-file", "compress", "mode", "max-buffer-size"]),
    ("journald", &["journald-socket", "labels", "env", "tag", "mode", "max-buffer-size"]),
    (
        "syslog",
        &[
            "syslog-address",
            "syslog-facility",
            "syslog-format",
            "syslog-tls-ca-cert",
            "syslog-tls-cert",
            "syslog-tls-key",
            "syslog-tls-skip-verify",
            "labels",
            "env",
            "tag",
            "mode",
            "max-buffer-size",
        ],
    ),
    ("none", &[]),
];

/// Docker's default: one file that grows.
const JSON_FILE: Rotation = Rotation { size: None, files: 1, compression: Compression::None };
/// Docker's defaults of the driver of that name.
const LOCAL: Rotation = Rotation { size: Some(20_000_000), files: 5, compression: Compression::Gzip };
/// systemd-journald.service(8).
const JOURNAL: &str = "/run/systemd/journal/socket";
/// A monitor is a small process; a container that needs a larger buffer needs another driver.
const MOST_BUFFER: usize = 1 << 30;
/// Each rotation renames all of them.
const MOST_FILES: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str, options: &[(&str, &str)]) -> Result<Driver> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Driver::parse(name, &options.iter().map(owned).collect::<Vec<_>>())
    }

    #[test]
    fn what_docker_takes() {
        assert_eq!(parse("json-file", &[]).unwrap(), Driver::default());
        let driver =
            parse("json-file", &[("max-size", "1.5k"), ("max-file", "3"), ("compress", "true")]).unwrap();
        let rotation = Rotation { size: Some(1500), files: 3, compression: Compression::Gzip };
        assert_eq!(driver.target, Target::JsonFile(rotation));
        assert_eq!(parse("local", &[]).unwrap().target, Target::Local(LOCAL));
        // One file has nothing to compress, and nobody asked for it.
        let one = parse("local", &[("max-file", "1")]).unwrap();
        assert_eq!(one.target, Target::Local(Rotation { files: 1, compression: Compression::None, ..LOCAL }));
        let driver = parse("json-file", &[("mode", "non-blocking"), ("max-buffer-size", "4m")]).unwrap();
        assert_eq!(driver.delivery, Delivery::NonBlocking(4 << 20));
        for (text, want) in
            [("20m", Some(20_000_000)), ("1KiB", Some(1000)), ("7", Some(7)), ("x", None), ("", None)]
        {
            assert_eq!(size(text), want, "{text}");
        }
    }

    #[test]
    fn what_docker_refuses_in_its_words() {
        for (name, options, want) in [
            ("json-file", ("bogus", "1"), "unknown log opt 'bogus' for json-file log driver"),
            ("json-file", ("max-file", "0"), "max-file cannot be less than 1"),
            ("json-file", ("max-size", "0"), "max-size must be a positive number"),
            ("json-file", ("max-size", "x"), "invalid size: 'x'"),
            ("json-file", ("compress", "true"), "compress cannot be true when max-file is less than 2"),
            ("json-file", ("mode", "x"), "logging mode not supported: x"),
            ("json-file", ("max-buffer-size", "1"), "only supported with 'mode=non-blocking'"),
            ("syslog", ("syslog-facility", "x"), "invalid syslog facility"),
            ("syslog", ("syslog-tls-skip-verify", "true"), "anybody"),
            ("json-file", ("labels-regex", "x"), "labels=A,B"),
            ("none", ("tag", "x"), "unknown log opt 'tag' for none log driver"),
            ("fluentd", ("tag", "x"), "no log driver named 'fluentd'"),
        ] {
            let error = parse(name, &[options]).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
    }
}
