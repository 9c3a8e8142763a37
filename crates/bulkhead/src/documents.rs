// SPDX-License-Identifier: Apache-2.0
//! What the `inspect` verbs have: `--format`, whose template is applied to each document.

use clap::Args;
use serde_json::Value;
use template::{Functions, Keys, Template};

use crate::failure::Failure;
use crate::{listing, output};

/// `--format`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Flags {
    /// How to print: json (on one line), or a template such as '{{.Id}}'; the default is JSON for a person
    #[arg(short, long, value_name = "FORM", default_value = "", hide_default_value = true)]
    format: String,
}

/// The form of the documents.
#[derive(Debug)]
pub(crate) enum Form {
    /// All in one list, on several lines.
    Person,
    /// All in one list, on one line.
    Line,
    /// Each by the template, on a line of its own.
    Template(Box<Template>),
}

impl Flags {
    /// The form that was asked for.
    ///
    /// # Errors
    /// A template that cannot be read, in Docker's words.
    pub(crate) fn form(&self) -> Result<Form, Failure> {
        match self.format.as_str() {
            "" => Ok(Form::Person),
            "json" => Ok(Form::Line),
            template => listing::read(template).map(|template| Form::Template(Box::new(template))),
        }
    }
}

impl Form {
    /// As Docker does: what was found is printed, whatever happened to the rest, and a template that does
    /// not fit one document is applied to the others all the same.
    pub(crate) fn print(&self, found: &[Value], outcome: Result<(), Failure>) -> Result<(), Failure> {
        let template = match self {
            Self::Person => return output::json(&found).and(outcome),
            Self::Line => return output::json_lines(&[found]).and(outcome),
            Self::Template(template) => template,
        };
        let (mut text, mut outcome) = (String::new(), outcome);
        for document in found {
            match template.render(&template::Value::document(document, KEYS), Functions::Values) {
                Ok(said) => text.push_str(&(said + "\n")),
                Err(error) => {
                    let failure = listing::wrong(&error);
                    outcome = Err(match outcome {
                        Ok(()) => failure,
                        Err(earlier) => Failure::and(earlier, failure),
                    });
                }
            }
        }
        // Docker ends an empty answer like any other.
        let text = if text.is_empty() { "\n".to_owned() } else { text };
        output::print(&output::visible_lines(&text)).and(outcome)
    }
}

/// Keys of documents below which any key may stand, so that one that is missing there is no error, and
/// keys of lists, which may be null.
const KEYS: Keys<'_> = Keys {
    maps: &[
        "Annotations",
        "Data",
        "DriverOpts",
        "ExposedPorts",
        "Labels",
        "LogOpts",
        "Networks",
        "Options",
        "PortBindings",
        "Ports",
        "StorageOpt",
        "Sysctls",
        "Tmpfs",
        "Volumes",
    ],
    lists: &["Cmd", "Entrypoint", "Env", "OnBuild", "RepoDigests", "RepoTags"],
};
