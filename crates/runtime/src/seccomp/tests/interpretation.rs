// SPDX-License-Identifier: Apache-2.0
//! A profile's program answers what its JSON says, read off the JSON itself: by name, number and argument, without any
//! of the steps that make a filter.

use serde_json::Value;

use super::super::{
    Abi, Action, Arch, Call, Capability, Condition, Errno, ForeignAbi, Profile, Request, Rule, Test,
};
use super::moby::dockers_profile;
use super::{answer, data, telling_arguments};
use crate::seccomp::bpf::Data;

/// A profile that uses everything that profiles have, for where Docker's own is not at hand.
const OURS: &str = r#"{
  "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 13,
  "archMap": [
    {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
    {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]}
  ],
  "syscalls": [
    {"names": ["read", "write", "openat", "futex", "exit_group", "execve", "_llseek"], "action": "SCMP_ACT_ALLOW"},
    {"names": ["ioctl"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 1, "value": 21522, "op": "SCMP_CMP_NE"}]},
    {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}], "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
    {"names": ["clone", "mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
    {"names": ["mount"], "action": "SCMP_ACT_ERRNO", "errnoRet": 22, "args": [{"index": 2, "value": 4294967296, "op": "SCMP_CMP_GE"}]},
    {"names": ["mmap"], "action": "SCMP_ACT_ALLOW", "args": [
      {"index": 0, "value": 1099511627776, "op": "SCMP_CMP_LT"}, {"index": 1, "value": 1, "op": "SCMP_CMP_GT"}, {"index": 2, "value": 4, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
    {"names": ["mmap"], "action": "SCMP_ACT_LOG", "args": [{"index": 2, "value": 3, "op": "SCMP_CMP_LE"}]},
    {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
    {"names": ["arch_prctl"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["amd64", "x32"]}},
    {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
    {"names": ["kill"], "action": "SCMP_ACT_KILL_PROCESS", "args": [{"index": 1, "value": 9, "op": "SCMP_CMP_EQ"}]},
    {"names": ["kill"], "action": "SCMP_ACT_ALLOW"}
  ]
}"#;

#[test]
fn a_program_answers_as_its_json() {
    agree(OURS.as_bytes());
}

#[test]
fn docker_s_default_too() {
    if let Some(json) = dockers_profile() {
        agree(&json);
    }
}

/// Every number of every ABI with all telling arguments, under several capabilities, kernels and machines.
fn agree(json: &[u8]) {
    let profile = Profile::parse(json).unwrap();
    let json: Value = serde_json::from_slice(json).unwrap();
    let admin = Capability::named("SYS_ADMIN").unwrap().mask();
    for (arch, capabilities, kernel, foreign_abi) in [
        (Arch::X86_64, 0, (6, 18), ForeignAbi::Allowed),
        (Arch::X86_64, admin, (4, 7), ForeignAbi::Refused),
        (Arch::X86_64, u64::MAX, (6, 18), ForeignAbi::Allowed),
        (Arch::Aarch64, 0, (4, 8), ForeignAbi::Allowed),
    ] {
        let request = Request { capabilities, kernel, foreign_abi, ..Request::new(arch) };
        let program = profile.filter(&request).compile().unwrap();
        for abi in Abi::ALL {
            let document = Document { json: &json, request: &request, abi };
            let newest = document.newest();
            for number in (0..700).map(|number| number | abi.marker()) {
                let reading = document.look_up(number, newest);
                for arguments in reading.telling_arguments() {
                    let data = data(abi, number, arguments);
                    assert_eq!(answer(&program, &data), reading.says(&data), "{data:x?} for {request:?}");
                }
            }
        }
    }
}

/// The JSON, and for whom it is read.
struct Document<'a> {
    json: &'a Value,
    request: &'a Request<'a>,
    abi: Abi,
}

/// What it says of one number.
struct Reading {
    entries: Vec<(Vec<Condition>, Action)>,
    otherwise: Action,
    /// The two multiplexers are a test of their own.
    skipped: bool,
}

impl Reading {
    fn says(&self, data: &Data) -> Action {
        let held =
            self.entries.iter().filter(|(conditions, _)| conditions.iter().all(|one| holds(one, data)));
        held.map(|(_, action)| *action).min().unwrap_or(self.otherwise)
    }

    fn telling_arguments(&self) -> Vec<[u64; 6]> {
        let rules: Vec<Rule> = self
            .entries
            .iter()
            .filter(|(conditions, _)| !conditions.is_empty())
            .map(|(conditions, action)| Rule::new(conditions, *action).unwrap())
            .collect();
        match (self.skipped, rules.is_empty()) {
            (true, _) => Vec::new(),
            (false, true) => vec![[0; 6], [u64::MAX; 6]],
            (false, false) => telling_arguments(&rules).collect(),
        }
    }
}

impl Document<'_> {
    fn look_up(&self, number: u32, newest: u32) -> Reading {
        let nosys = Action::Refuse(Errno::NOSYS);
        if !self.abi_is_open() {
            return Reading { entries: Vec::new(), otherwise: nosys, skipped: false };
        }
        let call = Call::all().find(|call| call.number(self.abi) == Some(number));
        let named: Vec<&Value> = self
            .all()
            .filter(|entry| call.is_some_and(|call| strings(&entry["names"]).any(|name| name == call.name())))
            .collect();
        // Above the newest call that the profile names, numbers do not exist.
        let otherwise = match named[..] {
            [] if number > newest => nosys,
            _ => action(&self.json["defaultAction"], &self.json["defaultErrnoRet"]),
        };
        let counted = named.into_iter().filter(|entry| self.counts(entry));
        let entries = counted.map(|entry| (conditions(entry), action(&entry["action"], &entry["errnoRet"])));
        let skipped = call.is_some_and(|call| ["socketcall", "ipc"].contains(&call.name()));
        Reading { entries: entries.collect(), otherwise, skipped }
    }

    fn all(&self) -> impl Iterator<Item = &Value> {
        self.json["syscalls"].as_array().unwrap().iter()
    }

    fn abi_is_open(&self) -> bool {
        let arch = self.request.arch;
        if self.abi == arch.abi() {
            return true;
        }
        let name = |abi| match abi {
            Abi::X86_64 => "SCMP_ARCH_X86_64",
            Abi::X32 => "SCMP_ARCH_X32",
            Abi::I386 => "SCMP_ARCH_X86",
            Abi::Aarch64 => "SCMP_ARCH_AARCH64",
            Abi::Arm => "SCMP_ARCH_ARM",
        };
        let map = self.json["archMap"].as_array().unwrap();
        let row = map.iter().find(|row| row["architecture"] == name(arch.abi())).unwrap();
        self.request.foreign_abi == ForeignAbi::Allowed
            && strings(&row["subArchitectures"]).any(|listed| listed == name(self.abi))
    }

    /// Whether an entry counts for this container.
    fn counts(&self, entry: &Value) -> bool {
        let (includes, excludes) = (&entry["includes"], &entry["excludes"]);
        let machine = if self.request.arch == Arch::X86_64 { "amd64" } else { "arm64" };
        let has = |name: &str| self.request.capabilities & Capability::named(name).unwrap().mask() != 0;
        let arches = |list: &Value| strings(list).any(|name| name == machine);
        let new_enough = |oldest: &Value| {
            let (version, patch) = oldest.as_str().unwrap().split_once('.').unwrap();
            self.request.kernel >= (version.parse().unwrap(), patch.parse().unwrap())
        };
        strings(&includes["caps"]).all(has)
            && !strings(&excludes["caps"]).any(has)
            && (includes["arches"].is_null() || arches(&includes["arches"]))
            && !arches(&excludes["arches"])
            && (includes["minKernel"].is_null() || new_enough(&includes["minKernel"]))
    }

    fn newest(&self) -> u32 {
        let calls =
            self.all().flat_map(|entry| strings(&entry["names"])).filter_map(|name| Call::named(name).ok());
        calls.filter_map(|call| call.number(self.abi)).filter(|number| number & 0xf_0000 == 0).max().unwrap()
    }
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap())
}

fn conditions(entry: &Value) -> Vec<Condition> {
    let condition = |one: &Value| {
        let number = |name: &str| one[name].as_u64().unwrap_or(0);
        let (mask, test, value) = match one["op"].as_str().unwrap() {
            "SCMP_CMP_MASKED_EQ" => (number("value"), Test::Is, number("valueTwo")),
            "SCMP_CMP_EQ" => (u64::MAX, Test::Is, number("value")),
            "SCMP_CMP_NE" => (u64::MAX, Test::IsNot, number("value")),
            "SCMP_CMP_LT" => (u64::MAX, Test::Below, number("value")),
            "SCMP_CMP_LE" => (u64::MAX, Test::AtMost, number("value")),
            "SCMP_CMP_GT" => (u64::MAX, Test::Above, number("value")),
            "SCMP_CMP_GE" => (u64::MAX, Test::AtLeast, number("value")),
            other => panic!("{other}"),
        };
        Condition { argument: u8::try_from(number("index")).unwrap(), mask, test, value }
    };
    entry["args"].as_array().into_iter().flatten().map(condition).collect()
}

/// seccomp(2)'s own comparison, of 64 bits.
fn holds(condition: &Condition, data: &Data) -> bool {
    let value = data.arguments[usize::from(condition.argument)] & condition.mask;
    match condition.test {
        Test::Is => value == condition.value,
        Test::IsNot => value != condition.value,
        Test::Below => value < condition.value,
        Test::AtMost => value <= condition.value,
        Test::Above => value > condition.value,
        Test::AtLeast => value >= condition.value,
    }
}

fn action(name: &Value, errno: &Value) -> Action {
    match name.as_str().unwrap() {
        "SCMP_ACT_ALLOW" => Action::Allow,
        "SCMP_ACT_LOG" => Action::Log,
        "SCMP_ACT_KILL_PROCESS" => Action::KillProcess,
        "SCMP_ACT_ERRNO" => {
            let number = errno.as_u64().unwrap_or(1);
            Action::Refuse(Errno::new(u32::try_from(number).unwrap()).unwrap())
        }
        other => panic!("{other}"),
    }
}
