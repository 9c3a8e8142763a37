// SPDX-License-Identifier: Apache-2.0
//! `bulkhead walls`: each wall as the kernel reports it for a running container.

use clap::{Args, ValueEnum};
use engine::Engine;
use engine::records::Record;
use engine::walls::{State, WallReport};
use serde::Serialize;

use crate::failure::Failure;
use crate::global::Global;
use crate::human;
use crate::output::{self, visible};
use crate::palette::{Palette, Style};

/// Show the walls of running containers as they stand
///
/// What is shown is read back from the kernel for the running process, not from what was asked for.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead walls --format json web")]
pub(crate) struct Flags {
    /// The container, by name or id; all that run otherwise
    #[arg(value_name = "CONTAINER")]
    container: Option<String>,
    /// How to print them
    #[arg(long, value_name = "FORM", default_value = "text", hide_default_value = true)]
    format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Sentences for a person (the default)
    Text,
    /// For each container an object with the list `walls`
    Json,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let what = match &flags.container {
        Some(name) => format!("cannot show the walls of {name}"),
        None => "cannot show the walls".to_owned(),
    };
    let containers = Engine::walls(&global.settings()?, flags.container.as_deref());
    let containers = containers.map_err(|error| Failure::of_engine(what, &error))?;
    match flags.format {
        Form::Text if containers.is_empty() => {
            output::warn("no container runs\n");
            Ok(())
        }
        Form::Text => {
            let one = |(container, walls): &(Record, Vec<WallReport>)| {
                let heading = format!("{}, {}\n\n", container.name, human::short_id(&container.id));
                heading + &text(walls, global.palette())
            };
            output::print(&containers.iter().map(one).collect::<Vec<_>>().join("\n"))
        }
        Form::Json => containers.iter().try_for_each(|(container, walls)| {
            output::json(&Walls { container: &container.name, id: &container.id, walls })
        }),
    }
}

#[derive(Serialize)]
struct Walls<'a> {
    container: &'a str,
    id: &'a str,
    walls: &'a [WallReport],
}

/// A paragraph for each wall, and a count.
fn text(walls: &[WallReport], palette: Palette) -> String {
    let width = walls.iter().map(|wall| visible(wall.name).chars().count()).max().unwrap_or(0);
    let paragraphs = walls.iter().map(|wall| paragraph(wall, width, palette));
    paragraphs.chain([summary(walls)]).collect()
}

fn paragraph(wall: &WallReport, width: usize, palette: Palette) -> String {
    let (state, style) = match wall.state {
        State::Up => ("up     ", Style::Good),
        State::Lowered => ("lowered", Style::Bad),
        State::Absent => ("absent ", Style::Warning),
        State::Unknown => ("unknown", Style::Warning),
    };
    let name = format!("{:width$}", visible(wall.name));
    let mut text = format!(
        "{}  {}  {}\n",
        palette.paint(style, state),
        palette.paint(Style::Strong, &name),
        visible(&wall.evidence)
    );
    let indent = " ".repeat(state.len() + width + 4);
    for words in &wall.weakened_by {
        text.push_str(&format!("{indent}weakened by {}\n", visible(words)));
    }
    if let Some(words) = &wall.restore {
        text.push_str(&format!("{indent}to restore: {}\n", visible(words)));
    }
    text
}

fn summary(walls: &[WallReport]) -> String {
    let count = |state| walls.iter().filter(|wall| wall.state == state).count();
    let mut text = format!("\n{} up", count(State::Up));
    for (state, word) in [(State::Lowered, "lowered"), (State::Absent, "absent"), (State::Unknown, "unknown")]
    {
        if count(state) > 0 {
            text.push_str(&format!(", {} {word}", count(state)));
        }
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(name: &'static str, state: State, weakened_by: &[&str], restore: Option<&str>) -> WallReport {
        WallReport {
            name,
            state,
            evidence: format!("{name} evidence"),
            weakened_by: weakened_by.iter().map(|&words| words.to_owned()).collect(),
            restore: restore.map(str::to_owned),
        }
    }

    #[test]
    fn for_a_person() {
        let walls = [
            wall("user", State::Up, &[], None),
            wall(
                "capabilities",
                State::Lowered,
                &["--cap-add NET_ADMIN", "--cap-add SYS_TIME"],
                Some("run it again without --cap-add"),
            ),
            wall("seccomp", State::Lowered, &["--security-opt seccomp=unconfined"], None),
            wall("label", State::Absent, &[], None),
            wall("landlock", State::Unknown, &[], None),
        ];
        let want = "\
up       user          user evidence
lowered  capabilities  capabilities evidence
                       weakened by --cap-add NET_ADMIN
                       weakened by --cap-add SYS_TIME
                       to restore: run it again without --cap-add
lowered  seccomp       seccomp evidence
                       weakened by --security-opt seccomp=unconfined
absent   label         label evidence
unknown  landlock      landlock evidence

1 up, 2 lowered, 1 absent, 1 unknown
";
        assert_eq!(text(&walls, Palette::plain()), want);
    }

    #[test]
    fn for_a_program() {
        let walls = [wall("user", State::Up, &[], None)];
        let want = r#"{"container":"web","id":"ab","walls":[{"name":"user","state":"up","evidence":"user evidence","weakened_by":[],"restore":null}]}"#;
        assert_eq!(
            serde_json::to_string(&Walls { container: "web", id: "ab", walls: &walls }).unwrap(),
            want
        );
    }
}
