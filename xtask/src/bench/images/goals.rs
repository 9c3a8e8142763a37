// SPDX-License-Identifier: Apache-2.0
//! What must be reached (issue 3), and whether it was.

use super::meter::Load;
use super::section::Section;
use super::transfers::{COLD, NOTHING_NEW, ONE_MISSING};
use super::{Contestant, Operation};

/// One of them.
#[derive(Debug)]
pub(super) struct Goal {
    pub(super) goal: String,
    pub(super) measured: String,
    pub(super) reached: bool,
}

/// Those of one operation.
pub(super) fn of(section: &Section) -> Vec<Goal> {
    let mut goals: Vec<Goal> =
        section.subjects().into_iter().flat_map(|what| of_subject(section, what)).collect();
    match section.operation {
        Operation::Load | Operation::Pull => goals.push(memory(section)),
        Operation::Again => goals.extend(requests(section)),
        Operation::Diff => goals.push(growth(section, "", "bookworm", "small")),
        Operation::Copy => goals.extend(COPIES.map(|what| growth(section, what, "bookworm", "small"))),
        Operation::Push | Operation::Save => {}
    }
    goals
}

fn of_subject(section: &Section, what: &str) -> Vec<Goal> {
    let cpu = |load: &Load| load.cpu;
    let wall = |load: &Load| load.wall;
    let Some(ours) = section.least(what, Contestant::Us, wall) else { return Vec::new() };
    let mut goals = Vec::new();
    match section.operation {
        Operation::Load | Operation::Pull => {
            let most = CPU.iter().find(|(image, _)| what.starts_with(image)).map(|(_, most)| *most);
            if let (Some(most), Some(took)) = (most, section.least(what, Contestant::Us, cpu)) {
                goals.push(Goal {
                    goal: format!("{what}: at most {most} cpu s"),
                    measured: format!("{took:.2}"),
                    reached: took <= most,
                });
            }
            if let Some(best) = section.best_peer(what, wall) {
                goals.push(Goal {
                    goal: format!("{what}: at most half the fastest peer's wall time"),
                    measured: format!("{ours:.2} of {best:.2} s"),
                    reached: ours <= best / 2.0,
                });
            }
        }
        Operation::Again if !what.contains("one small layer") => goals.push(Goal {
            goal: format!("{what}: under 20 ms by the clock"),
            measured: format!("{:.1} ms", ours * 1000.0),
            reached: ours < 0.020,
        }),
        Operation::Again | Operation::Push | Operation::Save | Operation::Diff | Operation::Copy => {
            if let Some(best) = section.best_peer(what, wall) {
                goals.push(Goal {
                    goal: format!("{what}: at most the fastest peer's wall time"),
                    measured: format!("{:.0} of {:.0} ms", ours * 1000.0, best * 1000.0),
                    reached: ours <= best,
                });
            }
        }
    }
    goals
}

fn memory(section: &Section) -> Goal {
    let ours = section.rows.iter().filter(|((_, contestant), _)| *contestant == Contestant::Us);
    let most = ours.flat_map(|(_, loads)| loads).map(|load| load.memory).fold(0.0, f64::max);
    Goal { goal: "peak memory under 64 MiB".into(), measured: format!("{most:.0} MiB"), reached: most < 64.0 }
}

/// One for each thing that is missing: the manifest, the configuration, each layer.
fn requests(section: &Section) -> Vec<Goal> {
    let goal = |(step, most): (&'static str, usize)| {
        let count = *section.requests.get(&(step, Contestant::Us))?;
        Some(Goal {
            goal: format!("{step}: at most {most} requests"),
            measured: count.to_string(),
            reached: count <= most,
        })
    };
    [(COLD, 7), (NOTHING_NEW, 1), (ONE_MISSING, 3)].into_iter().filter_map(goal).collect()
}

/// That it takes as long with one image as with another, of which one has six times the files.
fn growth(section: &Section, what: &str, one: &str, other: &str) -> Goal {
    let of = |image: &str| {
        let subject = if what.is_empty() { image.to_owned() } else { format!("{what}, {image}") };
        section.least(&subject, Contestant::Us, |load| load.wall).unwrap_or(f64::NAN)
    };
    let (one_took, other_took) = (of(one), of(other));
    let ratio = one_took.max(other_took) / one_took.min(other_took);
    let what = if what.is_empty() { section.operation.name() } else { what };
    Goal {
        goal: format!("{what}: the same with {one} and {other}, within {MOST_GROWTH}"),
        measured: format!("{:.1} and {:.1} ms: {ratio:.2}", one_took * 1000.0, other_took * 1000.0),
        reached: ratio <= MOST_GROWTH,
    }
}

const CPU: [(&str, f64); 3] = [("bookworm", 0.8), ("small", 1.5), ("multi", 2.2)];
const COPIES: [&str; 4] = ["1 MB in", "1000 files in", "1 MB out", "1000 files out"];
/// What two runs of the very same may differ by.
const MOST_GROWTH: f64 = 1.5;
