// SPDX-License-Identifier: Apache-2.0
//! `cp`: files into a container and out of it.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;

use kernel::Root;
use kernel::root::Links;
use runtime::rootfs::Purpose;
use store::pack::{self, Attributes, Options, Tree};
use store::receive::{self, Receiver, SetIds, Target};
use store::tar::Reader;
use store::tar::stream::Archive;

use super::ends::{self, Destination, Shape, Source};
use super::reach::{Reached, Subject};
use crate::Engine;
use crate::directory::Home;
use crate::error::{Context, Error, Result};
use crate::standing::Standing;

pub use super::ends::SourceLinks;

/// A copy.
#[derive(Debug)]
pub struct CopyRequest<'a> {
    /// The container's name or id.
    pub container: &'a str,
    /// The path in it, as it was written: a slash or `/.` at its end counts.
    pub inside: &'a Path,
    /// Whose the copies become.
    pub owners: Owners,
    /// What to do with a link.
    pub links: SourceLinks,
}

/// Whose the copies become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// Root's in a container, the caller's outside of one, and there without set-user-id bits.
    Receivers,
    /// Those of the source, by number (`-a`).
    Kept,
}

/// The other end, with an absolute path on the host.
#[allow(missing_debug_implementations, reason = "streams show nothing")]
pub enum Direction<'a> {
    /// From a file or directory into the container.
    In(&'a Path),
    /// From an archive into a directory of the container.
    Unpack(&'a mut dyn Read),
    /// From the container to a file or directory.
    Out(&'a Path),
    /// From the container into an archive.
    Pack(&'a mut dyn Write),
}

/// What a copy came to.
#[derive(Debug, Default)]
pub struct Copied {
    /// Bytes of the files.
    pub bytes: u64,
    /// What was left out: devices, and on the host fifos.
    pub left_out: Vec<Vec<u8>>,
    /// Files whose access control list was left out: without `-a`, or since it names somebody who has no number at
    /// the other end, or the file system there knows none.
    pub without_acl: Vec<Vec<u8>>,
}

impl Copied {
    fn of(receiver: Receiver<'_>, mut without_acl: Vec<Vec<u8>>) -> Self {
        without_acl.extend(receiver.without_acl);
        Self { bytes: receiver.bytes, left_out: receiver.left_out, without_acl }
    }
}

impl Engine {
    /// Copies; `reached` is what [`Engine::reach`] said of the container.
    ///
    /// # Errors
    /// What of the two ends is missing or in the way. What was copied until then stays.
    pub fn copy(
        &self,
        request: &CopyRequest<'_>,
        reached: Option<Reached>,
        direction: Direction<'_>,
    ) -> Result<Copied> {
        let subject = self.whose_files(request.container)?;
        let purpose = match direction {
            Direction::In(_) | Direction::Unpack(_) => Purpose::Writing,
            Direction::Out(_) | Direction::Pack(_) => Purpose::Reading,
        };
        let (root, _home) = match reached.and_then(|reached| reached.root_of(&subject)) {
            Some(root) => (root, None),
            None => self.ended(&subject, purpose)?,
        };
        if purpose == Purpose::Writing && self.standing == Standing::Root {
            kernel::process::make_files_as(subject.ids.0).told("make files as the container's root")?;
        }
        let copy = Copy { request, root: &root, ids: subject.ids };
        let host = Root::open("/").told("open the root directory")?;
        match direction {
            Direction::In(path) => copy.enter(&host, path),
            Direction::Unpack(stream) => copy.unpack(stream),
            Direction::Out(path) => copy.leave(&host, path),
            Direction::Pack(sink) => copy.pack(sink),
        }
        .map_err(|error| Error::Invalid {
            what: "not everything was copied".into(),
            reason: error.to_string(),
        })
    }

    /// The files of a container that does not run. Who writes to them holds it, so that nobody else does.
    fn ended(&self, subject: &Subject, purpose: Purpose) -> Result<(Root, Option<Home>)> {
        let home = match purpose {
            Purpose::Reading | Purpose::Image => None,
            Purpose::Writing => match Home::take_over(&self.records, &subject.record.id)? {
                Some(home) => Some(home),
                None => {
                    return Err(Error::WrongState {
                        name: subject.record.name.clone(),
                        state: "in use by another command: try again",
                    });
                }
            },
        };
        Ok((self.joined(subject, purpose)?, home))
    }
}

struct Copy<'a> {
    request: &'a CopyRequest<'a>,
    root: &'a Root,
    ids: (u32, u32),
}

impl Copy<'_> {
    fn enter(&self, host: &Root, path: &Path) -> io::Result<Copied> {
        let source = source(host, path, self.request.links)?;
        let place = ends::destination(self.root, self.request.inside, &source)?;
        let owners = match self.request.owners {
            Owners::Receivers => receive::Owners::One(self.ids.0),
            Owners::Kept => self.numbered(),
        };
        let receiver = Receiver::new(self.inside(place.directory.clone()), owners, SetIds::Kept);
        carry(&source, &place, options((0, u32::MAX), self.attributes()), receiver)
    }

    fn unpack(&self, stream: &mut dyn Read) -> io::Result<Copied> {
        ends::directory(self.root, self.request.inside)?;
        let target = self.inside(self.request.inside.to_owned());
        let mut receiver = Receiver::new(target, self.numbered(), SetIds::Kept);
        let mut reader = Reader::new(stream);
        while let Some(entry) = reader.next_entry().map_err(io::Error::other)? {
            receiver.take(&entry, &mut reader)?;
        }
        receiver.finish()?;
        Ok(Copied::of(receiver, Vec::new()))
    }

    fn leave(&self, host: &Root, path: &Path) -> io::Result<Copied> {
        let source = source(self.root, self.request.inside, self.request.links)?;
        let place = ends::destination(host, path, &source)?;
        let (owners, set_ids) = match self.request.owners {
            Owners::Receivers => (receive::Owners::Caller, SetIds::Dropped),
            Owners::Kept => (receive::Owners::Kept { first: 0, count: u32::MAX }, SetIds::Kept),
        };
        // Held from here on: what comes from the container is looked up beneath it, following nothing.
        let directory = Root::from_fd(ends::directory(host, &place.directory)?);
        let target = Target { root: &directory, directory: ".".into(), links: Links::Refuse };
        let options = options(self.ids, self.attributes());
        carry(&source, &place, options, Receiver::new(target, owners, set_ids))
    }

    fn pack(&self, sink: &mut dyn Write) -> io::Result<Copied> {
        let source = source(self.root, self.request.inside, self.request.links)?;
        let top = match source.shape {
            Shape::Contents => b".",
            _ => &source.base[..],
        };
        let mut archive = Archive::new(sink);
        let mut copied = Copied::default();
        // Whoever reads the archive finds numbers in it, whatever they make of them.
        let options = options(self.ids, Attributes::Numbered);
        copied.without_acl =
            pack::pack(source.parent.as_fd(), Path::new(&source.name), top, options, &mut |entry, data| {
                copied.bytes += entry.size;
                archive.append(entry, data)
            })?;
        archive.finish()?;
        Ok(copied)
    }

    fn attributes(&self) -> Attributes {
        match self.request.owners {
            Owners::Kept => Attributes::Numbered,
            Owners::Receivers => Attributes::Harmless,
        }
    }

    /// By the archive's numbers, within the container's ids.
    fn numbered(&self) -> receive::Owners {
        receive::Owners::Kept { first: self.ids.0, count: self.ids.1 }
    }

    fn inside(&self, directory: std::path::PathBuf) -> Target<'_> {
        Target { root: self.root, directory, links: Links::InRoot }
    }
}

fn source(root: &Root, path: &Path, links: SourceLinks) -> io::Result<Source> {
    let source = ends::source(root, path, links)?;
    match pack::is_of_the_kernel(source.parent.as_fd())? {
        true => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the kernel makes this file up as it is read; read it with a program in the container",
        )),
        false => Ok(source),
    }
}

fn carry(
    source: &Source,
    place: &Destination,
    options: Options,
    mut receiver: Receiver<'_>,
) -> io::Result<Copied> {
    let name = Path::new(&source.name);
    let without_acl = pack::pack(source.parent.as_fd(), name, &place.top, options, &mut |entry, data| {
        receiver.take(entry, data)
    })?;
    receiver.finish()?;
    Ok(Copied::of(receiver, without_acl))
}

fn options(ids: (u32, u32), attributes: Attributes) -> Options {
    Options { ids, tree: Tree::Plain, attributes }
}
