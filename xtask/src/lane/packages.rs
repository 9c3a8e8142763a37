// SPDX-License-Identifier: Apache-2.0
//! Debian packages, downloaded and unpacked with all that they need, and never installed.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::command::program;
use crate::failure::{Failure, Result, While};
use crate::packages::read_list;

/// Where packages come from.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Options for apt-get and apt-cache.
    options: Vec<String>,
}

impl Source {
    /// This machine's own apt sources.
    pub(super) fn of_this_machine() -> Self {
        Self { options: Vec::new() }
    }

    /// The backports of this machine's release, from the mirror that this machine uses, with package
    /// lists of their own under `directory`: this machine's apt stays as it is.
    pub(super) fn backports(directory: &Path) -> Result<Self> {
        let (mirror, suite) = main_archive()?;
        for name in ["parts", "lists/partial", "cache/archives/partial"] {
            std::fs::create_dir_all(directory.join(name)).cannot(|| "make directories for apt")?;
        }
        let line = format!("deb {mirror} {suite}-backports main\n");
        std::fs::write(directory.join("parts/backports.list"), line).cannot(|| "write apt's sources")?;
        let place = |key: &str, name: &str| format!("--option={key}={}", directory.join(name).display());
        let options = vec![
            "--option=Dir::Etc::SourceList=/dev/null".to_owned(),
            place("Dir::Etc::SourceParts", "parts"),
            place("Dir::State::Lists", "lists"),
            place("Dir::Cache", "cache"),
        ];
        let source = Self { options };
        source.apt("apt-get", &["update", "--quiet"]).run_quietly()?;
        Ok(source)
    }

    /// The name of the newest kernel of the metapackage linux-image-amd64.
    pub(super) fn kernel(&self) -> Result<String> {
        let text = self.apt("apt-cache", &["depends", "linux-image-amd64"]).text()?;
        let names = text.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        names
            .map(str::to_owned)
            .find(|name| name.starts_with("linux-image-"))
            .cannot(|| "find the kernel that linux-image-amd64 stands for; is `apt-get update` due?")
    }

    /// `packages` and what they need, as apt would choose on an empty machine.
    pub(super) fn closure(&self, packages: &[String]) -> Result<Vec<String>> {
        let plan = self
            .apt("apt-get", &["install", "--simulate", "--no-install-recommends"])
            .args(&["--option=Dir::State::status=/dev/null"])
            .args(packages)
            .text()?;
        let names = plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next());
        Ok(names.map(str::to_owned).collect())
    }

    /// Downloads `packages` and unpacks them into `root`, inside the directory `work`.
    pub(super) fn unpack(&self, packages: &[String], root: &Path, work: &Path) -> Result<()> {
        let archives = work.join("archives");
        std::fs::create_dir_all(&archives).cannot(|| "make a directory for packages")?;
        merge_usr(root)?;
        self.apt("apt-get", &["download", "--quiet"])
            // The user _apt may not enter target/, which apt would tell every time.
            .args(&["--option=APT::Sandbox::User=root"])
            .args(packages)
            .within_directory(&archives)
            .run_quietly()?;
        program("sh", ["-euc", UNPACK, "sh"]).arg(&archives).arg(root).run_quietly()
    }

    fn apt(&self, name: &str, words: &[&str]) -> crate::command::Program {
        program(name, words).args(&self.options)
    }
}

/// The packages of one part of tests/lane-packages.txt: `MACHINE` or `GUEST`.
pub(super) fn listed(list: &Path, part: &str) -> Result<Vec<String>> {
    let lines = read_list(list)?;
    let words = lines.iter().filter_map(|line| line.split_once(' '));
    let names: Vec<_> = words.filter(|(of, _)| *of == part).map(|(_, name)| name.trim().to_owned()).collect();
    if names.is_empty() {
        return Err(Failure::new(format!("{} has no line `{part} ...`", list.display())));
    }
    Ok(names)
}

/// The mirror and the name of this machine's own Debian release, from apt.
fn main_archive() -> Result<(String, String)> {
    let format = "$(REPO_URI) $(RELEASE) $(ORIGIN) $(COMPONENT)";
    let targets = program("apt-get", ["indextargets", "--format", format, "Created-By: Packages"]).text()?;
    let release = std::fs::read_to_string("/etc/os-release").cannot(|| "read /etc/os-release")?;
    let suite = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let suite = suite.cannot(|| "find VERSION_CODENAME in /etc/os-release")?;
    let found = targets.lines().find_map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
        [mirror, release, "Debian", "main"] if release == suite => Some(mirror.to_owned()),
        _ => None,
    });
    Ok((found.cannot(|| format!("find {suite} of Debian in apt's sources"))?, suite.to_owned()))
}

/// Makes `root` with /bin and its kin as links into /usr, which packages rely on.
fn merge_usr(root: &Path) -> Result<()> {
    for name in ["bin", "sbin", "lib", "lib64"] {
        let real = PathBuf::from("usr").join(name);
        std::fs::create_dir_all(root.join(&real)).cannot(|| format!("make {}", root.display()))?;
        symlink(&real, root.join(name)).cannot(|| format!("make {}", root.display()))?;
    }
    Ok(())
}

/// $1 holds archives, $2 is the root. `dpkg-deb --extract` would replace the links.
const UNPACK: &str = r#"
for archive in "$1"/*.deb; do
    dpkg-deb --fsys-tarfile "$archive" | tar --extract --keep-directory-symlink --directory "$2"
done
rm -rf "$1"
"#;
