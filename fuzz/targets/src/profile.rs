// SPDX-License-Identifier: Apache-2.0
//! Seccomp profiles by others: what is compiled answers as what was read.

use runtime::seccomp::bpf::{Data, interpret};
use runtime::seccomp::{Abi, Action, Arch, Profile, Request};

/// A profile's JSON.
pub(crate) fn profile(json: &[u8]) {
    let Ok(profile) = Profile::parse(json) else { return };
    let mut request = Request::new(Arch::NATIVE);
    request.kernel = (6, 18);
    let filter = profile.filter(&request);
    let Ok(program) = profile.filter(&request).compile() else { return };
    for abi in Abi::ALL {
        for nr in (0..600).step_by(7).chain([0x4000_0000, u32::MAX]) {
            for arguments in [[0; 6], [1, 2, 3, 4, 5, 6], [u64::MAX; 6]] {
                let data = Data { nr, arch: abi.audit(), instruction_pointer: 0, arguments };
                let outcome =
                    interpret(&program.instructions, &data).expect("the kernel would not load this");
                assert_eq!(Action::decode(outcome.word), filter.decide(&data), "call {nr} of {abi:?}");
            }
        }
    }
}
