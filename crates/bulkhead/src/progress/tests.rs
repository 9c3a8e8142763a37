// SPDX-License-Identifier: Apache-2.0
//! What is written, and when.

use super::*;

fn at<'a>(step: &'a str, id: Option<&'a str>, done: u64) -> engine::Progress<'a> {
    engine::Progress { step, id, done, total: Some(2_000_000) }
}

const ONE: &str = "sha256:0123456789abcdef";
const TWO: &str = "sha256:fedcba9876543210";

#[test]
fn a_line_for_each_thing() {
    let mut shown = Progress::in_manner(Manner::Lines);
    let now = Instant::now();
    let texts = [
        at("pulling", Some(ONE), 0),
        at("pulling", Some(ONE), 5),
        at("pulling", Some(TWO), 0),
        at("layer\x1b2", None, 0),
    ]
    .map(|state| shown.text(&state, now));
    assert_eq!(
        texts,
        ["pulling  0123456789ab  2MB\n", "", "pulling  fedcba987654  2MB\n", "layer\\u{1b}2  2MB\n"]
    );
}

#[test]
fn a_bar_for_each_thing_that_is_under_way() {
    let mut shown = Progress::in_manner(Manner::Bars(78));
    let start = Instant::now();
    let one = |done: &str, rest: &str| format!("0123456789ab  pulling  [{done:<20}]  {rest}");
    assert_eq!(
        shown.text(&at("pulling", Some(ONE), 0), start),
        format!("\r\u{1b}[J{}", one("", "0B of 2MB"))
    );
    assert_eq!(shown.text(&at("pulling", Some(ONE), 1), start + PAUSE / 2), "");
    assert_eq!(
        shown.text(&at("pulling", Some(ONE), 1_000_000), start + PAUSE * 10),
        format!("\r\u{1b}[J{}", one("==========", "1MB of 2MB  1MB/s"))
    );
    let two = "fedcba987654  pulling  [                    ]  0B of 2MB";
    assert_eq!(
        shown.text(&at("pulling", Some(TWO), 0), start + PAUSE * 10),
        format!("\r\u{1b}[J{}\r\n{two}", one("==========", "1MB of 2MB  1MB/s"))
    );
    // One line up, to write over both; what has ended goes.
    assert_eq!(
        shown.text(&at("pulling", Some(ONE), 2_000_000), start + PAUSE * 10),
        format!("\r\u{1b}[1A\u{1b}[J{two}")
    );
    assert_eq!(shown.text(&at("pulling", Some(TWO), 2_000_000), start + PAUSE * 10), "\r\u{1b}[J");
    assert_eq!(shown.lines, 0);
}

#[test]
fn a_bar_is_no_wider_than_the_terminal() {
    let mut shown = Progress::in_manner(Manner::Bars(10));
    assert_eq!(shown.text(&at("pulling", Some(ONE), 0), Instant::now()), "\r\u{1b}[J012345678…");
}

#[test]
fn json_has_all_that_ends_and_not_all_between() {
    let mut shown = Progress::in_manner(Manner::Json);
    let start = Instant::now();
    let line =
        |done: u64| format!("{{\"id\":\"{ONE}\",\"step\":\"pulling\",\"done\":{done},\"total\":2000000}}\n");
    for (done, millis, want) in
        [(0, 0, line(0)), (1, 50, String::new()), (2, 100, line(2)), (2_000_000, 101, line(2_000_000))]
    {
        let text = shown.text(&at("pulling", Some(ONE), done), start + Duration::from_millis(millis));
        assert_eq!(text, want, "{done}");
    }
    let text = shown.text(&engine::Progress { step: "\x1b", id: None, done: 1, total: None }, start);
    assert_eq!(text, "{\"id\":null,\"step\":\"\\u001b\",\"done\":1,\"total\":null}\n");
}

#[test]
fn quiet_is_quiet() {
    assert_eq!(Progress::in_manner(Manner::Quiet).text(&at("pulling", None, 0), Instant::now()), "");
}
