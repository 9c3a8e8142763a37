// SPDX-License-Identifier: Apache-2.0
//! Which calls there are, and the ABIs through which a program reaches them.
//!
//! The kernel tells a filter two words: `arch`, which of its entry points was used, and `nr`, a number that
//! means something else on each. A filter that looks at `nr` alone can be walked around by entering another way
//! (`int 0x80` from a 64-bit program), so nothing here has a number without an ABI.

use std::fmt;

use super::error::Error;
use super::numbers::{N, ROWS};

/// A machine that a program is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arch {
    /// 64-bit x86.
    X86_64,
    /// 64-bit ARM.
    Aarch64,
}

impl Arch {
    /// The machine this code runs on. On one without a table of calls it does not compile.
    pub const NATIVE: Self = if cfg!(target_arch = "x86_64") {
        Self::X86_64
    } else if cfg!(target_arch = "aarch64") {
        Self::Aarch64
    } else {
        panic!("no system call table for this machine")
    };

    /// The ABI of its ordinary programs.
    pub const fn abi(self) -> Abi {
        match self {
            Self::X86_64 => Abi::X86_64,
            Self::Aarch64 => Abi::Aarch64,
        }
    }

    /// The ABI of 32-bit programs, which its kernel runs as well.
    pub const fn foreign_abi(self) -> Abi {
        match self {
            Self::X86_64 => Abi::I386,
            Self::Aarch64 => Abi::Arm,
        }
    }
}

/// A way into the kernel: a set of numbers and how arguments are passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abi {
    /// 64-bit x86.
    X86_64,
    /// 32-bit pointers on 64-bit x86. To the kernel it is the same `arch`, with a bit set in `nr`.
    X32,
    /// 32-bit x86.
    I386,
    /// 64-bit ARM.
    Aarch64,
    /// 32-bit ARM (EABI).
    Arm,
}

impl Abi {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::X86_64, Self::X32, Self::I386, Self::Aarch64, Self::Arm];

    /// What the kernel puts into `seccomp_data.arch` (`AUDIT_ARCH_*` of linux/audit.h).
    pub const fn audit(self) -> u32 {
        match self {
            Self::X86_64 | Self::X32 => 0xc000_003e,
            Self::I386 => 0x4000_0003,
            Self::Aarch64 => 0xc000_00b7,
            Self::Arm => 0x4000_0028,
        }
    }

    /// What is added to each number: the marker of x32 (`__X32_SYSCALL_BIT`).
    pub const fn marker(self) -> u32 {
        if matches!(self, Self::X32) { 0x4000_0000 } else { 0 }
    }
}

/// A system call, whatever its numbers: a row of the table in `numbers.rs`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call(u16);

impl Call {
    /// The call that the kernel's tables call `name`.
    pub fn named(name: &str) -> Result<Self, Error> {
        find(name).ok_or_else(|| Error::UnknownCall { name: name.to_owned() })
    }

    /// All calls of all ABIs, by name.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..COUNT).map(Self)
    }

    /// The kernel's name for it.
    pub const fn name(self) -> &'static str {
        ROWS[self.0 as usize].0
    }

    /// Its number on `abi`, marker bit included, unless the ABI lacks it.
    pub const fn number(self, abi: Abi) -> Option<u32> {
        match ROWS[self.0 as usize].1[abi as usize] {
            N => None,
            number => Some(number as u32 | abi.marker()),
        }
    }

    /// Its place among all calls, below [`Call::COUNT`].
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }

    /// How many calls there are.
    pub(super) const COUNT: usize = COUNT as usize;
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The call named `name`, for tables that are written as Rust: an unknown name stops the build.
pub(super) const fn call(name: &str) -> Call {
    match find(name) {
        Some(call) => call,
        None => panic!("no call has this name"),
    }
}

/// Bisection by hand, since `binary_search` is not const.
const fn find(name: &str) -> Option<Call> {
    let (mut low, mut high) = (0, ROWS.len());
    while low < high {
        let middle = (low + high) / 2;
        match compare(ROWS[middle].0.as_bytes(), name.as_bytes()) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => return Some(Call(middle as u16)),
        }
    }
    None
}

const fn compare(one: &[u8], other: &[u8]) -> std::cmp::Ordering {
    let mut at = 0;
    while at < one.len() && at < other.len() {
        if one[at] != other[at] {
            return if one[at] < other[at] { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater };
        }
        at += 1;
    }
    if one.len() < other.len() {
        std::cmp::Ordering::Less
    } else if one.len() > other.len() {
        std::cmp::Ordering::Greater
    } else {
        std::cmp::Ordering::Equal
    }
}

const COUNT: u16 = ROWS.len() as u16;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_name_is_found_and_no_other() {
        for one in Call::all() {
            assert_eq!(Call::named(one.name()).unwrap(), one);
        }
        for name in ["", "rea", "readx", "~", "READ"] {
            assert!(Call::named(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn no_number_has_two_names_on_one_abi() {
        for abi in Abi::ALL {
            let mut names = BTreeMap::new();
            for one in Call::all() {
                if let Some(number) = one.number(abi) {
                    assert_eq!(names.insert(number, one), None, "{abi:?} {number} is {one} as well");
                }
            }
        }
    }

    /// Landmarks from the kernel's tables: the ends, and rows where a shift by one would show.
    #[test]
    fn numbers_are_the_kernels() {
        use Abi::{Aarch64, Arm, I386, X32, X86_64};
        let landmarks = [
            ("read", X86_64, 0),
            ("read", I386, 3),
            ("read", Arm, 3),
            ("read", Aarch64, 63),
            ("io_setup", Aarch64, 0),
            ("restart_syscall", I386, 0),
            ("socketcall", I386, 102),
            ("socket", I386, 359),
            ("socket", X86_64, 41),
            ("socket", Aarch64, 198),
            ("socket", Arm, 281),
            ("clone3", X86_64, 435),
            ("clone3", Arm, 435),
            ("newfstatat", Aarch64, 79),
            ("futex_time64", I386, 422),
            ("ioctl", X32, 0x4000_0000 | 514),
            ("read", X32, 0x4000_0000),
            ("uretprobe", X86_64, 335),
            ("set_tls", Arm, 0xf0005),
            ("rseq_slice_yield", X86_64, 471),
            ("rseq_slice_yield", Arm, 471),
        ];
        for (name, abi, number) in landmarks {
            assert_eq!(Call::named(name).unwrap().number(abi), Some(number), "{name} on {abi:?}");
        }
        for (name, abi) in
            [("socketcall", X86_64), ("open", Aarch64), ("alarm", Arm), ("futex_time64", Aarch64)]
        {
            assert_eq!(Call::named(name).unwrap().number(abi), None, "{name} on {abi:?}");
        }
    }

    #[test]
    fn this_machine_agrees() {
        // The one number that can be checked here without unsafe code or headers: what the kernel
        // says this very thread is blocked in.
        let shown = std::fs::read_to_string("/proc/thread-self/syscall").unwrap();
        let number: u32 = shown.split(' ').next().unwrap().parse().unwrap();
        let read = Call::named("read").unwrap().number(Arch::NATIVE.abi());
        assert_eq!(Some(number), read);
    }
}
