// SPDX-License-Identifier: Apache-2.0
//! Root file systems.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use super::Shelf;
use crate::command::program;
use crate::failure::{Result, While};
use crate::packages;

/// Busybox with a link for each of its commands, two users, and the usual directories.
pub(super) fn minimal(shelf: &Shelf) -> Result<()> {
    let busybox = which("busybox")?;
    let recipe =
        format!("{MINIMAL}{}", program(&busybox, ["--help"]).text()?.lines().next().unwrap_or_default());
    shelf.keep(&["minimal.tar"], &recipe, |work| {
        program("sh", ["-euc", MINIMAL, "sh", &busybox]).within_directory(work).run()
    })
}

/// Debian of this machine's own release, with the packages of `list`.
pub(super) fn debian(shelf: &Shelf, list: &Path) -> Result<()> {
    let packages = packages::read_list(list)?;
    let mirror = Mirror::of_this_machine()?;
    // Not the mirror: the packages are the same from any.
    let recipe = format!("{DEBIAN}{}\n{}", mirror.suite, packages.join("\n"));
    shelf.keep(&["debian.tar"], &recipe, |work| {
        std::fs::write(work.join("sources.list"), mirror.sources()).cannot(|| "write sources.list")?;
        program("unshare", ["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"])
            .args(&["sh", "-euc", DEBIAN, "sh", &mirror.suite, &mirror.main])
            .args(&packages)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .within_directory(work)
            .within(DEBIAN_LIMIT)
            .run_quietly()
    })
}

/// Debian's minimal system of this machine's own release, without apt's caches and device nodes.
pub(super) fn minbase(shelf: &Shelf) -> Result<()> {
    let mirror = Mirror::of_this_machine()?;
    let recipe = format!("{MINBASE}{}", mirror.suite);
    shelf.keep(&["bookworm.tar"], &recipe, |work| {
        program("unshare", ["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"])
            .args(&["sh", "-euc", MINBASE, "sh", &mirror.suite, &mirror.main])
            .env("DEBIAN_FRONTEND", "noninteractive")
            .within_directory(work)
            .within(DEBIAN_LIMIT)
            .run_quietly()
    })
}

/// Where this machine gets its own Debian packages, read from apt, so that no host is named here.
struct Mirror {
    suite: String,
    main: String,
    others: Vec<(String, String)>,
}

impl Mirror {
    fn of_this_machine() -> Result<Self> {
        let format = "$(REPO_URI) $(RELEASE) $(ORIGIN) $(COMPONENT)";
        let targets =
            program("apt-get", ["indextargets", "--format", format, "Created-By: Packages"]).text()?;
        let release = std::fs::read_to_string("/etc/os-release").cannot(|| "read /etc/os-release")?;
        let suite = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
        let suite = suite.cannot(|| "find VERSION_CODENAME in /etc/os-release")?.to_owned();
        let debian = targets.lines().filter_map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
            [uri, release, "Debian", "main"] => Some((uri.to_owned(), release.to_owned())),
            _ => None,
        });
        let (main, others): (Vec<_>, Vec<_>) = debian.partition(|(_, release)| *release == suite);
        let (main, _) =
            main.into_iter().next().cannot(|| format!("find {suite} of Debian in apt's sources"))?;
        Ok(Self { suite, main, others })
    }

    fn sources(&self) -> String {
        let mut text = format!("deb {} {} main\n", self.main, self.suite);
        for (uri, release) in &self.others {
            // Writing to a String cannot fail.
            writeln!(text, "deb {uri} {release} main").unwrap_or_default();
        }
        text
    }
}

fn which(name: &str) -> Result<String> {
    program("sh", ["-c", &format!("command -v {name}")]).text()
}

/// $1 is busybox. Owners are numbers: root's own.
const MINIMAL: &str = r#"
umask 022
mkdir -p root/bin root/dev root/etc root/home/user root/lib root/proc root/root root/sbin root/sys root/tmp root/usr root/var
ln -s ../bin root/usr/bin
ln -s ../var/run root/run
mkdir -p root/var/run
chmod 1777 root/tmp
chmod 700 root/root
cp "$1" root/bin/busybox
for name in $("$1" --list); do
    [ "$name" = busybox ] || ln -s busybox "root/bin/$name"
done
printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' > root/etc/passwd
printf 'root:x:0:\nuser:x:1000:\nextra:x:2000:user\nnogroup:x:65534:\n' > root/etc/group
printf 'ID=minimal\nNAME=Minimal\n' > root/etc/os-release
tar --create --file minimal.tar --directory root --sort=name --mtime=@0 --numeric-owner --owner=0 --group=0 .
"#;

/// $1 is the suite, $2 the mirror, the rest are packages. The sources with a mirror in them stay out
/// of the image, and so do apt's caches.
const DEBIAN: &str = r#"
suite=$1; mirror=$2; shift 2
debootstrap --variant=minbase "$suite" root "$mirror"
printf '#!/bin/sh\nexit 101\n' > root/usr/sbin/policy-rc.d; chmod 755 root/usr/sbin/policy-rc.d
cp sources.list root/etc/apt/sources.list
cp /etc/resolv.conf root/etc/resolv.conf
mount -t proc proc root/proc
mkdir -p root/usr/share/man/man1
printf 'path-exclude=/usr/share/doc/*\npath-exclude=/usr/share/man/*\npath-exclude=/usr/share/locale/*\n' > root/etc/dpkg/dpkg.cfg.d/small
chroot root apt-get update --quiet
chroot root apt-get install --quiet --yes --no-install-recommends "$@"
chroot root apt-get clean
umount root/proc
rm -rf root/usr/sbin/policy-rc.d root/etc/apt/sources.list root/etc/resolv.conf root/var/lib/apt/lists/* root/dev/*
find root/var/log root/var/cache -type f -delete
rm -rf root/var/lib/postgresql/*/main
tar --create --file debian.tar --directory root --numeric-owner --xattrs .
"#;

/// $1 is the suite, $2 the mirror.
const MINBASE: &str = r#"
debootstrap --variant=minbase "$1" root "$2"
rm -rf root/dev/* root/var/lib/apt/lists/* root/var/cache/apt/* root/var/log/*
tar --create --file bookworm.tar --directory root --numeric-owner --xattrs .
"#;

const DEBIAN_LIMIT: Duration = Duration::from_secs(20 * 60);
