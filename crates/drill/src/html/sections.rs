// SPDX-License-Identifier: Apache-2.0
//! The parts of the page, from the top down.

use super::{add, escape};
use crate::report::ABSENT;
use crate::{Basis, Class, Count, Difference, Outcome, Probe, Report, Wall, reference, text};

/// The counts beside Docker's.
pub(super) fn compare(page: &mut String, report: &Report) {
    page.push_str(
        "<div class=\"compare sheet\"><table>\n<caption><i class=\"key ours\"></i>stopped here &#160; \
         <i class=\"key peer\"></i>stopped by Docker\u{2019}s default</caption>\n\
         <thead><tr><th scope=\"col\">Probes</th><td></td><th scope=\"col\" class=\"n\">here</th>\
         <th scope=\"col\" class=\"n\">Docker</th></tr></thead>\n<tbody>\n",
    );
    let summary = &report.summary;
    for (name, count, docker, class) in [
        ("Escape attempts", summary.attempts, reference::ATTEMPTS, ""),
        ("Leaks", summary.leaks, reference::LEAKS, ""),
        ("Resources", summary.resources, reference::RESOURCES, ""),
        ("Posture", summary.posture, reference::POSTURE, ""),
        ("All of these", summary.all, reference::ALL, " class=\"whole\""),
    ] {
        add(
            page,
            format_args!(
                "<tr{class}><th scope=\"row\">{name}</th><td class=\"chart\"><span class=\"bars\" aria-hidden=\"true\">{}{}</span></td>\
                 <td class=\"n\"><b>{}</b> of {}</td><td class=\"n docker\">{}<span class=\"of\"> of {}</span></td></tr>\n",
                bar("bar", &[("ours", count.stopped)], count.total),
                bar("bar thin", &[("peer", docker.stopped)], docker.total),
                count.stopped,
                count.total,
                docker.stopped,
                docker.total
            ),
        );
    }
    page.push_str("</tbody></table>");
    remarks(page, summary.all, summary.more);
    page.push_str("</div>\n");
}

/// What flags opened and closed, when some were given.
pub(super) fn compared(page: &mut String, report: &Report) {
    let Some(comparison) = &report.compared else { return };
    add(
        page,
        format_args!(
            "<section class=\"flags\"><h2>What your flags opened ({})</h2>\n<p class=\"lead\">{}</p>\n",
            comparison.opened.len(),
            escape(&comparison.sentence())
        ),
    );
    if !comparison.opened.is_empty() {
        page.push_str("<ul class=\"open\">\n");
        for Difference { id, title, class } in &comparison.opened {
            let kind = if *class == Class::Attempt { "escape attempt" } else { "" };
            add(
                page,
                format_args!(
                    "<li><h3>{} <small>{kind}</small></h3><p><code>{}</code></p></li>\n",
                    escape(title),
                    escape(id)
                ),
            );
        }
        page.push_str("</ul>\n");
    }
    if !comparison.closed.is_empty() {
        page.push_str("<p class=\"remark\">They closed what the default leaves open: <span class=\"chips\">");
        for Difference { id, .. } in &comparison.closed {
            add(page, format_args!("<code class=\"chip\">{}</code>", escape(id)));
        }
        page.push_str("</span></p>\n");
    }
    page.push_str("</section>\n");
}

/// What the figures leave out.
fn remarks(page: &mut String, all: Count, more: Count) {
    page.push_str("<p class=\"remark\">");
    if all.absent > 0 {
        add(
            page,
            format_args!(
                "{} of the {} are absent from this kernel or host, which is no wall\u{2019}s merit; Docker\u{2019}s figures count them the same way. ",
                all.absent, all.stopped
            ),
        );
    }
    add(
        page,
        format_args!("{} of {} newer probes, counted apart, are stopped too.</p>", more.stopped, more.total),
    );
}

fn bar(class: &str, parts: &[(&str, usize)], total: usize) -> String {
    let part = |(class, count): &(&str, usize)| {
        let share = (count * 1000).checked_div(total).unwrap_or(0);
        format!("<i class=\"{class}\" style=\"width:{}.{}%\"></i>", share / 10, share % 10)
    };
    format!("<span class=\"{class}\">{}</span>", parts.iter().map(part).collect::<String>())
}

/// What was not stopped, with the reason first.
pub(super) fn open(page: &mut String, report: &Report) {
    let probes: Vec<_> = report.open().collect();
    add(
        page,
        format_args!(
            "<section aria-labelledby=\"open\">\n<h2 id=\"open\">Not stopped ({})</h2>\n",
            probes.len()
        ),
    );
    if probes.is_empty() {
        page.push_str("<p class=\"lead\">Nothing got through.</p>\n</section>\n");
        return;
    }
    page.push_str(
        "<p class=\"lead\">Each with the reason why it is open by default, or with what was seen.</p>\n<ul class=\"open\">\n",
    );
    for probe in probes {
        add(
            page,
            format_args!(
                "<li><h3>{} <small><code>{}</code></small></h3><p>{}</p></li>\n",
                escape(&text::capitalised(probe.title)),
                escape(probe.id),
                with_flags(&text::capitalised(&text::reason(probe)))
            ),
        );
    }
    page.push_str("</ul>\n</section>\n");
}

/// `text` escaped, with the command line's flags in it kept in one piece.
fn with_flags(text: &str) -> String {
    let word = |word: &str| match word.starts_with("--") {
        true => format!("<code>{}</code>", escape(word)),
        false => escape(word),
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Which wall holds what.
pub(super) fn walls(page: &mut String, report: &Report) {
    let how = if report.is_guess() {
        "Guessed from errno and /proc: nothing can be lifted here."
    } else {
        "Found by lifting one wall at a time and trying again."
    };
    add(
        page,
        format_args!(
            "<section class=\"walls\" aria-labelledby=\"walls\">\n<h2 id=\"walls\">Which wall holds what</h2>\n"
        ),
    );
    add(page, format_args!("<p class=\"lead\">{how} "));
    page.push_str(
        "\
         <code class=\"chip\">solid</code> this wall alone stops it; \
         <code class=\"chip shared\">dashed</code> others would stop it, too, or it takes them as well.</p>\n\
         <table>\n<thead><tr><th scope=\"col\">Wall</th><th scope=\"col\">Holds</th><th scope=\"col\">Probes</th></tr></thead>\n<tbody>\n",
    );
    let held: Vec<_> = Wall::ALL.into_iter().map(|wall| (wall, held_by(report, wall))).collect();
    let most = held.iter().map(|(_, probes)| probes.len()).max().unwrap_or(1);
    for (wall, probes) in held.iter().filter(|(_, probes)| !probes.is_empty()) {
        wall_row(page, wall.name(), wall.meaning(), probes, most);
    }
    let absent: Vec<_> = stopped(report).filter(|probe| probe.wall == ABSENT).collect();
    if !absent.is_empty() {
        wall_row(page, ABSENT, "this kernel or host lacks it", &absent, most);
    }
    page.push_str("</tbody></table>\n</section>\n");
}

fn stopped(report: &Report) -> impl Iterator<Item = &Probe> {
    report.probes.iter().chain(&report.more).filter(|probe| probe.outcome == Outcome::Stopped)
}

/// Those that it alone holds come first.
fn held_by(report: &Report, wall: Wall) -> Vec<&Probe> {
    let mut probes: Vec<_> = stopped(report).filter(|probe| probe.walls.contains(&wall)).collect();
    probes.sort_by_key(|probe| probe.walls.len() > 1);
    probes
}

fn wall_row(page: &mut String, name: &str, meaning: &str, probes: &[&Probe], most: usize) {
    let shared = probes.iter().filter(|probe| probe.walls.len() > 1).count();
    let alone = if name == ABSENT { "peer" } else { "ours" };
    add(
        page,
        format_args!(
            "<tr><th scope=\"row\">{}<span>{}</span></th><td class=\"n\"><b>{}</b><span aria-hidden=\"true\">{}</span></td><td><div class=\"chips\">",
            escape(name),
            escape(meaning),
            probes.len(),
            bar("bar thin", &[(alone, probes.len() - shared), ("several", shared)], most)
        ),
    );
    for probe in probes {
        let class = match probe.walls.len() {
            0 => "chip nobody",
            1 => "chip",
            _ => "chip shared",
        };
        add(
            page,
            format_args!(
                "<code class=\"{class}\" title=\"{}: {}\">{}</code>",
                escape(probe.title),
                escape(&probe.wall),
                escape(probe.id)
            ),
        );
    }
    page.push_str("</div></td></tr>\n");
}

/// Every probe, with a search that works where scripts do.
pub(super) fn probes(page: &mut String, report: &Report) {
    page.push_str(
        "<section class=\"probes\" aria-labelledby=\"probes\">\n<h2 id=\"probes\">Every probe</h2>\n\
         <p class=\"lead\">Where nothing is said below a wall, it was found by lifting.</p>\n\
         <div class=\"find\"><input type=\"search\" aria-label=\"Search the probes\" placeholder=\"Search\"/>",
    );
    for (group, words) in GROUPS {
        add(
            page,
            format_args!(
                "<button type=\"button\" data-group=\"{group}\" aria-pressed=\"{}\">{words}</button>",
                group == "all"
            ),
        );
    }
    page.push_str(
        "<output aria-live=\"polite\"></output></div>\n<div class=\"sheet\"><table>\n\
         <thead><tr><th scope=\"col\">Probe</th><th scope=\"col\">What is tried</th><th scope=\"col\">Outcome</th>\
         <th scope=\"col\">Wall</th><th scope=\"col\">Seen</th></tr></thead>\n<tbody>\n",
    );
    report.probes.iter().for_each(|probe| probe_row(page, probe, ""));
    report.more.iter().for_each(|probe| probe_row(page, probe, " more"));
    page.push_str("</tbody></table></div>\n</section>\n");
}

fn probe_row(page: &mut String, probe: &Probe, more: &str) {
    let outcome = match probe.outcome {
        Outcome::Open => "open",
        Outcome::Stopped => "stopped",
        Outcome::Unknown => "unknown",
    };
    let mark = if probe.is_absent() { "absent" } else { outcome };
    let class = class(probe.class);
    let basis = probe.basis.map_or("", |basis| match basis {
        Basis::Lifted => "",
        Basis::Seen => "as seen",
        Basis::Host => "the host lacks it",
        Basis::Guess => "a guess",
    });
    let wall = if probe.outcome == Outcome::Stopped { probe.wall.as_str() } else { "" };
    add(
        page,
        format_args!(
            "<tr data-groups=\"{class} {mark}{more}\"><th scope=\"row\"><code>{}</code><small>{class}</small></th>\
             <td class=\"what\">{}</td><td class=\"outcome\"><span class=\"is-{mark}\">{mark}</span></td>\
             <td class=\"wall\">{}<small>{basis}</small></td><td class=\"seen\">{}</td></tr>\n",
            escape(probe.id),
            escape(probe.title),
            escape(wall),
            escape(&probe.evidence)
        ),
    );
}

fn class(class: Class) -> &'static str {
    match class {
        Class::Attempt => "attempt",
        Class::Leak => "leak",
        Class::Resource => "resource",
        Class::Posture => "posture",
        Class::Info => "info",
    }
}

const GROUPS: [(&str, &str); 8] = [
    ("all", "All"),
    ("open", "Open"),
    ("attempt", "Attempts"),
    ("leak", "Leaks"),
    ("resource", "Resources"),
    ("posture", "Posture"),
    ("absent", "Absent"),
    ("more", "Newer"),
];
