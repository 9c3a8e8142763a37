// SPDX-License-Identifier: Apache-2.0
//! What every listing has: a form, and whether ids and long texts are cut.

use clap::{Args, ValueEnum};

/// `--format` and `--no-trunc`.
#[derive(Debug, Args)]
pub(crate) struct Listing {
    /// How to print the rows
    #[arg(long, value_name = "FORM", default_value = "table", hide_default_value = true)]
    pub(crate) format: Form,
    /// Do not shorten ids and long texts
    #[arg(long = "no-trunc")]
    pub(crate) no_trunc: bool,
}

/// The form of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Columns for a person (the default)
    Table,
    /// An object on each line, with Docker's keys
    Json,
}

impl Listing {
    /// An id as it is to be shown.
    pub(crate) fn id(&self, id: &str) -> String {
        if self.no_trunc { id.to_owned() } else { crate::human::short_id(id).to_owned() }
    }

    /// A text as it is to be shown, cut to `width` characters unless asked otherwise.
    pub(crate) fn text(&self, text: &str, width: usize) -> String {
        if self.no_trunc { text.to_owned() } else { crate::human::shortened(text, width) }
    }
}
