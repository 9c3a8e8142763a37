// SPDX-License-Identifier: Apache-2.0
//! Which processors a container is shown.

use super::Error;
use super::host::numbers;
use crate::cgroup::Resources;

/// Processors by the host's numbers.
///
/// The numbers stay the host's own, because getcpu(2) and rseq(2) tell them too: programs index arrays by
/// them, and hwloc drops a processor that is in only one of the masks it reads. For the same reason
/// `/sys/devices/system/cpu/possible`, the bound of such arrays and what `_SC_NPROCESSORS_CONF` counts, is left as it
/// is: with a quota a thread still runs on any processor, and a program that made its arrays as large as the quota
/// would write beyond them (the JVM guards itself against OpenVZ, which told such a lie; tcmalloc and liburcu do not).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Processors {
    /// What its threads may run on, in order.
    usable: Vec<usize>,
    /// How many of these it can keep busy at once.
    count: usize,
}

impl Processors {
    /// Those of a container with these bounds, started by this process.
    pub(super) fn of(resources: &Resources) -> Result<Self, Error> {
        let own = kernel::rustix::thread::sched_getaffinity(None).map_err(|errno| Error::Step {
            step: "ask for the processors that are usable",
            source: kernel::Error::new("sched_getaffinity", errno),
        })?;
        let own = (0..kernel::rustix::thread::CpuSet::MAX_CPU).filter(|number| own.is_set(*number));
        let set = resources.cpuset_cpus.as_deref().and_then(numbers);
        let quota =
            resources.nano_cpus.map(|nanos| usize::try_from(nanos.div_ceil(NANOS)).unwrap_or(usize::MAX));
        Ok(Self::new(own.collect(), set.as_deref(), quota))
    }

    /// Those of `own` that are in `set`, as many as `quota` keeps busy. A set of none of them is for the cgroup to
    /// refuse; a view of no processor at all would help nobody.
    pub(super) fn new(own: Vec<usize>, set: Option<&[usize]>, quota: Option<usize>) -> Self {
        let listed: Vec<usize> =
            own.iter().copied().filter(|number| set.is_none_or(|set| set.contains(number))).collect();
        let usable = if listed.is_empty() { own } else { listed };
        let count = quota.map_or(usable.len(), |quota| quota.clamp(1, usable.len().max(1)));
        Self { usable, count }
    }

    /// How many are shown.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Their numbers.
    pub(super) fn shown(&self) -> &[usize] {
        &self.usable[..self.count.min(self.usable.len())]
    }

    /// Whether sched_getaffinity(2) itself would tell more than is shown: only then must it be answered.
    pub(super) fn differ_from_affinity(&self) -> bool {
        self.count < self.usable.len()
    }

    /// One more than the highest number that a mask may have, for the size of masks.
    pub(super) fn bits(&self) -> usize {
        self.usable.last().map_or(1, |last| last + 1)
    }

    /// As in `/sys/devices/system/cpu/online`: `0-3,6`.
    pub(super) fn list(&self) -> String {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for number in self.shown() {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == *number => *last = *number,
                _ => runs.push((*number, *number)),
            }
        }
        let run = |(first, last)| if first == last { format!("{first}") } else { format!("{first}-{last}") };
        runs.into_iter().map(run).collect::<Vec<_>>().join(",")
    }
}

const NANOS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(own: &[usize], set: Option<&[usize]>, quota: Option<usize>) -> (String, bool) {
        let processors = Processors::new(own.to_vec(), set, quota);
        (processors.list(), processors.differ_from_affinity())
    }

    #[test]
    fn the_tightest_bound_counts() {
        let own = [0, 1, 2, 3, 6];
        assert_eq!(shown(&own, None, None), ("0-3,6".into(), false));
        assert_eq!(shown(&own, Some(&[2, 6, 9]), None), ("2,6".into(), false));
        assert_eq!(shown(&own, Some(&[2, 6]), Some(1)), ("2".into(), true));
        assert_eq!(shown(&own, None, Some(2)), ("0-1".into(), true));
        assert_eq!(shown(&own, None, Some(64)), ("0-3,6".into(), false));
        assert_eq!(shown(&own, Some(&[9]), None), ("0-3,6".into(), false));
    }

    #[test]
    fn masks_have_room_for_the_highest_number() {
        assert_eq!(Processors::new(vec![0, 127], None, Some(1)).bits(), 128);
    }
}
