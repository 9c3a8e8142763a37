// SPDX-License-Identifier: Apache-2.0
//! What the attempts are made from: an image that is this program, or anybody's image with this program
//! lent to it.

use oci::config::Process;
use store::EmbeddedFile;

use crate::Engine;
use crate::error::{Context, Result};
use crate::request::{Exec, Missing, MountRequest, MountSource, Recursive, RootAccess, RunRequest};

impl Engine {
    /// The image `bulkhead/drill`, made from this very program.
    pub(super) fn embedded_image(&self) -> Result<String> {
        let program = std::fs::read("/proc/self/exe").told("read this program")?;
        let files = [
            EmbeddedFile { path: "dev/", mode: 0o755, content: b"" },
            EmbeddedFile { path: "etc/", mode: 0o755, content: b"" },
            EmbeddedFile { path: "etc/passwd", mode: 0o644, content: PASSWD },
            EmbeddedFile { path: "etc/group", mode: 0o644, content: b"root:x:0:\nnogroup:x:65534:\n" },
            EmbeddedFile { path: "proc/", mode: 0o755, content: b"" },
            EmbeddedFile { path: "sys/", mode: 0o755, content: b"" },
            EmbeddedFile { path: "tmp/", mode: 0o1777, content: b"" },
            EmbeddedFile { path: "bulkhead", mode: 0o755, content: &program },
        ];
        let process = Process {
            entrypoint: vec!["/bulkhead".into()],
            cmd: WORDS.map(str::to_owned).into(),
            ..Process::default()
        };
        let name = oci::Reference::parse(IMAGE)?;
        self.store.embedded(&name, &files, &process)?;
        Ok(IMAGE.to_owned())
    }
}

/// Has containers of `image` run this program, which is static and therefore runs in any of them.
pub(super) fn lend_program(request: &mut RunRequest, image: &str) -> Result<()> {
    image.clone_into(&mut request.image);
    request.process.entrypoint = Some(PLACE.to_owned());
    request.command = WORDS.map(str::to_owned).into();
    request.process.workdir = Some("/".to_owned());
    request.files.mounts.push(MountRequest {
        target: PLACE.to_owned(),
        source: MountSource::Bind {
            source: std::fs::read_link("/proc/self/exe").told("find this program")?,
            missing: Missing::Refuse,
            recursive: Recursive::No,
        },
        access: RootAccess::ReadOnly,
        exec: Some(Exec::Allowed),
        propagation: None,
    });
    Ok(())
}

const IMAGE: &str = "bulkhead/drill:latest";
const PASSWD: &[u8] = b"root:x:0:0:root:/:/bulkhead\nnobody:x:65534:65534:nobody:/:/bulkhead\n";
const PLACE: &str = "/.bulkhead-drill";
const WORDS: [&str; 2] = ["drill", "--inside"];
