// SPDX-License-Identifier: Apache-2.0
//! How often each call is made.
use super::call::{Call, call};
/// Share of each call.
pub(super) const WEIGHTS: &[(Call, u32)] = &[(call("read"), 200), (call("write"), 150), (call("futex"), 150), (call("close"), 80), (call("ioctl"), 10)];
