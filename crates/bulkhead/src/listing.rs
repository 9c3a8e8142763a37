// SPDX-License-Identifier: Apache-2.0
//! What every listing has: a form, and whether ids and long texts are cut.

use std::convert::Infallible;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use serde::Serialize;
use template::{Functions, Template, Value};

use crate::failure::Failure;
use crate::flags::nearest::suggestion;
use crate::output;
use crate::table::Table;

/// `--format` and `--no-trunc`.
#[derive(Debug, Args)]
pub(crate) struct Listing {
    /// How to print the rows: table, json, or a template such as '{{.ID}}' or 'table {{.ID}}\t{{.Size}}'
    #[arg(long, value_name = "FORM", default_value = "table", hide_default_value = true)]
    pub(crate) format: Format,
    /// Do not shorten ids and long texts
    #[arg(long = "no-trunc")]
    pub(crate) no_trunc: bool,
}

/// The form of what is no list of rows that a template could be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Columns for a person (the default)
    Table,
    /// An object on each line, with Docker's keys
    Json,
}

/// The form of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Format {
    /// Columns for a person (the default).
    Table,
    /// An object on each line, with Docker's keys.
    Json,
    /// A line for each row, by this template.
    Lines(String),
    /// The same as columns, with headings.
    Columns(String),
}

/// A row as templates see it.
pub(crate) trait Row: Serialize {
    /// What it is a row of.
    const KIND: &'static str;
    /// Docker's headings of the fields.
    const HEADINGS: &'static [(&'static str, &'static str)];

    /// What `.Label "name"` looks through.
    fn labels(&self) -> &[(String, String)] {
        &[]
    }
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

    /// Whether the template mentions `field`, which is not found out otherwise.
    pub(crate) fn asks_for(&self, field: &str) -> bool {
        match &self.format {
            Format::Lines(template) | Format::Columns(template) => template.contains(field),
            Format::Table | Format::Json => false,
        }
    }

    /// Prints `rows` in the form that was asked for; `table` makes the default one of them.
    pub(crate) fn print<R: Row>(
        &self,
        rows: Vec<R>,
        table: impl FnOnce(Vec<R>) -> Table,
    ) -> Result<(), Failure> {
        match &self.format {
            Format::Table => output::print(&table(rows).render()),
            Format::Json => output::json_lines(&rows),
            Format::Lines(template) => output::print(&output::visible_lines(&lines(template, &rows)?)),
            Format::Columns(template) => output::print(&columns(template, &rows)?.render()),
        }
    }
}

impl FromStr for Format {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        // Docker's, so that a person can type them into a quoted text.
        let template = |text: &str| text.replace("\\t", "\t").replace("\\n", "\n");
        Ok(match (text, text.strip_prefix("table")) {
            ("" | "table", _) => Self::Table,
            ("json", _) => Self::Json,
            (_, Some(columns)) if columns.contains(ACTION) => {
                Self::Columns(template(columns.trim_matches(' ')))
            }
            (text, _) => Self::Lines(template(text)),
        })
    }
}

/// A template, read.
pub(crate) fn read(template: &str) -> Result<Template, Failure> {
    if !template.contains(ACTION) {
        return Err(Failure::new(format!(
            "--format: {template:?} is neither table, json nor a template: it has no action such as {{{{.ID}}}}{}",
            suggestion(template, ["table", "json"])
        )));
    }
    Template::parse(template).map_err(|error| wrong(&error))
}

/// Docker's words, for what is wrong with the template and for what it cannot be applied to.
pub(crate) fn wrong(error: &template::Error) -> Failure {
    Failure::new(format!("template parsing error: {error}"))
}

fn lines<R: Row>(template: &str, rows: &[R]) -> Result<String, Failure> {
    let template = read(template)?;
    let mut text = String::new();
    for row in rows {
        let said = template.render(&value(row)?, Functions::Values).map_err(|error| wrong(&error))?;
        text.push_str(&said);
        text.push('\n');
    }
    Ok(text)
}

fn columns<R: Row>(template: &str, rows: &[R]) -> Result<Table, Failure> {
    let head = R::HEADINGS.iter().map(|(field, heading)| ((*field).to_owned(), (*heading).into()));
    let head = Value::row(&serde_json::Value::Object(head.collect()), R::KIND);
    let head = head.with_lookup("Label", |name| {
        // As Docker: com.example.my-team becomes "my team".
        name.rsplit('.').next().unwrap_or_default().replace(['-', '_'], " ")
    });
    let head = read(template)?.render(&head, Functions::Headings).map_err(|error| wrong(&error))?;
    Ok(Table::of_lines(&(head + "\n" + &lines(template, rows)?)))
}

fn value<R: Row>(row: &R) -> Result<Value, Failure> {
    let json = serde_json::to_value(row);
    let json = json.map_err(|error| Failure::stopped("cannot write JSON", &error))?;
    let labels = row.labels().to_vec();
    Ok(Value::row(&json, R::KIND).with_lookup("Label", move |name| {
        labels
            .iter()
            .rev()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
            .unwrap_or_default()
    }))
}

const ACTION: &str = "{{";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::tests::told;

    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Thing {
        name: &'static str,
        #[serde(skip)]
        labels: Vec<(String, String)>,
    }

    impl Row for Thing {
        const KIND: &'static str = "thing";
        const HEADINGS: &'static [(&'static str, &'static str)] = &[("Name", "NAMES")];

        fn labels(&self) -> &[(String, String)] {
            &self.labels
        }
    }

    fn things() -> Vec<Thing> {
        let labels = vec![("org.my-team".to_owned(), "red".to_owned())];
        vec![Thing { name: "a", labels }, Thing { name: "bb\u{1b}[2J", labels: Vec::new() }]
    }

    #[test]
    fn forms() {
        for (text, want) in [
            ("table", Format::Table),
            ("", Format::Table),
            ("json", Format::Json),
            ("{{.ID}}\\t{{.Size}}", Format::Lines("{{.ID}}\t{{.Size}}".to_owned())),
            ("table {{.ID}}", Format::Columns("{{.ID}}".to_owned())),
            ("tables", Format::Lines("tables".to_owned())),
        ] {
            assert_eq!(text.parse(), Ok(want), "{text}");
        }
    }

    #[test]
    fn lines_and_columns() {
        let by = |template| lines(template, &things()).unwrap();
        assert_eq!(by("{{.Name}}"), "a\nbb\u{1b}[2J\n");
        assert_eq!(by(r#"[{{.Label "org.my-team"}}]"#), "[red]\n[]\n");
        let table = columns("{{.Name}}\t{{.Label \"org.my-team\"}}", &things()).unwrap().render();
        assert_eq!(table, "NAMES         my team\na             red\nbb\\u{1b}[2J   \n");
    }

    #[test]
    fn complaints() {
        let complaint = |template| told(&lines(template, &things()).unwrap_err());
        let (text, code) = complaint("{{.Nam}}");
        assert_eq!(code, 1);
        assert_eq!(
            text,
            "error: template parsing error: template: :1:2: executing \"\" at <.Nam>: can't evaluate field Nam in type thing\n"
        );
        assert_eq!(
            complaint("{{.Name"),
            ("error: template parsing error: template: :1: unclosed action\n".to_owned(), 1)
        );
        assert_eq!(
            complaint("jsn").0,
            "error: --format: \"jsn\" is neither table, json nor a template: it has no action such as {{.ID}}; did you mean json?\n"
        );
    }
}
