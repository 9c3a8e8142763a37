// SPDX-License-Identifier: Apache-2.0
//! A Debian kernel and its initial RAM disk: busybox, a few modules, and tests/lane/init.

use std::path::{Path, PathBuf};

use super::cpio::Archive;
use super::packages::Source;
use crate::command::program;
use crate::failure::{Failure, Result, While};
use crate::packages::read_list;

/// Which kernel runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// That of this Debian release.
    Generic,
    /// The newer one of its backports.
    Backports,
}

impl Kernel {
    /// As the command line names it.
    pub(crate) fn parse(name: &str) -> Result<Self> {
        match name {
            "generic" => Ok(Self::Generic),
            "bpo" => Ok(Self::Backports),
            other => Err(Failure::new(format!("no kernel named {other}; there are: generic, bpo"))),
        }
    }

    /// The same.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Backports => "bpo",
        }
    }

    /// The files that [`Kernel::make`] makes: the kernel, its initial RAM disk.
    pub(super) fn files(self) -> [String; 2] {
        [format!("{}.vmlinuz", self.name()), format!("{}.initrd", self.name())]
    }

    /// Makes them in the directory `work`. `guest` holds tests/lane and the list of modules, `busybox`
    /// is a static one.
    pub(super) fn make(self, guest: &Path, busybox: &Path, work: &Path) -> Result<()> {
        let source = match self {
            Self::Generic => Source::of_this_machine(),
            Self::Backports => Source::backports(&work.join("apt"))?,
        };
        let root = work.join("root");
        source.unpack(&[source.kernel()?], &root, work)?;
        let [kernel, initrd] = self.files();
        let image = the_only(&root.join("boot"), |name| name.starts_with("vmlinuz-"))?;
        std::fs::copy(image, work.join(kernel)).cannot(|| "copy the kernel")?;
        let modules = Modules::of(&the_only(&root.join("lib/modules"), |_| true)?)?;
        let wanted = modules.with_needed(&read_list(&guest.join("modules.txt"))?)?;
        let archive = initial_disk(guest, busybox, &modules, &wanted)?;
        std::fs::write(work.join(initrd), archive).cannot(|| "write the initial RAM disk")
    }
}

fn initial_disk(guest: &Path, busybox: &Path, modules: &Modules, wanted: &[String]) -> Result<Vec<u8>> {
    let read = |path: &Path| std::fs::read(path).cannot(|| format!("read {}", path.display()));
    let mut archive = Archive::default();
    for directory in ["bin", "dev", "modules"] {
        archive.directory(directory);
    }
    archive.console("dev/console");
    archive.program("bin/busybox", &read(busybox)?);
    archive.program("init", &read(&guest.join("init"))?);
    for name in wanted {
        archive.file(&format!("modules/{name}.ko"), &modules.read(name)?);
    }
    let order: String = wanted.iter().map(|name| format!("{name}.ko\n")).collect();
    archive.file("modules/order", order.as_bytes());
    Ok(archive.finish())
}

/// The modules of a kernel.
#[derive(Debug)]
struct Modules {
    files: Vec<PathBuf>,
    built_in: String,
}

impl Modules {
    fn of(directory: &Path) -> Result<Self> {
        let found = program("find", [directory]).args(&["-name", "*.ko*", "-type", "f"]).text()?;
        let list = directory.join("modules.builtin");
        let built_in = std::fs::read_to_string(&list).cannot(|| format!("read {}", list.display()))?;
        Ok(Self { files: found.lines().map(PathBuf::from).collect(), built_in })
    }

    /// `names` and the modules that they need, in an order in which they can be loaded, without those
    /// that are built in.
    fn with_needed(&self, names: &[String]) -> Result<Vec<String>> {
        let mut order = Vec::new();
        for name in names {
            self.visit(&plain(name), &mut order)?;
        }
        Ok(order)
    }

    fn visit(&self, name: &str, order: &mut Vec<String>) -> Result<()> {
        if order.iter().any(|done| done == name) || self.is_built_in(name) {
            return Ok(());
        }
        for needed in needed(&self.read(name)?) {
            self.visit(&plain(&needed), order)?;
        }
        order.push(name.to_owned());
        Ok(())
    }

    fn is_built_in(&self, name: &str) -> bool {
        self.built_in.lines().any(|line| module_name(Path::new(line)) == name)
    }

    /// A module's bytes, as insmod(8) of busybox wants them.
    fn read(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.files.iter().find(|path| module_name(path) == name);
        let path = path.cannot(|| format!("find the module {name} in this kernel"))?;
        if path.extension().is_some_and(|end| end == "xz") {
            let output = program("xz", ["--decompress", "--stdout"]).arg(path).output()?;
            return if output.status.success() {
                Ok(output.stdout)
            } else {
                Err(Failure::new(format!("cannot decompress {}", path.display())))
            };
        }
        std::fs::read(path).cannot(|| format!("read {}", path.display()))
    }
}

/// The module `ext4` of `.../ext4.ko.xz`.
fn module_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    plain(name.split('.').next().unwrap_or_default())
}

/// The kernel takes `-` and `_` in module names as the same.
fn plain(name: &str) -> String {
    name.replace('-', "_")
}

/// What a module needs: the text `depends=` of its section `.modinfo`, where texts end with a zero.
fn needed(module: &[u8]) -> Vec<String> {
    let mut texts = module.split(|byte| *byte == 0);
    let list = texts.find_map(|text| text.strip_prefix(b"depends="));
    let list = String::from_utf8_lossy(list.unwrap_or_default()).into_owned();
    list.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The one entry of `directory` whose name is `wanted`.
fn the_only(directory: &Path, wanted: impl Fn(&str) -> bool) -> Result<PathBuf> {
    let entries = std::fs::read_dir(directory).cannot(|| format!("read {}", directory.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.cannot(|| format!("read {}", directory.display()))?.path();
        if path.file_name().is_some_and(|name| wanted(&name.to_string_lossy())) {
            paths.push(path);
        }
    }
    match <[PathBuf; 1]>::try_from(paths) {
        Ok([path]) => Ok(path),
        Err(paths) => Err(Failure::new(format!("{} has {} kernels", directory.display(), paths.len()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_are_read_from_a_module() {
        assert_eq!(needed(b"\x7fELF\0license=GPL\0depends=mbcache,jbd2\0name=ext4\0"), ["mbcache", "jbd2"]);
        assert_eq!(needed(b"\0depends=\0"), [""; 0]);
        assert_eq!(module_name(Path::new("kernel/fs/nls/nls-utf8.ko.xz")), "nls_utf8");
    }
}
