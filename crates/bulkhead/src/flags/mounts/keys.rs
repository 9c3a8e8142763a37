// SPDX-License-Identifier: Apache-2.0
//! `--mount key=value,...`.

use std::path::PathBuf;

use engine::request::{
    CopyUp, Missing, MountRequest, MountSource, Propagation, Recursive, RootAccess, VolumeName,
};

use super::{access, csv, empty_tmpfs, host_path, inside_path, permissions, propagation};
use crate::flags::nearest::suggestion;
use crate::flags::{Complaint, labels, sizes, switch};

/// Docker's keys; of its types volume (the one that is meant when none is given), bind and tmpfs.
pub(super) fn parse(text: &str) -> Result<MountRequest, Complaint> {
    let mut draft = Draft::default();
    for field in csv::fields(text)? {
        draft.field(&field, text)?;
    }
    draft.finish(text)
}

/// What has been said so far; a key said twice counts as said last.
#[derive(Debug, Default)]
struct Draft {
    kind: Option<String>,
    source: Option<String>,
    target: Option<String>,
    access: RootAccess,
    propagation: Option<Propagation>,
    recursive: Option<Recursive>,
    size: Option<u64>,
    mode: Option<u32>,
    copy: Option<CopyUp>,
    subpath: Option<PathBuf>,
    labels: Vec<(String, String)>,
}

impl Draft {
    fn field(&mut self, field: &str, text: &str) -> Result<(), Complaint> {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.to_ascii_lowercase(), Some(value)),
            None => (field.to_ascii_lowercase(), None),
        };
        let value = match (key.as_str(), value) {
            (_, Some(value)) => value,
            ("readonly" | "ro" | "bind-nonrecursive" | "volume-nocopy", None) => "true",
            (known, None) if KEYS.contains(&known) => {
                return Err(format!("{known} in {text:?} lacks its value"));
            }
            (_, None) => "",
        };
        self.set(&key, value, text)
    }

    fn set(&mut self, key: &str, value: &str, text: &str) -> Result<(), Complaint> {
        match key {
            "type" => self.kind = Some(value.to_ascii_lowercase()),
            "source" | "src" => self.source = Some(value.to_owned()),
            "target" | "dst" | "destination" => self.target = Some(inside_path(value, text)?),
            "readonly" | "ro" => self.access = access(switch::parse(value)?),
            "bind-propagation" => self.propagation = Some(bind_propagation(value)?),
            "bind-nonrecursive" => self.recursive = Some(recursive(!switch::parse(value)?)),
            "bind-recursive" => self.recursive = Some(bind_recursive(value)?),
            "tmpfs-size" => self.size = Some(sizes::parse(value)?),
            "tmpfs-mode" => self.mode = Some(permissions(value)?),
            "volume-nocopy" => self.copy = Some(copy_up(!switch::parse(value)?)),
            "volume-subpath" => self.subpath = Some(PathBuf::from(value)),
            "volume-label" => self.labels.push(labels::parse(value)?),
            "volume-driver" if value == "local" => {}
            key if key.starts_with("volume-") || key.starts_with("image-") => {
                return Err(format!("{key}={value} in {text:?} is not supported yet"));
            }
            key => {
                return Err(format!("{key:?} in {text:?} is not a key of a mount{}", suggestion(key, KEYS)));
            }
        }
        Ok(())
    }

    fn finish(self, text: &str) -> Result<MountRequest, Complaint> {
        match self.kind.as_deref() {
            Some("bind") => self.bind(text),
            Some("tmpfs") => self.tmpfs(text),
            Some("volume") | None => self.volume(text),
            Some(other) => {
                Err(format!("type={other} in {text:?} is not supported yet: volume, bind and tmpfs are"))
            }
        }
    }

    fn volume(self, text: &str) -> Result<MountRequest, Complaint> {
        if self.size.is_some() || self.mode.is_some() {
            return Err(format!("{text:?} has the keys of a tmpfs on a volume"));
        }
        if self.recursive.is_some() || self.propagation.is_some() {
            return Err(format!("{text:?} has the keys of a bind mount on a volume"));
        }
        let target = self.target.ok_or_else(|| no_target(text))?;
        let name = match self.source.filter(|name| !name.is_empty()) {
            Some(path) if path.starts_with(['/', '.']) => {
                return Err(format!(
                    "{path:?} in {text:?} is no volume's name; type=bind takes a path of the host"
                ));
            }
            Some(name) => VolumeName::Named(name),
            None => VolumeName::Anonymous(None),
        };
        let (copy, subpath, labels) = (self.copy.unwrap_or_default(), self.subpath, self.labels);
        let source = MountSource::Volume { name, copy, subpath, labels };
        Ok(MountRequest { source, access: self.access, ..empty_tmpfs(target) })
    }

    fn says_of_a_volume(&self) -> bool {
        self.copy.is_some() || self.subpath.is_some() || !self.labels.is_empty()
    }

    fn bind(self, text: &str) -> Result<MountRequest, Complaint> {
        if self.size.is_some() || self.mode.is_some() {
            return Err(format!("{text:?} has the keys of a tmpfs on a bind mount"));
        }
        if self.says_of_a_volume() {
            return Err(format!("{text:?} has the keys of a volume on a bind mount"));
        }
        let target = self.target.ok_or_else(|| no_target(text))?;
        let source = self.source.ok_or_else(|| format!("{text:?} lacks src=, the path of the host"))?;
        let source = host_path(&source, text)?;
        let recursive = self.recursive.unwrap_or_default();
        let source = MountSource::Bind { source, missing: Missing::Refuse, recursive };
        Ok(MountRequest { target, source, access: self.access, exec: None, propagation: self.propagation })
    }

    fn tmpfs(self, text: &str) -> Result<MountRequest, Complaint> {
        if self.source.is_some() || self.recursive.is_some() || self.propagation.is_some() {
            return Err(format!("{text:?} has the keys of a bind mount on a tmpfs"));
        }
        if self.says_of_a_volume() {
            return Err(format!("{text:?} has the keys of a volume on a tmpfs"));
        }
        let target = self.target.ok_or_else(|| no_target(text))?;
        let source = MountSource::Tmpfs { size: self.size, mode: self.mode, owner: (None, None) };
        Ok(MountRequest { source, access: self.access, ..empty_tmpfs(target) })
    }
}

fn no_target(text: &str) -> Complaint {
    format!("{text:?} lacks dst=, the path inside")
}

fn bind_propagation(word: &str) -> Result<Propagation, Complaint> {
    let known = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];
    propagation(word).ok_or_else(|| format!("{word:?} is not a mount propagation{}", suggestion(word, known)))
}

fn bind_recursive(word: &str) -> Result<Recursive, Complaint> {
    match word {
        "enabled" => Ok(Recursive::Yes),
        "disabled" => Ok(Recursive::No),
        other => Err(format!("bind-recursive={other} is not supported yet: enabled and disabled are")),
    }
}

fn recursive(along: bool) -> Recursive {
    if along { Recursive::Yes } else { Recursive::No }
}

fn copy_up(filled: bool) -> CopyUp {
    if filled { CopyUp::Yes } else { CopyUp::No }
}

const KEYS: [&str; 17] = [
    "type",
    "source",
    "src",
    "target",
    "dst",
    "destination",
    "readonly",
    "ro",
    "bind-propagation",
    "bind-nonrecursive",
    "bind-recursive",
    "tmpfs-size",
    "tmpfs-mode",
    "volume-nocopy",
    "volume-subpath",
    "volume-label",
    "volume-driver",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(source: &str, target: &str) -> MountRequest {
        let source =
            MountSource::Bind { source: source.into(), missing: Missing::Refuse, recursive: Recursive::Yes };
        MountRequest { source, ..empty_tmpfs(target.to_owned()) }
    }

    #[test]
    fn volumes() {
        let volume = |name, copy, subpath: Option<&str>, labels: &[(String, String)]| {
            let subpath = subpath.map(PathBuf::from);
            let source = MountSource::Volume { name, copy, subpath, labels: labels.to_vec() };
            MountRequest { source, ..empty_tmpfs("/b".to_owned()) }
        };
        let named = VolumeName::Named("v".to_owned());
        let labels = [("a".to_owned(), "b".to_owned())];
        for (text, want) in [
            ("src=v,dst=/b", volume(named.clone(), CopyUp::Yes, None, &[])),
            ("type=volume,dst=/b", volume(VolumeName::Anonymous(None), CopyUp::Yes, None, &[])),
            ("type=volume,src=v,dst=/b,volume-nocopy", volume(named.clone(), CopyUp::No, None, &[])),
            (
                "type=volume,src=v,dst=/b,volume-subpath=x/y,volume-label=a=b,volume-driver=local",
                volume(named, CopyUp::Yes, Some("x/y"), &labels),
            ),
        ] {
            assert_eq!(parse(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn binds() {
        let plain = bind("/a", "/b");
        let read_only = MountRequest { access: RootAccess::ReadOnly, ..plain.clone() };
        let source =
            MountSource::Bind { source: "/a".into(), missing: Missing::Refuse, recursive: Recursive::No };
        let flat = MountRequest { source, ..plain.clone() };
        let shared = MountRequest { propagation: Some(Propagation::Shared), ..flat.clone() };
        for (text, want) in [
            ("type=bind,src=/a,dst=/b", &plain),
            ("TYPE=BIND,Source=/a,destination=/b", &plain),
            ("type=bind,src=/a,target=/b,ro=false", &plain),
            ("type=bind,src=/x,src=/a,dst=/b", &plain),
            ("type=bind,src=/a,dst=/b,bind-recursive=enabled", &plain),
            ("type=bind,src=/a,dst=/b,ro", &read_only),
            ("type=bind,src=/a,dst=/b,readonly=1", &read_only),
            ("type=bind,src=/a,dst=/b,bind-nonrecursive", &flat),
            ("type=bind,src=/a,dst=/b,bind-recursive=disabled", &flat),
            ("type=bind,src=/a,dst=/b,bind-propagation=shared,bind-nonrecursive=true", &shared),
            (r#"type=bind,"src=/a,x",dst=/b"#, &bind("/a,x", "/b")),
            ("type=bind,src=./a,dst=/b", &bind("./a", "/b")),
        ] {
            assert_eq!(parse(text).as_ref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn tmpfs() {
        let source = MountSource::Tmpfs { size: Some(64 << 20), mode: Some(0o700), owner: (None, None) };
        let want = MountRequest { source, access: RootAccess::ReadOnly, ..empty_tmpfs("/b".to_owned()) };
        assert_eq!(parse("type=tmpfs,dst=/b,tmpfs-size=64m,tmpfs-mode=700,ro"), Ok(want));
        assert_eq!(parse("type=tmpfs,dst=/b"), Ok(empty_tmpfs("/b".to_owned())));
    }

    #[test]
    fn refusals() {
        for (text, want) in [
            ("", r#""" in "" is not a key of a mount"#.to_owned()),
            ("src=/a,dst=/b", r#""/a" in "src=/a,dst=/b" is no volume's name; type=bind takes a path of the host"#.to_owned()),
            ("type=npipe,dst=/b", r#"type=npipe in "type=npipe,dst=/b" is not supported yet: volume, bind and tmpfs are"#.to_owned()),
            ("type=bind,src=v,dst=/b", r#""v" in "type=bind,src=v,dst=/b" is not a path: it begins neither with / nor with ./ (a volume is type=volume)"#.to_owned()),
            ("type=bind,src=/a,dst=/b,volume-nocopy", tail("type=bind,src=/a,dst=/b,volume-nocopy", "has the keys of a volume on a bind mount")),
            ("src=v,dst=/b,bind-propagation=slave", tail("src=v,dst=/b,bind-propagation=slave", "has the keys of a bind mount on a volume")),
            ("type=bind,dst=/b", tail("type=bind,dst=/b", "lacks src=, the path of the host")),
            ("type=bind,src=/a", tail("type=bind,src=/a", "lacks dst=, the path inside")),
            ("type=tmpfs", tail("type=tmpfs", "lacks dst=, the path inside")),
            ("type=bind,src=/a,dst=b", r#"the target "b" in "type=bind,src=/a,dst=b" is not an absolute path"#.to_owned()),
            ("type=bind,src=/a,dst=/b,tmpfs-size=1m", tail("type=bind,src=/a,dst=/b,tmpfs-size=1m", "has the keys of a tmpfs on a bind mount")),
            ("type=tmpfs,src=/a,dst=/b", tail("type=tmpfs,src=/a,dst=/b", "has the keys of a bind mount on a tmpfs")),
            ("type=tmpfs,dst=/b,bind-propagation=shared", tail("type=tmpfs,dst=/b,bind-propagation=shared", "has the keys of a bind mount on a tmpfs")),
            ("type=tmpfs,dst=/b,tmpfs-mode=0x", r#""0x" is not a mode in octal digits, as in 1777"#.to_owned()),
            ("type=bind,src", r#"src in "type=bind,src" lacks its value"#.to_owned()),
            ("type=bind,srcc=/a", r#""srcc" in "type=bind,srcc=/a" is not a key of a mount; did you mean src?"#.to_owned()),
            ("type=bind,foo", r#""foo" in "type=bind,foo" is not a key of a mount"#.to_owned()),
            ("type=bind,consistency=cached", r#""consistency" in "type=bind,consistency=cached" is not a key of a mount"#.to_owned()),
            ("volume-opt=o=x", r#"volume-opt=o=x in "volume-opt=o=x" is not supported yet"#.to_owned()),
            ("volume-nocopy", tail("volume-nocopy", "lacks dst=, the path inside")),
            ("type=bind,ro=maybe", r#""maybe" is neither true nor false"#.to_owned()),
            ("bind-propagation=sharde", r#""sharde" is not a mount propagation; did you mean shared?"#.to_owned()),
            ("bind-recursive=readonly", "bind-recursive=readonly is not supported yet: enabled and disabled are".to_owned()),
            ("bind-propagation=", r#""" is not a mount propagation"#.to_owned()),
        ] {
            assert_eq!(parse(text), Err(want), "{text}");
        }
    }

    fn tail(text: &str, rest: &str) -> Complaint {
        format!("{text:?} {rest}")
    }
}
