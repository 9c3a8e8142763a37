// SPDX-License-Identifier: Apache-2.0
//! A root file system's tar becomes an image of one layer.

use std::io::Read;

use oci::config::{Empty, History, ImageConfig, Process, RootFs};
use oci::{Digest, Reference};

use crate::database::Row;
use crate::error::{Error, Result};
use crate::images::tagged;
use crate::staging::Staging;
use crate::{OnProgress, Progress, Store};

/// What the image's configuration says besides its layer.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// How a container of it runs.
    pub process: Process,
    /// A remark for its history.
    pub message: String,
}

impl Changes {
    /// Takes one Dockerfile instruction: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME
    /// or WORKDIR.
    pub fn apply(&mut self, instruction: &str) -> Result<()> {
        let refused = |why: &str| Error::refused(format!("--change `{}`: {why}", oci::shown(instruction)));
        let (word, rest) = instruction.trim().split_once(char::is_whitespace).ok_or_else(|| refused("it has no value"))?;
        let rest = rest.trim();
        let process = &mut self.process;
        match word.to_ascii_uppercase().as_str() {
            "CMD" => process.cmd = words(rest).ok_or_else(|| refused("its list is not JSON"))?,
            "ENTRYPOINT" => process.entrypoint = words(rest).ok_or_else(|| refused("its list is not JSON"))?,
            "ENV" => {
                let entry = if rest.contains('=') { rest.to_owned() } else { rest.replacen(' ', "=", 1) };
                let (name, _) = entry.split_once('=').ok_or_else(|| refused("write NAME=value"))?;
                let begin = format!("{name}=");
                process.env.retain(|known| !known.starts_with(&begin));
                process.env.push(entry);
            }
            "LABEL" => {
                let (key, value) = rest.split_once('=').ok_or_else(|| refused("write key=value"))?;
                process.labels.insert(key.to_owned(), value.trim_matches('"').to_owned());
            }
            "EXPOSE" => process.exposed_ports.extend(rest.split_whitespace().map(|port| {
                (if port.contains('/') { port.to_owned() } else { format!("{port}/tcp") }, Empty {})
            })),
            "VOLUME" => process.volumes.extend(words(rest).unwrap_or_default().into_iter().map(|path| (path, Empty {}))),
            "USER" => process.user = rest.to_owned(),
            "WORKDIR" if rest.starts_with('/') => process.working_dir = rest.to_owned(),
            "WORKDIR" => return Err(refused("the directory must be absolute")),
            "STOPSIGNAL" => process.stop_signal = rest.to_owned(),
            _ => return Err(refused("only CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME and WORKDIR can be changed")),
        }
        Ok(())
    }
}

/// `["a", "b"]`, or the shell form.
fn words(text: &str) -> Option<Vec<String>> {
    if text.starts_with('[') {
        return serde_json::from_str(text).ok();
    }
    Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned()])
}

impl Store {
    /// Makes an image of the root file system in `stream` (plain, gzip or zstd) and names it.
    pub fn import(
        &self,
        stream: impl Read,
        reference: Option<&str>,
        changes: &Changes,
        progress: OnProgress<'_>,
    ) -> Result<Digest> {
        let _hold = self.hold()?;
        let reference = reference.map(tagged).transpose()?;
        let staging = Staging::make(&self.root)?;
        let watched = Watched { inner: stream, done: 0, told: 0, progress };
        let layer = self.unpack_layer(watched, None, "of the root file system", &staging)?;
        let config = ImageConfig {
            created: Some(rfc3339(now())),
            architecture: ARCHITECTURE.to_owned(),
            os: "linux".to_owned(),
            config: changes.process.clone(),
            rootfs: RootFs { kind: "layers".to_owned(), diff_ids: vec![layer.diff_id] },
            history: vec![History { created: Some(rfc3339(now())), comment: changes.message.clone(), ..History::default() }],
            ..ImageConfig::default()
        };
        self.add_image(&config, layer.summary.bytes, reference.as_ref())
    }

    /// Adds an image of our own making.
    pub(crate) fn add_image(&self, config: &ImageConfig, size: u64, reference: Option<&Reference>) -> Result<Digest> {
        let bytes = serde_json::to_vec(config).map_err(|error| Error::refused(error.to_string()))?;
        let id = Digest::sha256_of(&bytes);
        let row = Row { id: id.to_string(), manifest: None, config: bytes, size, added: now() };
        let names: Vec<_> = reference.iter().map(|reference| (reference.to_string(), id.to_string())).collect();
        self.database()?.add(&[row], &names)?;
        Ok(id)
    }
}

/// Tells how far a stream is, every few megabytes.
pub(crate) struct Watched<'a, R> {
    pub(crate) inner: R,
    pub(crate) done: u64,
    pub(crate) told: u64,
    pub(crate) progress: OnProgress<'a>,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.done += count as u64;
        if self.done - self.told >= STEP {
            self.told = self.done;
            (self.progress)(Progress { step: "reading", done: self.done, total: None });
        }
        Ok(count)
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    kernel::rustix::time::clock_gettime(kernel::rustix::time::ClockId::Realtime).tv_sec
}

/// UTC, to the second (civil-from-days, proleptic Gregorian calendar).
pub(crate) fn rfc3339(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// In the image specification's words.
pub(crate) const ARCHITECTURE: &str =
    if cfg!(target_arch = "x86_64") { "amd64" } else if cfg!(target_arch = "aarch64") { "arm64" } else { std::env::consts::ARCH };
const STEP: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_795_000_000), "2026-11-18T05:46:40Z");
    }

    #[test]
    fn changes() {
        let mut changes = Changes::default();
        for line in ["CMD [\"a\",\"b\"]", "ENV A=1", "env A 2", "WORKDIR /x", "EXPOSE 80 53/udp", "USER 7", "ENTRYPOINT echo hi"] {
            changes.apply(line).unwrap();
        }
        assert_eq!(changes.process.cmd, ["a", "b"]);
        assert_eq!(changes.process.env, ["A=2"]);
        assert_eq!(changes.process.entrypoint, ["/bin/sh", "-c", "echo hi"]);
        for line in ["CMD", "RUN x", "WORKDIR x", "CMD [a"] {
            assert!(changes.apply(line).is_err(), "{line}");
        }
    }
}
