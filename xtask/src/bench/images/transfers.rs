// SPDX-License-Identifier: Apache-2.0
//! `pull`, `pull` again, `push` and `save`: one engine after the other, each with a fresh disk for each
//! image, from a registry that has all of them.

use super::disk::Disk;
use super::engine::Engine;
use super::proxy::Proxy;
use super::registry::{self, Registry};
use super::{Bench, Contestant, Operation, files};
use crate::failure::{Result, While};

/// Each image by each contestant.
pub(super) fn round(bench: &mut Bench<'_>, registry: &Registry) -> Result<()> {
    // With several layers it is only pulled.
    let pulls = bench.wants(Operation::Pull) || bench.wants(Operation::Again);
    let several = pulls.then_some("multi");
    for image in ["bookworm", "small"].into_iter().chain(several) {
        for contestant in CONTESTANTS {
            with_engine(bench, contestant, |bench, engine| {
                session(bench, registry, image, contestant, engine)
            })?;
        }
    }
    Ok(())
}

/// How many requests a pull comes to. Nobody is timed meanwhile.
pub(super) fn count(bench: &mut Bench<'_>, registry: &Registry) -> Result<()> {
    for contestant in CONTESTANTS {
        with_engine(bench, contestant, |bench, engine| {
            let proxy = Proxy::to(registry.host())?;
            for (step, image) in [(COLD, "multi"), (NOTHING_NEW, "multi"), (ONE_MISSING, "more")] {
                engine.pull(&registry::name(&proxy.host(), image)).run_quietly()?;
                bench.record_requests(step, contestant, proxy.requests());
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn with_engine(
    bench: &mut Bench<'_>,
    contestant: Contestant,
    work: impl FnOnce(&mut Bench<'_>, &Engine) -> Result<()>,
) -> Result<()> {
    let disk = Disk::fresh(bench.place)?;
    let state = disk.path.join("state");
    std::fs::create_dir(&state).cannot(|| "make a state directory")?;
    match Engine::start(contestant, bench.binary, &state)? {
        Some(engine) => work(bench, &engine),
        None => Ok(()),
    }
}

/// All that one engine does with one image.
fn session(
    bench: &mut Bench<'_>,
    registry: &Registry,
    image: &'static str,
    contestant: Contestant,
    engine: &Engine,
) -> Result<()> {
    let name = registry.name(image);
    let pull = engine.measure(engine.pull(&name))?;
    bench.record(Operation::Pull, image, contestant, pull);
    if bench.wants(Operation::Again) {
        let again = engine.repeat(engine.pull(&name), AGAIN)?;
        bench.record(Operation::Again, image, contestant, again);
        if image == "multi" {
            let more = engine.measure(engine.pull(&registry.name("more")))?;
            bench.record(Operation::Again, "multi and one small layer", contestant, more);
        }
    }
    if image == "multi" {
        return Ok(());
    }
    if bench.wants(Operation::Push) {
        push(bench, image, &name, contestant, engine)?;
    }
    if bench.wants(Operation::Save) {
        let archive = bench.place.join("saved.tar");
        let save = engine.measure(engine.save(&name, &archive))?;
        std::fs::remove_file(&archive).cannot(|| "remove the saved archive")?;
        bench.record(Operation::Save, image, contestant, save);
    }
    files::session(bench, image, &name, contestant, engine)
}

/// To an empty registry.
fn push(
    bench: &mut Bench<'_>,
    image: &str,
    name: &str,
    contestant: Contestant,
    engine: &Engine,
) -> Result<()> {
    let empty = Registry::start(&bench.place.join("empty"))?;
    let target = empty.name(image);
    if let Some(tag) = engine.tag(name, &target) {
        tag.run_quietly()?;
    }
    let push = engine.measure(engine.push(name, &target))?;
    bench.record(Operation::Push, image, contestant, push);
    Ok(())
}

const CONTESTANTS: [Contestant; 4] =
    [Contestant::Us, Contestant::Docker, Contestant::Podman, Contestant::Skopeo];

/// The steps whose requests are counted.
pub(super) const COLD: &str = "multi, nothing there";
pub(super) const NOTHING_NEW: &str = "multi again";
pub(super) const ONE_MISSING: &str = "all layers there but one";

/// Repetitions of what takes milliseconds.
const AGAIN: u32 = 10;
