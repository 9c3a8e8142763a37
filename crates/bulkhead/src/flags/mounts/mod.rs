// SPDX-License-Identifier: Apache-2.0
//! `-v`, `--mount` and `--tmpfs`, kept in the order in which they were given.
//!
//! A source of `-v` is a path of the host when it begins with a slash or a dot, else a volume's name. One
//! that begins with a dot is relative to a directory that the caller names: nothing here asks for the
//! current one.

mod csv;
mod keys;

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, Error, FromArgMatches};
use engine::request::{
    CopyUp, Exec, Missing, MountRequest, MountSource, Propagation, Recursive, RootAccess, VolumeName,
};

use super::nearest::suggestion;
use super::{Complaint, sizes};

/// What the three flags gave.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mounts(Vec<MountRequest>);

impl Mounts {
    /// With sources made absolute against `here`, which is absolute itself.
    pub(crate) fn seen_from(self, here: &Path) -> Vec<MountRequest> {
        let mut mounts = self.0;
        for mount in &mut mounts {
            // Joined and not resolved: the engine opens it, and only what it opens counts.
            if let MountSource::Bind { source, .. } = &mut mount.source {
                *source = here.join(&*source);
            }
        }
        mounts
    }
}

impl clap::Args for Mounts {
    fn augment_args(command: Command) -> Command {
        let flag = |name: &'static str, value: &'static str| {
            let arg = Arg::new(name).long(name).value_name(value).action(ArgAction::Append);
            arg.allow_hyphen_values(true)
        };
        let volume = flag("volume", "[SOURCE:]TARGET[:OPTIONS]").short('v').value_parser(volume);
        let mount = flag("mount", "KEY=VALUE,...").value_parser(keys::parse);
        let tmpfs = flag("tmpfs", "TARGET[:OPTIONS]").value_parser(tmpfs);
        command
            .arg(volume.help("Mount a volume, or show a path of the host inside; a missing one is made"))
            .arg(mount.help("Mount by keys: type=volume, bind or tmpfs, src, dst, ro and Docker's others"))
            .arg(tmpfs.help("Mount an empty file system that lives in memory"))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Mounts {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut placed: Vec<(usize, MountRequest)> = Vec::new();
        for name in ["volume", "mount", "tmpfs"] {
            let places = matches.indices_of(name).into_iter().flatten();
            let mounts = matches.get_many::<MountRequest>(name).into_iter().flatten();
            placed.extend(places.zip(mounts.cloned()));
        }
        placed.sort_by_key(|(place, _)| *place);
        Ok(Self(placed.into_iter().map(|(_, mount)| mount).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// `-v [source:]target[:options]`.
fn volume(text: &str) -> Result<MountRequest, Complaint> {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts[..] {
        [target] => {
            let source = volume_of(VolumeName::Anonymous(None), CopyUp::Yes);
            return Ok(MountRequest { source, ..empty_tmpfs(inside_path(target, text)?) });
        }
        [source, target] => (source, target, None),
        [source, target, options] => (source, target, Some(options)),
        _ => return Err(format!("{text:?} has too many colons; --mount takes any path")),
    };
    let source = match source.chars().next() {
        Some('/' | '.') => MountSource::Bind {
            source: host_path(source, text)?,
            missing: Missing::MakeDirectory,
            recursive: Recursive::Yes,
        },
        Some(_) => volume_of(VolumeName::Named(source.to_owned()), CopyUp::Yes),
        None => return Err(format!("{text:?} has an empty source")),
    };
    let mut mount = MountRequest { source, ..empty_tmpfs(inside_path(target, text)?) };
    let mut said = Vec::new();
    for option in options.into_iter().flat_map(|options| options.split(',')) {
        let subject = match (&mut mount.source, option) {
            (MountSource::Volume { copy, .. }, "nocopy") => {
                *copy = CopyUp::No;
                Some("whether it is filled")
            }
            (_, "nocopy") => {
                return Err(format!(
                    "{option:?} in {text:?} is for volumes: a path of the host is never filled"
                ));
            }
            (MountSource::Volume { .. }, other) if propagation(other).is_some() => {
                return Err(format!(
                    "{option:?} in {text:?} is for paths of the host: a volume has no mounts below it"
                ));
            }
            _ => common_option(&mut mount, option),
        };
        match subject {
            Some(subject) => once(subject, &mut said, text)?,
            None => return Err(unknown_volume_option(option, text)),
        }
    }
    Ok(mount)
}

/// `--volumes-from container[:ro|rw]`.
pub(crate) fn volumes_from(text: &str) -> Result<(String, Option<RootAccess>), Complaint> {
    let (name, mode) = match text.split_once(':') {
        Some((name, mode)) => (name, Some(mode)),
        None => (text, None),
    };
    match mode {
        _ if name.is_empty() => Err(format!("{text:?} names no container")),
        None => Ok((name.to_owned(), None)),
        // As in Docker: what the other one may only read stays so.
        Some("rw") => Ok((name.to_owned(), None)),
        Some("ro") => Ok((name.to_owned(), Some(RootAccess::ReadOnly))),
        Some(other) => Err(format!("{other:?} in {text:?} is neither ro nor rw")),
    }
}

/// Why a wall is taken down: something that a person can read later.
pub(crate) fn reason(text: &str) -> Result<String, Complaint> {
    match text.trim() {
        "" => Err("a reason is needed, which `inspect` and `walls` will show".to_owned()),
        text => Ok(text.to_owned()),
    }
}

fn volume_of(name: VolumeName, copy: CopyUp) -> MountSource {
    MountSource::Volume { name, copy, subpath: None, labels: Vec::new() }
}

/// `--tmpfs target[:options]`, the options as in mount(8).
fn tmpfs(text: &str) -> Result<MountRequest, Complaint> {
    let (target, options) = match text.split_once(':') {
        Some((target, options)) => (target, Some(options)),
        None => (text, None),
    };
    let mut mount = empty_tmpfs(inside_path(target, text)?);
    let (mut size, mut mode, mut owner) = (None, None, (None, None));
    let mut said = Vec::new();
    for option in options.into_iter().flat_map(|options| options.split(',')) {
        match (option.split_once('='), option) {
            (Some(("size", value)), _) => size = Some(sizes::parse(value)?),
            (Some(("mode", value)), _) => mode = Some(permissions(value)?),
            (Some(("uid", value)), _) => owner.0 = Some(id(value)?),
            (Some(("gid", value)), _) => owner.1 = Some(id(value)?),
            // Every mount of a container is so already.
            (_, "nosuid" | "nodev") => {}
            (_, "suid" | "dev") => {
                return Err(format!(
                    "{option:?} in {text:?} is not to be had: every mount is nosuid and nodev"
                ));
            }
            _ => match common_option(&mut mount, option) {
                Some(subject) => once(subject, &mut said, text)?,
                None => {
                    return Err(format!(
                        "{option:?} in {text:?} is not an option of a tmpfs{}",
                        suggestion(option, TMPFS_OPTIONS)
                    ));
                }
            },
        }
    }
    mount.source = MountSource::Tmpfs { size, mode, owner };
    Ok(mount)
}

/// Applies an option that every mount has and says what it settles; nothing when it is none.
fn common_option(mount: &mut MountRequest, option: &str) -> Option<&'static str> {
    match option {
        "ro" | "rw" => {
            mount.access = access(option == "ro");
            Some("whether it can be written")
        }
        "exec" | "noexec" => {
            mount.exec = Some(if option == "exec" { Exec::Allowed } else { Exec::Refused });
            Some("whether programs start from it")
        }
        other => {
            mount.propagation = Some(propagation(other)?);
            Some("its propagation")
        }
    }
}

/// Two options that settle the same thing are a contradiction, not a preference.
fn once(subject: &'static str, said: &mut Vec<&'static str>, text: &str) -> Result<(), Complaint> {
    if said.contains(&subject) {
        return Err(format!("{text:?} says twice {subject}"));
    }
    said.push(subject);
    Ok(())
}

fn unknown_volume_option(option: &str, text: &str) -> Complaint {
    if matches!(option, "z" | "Z") {
        return format!("{option:?} in {text:?} asks for SELinux, which is not supported yet");
    }
    format!("{option:?} in {text:?} is not an option of a mount{}", suggestion(option, VOLUME_OPTIONS))
}

/// A path of the host: absolute, or beginning with a dot and so relative to the caller's directory.
fn host_path(path: &str, text: &str) -> Result<PathBuf, Complaint> {
    match path.chars().next() {
        Some('/' | '.') => Ok(PathBuf::from(path)),
        Some(_) => Err(format!(
            "{path:?} in {text:?} is not a path: it begins neither with / nor with ./ (a volume is type=volume)"
        )),
        None => Err(format!("{text:?} has an empty source")),
    }
}

/// A path inside: absolute, and not the root itself.
fn inside_path(path: &str, text: &str) -> Result<String, Complaint> {
    if path.is_empty() {
        return Err(format!("{text:?} has an empty target"));
    }
    if !path.starts_with('/') {
        return Err(format!("the target {path:?} in {text:?} is not an absolute path"));
    }
    if path.split('/').all(|part| matches!(part, "" | ".")) {
        return Err(format!("the target in {text:?} is the root itself"));
    }
    Ok(path.to_owned())
}

fn empty_tmpfs(target: String) -> MountRequest {
    let source = MountSource::Tmpfs { size: None, mode: None, owner: (None, None) };
    MountRequest { target, source, access: RootAccess::ReadWrite, exec: None, propagation: None }
}

fn access(read_only: bool) -> RootAccess {
    if read_only { RootAccess::ReadOnly } else { RootAccess::ReadWrite }
}

fn propagation(word: &str) -> Option<Propagation> {
    match word {
        "private" => Some(Propagation::Private),
        "rprivate" => Some(Propagation::RPrivate),
        "shared" => Some(Propagation::Shared),
        "rshared" => Some(Propagation::RShared),
        "slave" => Some(Propagation::Slave),
        "rslave" => Some(Propagation::RSlave),
        _ => None,
    }
}

/// Octal permission bits.
fn permissions(text: &str) -> Result<u32, Complaint> {
    let digits = !text.is_empty() && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    let mode = digits.then(|| u32::from_str_radix(text, 8).ok()).flatten().filter(|mode| *mode <= 0o7777);
    mode.ok_or_else(|| format!("{text:?} is not a mode in octal digits, as in 1777"))
}

/// An id inside the container.
fn id(text: &str) -> Result<u32, Complaint> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let id = digits.then(|| text.parse().ok()).flatten().filter(|id| *id != u32::MAX);
    id.ok_or_else(|| format!("{text:?} is not an id, a number from 0 to 4294967294"))
}

const VOLUME_OPTIONS: [&str; 11] =
    ["ro", "rw", "exec", "noexec", "nocopy", "private", "rprivate", "shared", "rshared", "slave", "rslave"];
const TMPFS_OPTIONS: [&str; 10] =
    ["ro", "rw", "exec", "noexec", "nosuid", "nodev", "size=", "mode=", "uid=", "gid="];

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(source: &str, target: &str) -> MountRequest {
        let source = MountSource::Bind {
            source: source.into(),
            missing: Missing::MakeDirectory,
            recursive: Recursive::Yes,
        };
        MountRequest { source, ..empty_tmpfs(target.to_owned()) }
    }

    fn named(copy: CopyUp, exec: Option<Exec>) -> MountRequest {
        let source = volume_of(VolumeName::Named("data".to_owned()), copy);
        MountRequest { source, exec, ..empty_tmpfs("/b".to_owned()) }
    }

    #[test]
    fn whose_volumes() {
        assert_eq!(volumes_from("web"), Ok(("web".to_owned(), None)));
        assert_eq!(volumes_from("web:ro"), Ok(("web".to_owned(), Some(RootAccess::ReadOnly))));
        assert_eq!(volumes_from("web:rw"), Ok(("web".to_owned(), None)));
        assert_eq!(volumes_from("web:z"), Err(r#""z" in "web:z" is neither ro nor rw"#.to_owned()));
        assert_eq!(volumes_from(":ro"), Err(r#"":ro" names no container"#.to_owned()));
        assert!(reason(" ").is_err());
    }

    #[test]
    fn volumes() {
        let plain = bind("/a", "/b");
        let read_only = MountRequest { access: RootAccess::ReadOnly, ..plain.clone() };
        let no_exec = MountRequest {
            exec: Some(Exec::Refused),
            propagation: Some(Propagation::RSlave),
            ..read_only.clone()
        };
        for (text, want) in [
            ("/a:/b", &plain),
            ("/a:/b:rw", &plain),
            ("/a:/b:ro", &read_only),
            ("/a:/b:noexec,rslave,ro", &no_exec),
            ("./a:/b", &bind("./a", "/b")),
            ("..:/b", &bind("..", "/b")),
            (
                "/b",
                &MountRequest {
                    source: volume_of(VolumeName::Anonymous(None), CopyUp::Yes),
                    ..plain.clone()
                },
            ),
            ("data:/b", &named(CopyUp::Yes, None)),
            ("data:/b:nocopy,noexec", &named(CopyUp::No, Some(Exec::Refused))),
        ] {
            assert_eq!(volume(text).as_ref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn volumes_refused() {
        for (text, want) in [
            ("", r#""" has an empty target"#),
            ("b", r#"the target "b" in "b" is not an absolute path"#),
            (
                "data:/b:rslave",
                r#""rslave" in "data:/b:rslave" is for paths of the host: a volume has no mounts below it"#,
            ),
            (
                "/a:/b:nocopy",
                r#""nocopy" in "/a:/b:nocopy" is for volumes: a path of the host is never filled"#,
            ),
            (":/b", r#"":/b" has an empty source"#),
            ("/a::ro", r#""/a::ro" has an empty target"#),
            ("/a:b", r#"the target "b" in "/a:b" is not an absolute path"#),
            ("/a:/", r#"the target in "/a:/" is the root itself"#),
            ("/a:/./", r#"the target in "/a:/./" is the root itself"#),
            ("/a:/b:ro:rw", r#""/a:/b:ro:rw" has too many colons; --mount takes any path"#),
            ("/a:/b:ro,rw", r#""/a:/b:ro,rw" says twice whether it can be written"#),
            ("/a:/b:shared,slave", r#""/a:/b:shared,slave" says twice its propagation"#),
            ("/a:/b:", r#""" in "/a:/b:" is not an option of a mount"#),
            ("/a:/b:roo", r#""roo" in "/a:/b:roo" is not an option of a mount; did you mean ro?"#),
            ("/a:/b:z", r#""z" in "/a:/b:z" asks for SELinux, which is not supported yet"#),
            ("/a:/b:cached", r#""cached" in "/a:/b:cached" is not an option of a mount"#),
        ] {
            assert_eq!(volume(text), Err(want.to_owned()), "{text}");
        }
    }

    #[test]
    fn tmpfs_mounts() {
        let plain = empty_tmpfs("/run".to_owned());
        let source = MountSource::Tmpfs { size: Some(64 << 20), mode: Some(0o1777), owner: (None, Some(33)) };
        let sized = MountRequest { source, exec: Some(Exec::Allowed), ..plain.clone() };
        for (text, want) in [
            ("/run", &plain),
            ("/run:rw,nosuid,nodev", &plain),
            ("/run:size=64m,mode=1777,exec,gid=33", &sized),
            ("/run:ro", &MountRequest { access: RootAccess::ReadOnly, ..plain.clone() }),
        ] {
            assert_eq!(tmpfs(text).as_ref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn tmpfs_refused() {
        for (text, want) in [
            ("run", r#"the target "run" in "run" is not an absolute path"#),
            ("", r#""" has an empty target"#),
            ("/run:foo", r#""foo" in "/run:foo" is not an option of a tmpfs"#),
            (
                "/run:sizee=1m",
                r#""sizee=1m" in "/run:sizee=1m" is not an option of a tmpfs; did you mean size=?"#,
            ),
            ("/run:size=", r#""" is not a size: a number and a unit are expected, as in 64m or 1.5g"#),
            ("/run:size=50%", r#""50%" is not a size: "%" is not a unit, b, k, m, g, t and p are"#),
            ("/run:mode=9", r#""9" is not a mode in octal digits, as in 1777"#),
            ("/run:mode=77777", r#""77777" is not a mode in octal digits, as in 1777"#),
            ("/run:suid", r#""suid" in "/run:suid" is not to be had: every mount is nosuid and nodev"#),
            ("/run:uid=-1", r#""-1" is not an id, a number from 0 to 4294967294"#),
            ("/run:gid=4294967295", r#""4294967295" is not an id, a number from 0 to 4294967294"#),
            ("/run:exec,noexec", r#""/run:exec,noexec" says twice whether programs start from it"#),
        ] {
            assert_eq!(tmpfs(text), Err(want.to_owned()), "{text}");
        }
    }

    #[test]
    fn relative_sources_are_seen_from_the_callers_directory() {
        let given = Mounts(vec![bind("./a", "/a"), bind("/b", "/b"), empty_tmpfs("/c".to_owned())]);
        let want = [bind("/home/me/./a", "/a"), bind("/b", "/b"), empty_tmpfs("/c".to_owned())];
        assert_eq!(given.seen_from(Path::new("/home/me")), want);
    }
}
