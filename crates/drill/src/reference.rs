// SPDX-License-Identifier: Apache-2.0
//! What Docker 20.10's default stops of the same probes, measured on one kernel (Linux 6.18). The test
//! `drill_in_docker` runs the probes in Debian's Docker and holds the result against these figures.

use crate::Count;

/// Escape attempts.
pub(crate) const ATTEMPTS: Count = Count { stopped: 75, total: 85, absent: 0 };
/// Leaks.
pub(crate) const LEAKS: Count = Count { stopped: 11, total: 33, absent: 0 };
/// Shares.
pub(crate) const RESOURCES: Count = Count { stopped: 5, total: 10, absent: 0 };
/// What makes the next step easier.
pub(crate) const POSTURE: Count = Count { stopped: 8, total: 28, absent: 0 };
/// Together.
pub(crate) const ALL: Count = Count { stopped: 99, total: 156, absent: 0 };
