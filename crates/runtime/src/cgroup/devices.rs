// SPDX-License-Identifier: Apache-2.0
//! Which devices may be opened, whatever nodes there are: a small eBPF program on the container's v2
//! directory (bpf-helpers(7), `BPF_PROG_TYPE_CGROUP_DEVICE`), or lines for version 1's controller
//! (admin-guide/cgroup-v1/devices.rst) where there is no such directory.

use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use kernel::bpf::{self, Instruction, Reach};
use kernel::rustix;

use crate::error::{Error, Result};
use crate::walls::Devices;

/// One kind of access that is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceRule {
    /// Character or block; both when absent.
    kind: Option<Kind>,
    major: Option<u32>,
    minor: Option<u32>,
    access: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Block = 1,
    Char = 2,
}

impl DeviceRule {
    /// Everything, for `--privileged`.
    pub const ALL: Self = Self { kind: None, major: None, minor: None, access: MKNOD | READ | WRITE };

    /// The device at `path` on the host, for `access` (some of `r`, `w`, `m`).
    pub fn for_node(path: &Path, access: &str) -> Result<Self> {
        let metadata = std::fs::metadata(path)
            .map_err(|_| Error::SourceMissing { what: "device", path: path.to_owned() })?;
        let kind = match metadata.file_type() {
            kind if kind.is_block_device() => Kind::Block,
            kind if kind.is_char_device() => Kind::Char,
            _ => {
                return Err(Error::Refused {
                    what: format!("device {}", path.display()),
                    reason: "it is not a device".into(),
                });
            }
        };
        let bits = access.chars().fold(0, |bits, letter| {
            bits | match letter {
                'r' => READ,
                'w' => WRITE,
                'm' => MKNOD,
                _ => 0,
            }
        });
        let number = metadata.rdev();
        Ok(Self {
            kind: Some(kind),
            major: Some(rustix::fs::major(number)),
            minor: Some(rustix::fs::minor(number)),
            access: bits,
        })
    }
}

/// null, zero, full, random, urandom, tty, ptmx and terminals, for reading and writing.
pub fn default_devices() -> Vec<DeviceRule> {
    let node =
        |major, minor| DeviceRule { kind: Some(Kind::Char), major: Some(major), minor, access: READ | WRITE };
    vec![
        node(1, Some(3)),
        node(1, Some(5)),
        node(1, Some(7)),
        node(1, Some(8)),
        node(1, Some(9)),
        node(5, Some(0)),
        node(5, Some(2)),
        node(136, None),
    ]
}

/// Guards the processes of the cgroup in `directory`.
pub(super) fn attach(directory: &OwnedFd, rules: &[DeviceRule]) -> Result<(), kernel::Error> {
    let program = bpf::load_device_program(NAME, &compile(rules))?;
    bpf::attach_device_program(directory, &program)
}

/// The lines to write, each with its file: what the parent allows is refused first.
pub(super) fn lines(rules: &[DeviceRule]) -> Vec<(&'static str, String)> {
    if rules.contains(&DeviceRule::ALL) {
        return vec![("devices.allow", "a".to_owned())];
    }
    let allowed = rules.iter().map(|rule| ("devices.allow", rule.to_string()));
    [("devices.deny", "a".to_owned())].into_iter().chain(allowed).collect()
}

/// What `devices.list` says, each rule a line; their order is the kernel's.
pub(super) fn listed(list: &str) -> Devices {
    let mut found: Vec<&str> = list.lines().collect();
    if found.contains(&DeviceRule::ALL.to_string().as_str()) {
        return Devices::Open;
    }
    let mut default: Vec<String> = default_devices().iter().map(DeviceRule::to_string).collect();
    found.sort_unstable();
    default.sort_unstable();
    if found == default { Devices::Default } else { Devices::Other(found.len()) }
}

/// As version 1's controller writes it: `c 136:* rw`.
impl std::fmt::Display for DeviceRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            Some(Kind::Block) => 'b',
            Some(Kind::Char) => 'c',
            None => 'a',
        };
        let number = |number: Option<u32>| number.map_or("*".to_owned(), |number| number.to_string());
        let access = [(READ, 'r'), (WRITE, 'w'), (MKNOD, 'm')];
        let access: String =
            access.into_iter().filter(|(bit, _)| self.access & bit != 0).map(|(_, letter)| letter).collect();
        write!(f, "{kind} {}:{} {access}", number(self.major), number(self.minor))
    }
}

/// What the kernel says is attached there. Programs are told apart by the hash that the kernel makes
/// of their instructions, so the default's is loaded once more, to be compared with.
pub(super) fn evidence(directory: &OwnedFd) -> Result<Devices, kernel::Error> {
    let attached = bpf::device_programs(directory, Reach::Attached)?;
    if attached.is_empty() {
        return Ok(Devices::Open);
    }
    let default = bpf::program(bpf::load_device_program(NAME, &compile(&default_devices()))?)?.tag;
    for id in &attached {
        if bpf::program(bpf::open_program(*id)?)?.tag == default {
            return Ok(Devices::Default);
        }
    }
    Ok(Devices::Other(attached.len()))
}

/// ```text
/// r2 = type   r3 = access   r4 = major   r5 = minor
/// for each rule: unless all match, go to the next; return 1
/// return 0
/// ```
fn compile(rules: &[DeviceRule]) -> Vec<Instruction> {
    let mut code =
        vec![load(2, 0), load(3, 0), alu(AND, 2, 0xffff), alu(SHIFT_RIGHT, 3, 16), load(4, 4), load(5, 8)];
    for rule in rules {
        let mut tests = Vec::new();
        if let Some(kind) = rule.kind {
            tests.push(unless_equal(2, kind as i32));
        }
        let refused = (MKNOD | READ | WRITE) & !rule.access;
        if refused != 0 {
            tests.push(Instruction { code: MOVE, destination: 6, source: 3, ..Instruction::default() });
            tests.push(alu(AND, 6, refused.cast_signed()));
            tests.push(unless_equal(6, 0));
        }
        for (register, number) in [(4, rule.major), (5, rule.minor)] {
            tests.extend(number.map(|number| unless_equal(register, number.cast_signed())));
        }
        let length = tests.len();
        for (at, test) in tests.iter_mut().enumerate() {
            if test.code == JUMP_UNLESS_EQUAL {
                // Over the rest of the tests and the two instructions that say yes.
                test.offset = i16::try_from(length - at - 1 + 2).unwrap_or(i16::MAX);
            }
        }
        let always = tests.is_empty();
        code.extend(tests);
        code.extend([alu(SET, 0, 1), EXIT]);
        if always {
            // Whatever followed could not be reached, which the kernel refuses to load.
            return code;
        }
    }
    code.extend([alu(SET, 0, 0), EXIT]);
    code
}

/// A 32-bit word of the context into a register.
fn load(destination: u8, offset: i16) -> Instruction {
    Instruction { code: LOAD_WORD, destination, source: 1, offset, immediate: 0 }
}

fn alu(code: u8, destination: u8, immediate: i32) -> Instruction {
    Instruction { code, destination, immediate, ..Instruction::default() }
}

fn unless_equal(destination: u8, immediate: i32) -> Instruction {
    Instruction { code: JUMP_UNLESS_EQUAL, destination, immediate, ..Instruction::default() }
}

/// Version 1's list of what is allowed.
pub(super) const LIST: &str = "devices.list";
const NAME: &str = "bulkhead_dev";
// linux/bpf.h: BPF_DEVCG_ACC_*.
const MKNOD: u32 = 1;
const READ: u32 = 2;
const WRITE: u32 = 4;
// BPF instruction set, RFC 9669.
const LOAD_WORD: u8 = 0x61;
const AND: u8 = 0x57;
const SHIFT_RIGHT: u8 = 0x77;
const SET: u8 = 0xb7;
const MOVE: u8 = 0xbf;
const JUMP_UNLESS_EQUAL: u8 = 0x55;
const EXIT: Instruction = Instruction { code: 0x95, destination: 0, source: 0, offset: 0, immediate: 0 };

#[cfg(test)]
mod tests {
    use super::*;

    /// What the program answers, by an interpreter of the few instructions it has.
    fn answer(code: &[Instruction], kind: u32, access: u32, major: u32, minor: u32) -> u64 {
        let context = [access << 16 | kind, major, minor];
        let mut registers = [0u64; 11];
        let mut at = 0;
        loop {
            let now = code[at];
            let to = usize::from(now.destination);
            let immediate = i64::from(now.immediate).cast_unsigned();
            at += 1;
            match now.code {
                LOAD_WORD => registers[to] = u64::from(context[usize::try_from(now.offset).unwrap() / 4]),
                AND => registers[to] &= immediate,
                SHIFT_RIGHT => registers[to] >>= immediate,
                SET => registers[to] = immediate,
                MOVE => registers[to] = registers[usize::from(now.source)],
                JUMP_UNLESS_EQUAL if registers[to] != immediate => at += usize::try_from(now.offset).unwrap(),
                JUMP_UNLESS_EQUAL => {}
                0x95 => return registers[0],
                other => panic!("{other:#x}"),
            }
        }
    }

    #[test]
    fn the_default_opens_the_usual_nodes_and_nothing_else() {
        let code = compile(&default_devices());
        let asks = |kind, access, major, minor| answer(&code, kind, access, major, minor);
        assert_eq!(asks(2, READ | WRITE, 1, 3), 1, "/dev/null");
        assert_eq!(asks(2, READ, 136, 17), 1, "/dev/pts/17");
        assert_eq!(asks(2, MKNOD, 1, 3), 0, "making /dev/null");
        assert_eq!(asks(2, READ, 1, 1), 0, "/dev/mem");
        assert_eq!(asks(1, READ, 1, 3), 0, "a block device of the same number");
        assert_eq!(asks(2, READ, 10, 232), 0, "/dev/kvm");
        assert_eq!(answer(&compile(&[DeviceRule::ALL]), 1, MKNOD | READ | WRITE, 8, 0), 1);
        assert_eq!(
            compile(&[DeviceRule::ALL]),
            compile(&[DeviceRule::ALL, DeviceRule::ALL]),
            "no unreachable instruction"
        );
        assert_eq!(answer(&compile(&[]), 2, READ, 1, 3), 0);
    }

    #[test]
    fn the_same_in_the_words_of_version_1() {
        let lines = lines(&default_devices());
        assert_eq!(lines[..2], [("devices.deny", "a".to_owned()), ("devices.allow", "c 1:3 rw".to_owned())]);
        assert_eq!(lines.last().unwrap().1, "c 136:* rw");
        let list: String = lines
            .iter()
            .rev()
            .filter(|line| line.0 == "devices.allow")
            .map(|(_, line)| format!("{line}\n"))
            .collect();
        assert_eq!(listed(&list), Devices::Default);
        assert_eq!(listed("a *:* rwm\n"), Devices::Open);
        assert_eq!(listed(&format!("{list}b *:* m\n")), Devices::Other(lines.len()));
        assert_eq!(super::lines(&[DeviceRule::ALL]), [("devices.allow", "a".to_owned())]);
    }
}
