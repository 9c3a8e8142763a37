// SPDX-License-Identifier: Apache-2.0
//! `drill`: the same attempts in throw-away containers, with one wall lifted at a time.

use std::io::Read;
use std::os::fd::AsFd;

use oci::config::Process;
use runtime::clock::Clock;
use store::EmbeddedFile;

use crate::error::{Context, Error, Result};
use crate::images::Progress;
use crate::monitor::Streams;
use crate::request::{Afterwards, Danger, RootAccess, RunRequest, SeccompRequest};
use crate::{Engine, Standing};

/// What to drill.
#[derive(Debug, Clone, Default)]
pub struct DrillRequest {
    /// Whether the container's root can be written.
    pub root: RootAccess,
    /// As whom.
    pub user: Option<String>,
}

impl Engine {
    /// Tries to break out of containers of the embedded image, and finds the wall that stopped each
    /// attempt.
    pub fn drill(&mut self, request: &DrillRequest, progress: &mut dyn FnMut(Progress<'_>)) -> Result<::drill::Report> {
        let image = self.embedded_image()?;
        let facts = serde_json::to_string(&::drill::HostFacts::read()).unwrap_or_default();
        let base = base(&image, request, &facts);
        let walls = self.liftable();
        let total = 2 + 2 * walls.len() as u64;
        let mut done = 0;
        let mut attempt = |engine: &mut Self, step: &str, request: &RunRequest| {
            done += 1;
            progress(Progress { step, done, total: Some(total) });
            engine.one_run(request)
        };
        let mut runs = ::drill::Runs { all: attempt(self, "every wall up", &base)?, ..::drill::Runs::default() };
        for wall in &walls {
            let run = attempt(self, &format!("without {}", wall.name), &with_lifted(&base, &[wall]))?;
            runs.lifted.push((wall.name.to_owned(), run));
        }
        for wall in &walls {
            let others: Vec<_> = walls.iter().filter(|other| other.name != wall.name).collect();
            let run = attempt(self, &format!("only {}", wall.name), &with_lifted(&base, &others))?;
            runs.alone.push((wall.name.to_owned(), run));
        }
        runs.none = Some(attempt(self, "every wall lifted", &with_lifted(&base, &walls.iter().collect::<Vec<_>>()))?);
        let kernel = kernel::rustix::system::uname().release().to_string_lossy().into_owned();
        Ok(::drill::attribute(&engine_name(&self.standing), &kernel, &runs))
    }

    /// The image `bulkhead/drill`, made from this very program.
    fn embedded_image(&self) -> Result<String> {
        let program = std::fs::read("/proc/self/exe").told("read this program")?;
        let files = [
            EmbeddedFile { path: "dev/", mode: 0o755, content: b"" },
            EmbeddedFile { path: "etc/", mode: 0o755, content: b"" },
            EmbeddedFile { path: "etc/passwd", mode: 0o644, content: b"root:x:0:0:root:/:/bulkhead\nnobody:x:65534:65534:nobody:/:/bulkhead\n" },
            EmbeddedFile { path: "etc/group", mode: 0o644, content: b"root:x:0:\nnogroup:x:65534:\n" },
            EmbeddedFile { path: "proc/", mode: 0o755, content: b"" },
            EmbeddedFile { path: "sys/", mode: 0o755, content: b"" },
            EmbeddedFile { path: "tmp/", mode: 0o1777, content: b"" },
            EmbeddedFile { path: "bulkhead", mode: 0o755, content: &program },
        ];
        let process = Process { entrypoint: vec!["/bulkhead".into()], cmd: vec!["drill".into(), "--inside".into()], ..Process::default() };
        let name = oci::Reference::parse(IMAGE)?;
        self.store.embedded(&name, &files, &process)?;
        Ok(IMAGE.to_owned())
    }

    /// One container; what it prints is its findings.
    fn one_run(&mut self, request: &RunRequest) -> Result<::drill::Run> {
        let (mut read, write) = std::io::pipe().told("make a pipe")?;
        let null = std::fs::File::open("/dev/null").told("open /dev/null")?;
        // The findings of one run fit a pipe only if it is large.
        kernel::rustix::pipe::fcntl_setpipe_size(&write, PIPE).told("make room for the findings")?;
        let streams = Streams { input: null.as_fd(), output: write.as_fd(), errors: write.as_fd() };
        let exit = self.run(request, &streams, &mut Clock::off())?;
        drop(write);
        let mut text = Vec::new();
        read.read_to_end(&mut text).told("read the findings")?;
        serde_json::from_slice(&text).map_err(|error| Error::Invalid {
            what: "what the drill inside said".into(),
            reason: format!("{error} (exit code {}): {}", exit.code, oci::shown(&String::from_utf8_lossy(&text))),
        })
    }

    fn liftable(&self) -> Vec<Lift> {
        match self.standing {
            Standing::Root => LIFTS.to_vec(),
            // The host's user namespace is out of reach.
            Standing::Rootless { .. } => LIFTS.iter().filter(|lift| lift.name != "user").copied().collect(),
        }
    }
}

/// A wall, and how to take it down.
#[derive(Debug, Clone, Copy)]
struct Lift {
    name: &'static str,
    apply: fn(&mut RunRequest),
}

const LIFTS: [Lift; 9] = [
    Lift { name: "user", apply: |request| request.isolation.userns_host = danger() },
    Lift { name: "capabilities", apply: |request| request.isolation.cap_add = vec![("ALL".into(), Danger::asked_by(DRILL))] },
    Lift { name: "seccomp", apply: |request| request.isolation.seccomp = SeccompRequest::Off(Danger::asked_by(DRILL)) },
    Lift { name: "landlock", apply: |request| request.isolation.landlock_off = danger() },
    Lift { name: "no_new_privs", apply: |request| request.isolation.new_privileges = danger() },
    Lift { name: "masks", apply: |request| request.isolation.unmasked = danger() },
    Lift { name: "view", apply: |request| request.isolation.view_host = danger() },
    Lift { name: "devices", apply: |request| request.isolation.all_devices = danger() },
    Lift { name: "mounts", apply: |request| request.isolation.loose_mounts = danger() },
];

fn danger() -> Option<Danger> {
    Some(Danger::asked_by(DRILL))
}

fn base(image: &str, asked: &DrillRequest, facts: &str) -> RunRequest {
    let mut request = RunRequest { image: image.to_owned(), afterwards: Afterwards::Remove, ..RunRequest::default() };
    request.files.root = asked.root;
    request.process.user = asked.user.clone();
    request.process.env = vec![(FACTS.to_owned(), Some(facts.to_owned()))];
    request
}

fn with_lifted(base: &RunRequest, walls: &[&Lift]) -> RunRequest {
    let mut request = base.clone();
    for wall in walls {
        (wall.apply)(&mut request);
    }
    request
}

fn engine_name(standing: &Standing) -> String {
    match standing {
        Standing::Root => "Bulkhead".to_owned(),
        Standing::Rootless { .. } => "Bulkhead, rootless,".to_owned(),
    }
}

/// How the engine tells the attempts inside what the host looks like.
pub const FACTS: &str = "BULKHEAD_DRILL_FACTS";
const IMAGE: &str = "bulkhead/drill:latest";
const DRILL: &str = "bulkhead drill";
const PIPE: usize = 1 << 20;
