// SPDX-License-Identifier: Apache-2.0
//! The report as one page: no file, no font, no script from anywhere else, readable without scripts,
//! without colours, on paper and on a telephone.
//!
//! The page is well-formed XML as well, and forbids itself to load anything (Content-Security-Policy).

mod sections;

use std::fmt::Write as _;

use crate::Report;
use crate::text::capitalised;

pub(crate) fn render(report: &Report) -> String {
    let mut page = String::with_capacity(128 << 10);
    add(&mut page, format_args!("{HEAD}<style>{CSS}</style>\n</head>\n<body>\n"));
    headline(&mut page, report);
    page.push_str("<main>\n");
    sections::compared(&mut page, report);
    sections::open(&mut page, report);
    sections::walls(&mut page, report);
    sections::probes(&mut page, report);
    add(&mut page, format_args!("</main>\n{FOOT}<script>\n{SCRIPT}</script>\n</body>\n</html>\n"));
    page
}

fn headline(page: &mut String, report: &Report) {
    let (subject, summary) = (&report.subject, &report.summary);
    add(
        page,
        format_args!(
            "<header>\n<p class=\"brand\">Bulkhead drill</p>\n\
             <h1>{} of {} escape attempts stopped</h1>\n\
             <p class=\"second\">and {} of {} probes in all</p>\n\
             <p class=\"lead\">{} was tried with {} harmless probes from {}, on Linux {}.</p>\n",
            summary.attempts.stopped,
            summary.attempts.total,
            summary.all.stopped,
            summary.all.total,
            escape(&capitalised(&subject.engine)),
            summary.all.total + summary.more.total,
            escape(&subject.setting),
            escape(&subject.kernel)
        ),
    );
    for note in &subject.notes {
        add(page, format_args!("<p class=\"note\">{}</p>\n", escape(note)));
    }
    sections::compare(page, report);
    page.push_str("</header>\n");
}

/// Appends; memory is all that could be lacking.
fn add(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).unwrap_or_default();
}

/// What came out of a container is text and never markup.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter if letter.is_control() => safe.push('\u{fffd}'),
            letter => safe.push(letter),
        }
    }
    safe
}

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\"/>\n\
    <title>Bulkhead drill</title>\n";
const CSS: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/filter.js");
const FOOT: &str = "<footer><p>Each attempt runs in a process of its own and only knocks: files are opened and not \
    written, calls get arguments that fail right after the permission check. Docker\u{2019}s figures are those of Docker 20.10 \
    with its defaults, measured with the same probes on Linux 6.18.</p></footer>\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Finding, Outcome, Runs, Subject, attribute};

    #[test]
    fn what_comes_from_inside_is_escaped() {
        let evil = "<script>alert(1)</script>\u{1b}[2J".to_owned();
        let finding =
            Finding { id: "bpf".into(), outcome: Outcome::Open, evidence: evil, errno: None, absent: false };
        let runs = Runs { all: vec![finding], ..Runs::default() };
        let subject = Subject { engine: "<b>".into(), notes: vec!["a & b".into()], ..Subject::default() };
        let page = attribute(subject, &runs).html();
        assert!(!page.contains("<script>alert") && !page.contains('\u{1b}'));
        assert!(page.contains("&lt;b&gt;") && page.contains("a &amp; b"));
    }

    #[test]
    fn the_script_and_the_style_are_xml_as_well() {
        for text in [CSS, SCRIPT] {
            assert!(!text.contains(['<', '&']) && !text.contains("]]>"));
        }
    }
}
