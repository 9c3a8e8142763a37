// SPDX-License-Identifier: Apache-2.0
//! Docker's and OCI's profiles: what they mean, and what is refused rather than guessed.

use super::super::{
    Abi, Action, Arch, Call, Capability, Errno, Error, ForeignAbi, Profile, Program, Request,
};
use super::{answer, answer_to, data};

const NATIVE: Abi = Abi::X86_64;

fn open_request() -> Request<'static> {
    Request { foreign_abi: ForeignAbi::Allowed, kernel: (6, 1), ..Request::new(Arch::X86_64) }
}

/// A profile with these rules, `default` unless one holds.
fn profile(default: &str, rules: &str) -> Result<Profile, Error> {
    let abis = r#"["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]"#;
    let json = format!(r#"{{"defaultAction": "{default}", "architectures": {abis}, "syscalls": [{rules}]}}"#);
    Profile::parse(json.as_bytes())
}

fn program(default: &str, rules: &str) -> Program {
    profile(default, rules).unwrap().filter(&open_request()).compile().unwrap()
}

fn refused(number: u32) -> Action {
    Action::Refuse(Errno::new(number).unwrap())
}

const ALLOW_LIST: &str = "SCMP_ACT_ERRNO";
const DENY_LIST: &str = "SCMP_ACT_ALLOW";

#[test]
fn rules_of_one_call_are_alternatives_and_conditions_of_one_rule_are_not() {
    let program = program(
        ALLOW_LIST,
        r#"{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [
               {"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}, {"index": 1, "value": 1, "valueTwo": 0, "op": "SCMP_CMP_EQ"}]},
           {"names": ["socket", "read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]}"#,
    );
    for (arguments, expected) in [
        ([2, 1], Action::Allow),
        ([2, 2], refused(1)),
        ([1, 7], Action::Allow),
        ([3, 1], refused(1)),
        ([0x1_0000_0002, 1], refused(1)),
    ] {
        assert_eq!(answer_to(&program, NATIVE, "socket", &arguments), expected, "{arguments:?}");
    }
}

#[test]
fn every_operator() {
    for (op, value, two, holds, fails) in [
        ("NE", 5u64, 0u64, 4u64, 5u64),
        ("LT", 1 << 40, 0, (1 << 40) - 1, 1 << 40),
        ("LE", 1 << 40, 0, 1 << 40, (1 << 40) + 1),
        ("EQ", u64::MAX, 0, u64::MAX, u64::MAX - 1),
        ("GE", 1 << 40, 0, 1 << 40, (1 << 40) - 1),
        ("GT", 1 << 40, 0, (1 << 40) + 1, 1 << 40),
        ("MASKED_EQ", 0xf0_0000_00f0, 0x10_0000_0020, 0x1f_0000_002f, 0x1f_0000_003f),
    ] {
        let program = program(
            ALLOW_LIST,
            &format!(
                r#"{{"names": ["read"], "action": "SCMP_ACT_ALLOW",
                    "args": [{{"index": 2, "value": {value}, "valueTwo": {two}, "op": "SCMP_CMP_{op}"}}]}}"#
            ),
        );
        assert_eq!(answer_to(&program, NATIVE, "read", &[0, 0, holds]), Action::Allow, "{op}");
        assert_eq!(answer_to(&program, NATIVE, "read", &[0, 0, fails]), refused(1), "{op}");
    }
}

#[test]
fn the_strictest_rule_wins() {
    let everything = r#"{"names": ["socket"], "action": "SCMP_ACT_ALLOW"}"#;
    let no_vsock = r#"{"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 97,
                       "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_EQ"}]}"#;
    for rules in [format!("{everything}, {no_vsock}"), format!("{no_vsock}, {everything}")] {
        let program = program(ALLOW_LIST, &rules);
        assert_eq!(answer_to(&program, NATIVE, "socket", &[40]), refused(97));
        assert_eq!(answer_to(&program, NATIVE, "socket", &[2]), Action::Allow);
    }
}

#[test]
fn every_action() {
    for (name, expected) in [
        ("SCMP_ACT_KILL", Action::KillThread),
        ("SCMP_ACT_KILL_THREAD", Action::KillThread),
        ("SCMP_ACT_KILL_PROCESS", Action::KillProcess),
        ("SCMP_ACT_TRAP", Action::Trap(0)),
        ("SCMP_ACT_ERRNO", refused(1)),
        ("SCMP_ACT_TRACE", Action::Trace(1)),
        ("SCMP_ACT_LOG", Action::Log),
        ("SCMP_ACT_ALLOW", Action::Allow),
    ] {
        let program = program("SCMP_ACT_LOG", &format!(r#"{{"name": "chown", "action": "{name}"}}"#));
        assert_eq!(answer_to(&program, NATIVE, "chown", &[]), expected);
        assert_eq!(answer_to(&program, NATIVE, "read", &[]), Action::Log);
    }
}

#[test]
fn rules_count_under_their_circumstances() {
    let rules = r#"
        {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN", "CAP_CHOWN"]}},
        {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
        {"names": ["splice"], "action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "6.2"}},
        {"names": ["tee"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64"]}},
        {"names": ["read"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["amd64", "x32"]}, "excludes": {}}"#;
    let profile = profile(ALLOW_LIST, rules).unwrap();
    let admin = Capability::named("SYS_ADMIN").unwrap().mask();
    let chown = Capability::named("CHOWN").unwrap().mask();
    for (capabilities, kernel, allowed) in [
        (0, (6, 1), &["clone", "ptrace", "splice", "read"][..]),
        (admin, (4, 7), &["splice", "read"]),
        (admin | chown, (10, 0), &["mount", "ptrace", "read"]),
    ] {
        let request = Request { capabilities, kernel, ..open_request() };
        let program = profile.filter(&request).compile().unwrap();
        for name in ["mount", "clone", "ptrace", "splice", "tee", "read"] {
            let expected = if allowed.contains(&name) { Action::Allow } else { refused(1) };
            assert_eq!(answer_to(&program, NATIVE, name, &[]), expected, "{name} on {kernel:?}");
        }
    }
}

#[test]
fn an_abi_is_open_only_if_both_say_so() {
    let rules = r#"{"names": ["read"], "action": "SCMP_ACT_ALLOW"}"#;
    let listed = profile(ALLOW_LIST, rules).unwrap();
    let native_only =
        Profile::parse(format!(r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{rules}]}}"#).as_bytes())
            .unwrap();
    let mapped = Profile::parse(
        format!(
            r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{rules}], "archMap": [
                {{"architecture": "SCMP_ARCH_S390X", "subArchitectures": null}},
                {{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}}]}}"#
        )
        .as_bytes(),
    )
    .unwrap();
    let closed = refused(38);
    for (profile, request, x32, i386) in [
        (&listed, open_request(), Action::Allow, Action::Allow),
        (&listed, Request::new(Arch::X86_64), closed, closed),
        (&native_only, open_request(), closed, closed),
        (&mapped, open_request(), closed, Action::Allow),
    ] {
        let program = profile.filter(&request).compile().unwrap();
        for (abi, expected) in
            [(NATIVE, Action::Allow), (Abi::X32, x32), (Abi::I386, i386), (Abi::Arm, closed)]
        {
            assert_eq!(answer_to(&program, abi, "read", &[]), expected, "{abi:?}");
        }
    }
}

/// A list of what is refused allows all numbers that it does not name; those of a closed ABI are not among them.
#[test]
fn a_deny_list_opens_no_other_abi() {
    let program = Profile::parse(br#"{"defaultAction": "SCMP_ACT_ALLOW"}"#)
        .unwrap()
        .filter(&open_request())
        .compile()
        .unwrap();
    for call in Call::all() {
        for (abi, expected) in [(NATIVE, Action::Allow), (Abi::X32, refused(38)), (Abi::I386, refused(38))] {
            if call.number(abi).is_some() {
                assert_eq!(answer_to(&program, abi, call.name(), &[]), expected, "{call} on {abi:?}");
            }
        }
    }
}

#[test]
fn what_is_newer_than_the_profile_does_not_exist() {
    let rules = r#"{"names": ["openat2", "read"], "action": "SCMP_ACT_ALLOW"}"#;
    for (default, older, newer) in [
        (ALLOW_LIST, refused(1), refused(38)),
        ("SCMP_ACT_KILL_PROCESS", Action::KillProcess, refused(38)),
        ("SCMP_ACT_LOG", Action::Log, Action::Log),
    ] {
        let program = program(default, rules);
        for abi in [NATIVE, Abi::I386] {
            // openat2 is 437 on both.
            for (number, expected) in
                [(436, older), (437, Action::Allow), (438, newer), (451, newer), (9999, newer)]
            {
                let number = number | abi.marker();
                assert_eq!(
                    answer(&program, &data(abi, number, [0; 6])),
                    expected,
                    "{default} {abi:?} {number}"
                );
            }
        }
    }
}

/// 32-bit programs call `socketcall` for `bind`; a profile that refuses the one means the other.
#[test]
fn a_refusal_reaches_the_multiplexed_call() {
    let program = program(
        DENY_LIST,
        r#"{"names": ["bind", "semop"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13},
           {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 38, "op": "SCMP_CMP_EQ"}]}"#,
    );
    for (name, sub_call, expected) in [
        ("socketcall", 2, refused(13)),
        ("socketcall", 0xdead_0000_0002, refused(13)),
        ("socketcall", 3, Action::Allow),
        ("socketcall", 1, refused(1)),
        ("ipc", 0x1_0001, refused(13)),
        ("ipc", 2, Action::Allow),
    ] {
        assert_eq!(answer_to(&program, Abi::I386, name, &[sub_call]), expected, "{name} {sub_call}");
    }
    let allowing = self::program(
        ALLOW_LIST,
        r#"{"names": ["bind"], "action": "SCMP_ACT_ALLOW"},
           {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]}"#,
    );
    assert_eq!(answer_to(&allowing, Abi::I386, "socketcall", &[2]), Action::Allow);
    assert_eq!(answer_to(&allowing, Abi::I386, "socketcall", &[1]), refused(1), "any family would be");
}

#[test]
fn a_name_that_nobody_knows_never_lets_anything_through() {
    let unknown =
        |default, action| profile(default, &format!(r#"{{"name": "mount9", "action": "{action}"}}"#));
    assert_eq!(unknown(ALLOW_LIST, "SCMP_ACT_ALLOW").unwrap().ignored(), ["mount9"]);
    let error = unknown(DENY_LIST, "SCMP_ACT_ERRNO").unwrap_err();
    assert_eq!(error.to_string(), "no system call is named `mount9`");
    let elsewhere = profile(DENY_LIST, r#"{"name": "s390_sthyi", "action": "SCMP_ACT_ERRNO"}"#).unwrap();
    assert_eq!(elsewhere.ignored(), [] as [&str; 0]);
}

#[test]
fn what_the_user_asked_for_besides_holds_for_profiles_too() {
    let [sysinfo, keyctl, read] = ["sysinfo", "keyctl", "read"].map(|name| Call::named(name).unwrap());
    let request = Request { notify: &[sysinfo], allow: &[keyctl], refuse: &[read], ..open_request() };
    let rules = r#"{"names": ["read", "sysinfo"], "action": "SCMP_ACT_ALLOW"}"#;
    let program = profile(ALLOW_LIST, rules).unwrap().filter(&request).compile().unwrap();
    assert_eq!(answer_to(&program, NATIVE, "sysinfo", &[]), Action::Notify);
    assert_eq!(answer_to(&program, NATIVE, "keyctl", &[]), Action::Allow);
    assert_eq!(answer_to(&program, NATIVE, "read", &[]), refused(1));
    assert_eq!(program.lifted.len(), 1);
}

#[test]
fn flags_and_listener_are_handed_on() {
    let json = br#"{"defaultAction": "SCMP_ACT_ERRNO", "flags": ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"],
        "listenerPath": "/run/agent", "listenerMetadata": "7",
        "syscalls": [{"names": ["mknod"], "action": "SCMP_ACT_NOTIFY", "comment": "by the agent"}]}"#;
    let profile = Profile::from_value(serde_json::from_slice(json).unwrap()).unwrap();
    let listener = profile.listener().unwrap();
    assert_eq!((&*listener.path, &*listener.metadata), ("/run/agent", "7"));
    let program = profile.filter(&open_request()).compile().unwrap();
    assert_eq!(program.flags, 6);
    assert!(program.notifies());
}

#[test]
fn what_has_no_one_meaning_is_refused() {
    let rule = |rest: &str| {
        profile(ALLOW_LIST, &format!(r#"{{"names": ["read"], "action": "SCMP_ACT_ALLOW", {rest}}}"#))
    };
    let argument = |text: &str| rule(&format!(r#""args": [{text}]"#));
    for (result, why) in [
        (argument(r#"{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}"#), "argument 6"),
        (argument(r#"{"index": 0, "value": 1, "op": "SCMP_CMP_ALMOST"}"#), "operator SCMP_CMP_ALMOST"),
        (argument(r#"{"index": 0, "value": 2, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"}"#), "never matches"),
        (
            argument(
                r#"{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}"#,
            ),
            "means OR to runc",
        ),
        (argument(r#"{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}"#), "not well formed"),
        (rule(r#""name": "write""#), "both `name` and `names`"),
        (rule(r#""unless": 1"#), "not well formed"),
        (rule(r#""includes": {"caps": ["CAP_MAGIC"]}"#), "no capability is named `CAP_MAGIC`"),
        (rule(r#""includes": {"minKernel": "six"}"#), "minKernel six"),
        (profile("SCMP_ACT_MAYBE", ""), "not well formed"),
        (profile("SCMP_ACT_NOTIFY", ""), "would stop the start"),
        (profile(ALLOW_LIST, r#"{"name": "read", "action": "SCMP_ACT_NOTIFY"}"#), "without listenerPath"),
        (
            profile(ALLOW_LIST, r#"{"name": "read", "action": "SCMP_ACT_ERRNO", "errnoRet": 4096}"#),
            "error number 4096",
        ),
        (profile(ALLOW_LIST, r#"{"names": [], "action": "SCMP_ACT_ERRNO"}"#), "or neither"),
        (Profile::parse(br#"{"syscalls": []}"#), "not well formed"),
        (Profile::parse(b"{"), "not well formed"),
        (
            Profile::parse(br#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_PDP11"]}"#),
            "architecture SCMP_ARCH_PDP11",
        ),
        (
            Profile::parse(
                br#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86"],
                    "archMap": [{"architecture": "SCMP_ARCH_X86_64"}]}"#,
            ),
            "both `architectures` and `archMap`",
        ),
        (
            Profile::parse(
                br#"{"defaultAction": "SCMP_ACT_ERRNO", "flags": ["SECCOMP_FILTER_FLAG_NEW_LISTENER"]}"#,
            ),
            "flag SECCOMP_FILTER_FLAG_NEW_LISTENER",
        ),
    ] {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(why), "{why}: {error}");
    }
}
