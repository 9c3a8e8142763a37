// SPDX-License-Identifier: Apache-2.0
//! The shared harness of the end-to-end, conformance and attack suites.
#![forbid(unsafe_code)]
