// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask bench NAME`: side by side with the peers, interleaved in one run, one table out.

mod images;
mod memory;
mod run;
mod stopwatch;

pub(crate) use stopwatch::work;

use std::path::Path;

use crate::failure::{Failure, Result, While};
use crate::project::Project;

/// Runs one bench and puts its table into docs/benchmarks.md.
pub(crate) fn bench(project: &Project, arguments: &[String]) -> Result<()> {
    match arguments.first().map(String::as_str) {
        Some("images") => images::bench(project, &arguments[1..]),
        Some("run") => run::bench(project, &arguments[1..]),
        Some(other) => Err(Failure::new(format!("no bench named {other}; there are: images, run"))),
        None => Err(Failure::new("which bench? There are: images, run")),
    }
}

/// Replaces what stands between the markers of `name` in docs/benchmarks.md.
fn write_section(project: &Project, name: &str, text: &str) -> Result<()> {
    let path = project.root.join("docs/benchmarks.md");
    let old = if path.exists() { read(&path)? } else { HEADING.to_owned() };
    std::fs::write(&path, replace_section(&old, name, text)).cannot(|| format!("write {}", path.display()))
}

/// `old` with the text between the markers of `name` replaced; the section is added at the end when
/// there is none.
fn replace_section(old: &str, name: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- begin {name} -->"), format!("<!-- end {name} -->"));
    let section = format!("{begin}\n{}\n{end}", text.trim());
    match (old.find(&begin), old.find(&end)) {
        (Some(from), Some(to)) if from < to => {
            format!("{}{section}{}", &old[..from], &old[to + end.len()..])
        }
        _ => format!("{}\n\n{section}\n", old.trim_end()),
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).cannot(|| format!("read {}", path.display()))
}

const HEADING: &str = "# Benchmarks

Each table is written by the command that stands above it, on one machine and in one run, so only the ratios
carry over to another machine.
";

#[cfg(test)]
mod tests {
    use super::replace_section;

    #[test]
    fn a_section_is_replaced_and_nothing_else() {
        let first = replace_section("# Title\n", "run", "one");
        assert_eq!(first, "# Title\n\n<!-- begin run -->\none\n<!-- end run -->\n");
        let second = replace_section(&format!("{first}\ntail\n"), "run", "two\n");
        assert_eq!(second, "# Title\n\n<!-- begin run -->\ntwo\n<!-- end run -->\n\ntail\n");
    }
}
