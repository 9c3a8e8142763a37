// SPDX-License-Identifier: Apache-2.0
//! The JSON of a profile, and what of it can be expressed.

use serde::Deserialize;

use super::super::action::{Action, Errno};
use super::super::call::{Abi, Call};
use super::super::capability::Capability;
use super::super::error::Error;
use super::super::rule::{Condition, Rule, Test};
use super::{Circumstances, Listener, Profile, ProfileRule};

pub(super) fn read(json: &[u8]) -> Result<Profile, Error> {
    serde_json::from_slice::<Text>(json)?.try_into()
}

pub(super) fn take(json: serde_json::Value) -> Result<Profile, Error> {
    serde_json::from_value::<Text>(json)?.try_into()
}

impl TryFrom<Text> for Profile {
    type Error = Error;

    fn try_from(text: Text) -> Result<Self, Error> {
        let default = text.default_action.action(text.default_errno_ret)?;
        let (mut rules, mut ignored) = (Vec::new(), Vec::new());
        for syscall in text.syscalls.unwrap_or_default() {
            rules.push(syscall.read(default, &mut ignored)?);
        }
        let (abis, arch_map) = machines(text.architectures, text.arch_map)?;
        let mut flags = 0;
        for flag in text.flags.unwrap_or_default() {
            flags |= FLAGS
                .iter()
                .find(|(name, _)| **name == flag)
                .map(|(_, bit)| bit)
                .ok_or_else(|| wrong(format!("flag {flag}")))?;
        }
        let listener = text
            .listener_path
            .filter(|path| !path.is_empty())
            .map(|path| Listener { path, metadata: text.listener_metadata.unwrap_or_default() });
        let profile = Self { default, abis, arch_map, rules, ignored, flags, listener };
        profile.check_notification()?;
        Ok(profile)
    }
}

impl Profile {
    /// A supervisor must exist, and the program that loads the filter must still be able to send it the descriptor.
    fn check_notification(&self) -> Result<(), Error> {
        let notified = self.rules.iter().filter(|one| one.rule.action() == Action::Notify);
        let calls: Vec<_> = notified.flat_map(|one| one.calls.iter().map(|call| call.name())).collect();
        if self.default == Action::Notify {
            Err(wrong("SCMP_ACT_NOTIFY as the default action would stop the start of the container".into()))
        } else if calls.contains(&"write") || calls.contains(&"sendmsg") {
            Err(wrong("SCMP_ACT_NOTIFY for write or sendmsg would stop the start of the container".into()))
        } else if !calls.is_empty() && self.listener.is_none() {
            Err(wrong("SCMP_ACT_NOTIFY without listenerPath, so that nobody would answer".into()))
        } else {
            Ok(())
        }
    }
}

impl SyscallText {
    fn read(self, default: Action, ignored: &mut Vec<String>) -> Result<ProfileRule, Error> {
        let names = match (self.name, self.names) {
            (Some(name), None) => vec![name],
            (None, Some(names)) if !names.is_empty() => names,
            _ => return Err(wrong("a rule has both `name` and `names`, or neither".into())),
        };
        let action = self.action.action(self.errno_ret)?;
        let mut calls = Vec::new();
        for name in names {
            match Call::named(if name == "sync_file_range2" { "arm_sync_file_range" } else { &name }) {
                Ok(call) => calls.push(call),
                Err(_) if ELSEWHERE.contains(&&*name) => {}
                Err(_) if action >= default => ignored.push(name),
                Err(unknown) => return Err(unknown),
            }
        }
        Ok(ProfileRule {
            rule: conditions(&self.args.unwrap_or_default(), action, &calls)?,
            calls,
            includes: self.includes.unwrap_or_default().read()?,
            excludes: self.excludes.unwrap_or_default().read()?,
        })
    }
}

fn conditions(args: &[ArgText], action: Action, calls: &[Call]) -> Result<Rule, Error> {
    let about = |what: String| wrong(format!("{what} in the rule for {calls:?}"));
    let mut conditions = Vec::with_capacity(args.len());
    for arg in args {
        let condition = arg.read().map_err(about)?;
        if conditions.iter().any(|other: &Condition| other.argument == condition.argument) {
            let index = condition.argument;
            return Err(about(format!(
                "two conditions on argument {index}, which means OR to runc and AND to others,"
            )));
        }
        conditions.push(condition);
    }
    Rule::new(&conditions, action).ok_or_else(|| about("more than six conditions".into()))
}

impl ArgText {
    fn read(&self) -> Result<Condition, String> {
        let argument = u8::try_from(self.index).ok().filter(|index| *index < 6);
        let argument = argument.ok_or_else(|| format!("argument {}", self.index))?;
        let second = self.value_two.unwrap_or_default();
        let whole = |test| Condition { argument, mask: u64::MAX, test, value: self.value };
        let condition = match &*self.op {
            "SCMP_CMP_NE" => whole(Test::IsNot),
            "SCMP_CMP_LT" => whole(Test::Below),
            "SCMP_CMP_LE" => whole(Test::AtMost),
            "SCMP_CMP_EQ" => whole(Test::Is),
            "SCMP_CMP_GE" => whole(Test::AtLeast),
            "SCMP_CMP_GT" => whole(Test::Above),
            "SCMP_CMP_MASKED_EQ" if second & !self.value != 0 => {
                return Err(format!(
                    "{second:#x} has bits outside the mask {:#x}, so it never matches,",
                    self.value
                ));
            }
            "SCMP_CMP_MASKED_EQ" => Condition { argument, mask: self.value, test: Test::Is, value: second },
            other => return Err(format!("operator {other}")),
        };
        Ok(condition)
    }
}

impl CircumstancesText {
    fn read(self) -> Result<Circumstances, Error> {
        let mut capabilities = 0;
        for name in self.caps.unwrap_or_default() {
            capabilities |= Capability::named(&name)?.mask();
        }
        let kernel = match self.min_kernel.filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => Some(release(&text).ok_or_else(|| wrong(format!("minKernel {text}")))?),
        };
        Ok(Circumstances { capabilities, machines: self.arches.unwrap_or_default(), kernel })
    }
}

/// `4.8` as two numbers.
fn release(text: &str) -> Option<(u32, u32)> {
    let (version, patch_level) = text.split_once('.')?;
    Some((version.parse().ok()?, patch_level.parse().ok()?))
}

type Machines = (Vec<Abi>, Vec<(Abi, Vec<Abi>)>);

fn machines(list: Option<Vec<String>>, map: Option<Vec<ArchMapText>>) -> Result<Machines, Error> {
    let (list, map) = (list.unwrap_or_default(), map.unwrap_or_default());
    if !list.is_empty() && !map.is_empty() {
        return Err(wrong("both `architectures` and `archMap`".into()));
    }
    let mut mapped = Vec::new();
    for row in map {
        let subordinate = known_abis(&row.sub_architectures.unwrap_or_default())?;
        mapped.extend(known_abis(&[row.architecture])?.into_iter().map(|abi| (abi, subordinate.clone())));
    }
    Ok((known_abis(&list)?, mapped))
}

/// The ABIs of ours among `names`.
fn known_abis(names: &[String]) -> Result<Vec<Abi>, Error> {
    let mut abis = Vec::new();
    for name in names {
        match name.strip_prefix("SCMP_ARCH_").unwrap_or_default() {
            "X86_64" => abis.push(Abi::X86_64),
            "X32" => abis.push(Abi::X32),
            "X86" => abis.push(Abi::I386),
            "AARCH64" => abis.push(Abi::Aarch64),
            "ARM" => abis.push(Abi::Arm),
            other if OTHER_MACHINES.contains(&other) => {}
            _ => return Err(wrong(format!("architecture {name}"))),
        }
    }
    Ok(abis)
}

fn wrong(reason: String) -> Error {
    Error::Inexpressible { reason }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Text {
    default_action: ActionText,
    default_errno_ret: Option<u32>,
    architectures: Option<Vec<String>>,
    arch_map: Option<Vec<ArchMapText>>,
    flags: Option<Vec<String>>,
    listener_path: Option<String>,
    listener_metadata: Option<String>,
    syscalls: Option<Vec<SyscallText>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ArchMapText {
    architecture: String,
    sub_architectures: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SyscallText {
    name: Option<String>,
    names: Option<Vec<String>>,
    action: ActionText,
    errno_ret: Option<u32>,
    args: Option<Vec<ArgText>>,
    includes: Option<CircumstancesText>,
    excludes: Option<CircumstancesText>,
    #[serde(rename = "comment")]
    _comment: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ArgText {
    index: u64,
    value: u64,
    value_two: Option<u64>,
    op: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CircumstancesText {
    caps: Option<Vec<String>>,
    arches: Option<Vec<String>>,
    min_kernel: Option<String>,
}

#[derive(Deserialize, Clone, Copy)]
enum ActionText {
    #[serde(rename = "SCMP_ACT_KILL", alias = "SCMP_ACT_KILL_THREAD")]
    KillThread,
    #[serde(rename = "SCMP_ACT_KILL_PROCESS")]
    KillProcess,
    #[serde(rename = "SCMP_ACT_TRAP")]
    Trap,
    #[serde(rename = "SCMP_ACT_ERRNO")]
    Errno,
    #[serde(rename = "SCMP_ACT_NOTIFY")]
    Notify,
    #[serde(rename = "SCMP_ACT_TRACE")]
    Trace,
    #[serde(rename = "SCMP_ACT_LOG")]
    Log,
    #[serde(rename = "SCMP_ACT_ALLOW")]
    Allow,
}

impl ActionText {
    /// The action with its number, which is EPERM unless given.
    fn action(self, number: Option<u32>) -> Result<Action, Error> {
        let given = number.unwrap_or(1);
        let action = match self {
            Self::Errno => Errno::new(given).map(Action::Refuse),
            Self::Trace => u16::try_from(given).ok().map(Action::Trace),
            Self::KillThread => Some(Action::KillThread),
            Self::KillProcess => Some(Action::KillProcess),
            Self::Trap => Some(Action::Trap(0)),
            Self::Notify => Some(Action::Notify),
            Self::Log => Some(Action::Log),
            Self::Allow => Some(Action::Allow),
        };
        action.ok_or_else(|| wrong(format!("error number {given}")))
    }
}

/// `SECCOMP_FILTER_FLAG_*` that a profile may ask for (linux/seccomp.h).
const FLAGS: &[(&str, u32)] = &[
    ("SECCOMP_FILTER_FLAG_TSYNC", 1),
    ("SECCOMP_FILTER_FLAG_LOG", 2),
    ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", 4),
    ("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 32),
];

/// Machines that profiles list and that this code does not run on.
#[rustfmt::skip]
const OTHER_MACHINES: &[&str] = &[
    "MIPS", "MIPS64", "MIPS64N32", "MIPSEL", "MIPSEL64", "MIPSEL64N32", "PPC", "PPC64", "PPC64LE",
    "S390", "S390X", "PARISC", "PARISC64", "RISCV64", "LOONGARCH64", "M68K", "SH", "SHEB",
];

/// Calls that only other machines have; a rule about them has no effect on ours.
#[rustfmt::skip]
const ELSEWHERE: &[&str] = &[
    "cachectl", "execv", "getdomainname", "getpagesize", "kern_features", "memory_ordering",
    "multiplexer", "perfctr", "riscv_flush_icache", "riscv_hwprobe", "rtas", "s390_guarded_storage",
    "s390_pci_mmio_read", "s390_pci_mmio_write", "s390_runtime_instr", "s390_sthyi", "spu_create",
    "spu_run", "subpage_prot", "swapcontext", "switch_endian", "sys_debug_setcontext", "sysmips",
    "utrap_install",
];
