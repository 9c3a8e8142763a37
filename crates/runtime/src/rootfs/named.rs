// SPDX-License-Identifier: Apache-2.0
//! Layers joined by name, for kernels before 6.13, whose overlayfs takes no descriptors.
//!
//! The mapped layers need names, and no name on the host may show them. So a helper process attaches
//! them in a mount namespace of its own, mounts there, and sends the result back, detached. Whatever
//! happens to it, the namespace goes with it and the host has seen nothing.
//!
//! ```text
//! WRITABLE/          the container's directory, where the helper works
//!   l/               a tmpfs, in the helper's namespace only
//!     0 1 2 ...      the layers
//!   upper/ work/     as always
//!   m/               the overlay, before it is sent back
//! ```
//!
//! The names are relative, so mountinfo tells nothing of the host, and short: all of them have to fit
//! into one page (mount(2)).

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use kernel::fork::Namespaces;
use kernel::mount::{self, Attributes, Depth};
use kernel::rustix::fs::{CWD, Mode, OFlags};
use kernel::rustix::mount::{MountAttrFlags, MountFlags};
use kernel::rustix::process::{Pid, WaitOptions, chdir, waitpid};

use super::{UPPER, WORK};
use crate::error::{Error, Result, Step};
use crate::spec::{Durability, Marks, Root, Wall};

/// What lies on top of the layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Top {
    /// The container's writable layer.
    Writable,
    /// Nothing: the first layer is the top, and all is for reading.
    Layer,
}

/// Joins `layers`, the topmost first.
pub(super) fn join(root: &Root, layers: &[OwnedFd], top: Top) -> Result<OwnedFd> {
    let step = || "start the helper that joins the layers";
    let (ours, theirs) = kernel::socket::pair().step(step)?;
    let Some(helper) = kernel::fork::fork().step(step)? else {
        drop(ours);
        kernel::process::exit_now(i32::from(answer(theirs.as_fd(), mount(root, layers, top)).is_err()));
    };
    drop(theirs);
    let mut said = [0; 1024];
    let (length, joined) = kernel::socket::receive(ours.as_fd(), &mut said).step(|| "hear of the layers")?;
    waitpid(Pid::from_raw(helper), WaitOptions::empty()).step(|| "wait for the helper")?;
    joined.ok_or_else(|| Error::Child {
        step: "join the image's layers by name".into(),
        cause: match length {
            0 => "the helper process ended without a word".into(),
            _ => String::from_utf8_lossy(&said[..length]).into_owned(),
        },
    })
}

fn answer(socket: BorrowedFd<'_>, joined: Result<OwnedFd>) -> kernel::Result<()> {
    match joined {
        Ok(joined) => kernel::socket::send(socket, b"joined", Some(joined.as_fd())),
        Err(Error::Step { step, source }) => {
            kernel::socket::send(socket, format!("could not {step}: {source}").as_bytes(), None)
        }
        Err(error) => kernel::socket::send(socket, error.to_string().as_bytes(), None),
    }
}

/// In the helper.
fn mount(root: &Root, layers: &[OwnedFd], top: Top) -> Result<OwnedFd> {
    kernel::fork::unshare(Namespaces::MOUNT).step(|| "enter a mount namespace")?;
    let private = Attributes { propagation: mount::PRIVATE, ..Attributes::default() };
    mount::set_attributes(open("/")?.as_fd(), &private, Depth::Recursive)
        .step(|| "make the mount namespace private")?;
    chdir(&root.writable).step(|| format!("enter {}", root.writable.display()))?;
    make_directory(NAMES)?;
    make_directory(JOINED)?;
    let names =
        mount::new_filesystem("tmpfs", &[], MountAttrFlags::empty()).step(|| "make room for names")?;
    mount::attach(names.as_fd(), open(NAMES)?.as_fd()).step(|| "make room for names")?;
    let mut lower = Vec::with_capacity(layers.len());
    for (index, layer) in layers.iter().enumerate() {
        let name = format!("{NAMES}/{index}");
        make_directory(&name)?;
        mount::attach(layer.as_fd(), open(&name)?.as_fd()).step(|| format!("name the layer {index}"))?;
        lower.push(name);
    }
    let options = options(root, &lower.join(":"), top);
    let flags = match root.flags {
        Wall::Up(()) => MountFlags::NOSUID | MountFlags::NODEV,
        Wall::Down(_) => MountFlags::empty(),
    };
    let data = CString::new(options).map_err(|_| kernel::Errno::INVAL).step(|| "write the names")?;
    kernel::rustix::mount::mount("overlay", JOINED, "overlay", flags, Some(data.as_c_str()))
        .step(|| format!("mount overlayfs ({} layers; the kernel's log tells more)", layers.len()))?;
    mount::clone_tree(CWD, Path::new(JOINED), Depth::Single).step(|| "take the root file system out")
}

fn options(root: &Root, lower: &str, top: Top) -> String {
    let mut options = match top {
        Top::Writable => format!("lowerdir={lower},upperdir={UPPER},workdir={WORK}"),
        Top::Layer => format!("lowerdir={lower}"),
    };
    if root.durability == Durability::Volatile {
        options.push_str(",volatile");
    }
    if root.marks == Marks::User {
        options.push_str(",userxattr");
    }
    options
}

fn make_directory(name: &str) -> Result<()> {
    match kernel::rustix::fs::mkdir(name, Mode::from_raw_mode(0o700)) {
        Ok(()) | Err(kernel::Errno::EXIST) => Ok(()),
        Err(errno) => Err(errno).step(|| format!("make {name} in the container's directory")),
    }
}

fn open(path: &str) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    kernel::rustix::fs::open(path, flags, Mode::empty()).step(|| format!("open {path}"))
}

/// One letter: a page holds the names of 500 layers.
const NAMES: &str = "l";
const JOINED: &str = "m";
