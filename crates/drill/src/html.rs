// SPDX-License-Identifier: Apache-2.0
//! The report as one page: no file, no font, no script from anywhere else, and readable without scripts.

use std::fmt::Write as _;

use crate::text::by_wall;
use crate::{Class, Count, Outcome, Probe, Report};

pub(crate) fn render(report: &Report) -> String {
    let mut page = String::with_capacity(64 << 10);
    page.push_str(HEAD);
    headline(&mut page, report);
    classes(&mut page, report);
    open(&mut page, report);
    walls(&mut page, report);
    table(&mut page, report);
    page.push_str(FOOT);
    page
}

fn headline(page: &mut String, report: &Report) {
    let (attempts, all) = (report.summary.attempts, report.summary.all);
    let _infallible = write!(
        page,
        "<header><p class=eyebrow>Bulkhead drill</p>\
         <h1><b>{}</b> of {} escape attempts stopped</h1>\
         <p class=lead>{} of {} probes in all, by <em>{}</em> on Linux {}. Docker\u{2019}s default on such a kernel stops 75 of 85 \
         and 99 of 156.</p></header>\n",
        attempts.stopped,
        attempts.total,
        all.stopped,
        all.total,
        escape(&report.engine),
        escape(&report.kernel)
    );
}

fn classes(page: &mut String, report: &Report) {
    page.push_str("<section class=cards>");
    let docker = [(75, 85), (11, 33), (5, 10), (8, 28)];
    let summary = &report.summary;
    let ours = [("Escape attempts", summary.attempts), ("Leaks", summary.leaks), ("Resources", summary.resources), ("Posture", summary.posture)];
    for ((name, count), (stopped, total)) in ours.into_iter().zip(docker) {
        let _infallible = write!(
            page,
            "<div class=card><h2>{name}</h2><p class=figure>{}<span> / {}</span></p>{}<p class=peer>Docker {stopped} / {total}</p>{}</div>",
            count.stopped,
            count.total,
            bar(count, "ours"),
            bar(Count { stopped, total }, "theirs")
        );
    }
    page.push_str("</section>\n");
}

fn bar(count: Count, class: &str) -> String {
    let share = if count.total == 0 { 0 } else { count.stopped * 100 / count.total };
    format!("<div class=track><i class={class} style=\"width:{share}%\"></i></div>")
}

fn open(page: &mut String, report: &Report) {
    let open: Vec<&Probe> = report.probes.iter().filter(|probe| probe.outcome == Outcome::Open && probe.class != Class::Info).collect();
    let _infallible = write!(page, "<section><h2>What stays open, and why ({})</h2><dl class=open>", open.len());
    for probe in open {
        let why = probe.why.clone().unwrap_or_else(|| format!("seen: {}", probe.evidence));
        let _infallible = write!(
            page,
            "<dt><code>{}</code> {}</dt><dd>{}</dd>",
            escape(&probe.id),
            escape(&probe.title),
            escape(&why)
        );
    }
    page.push_str("</dl></section>\n");
}

fn walls(page: &mut String, report: &Report) {
    page.push_str("<section><h2>The walls at work</h2><p>Found by lifting one wall at a time and trying again.</p><table class=walls>");
    let walls = by_wall(report);
    let most = walls.iter().map(|(_, probes)| probes.len()).max().unwrap_or(1);
    for (wall, probes) in &walls {
        let _infallible = write!(
            page,
            "<tr><th>{}</th><td class=n>{}</td><td><div class=track><i class=ours style=\"width:{}%\"></i></div></td></tr>",
            escape(wall),
            probes.len(),
            probes.len() * 100 / most
        );
    }
    page.push_str("</table></section>\n");
}

fn table(page: &mut String, report: &Report) {
    page.push_str(
        "<section><h2>Every probe</h2><p class=filter role=group aria-label=Filter>\
         <button data-f=all aria-pressed=true>all</button><button data-f=open>open</button><button data-f=attempt>attempts</button>\
         <button data-f=leak>leaks</button><button data-f=resource>resources</button><button data-f=posture>posture</button></p>\
         <div class=scroll><table class=probes><thead><tr><th>probe<th>what is tried<th>outcome<th>wall<th>seen</thead><tbody>",
    );
    for probe in &report.probes {
        let (class, outcome) = (class(probe.class), if probe.outcome == Outcome::Open { "open" } else { "stopped" });
        let _infallible = write!(
            page,
            "<tr data-c=\"{class} {outcome}\"><td><code>{}</code><small>{class}</small><td>{}<td><span class={outcome}>{outcome}</span><td>{}<td class=seen>{}",
            escape(&probe.id),
            escape(&probe.title),
            escape(&probe.wall),
            escape(&probe.evidence)
        );
    }
    page.push_str("</tbody></table></div></section>\n");
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

const HEAD: &str = "<!doctype html>\n<html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width,initial-scale=1\">\
<title>Bulkhead drill</title><style>\
:root{--bg:#f7f8f9;--card:#fff;--ink:#17212b;--soft:#5a6875;--line:#dfe4e8;--ours:#1c6e8c;--theirs:#b9c3cb;--open:#a8440f;--ok:#2b6b45}\
@media(prefers-color-scheme:dark){:root{--bg:#10161c;--card:#182129;--ink:#e6ebef;--soft:#97a5b1;--line:#2a353f;--ours:#56b3d3;--theirs:#44525e;--open:#f0935a;--ok:#7cc79b}}\
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,sans-serif}\
header,section{max-width:72rem;margin:0 auto;padding:1.25rem 1.25rem 0}header{padding-top:3rem}\
.eyebrow{margin:0;color:var(--ours);font-weight:600;letter-spacing:.04em}h1{margin:.2em 0;font-size:clamp(1.7rem,5vw,3rem);line-height:1.15;font-weight:600}\
h1 b{color:var(--ours)}.lead{max-width:46rem;color:var(--soft);margin:.5em 0 0}h2{font-size:1.15rem;margin:1.2em 0 .4em}\
.cards{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr))}.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1rem 1.1rem}\
.card h2{margin:0;font-size:.95rem;color:var(--soft);font-weight:600}.figure{margin:.1em 0 .3em;font-size:2rem;font-weight:600}.figure span{font-size:1rem;color:var(--soft);font-weight:400}\
.peer{margin:.7em 0 .3em;font-size:.85rem;color:var(--soft)}.track{background:var(--line);border-radius:4px;height:8px;overflow:hidden;min-width:4rem}.track i{display:block;height:100%}\
.ours{background:var(--ours)}.theirs{background:var(--theirs)}dl.open{margin:0}dl.open dt{margin-top:.7em}dl.open dd{margin:0;color:var(--soft)}\
code{font:.92em ui-monospace,monospace}table{border-collapse:collapse;width:100%}th{text-align:left;font-weight:600}.walls th{font-weight:400;padding:.25em .8em .25em 0;width:34%}\
.walls .n{width:3.5em;text-align:right;padding-right:.8em;font-variant-numeric:tabular-nums}.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:10px}\
.probes{font-size:.9rem;min-width:52rem}.probes th,.probes td{padding:.45em .8em;border-bottom:1px solid var(--line);vertical-align:top}.probes small{display:block;color:var(--soft)}\
.seen{color:var(--soft);max-width:22rem;overflow-wrap:anywhere}.open>*,span.open{color:var(--open)}dl.open>*{color:inherit}dl.open dd{color:var(--soft)}span.open{font-weight:600}span.stopped{color:var(--ok)}\
.filter button{font:inherit;font-size:.9rem;color:var(--ink);background:var(--card);border:1px solid var(--line);border-radius:99px;padding:.2em .9em;margin:0 .4em .4em 0;cursor:pointer}\
.filter button[aria-pressed=true]{background:var(--ours);border-color:var(--ours);color:var(--bg)}footer{max-width:72rem;margin:0 auto;padding:2rem 1.25rem 3rem;color:var(--soft);font-size:.85rem}\
</style></head><body>\n";

const FOOT: &str = "<footer>Each attempt runs in a process of its own and only knocks: files are opened and not written, calls get arguments that fail \
right after the permission check.</footer><script>\
for(const b of document.querySelectorAll('.filter button'))b.onclick=()=>{for(const o of document.querySelectorAll('.filter button'))o.setAttribute('aria-pressed',o===b);\
const f=b.dataset.f;for(const r of document.querySelectorAll('.probes tbody tr'))r.hidden=f!=='all'&&!r.dataset.c.split(' ').includes(f)}\
</script></body></html>\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Finding, Runs, attribute};

    #[test]
    fn what_comes_from_inside_is_escaped() {
        let evil = "<script>alert(1)</script>\u{1b}[2J".to_owned();
        let runs = Runs { all: vec![Finding { id: "bpf".into(), outcome: Outcome::Open, evidence: evil }], ..Runs::default() };
        let page = attribute("<b>", "6", &runs).html();
        assert!(!page.contains("<script>alert"));
        assert!(!page.contains('\u{1b}'));
        assert!(page.contains("&lt;b&gt;"));
    }
}
