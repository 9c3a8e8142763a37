// SPDX-License-Identifier: Apache-2.0
//! The machine: QEMU's software emulation, two disks in, lines of text out.
//!
//! ```text
//! target/lane/
//!   machine/           QEMU and every library it needs, unpacked
//!   guest.ext4         the guest's root disk; a run's writes go to a temporary file
//!   KERNEL.vmlinuz     a Debian kernel
//!   KERNEL.initrd      busybox, modules and tests/lane/init
//!   run-PID/           one run, locked while it lasts
//!     disk/ disk.ext4  what the guest finds at /lane
//!     console          what its kernel said
//! ```

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::kernel::Kernel;
use super::packages::{self, Source};
use crate::command::program;
use crate::failure::{Failure, Result, While};
use crate::images::{Shelf, remove};
use crate::project::Project;

/// Everything that a run needs, made.
#[derive(Debug)]
pub(super) struct Machine {
    shelf: PathBuf,
    kernel: Kernel,
}

impl Machine {
    /// Makes what is missing.
    pub(super) fn make(project: &Project, shelf: &Shelf, kernel: Kernel) -> Result<Self> {
        if !cfg!(target_arch = "x86_64") {
            return Err(Failure::new("the lane knows x86-64 machines only"));
        }
        let guest = project.root.join("tests/lane");
        let list = project.root.join("tests/lane-packages.txt");
        let software = packages::listed(&list, "MACHINE")?;
        shelf.keep(&["machine"], &software.join("\n"), |work| {
            unpacked(&software, &work.join("machine"), work)
        })?;
        let software = packages::listed(&list, "GUEST")?;
        let recipe = format!("{}\n{DISK_SIZE}\n{GUEST_FILES}", software.join("\n"));
        shelf.keep(&["guest.ext4", "guest.busybox"], &recipe, |work| root_disk(&software, work))?;
        let [image, disk] = kernel.files();
        let text = |name: &str| {
            std::fs::read_to_string(guest.join(name)).cannot(|| format!("read tests/lane/{name}"))
        };
        let recipe = format!("{}\n{}", text("modules.txt")?, text("init")?);
        let busybox = shelf.path("guest.busybox");
        shelf.keep(&[&image, &disk], &recipe, |work| kernel.make(&guest, &busybox, work))?;
        Ok(Self { shelf: shelf.directory.clone(), kernel })
    }

    /// Boots, runs the command of `run`, gives every line of its output to `hear`, and its exit status
    /// back.
    pub(super) fn run(&self, run: &Run, hear: &mut dyn FnMut(&str)) -> Result<i32> {
        let disk = run.make_disk()?;
        let console = run.directory.join("console");
        let mut command = self.command(&disk, &console, &run.directory).into_command();
        let mut child = command.stdout(Stdio::piped()).spawn().cannot(|| "start QEMU")?;
        let mut ended = None;
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).split(b'\n') {
                let line = line.cannot(|| "read what the guest says")?;
                let line = String::from_utf8_lossy(&line);
                match line.trim_end().strip_prefix("lane: ended with ") {
                    Some(status) => ended = status.parse().ok(),
                    None => hear(line.trim_end()),
                }
            }
        }
        let status = child.wait().cannot(|| "wait for QEMU")?;
        ended.ok_or_else(|| Failure::new(without_end(status, &console)))
    }

    /// QEMU, which ends when this process ends, or after a time that no run needs.
    fn command(&self, disk: &Path, console: &Path, temporary: &Path) -> crate::command::Program {
        let root = self.shelf.join("machine");
        let at = |path: &str| root.join(path).display().to_string();
        let libraries =
            format!("{}:{}", at("lib/x86_64-linux-gnu"), at("usr/lib/x86_64-linux-gnu/pulseaudio"));
        let [kernel, initrd] = self.kernel.files().map(|name| self.shelf.join(name).display().to_string());
        let root_disk = self.shelf.join("guest.ext4");
        let mut words =
            vec!["--pdeathsig".to_owned(), "TERM".into(), "timeout".into(), "--kill-after=5".into()];
        words.extend([LIMIT.as_secs().to_string(), "setpriv".into(), "--pdeathsig".into(), "KILL".into()]);
        words.extend([at("lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"), "--library-path".into(), libraries]);
        words.extend([at("usr/bin/qemu-system-x86_64"), "-L".into(), at("usr/share/qemu"), "-L".into()]);
        words.extend([at("usr/share/seabios"), "-kernel".into(), kernel, "-initrd".into(), initrd]);
        words.extend(HARDWARE.split_whitespace().map(str::to_owned));
        words.extend(["-append".into(), kernel_words()]);
        for (name, file, how) in [("root", root_disk.as_path(), "snapshot=on"), ("run", disk, "readonly=on")]
        {
            words.push("-drive".into());
            words.push(format!("file={},format=raw,if=none,id={name},{how}", file.display()));
            words.extend(["-device".into(), format!("virtio-blk-pci,drive={name}")]);
        }
        words.extend(["-serial".into(), format!("file:{}", console.display())]);
        program("setpriv", words)
            .env("QEMU_MODULE_DIR", at("usr/lib/x86_64-linux-gnu/qemu"))
            .env("TMPDIR", temporary)
    }
}

/// One run: its directory, locked while this lives and gone with it.
#[derive(Debug)]
pub(super) struct Run {
    directory: PathBuf,
    _lock: std::fs::File,
}

impl Run {
    /// A new one. Removes what killed runs left; holding the shelf keeps others from doing the same.
    pub(super) fn new(shelf: &Shelf) -> Result<Self> {
        sweep(&shelf.directory)?;
        let directory = shelf.path(&format!("run-{}", std::process::id()));
        std::fs::create_dir_all(directory.join("disk/bin")).cannot(|| "make a directory for the run")?;
        let lock = std::fs::File::create(directory.join("lock")).cannot(|| "make the lock of the run")?;
        lock.lock().cannot(|| "lock the run")?;
        Ok(Self { directory, _lock: lock })
    }

    /// Copies a file of this machine to the guest's /lane/`place`.
    pub(super) fn bring(&self, file: &Path, place: &str) -> Result<()> {
        let to = self.directory.join("disk").join(place);
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent).cannot(|| format!("make {}", parent.display()))?;
        }
        std::fs::copy(file, &to).cannot(|| format!("copy {}", file.display()))?;
        Ok(())
    }

    /// What the guest's shell is to run.
    pub(super) fn command(&self, script: &str) -> Result<()> {
        std::fs::write(self.directory.join("disk/command"), script).cannot(|| "write the guest's command")
    }

    fn make_disk(&self) -> Result<PathBuf> {
        let disk = self.directory.join("disk.ext4");
        make_ext4(&self.directory.join("disk"), &disk)?;
        Ok(disk)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.directory) {
            eprintln!("cannot remove {}: {error}", self.directory.display());
        }
    }
}

/// Removes the directories of runs whose process is gone: nobody holds their locks.
fn sweep(shelf: &Path) -> Result<()> {
    for entry in std::fs::read_dir(shelf).cannot(|| format!("read {}", shelf.display()))? {
        let path = entry.cannot(|| format!("read {}", shelf.display()))?.path();
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("run-")) {
            continue;
        }
        let lock = std::fs::File::open(path.join("lock"));
        if lock.is_ok_and(|lock| lock.try_lock().is_err()) {
            continue;
        }
        remove(&path)?;
    }
    Ok(())
}

fn unpacked(packages: &[String], root: &Path, work: &Path) -> Result<()> {
    let source = Source::of_this_machine();
    source.unpack(&source.closure(packages)?, root, work)
}

/// The guest's root disk. No package is configured in it: the few files that their scripts would have
/// made are written here.
fn root_disk(packages: &[String], work: &Path) -> Result<()> {
    let root = work.join("root");
    unpacked(packages, &root, work)?;
    for directory in GUEST_DIRECTORIES {
        std::fs::create_dir_all(root.join(directory)).cannot(|| format!("make the guest's /{directory}"))?;
    }
    for (name, text) in GUEST_FILES.lines().filter_map(|line| line.split_once(": ")) {
        let text = text.replace(';', "\n");
        std::fs::write(root.join(name), text).cannot(|| format!("write the guest's /{name}"))?;
    }
    program("chmod", ["1777"]).arg(root.join("tmp")).arg(root.join("var/tmp")).run()?;
    std::fs::copy(root.join("bin/busybox"), work.join("guest.busybox")).cannot(|| "copy busybox")?;
    make_ext4(&root, &work.join("guest.ext4"))
}

/// A file system with the content of `directory`, in a file with holes.
fn make_ext4(directory: &Path, file: &Path) -> Result<()> {
    // All of it now: otherwise the guest's kernel writes the tables of inodes while tests run.
    program(
        "mke2fs",
        ["-q", "-t", "ext4", "-O", "^has_journal", "-E", "lazy_itable_init=0", "-i", "65536", "-d"],
    )
    .arg(directory)
    .arg(file)
    .arg(DISK_SIZE)
    .run_quietly()
}

/// The machine's processor counts time by ours, so the kernel need not measure it, which fails on a
/// busy machine.
fn kernel_words() -> String {
    let mut words = "console=ttyS0 panic=-1 quiet loglevel=4".to_owned();
    let facts = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let speed =
        facts.lines().find_map(|line| line.strip_prefix("cpu MHz")?.rsplit(' ').next()?.parse::<f64>().ok());
    if let Some(speed) = speed {
        // Writing to a String cannot fail.
        write!(words, " tsc_early_khz={:.0}", speed * 1000.0).unwrap_or_default();
    }
    words
}

fn without_end(status: std::process::ExitStatus, console: &Path) -> String {
    let said = std::fs::read(console).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).replace('\r', "");
    let lines: Vec<_> = said.trim().lines().collect();
    let tail = lines[lines.len().saturating_sub(CONSOLE_LINES)..].join("\n  ");
    format!("the guest did not come to an end (QEMU: {status}); its console said\n  {tail}")
}

/// QEMU 7.2 emulates cmpxchg16b wrongly now and then, so the guest must not use it.
const HARDWARE: &str = "
    -nodefaults -no-user-config -display none -no-reboot
    -machine q35 -accel tcg,thread=multi -cpu max,cx16=off -smp 2 -m 1536
    -device virtio-rng-pci
    -device virtio-serial-pci -chardev file,id=out,path=/dev/stdout -device virtserialport,chardev=out,name=lane";

/// Room for the containers of the tests.
const DISK_SIZE: &str = "4G";

const GUEST_DIRECTORIES: [&str; 12] =
    ["dev", "etc", "home", "lane", "proc", "root", "run", "sys", "tmp", "var/lib", "var/tmp", "home/lane"];

/// Name, and lines. The user is the harness's ordinary one.
const GUEST_FILES: &str = "\
etc/passwd: root:x:0:0:root:/root:/bin/sh;lane:x:4242:4242:lane:/home/lane:/bin/sh;nobody:x:65534:65534:nobody:/:/bin/false;
etc/group: root:x:0:;lane:x:4242:;nogroup:x:65534:;
etc/hosts: 127.0.0.1 localhost lane;
etc/subuid: ;
etc/subgid: ;
";

/// More than the selection of `--all` takes.
const LIMIT: Duration = Duration::from_secs(60 * 60);

const CONSOLE_LINES: usize = 40;
