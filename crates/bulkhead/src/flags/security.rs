// SPDX-License-Identifier: Apache-2.0
//! `--security-opt name=value`, or `name:value` as old scripts have it.

use std::path::PathBuf;

use super::Complaint;
use super::nearest::suggestion;
use super::switch;

/// One option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecurityOpt {
    /// `seccomp=…`.
    Seccomp(Seccomp),
    /// `no-new-privileges[=BOOL]`: whether set-user-id programs gain nothing.
    NoNewPrivileges(bool),
    /// `landlock=off`.
    LandlockOff,
    /// `systempaths=unconfined`.
    Unmasked,
    /// `apparmor=PROFILE`.
    AppArmor(String),
    /// `view=host`.
    HostView,
}

/// `seccomp=…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seccomp {
    /// `builtin`: the default.
    BuiltIn,
    /// `unconfined`: none.
    Unconfined,
    /// A file with a profile in Docker's form.
    File(PathBuf),
}

/// Refuses what it does not know: a control that is asked for and silently absent is worse than none.
pub(crate) fn parse(text: &str) -> Result<SecurityOpt, Complaint> {
    let (name, value) = match text.find(['=', ':']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    match (name, value) {
        ("no-new-privileges", value) => {
            Ok(SecurityOpt::NoNewPrivileges(switch::parse(value.unwrap_or("true"))?))
        }
        (name, None | Some("")) if NAMES.contains(&name) => Err(format!("{text:?} lacks its value")),
        ("seccomp", Some(value)) => Ok(SecurityOpt::Seccomp(seccomp(value))),
        ("apparmor", Some(profile)) => Ok(SecurityOpt::AppArmor(profile.to_owned())),
        ("landlock", Some(value)) => only("landlock", "off", value, SecurityOpt::LandlockOff),
        ("systempaths", Some(value)) => only("systempaths", "unconfined", value, SecurityOpt::Unmasked),
        ("view", Some(value)) => only("view", "host", value, SecurityOpt::HostView),
        ("label", _) => Err(format!("{text:?} asks for SELinux, which is not supported yet")),
        (name, _) => Err(format!("there is no security option {name:?}{}", suggestion(name, NAMES))),
    }
}

fn seccomp(value: &str) -> Seccomp {
    match value {
        "builtin" => Seccomp::BuiltIn,
        "unconfined" => Seccomp::Unconfined,
        path => Seccomp::File(PathBuf::from(path)),
    }
}

/// Options that only take a wall down: it stands when they are absent.
fn only(name: &str, known: &str, value: &str, option: SecurityOpt) -> Result<SecurityOpt, Complaint> {
    if value == known {
        Ok(option)
    } else {
        Err(format!("{name} can be {known:?} and nothing else, not {value:?}"))
    }
}

const NAMES: [&str; 6] = ["no-new-privileges", "seccomp", "apparmor", "landlock", "systempaths", "view"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options() {
        for (text, want) in [
            ("seccomp=unconfined", SecurityOpt::Seccomp(Seccomp::Unconfined)),
            ("seccomp:unconfined", SecurityOpt::Seccomp(Seccomp::Unconfined)),
            ("seccomp=builtin", SecurityOpt::Seccomp(Seccomp::BuiltIn)),
            ("seccomp=/etc/p:1.json", SecurityOpt::Seccomp(Seccomp::File("/etc/p:1.json".into()))),
            ("no-new-privileges", SecurityOpt::NoNewPrivileges(true)),
            ("no-new-privileges=true", SecurityOpt::NoNewPrivileges(true)),
            ("no-new-privileges:false", SecurityOpt::NoNewPrivileges(false)),
            ("no-new-privileges=0", SecurityOpt::NoNewPrivileges(false)),
            ("landlock=off", SecurityOpt::LandlockOff),
            ("systempaths=unconfined", SecurityOpt::Unmasked),
            ("apparmor=my-profile", SecurityOpt::AppArmor("my-profile".to_owned())),
            ("view=host", SecurityOpt::HostView),
        ] {
            assert_eq!(parse(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn refusals() {
        for (text, want) in [
            ("foo", r#"there is no security option "foo""#),
            ("foo=bar", r#"there is no security option "foo""#),
            ("secomp=unconfined", r#"there is no security option "secomp"; did you mean seccomp?"#),
            ("", r#"there is no security option """#),
            ("seccomp", r#""seccomp" lacks its value"#),
            ("seccomp=", r#""seccomp=" lacks its value"#),
            ("apparmor=", r#""apparmor=" lacks its value"#),
            ("landlock", r#""landlock" lacks its value"#),
            ("landlock=on", r#"landlock can be "off" and nothing else, not "on""#),
            ("systempaths=all", r#"systempaths can be "unconfined" and nothing else, not "all""#),
            ("view=mine", r#"view can be "host" and nothing else, not "mine""#),
            ("no-new-privileges=maybe", r#""maybe" is neither true nor false"#),
            ("no-new-privileges=", r#""" is neither true nor false"#),
            ("label=disable", r#""label=disable" asks for SELinux, which is not supported yet"#),
        ] {
            assert_eq!(parse(text), Err(want.to_owned()), "{text}");
        }
    }
}
