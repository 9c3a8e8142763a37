// SPDX-License-Identifier: Apache-2.0
//! `bulkhead commit`: an image out of a container.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use engine::files::{CommitRequest, Committed, Pause};

use crate::failure::Failure;
use crate::flags::switch;
use crate::global::Global;
use crate::{cp, output};

/// Make an image of a container's changes
///
/// The image runs as the container did: with its command, user, variables, labels and the rest. What is mounted
/// in the container is not in it. A container that runs stands still while its files are read. The time that the image tells is that of SOURCE_DATE_EPOCH,
/// when set, else now: the same changes at the same time give the same image.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead commit -m 'with nginx' -c 'CMD [\"nginx\"]' web web:2")]
pub(crate) struct Flags {
    /// Name or id
    #[arg(value_name = "CONTAINER")]
    container: String,
    /// What to call the image
    #[arg(value_name = "REPOSITORY[:TAG]")]
    reference: Option<String>,
    /// Who made it
    #[arg(short, long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    author: String,
    /// A remark for the image's history
    #[arg(short, long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    message: String,
    /// A Dockerfile instruction for the image, as in 'CMD ["bash"]'; may be given more than once
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
    /// Pause the container while its files are read, or fail; --pause=false lets it run on. Without this it is
    /// paused where that is possible
    #[arg(
        short,
        long,
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = switch::parse
    )]
    pause: Option<bool>,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let what = format!("cannot make an image of {}", flags.container);
    let request = CommitRequest {
        reference: flags.reference.clone(),
        author: flags.author.clone(),
        message: flags.message.clone(),
        changes: flags.change.clone(),
        created: created(&what)?,
        pause: match flags.pause {
            Some(true) => Pause::Must,
            Some(false) => Pause::No,
            None => Pause::IfPossible,
        },
    };
    let committed = global.engine(&what)?.commit(&flags.container, &request);
    let Committed { id, notice, without_acl } =
        committed.map_err(|error| Failure::of_engine(what, &error))?;
    if let Some(notice) = notice {
        output::warn(&format!("note: {}\n", output::visible(&notice)));
    }
    output::warn(&cp::without_acl(&without_acl));
    output::print(&format!("{id}\n"))
}

/// reproducible-builds.org, "SOURCE_DATE_EPOCH".
fn created(what: &str) -> Result<i64, Failure> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) if !text.is_empty() => match text.parse::<i64>() {
            Ok(seconds @ 0..=LAST) => Ok(seconds),
            _ => Err(Failure::new(format!("{what}: SOURCE_DATE_EPOCH is no number of seconds since 1970"))),
        },
        _ => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let now = now.map_err(|error| Failure::stopped(format!("{what}: the clock is wrong"), &error))?;
            Ok(i64::try_from(now.as_secs()).unwrap_or(LAST))
        }
    }
}

/// The last second of the year 9999, which dates in images can tell.
const LAST: i64 = 253_402_300_799;
