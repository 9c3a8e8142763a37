// SPDX-License-Identifier: Apache-2.0
//! Ids and made-up names.

use crate::error::{Context, Result};

/// A new container id: 64 hex digits from the kernel's generator.
pub(crate) fn new_id() -> Result<String> {
    let mut bytes = [0u8; 32];
    fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A name for a container that was given none: `steady_keel`.
pub(crate) fn made_up() -> Result<String> {
    let mut bytes = [0u8; 4];
    fill(&mut bytes)?;
    let pick = |list: &[&'static str], high: u8, low: u8| {
        list[usize::from(u16::from_le_bytes([high, low])) % list.len()]
    };
    Ok(format!("{}_{}", pick(&QUALITIES, bytes[0], bytes[1]), pick(&PARTS, bytes[2], bytes[3])))
}

fn fill(bytes: &mut [u8]) -> Result<()> {
    kernel::rustix::rand::getrandom(bytes, kernel::rustix::rand::GetRandomFlags::empty())
        .told("draw random bytes")?;
    Ok(())
}

const QUALITIES: [&str; 48] = [
    "able", "awake", "bold", "brave", "brisk", "calm", "candid", "clear", "crisp", "daring", "deep", "eager",
    "early", "even", "fair", "firm", "fleet", "frank", "fresh", "gentle", "glad", "grand", "hardy", "honest",
    "jolly", "keen", "kind", "lively", "loyal", "lucid", "merry", "mild", "neat", "noble", "patient",
    "plain", "proud", "quick", "quiet", "ready", "sharp", "sober", "sound", "steady", "stout", "swift",
    "trusty", "upright",
];

const PARTS: [&str; 48] = [
    "anchor",
    "ballast",
    "beam",
    "bell",
    "bilge",
    "binnacle",
    "boom",
    "bow",
    "bridge",
    "buoy",
    "cabin",
    "capstan",
    "cleat",
    "compass",
    "davit",
    "deck",
    "fathom",
    "flag",
    "forecastle",
    "galley",
    "gangway",
    "gunwale",
    "halyard",
    "harbour",
    "hatch",
    "hawser",
    "helm",
    "hold",
    "hull",
    "jetty",
    "keel",
    "ladder",
    "lantern",
    "locker",
    "mast",
    "mooring",
    "oar",
    "pennant",
    "pilot",
    "porthole",
    "prow",
    "rigging",
    "rudder",
    "sail",
    "sextant",
    "stern",
    "tiller",
    "yard",
];
