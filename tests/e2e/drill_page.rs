// SPDX-License-Identifier: Apache-2.0
//! `bulkhead drill --format html`: one page, whole, well-formed, and nothing that it would fetch.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;
use tests::{Sandbox, skip};

#[test]
fn the_page_says_what_the_report_says() {
    for (html, json) in [&*PAGE, &*GUESSED] {
        let report: Value = serde_json::from_str(json).unwrap();
        let attempts = &report["summary"]["attempts"];
        assert!(html.contains(&format!(
            "<h1>{} of {} escape attempts stopped</h1>",
            attempts["stopped"], attempts["total"]
        )));
        for probe in ["probes", "more"].iter().flat_map(|list| report[list].as_array().unwrap()) {
            let id = probe["id"].as_str().unwrap();
            let row = format!("<th scope=\"row\"><code>{id}</code>");
            assert_eq!(html.matches(&row).count(), 1, "{id}");
        }
        let open = ["probes", "more"].iter().flat_map(|list| report[list].as_array().unwrap());
        let open = open.filter(|probe| probe["outcome"] != "stopped" && probe["class"] != "info").count();
        assert!(html.contains(&format!("Not stopped ({open})</h2>")));
    }
    assert!(GUESSED.0.contains("Guessed from errno") && !PAGE.0.contains("Guessed"));
}

#[test]
fn the_page_is_well_formed() {
    for (html, _) in [&*PAGE, &*GUESSED] {
        assert_eq!(well_formed(html), Ok(()));
    }
    // The check itself.
    assert!(well_formed("<!DOCTYPE html>\n<p><b></p></b>").is_err());
    assert!(well_formed("<!DOCTYPE html>\n<p>a & b</p>").is_err());
    assert!(well_formed("<!DOCTYPE html>\n<p class=x></p>").is_err());
    assert!(well_formed("<!DOCTYPE html>\n<p>").is_err());
}

#[test]
fn the_page_fetches_nothing() {
    for (html, _) in [&*PAGE, &*GUESSED] {
        for word in [
            "http://", "https://", "//cdn", " src=", " href=", "url(", "@import", "<link", "<img", "<iframe",
            "fetch(",
        ] {
            assert!(!html.contains(word), "{word}");
        }
        assert!(html.contains("Content-Security-Policy\" content=\"default-src 'none';"));
    }
}

#[test]
fn a_browser_shows_it_and_has_nothing_to_complain_of() {
    if !Path::new(CHROMIUM).exists() {
        return skip("chromium is not installed");
    }
    let sandbox = Sandbox::new();
    let page = sandbox.write("page.html", &PAGE.0);
    let mut command = Command::new(CHROMIUM);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-extensions", "--dump-dom"]);
    command.arg("--enable-logging=stderr");
    command.arg(format!("--user-data-dir={}", sandbox.file("profile").display()));
    command.arg(format!("file://{}", page.display()));
    let output = command.env("HOME", sandbox.file("home")).output().unwrap();
    let (dom, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // The script ran: it shows the search, and counts the rows.
    assert!(dom.contains("<html lang=\"en\" class=\"js\">"), "{log}");
    let rows = PAGE.0.matches("<tr data-groups=").count();
    assert!(dom.contains(&format!("{rows} of {rows}</output>")), "{dom}");
    // The console tells of scripts that fail, and of everything that the page's policy refuses to fetch.
    assert!(!log.contains("CONSOLE"), "{log}");
}

/// Tags are closed in order, attributes are quoted, ampersands are entities.
fn well_formed(page: &str) -> Result<(), String> {
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").ok_or("no doctype")?;
    let mut open: Vec<&str> = Vec::new();
    while let Some((text, more)) = rest.split_once('<') {
        entities(text)?;
        let (tag, after) = more.split_once('>').ok_or("a tag that does not end")?;
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> closes nothing"));
            }
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        quoted(attributes.trim_end_matches('/'))?;
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    entities(rest)?;
    if open.is_empty() { Ok(()) } else { Err(format!("not closed: {open:?}")) }
}

fn entities(text: &str) -> Result<(), String> {
    let known = ["amp;", "lt;", "gt;", "quot;", "#39;", "#160;"];
    match text.split('&').skip(1).find(|after| !known.iter().any(|entity| after.starts_with(entity))) {
        Some(after) => Err(format!("a bare ampersand before {after:?}")),
        None => Ok(()),
    }
}

fn quoted(mut attributes: &str) -> Result<(), String> {
    while !attributes.trim().is_empty() {
        let (name, after) =
            attributes.trim_start().split_once("=\"").ok_or_else(|| format!("attribute {attributes:?}"))?;
        let (value, more) = after.split_once('"').ok_or_else(|| format!("attribute {name} does not end"))?;
        entities(value)?;
        attributes = more;
    }
    Ok(())
}

/// A page and the JSON of the same command.
static PAGE: LazyLock<(String, String)> = LazyLock::new(|| {
    let sandbox = Sandbox::new();
    let json = sandbox.call(["drill", "--quiet", "--format", "json"]).ok();
    let page = sandbox.file("page.html");
    let words = ["drill", "--quiet", "--format", "html", "--output", page.to_str().unwrap()];
    assert!(sandbox.call(words).ok().starts_with("The report is in "));
    (std::fs::read_to_string(page).unwrap(), json)
});

/// The same from a place whose walls are guessed: a container, as another engine's would be.
static GUESSED: LazyLock<(String, String)> = LazyLock::new(|| {
    let sandbox = Sandbox::minimal();
    let lend = format!("{}:/bulkhead:ro", tests::binary().display());
    let drill = |form: &str| {
        let words = [
            "run",
            "--rm",
            "-v",
            &lend,
            "minimal",
            "/bulkhead",
            "drill",
            "--here",
            "--output",
            "-",
            "--format",
        ];
        sandbox.call(words.into_iter().chain([form])).ok()
    };
    (drill("html") + "\n", drill("json"))
});

const CHROMIUM: &str = "/usr/bin/chromium";
