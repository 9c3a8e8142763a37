// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask bench run`: how long `run --rm IMAGE true` takes with every wall and no network,
//! and what a running container costs.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::memory::{self, per_container};
use super::stopwatch::{Contestant, View};
use crate::command::{Program, program};
use crate::failure::{Failure, Result, While};
use crate::peers::{Bundle, Docker, Podman};
use crate::project::{Profile, Project};
use crate::{images, packages};

/// Runs it; `arguments` may be `--rounds N`.
pub(crate) fn bench(project: &Project, arguments: &[String]) -> Result<()> {
    let rounds = match arguments {
        [] => ROUNDS,
        [flag, number] if flag == "--rounds" => {
            number.parse().cannot(|| format!("read {number} as a number"))?
        }
        _ => return Err(Failure::new("usage: bench run [--rounds N]")),
    };
    packages::install(project)?;
    let work = Work::make(project)?;
    let mut field = Field::prepare(project, &work)?;
    let pressure = read_pressure();
    field.race(rounds)?;
    let memory = field.memory()?;
    let report = Report { field: &field, rounds, memory, pressure: [pressure, read_pressure()] };
    let text = report.text()?;
    println!("{text}");
    print!("{}", field.timing()?);
    super::write_section(project, "run", &text)?;
    report.verdict()
}

/// A directory for the state of all, removed at the end.
struct Work(PathBuf);

impl Work {
    fn make(project: &Project) -> Result<Self> {
        let path = project.directory("bench")?.join(std::process::id().to_string());
        std::fs::create_dir(&path).cannot(|| format!("make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}

/// All that take part, in the order of the table.
struct Field {
    contestants: Vec<Contestant>,
    version: Contestant,
    us: Us,
    podman: Podman,
    docker: Docker,
}

impl Field {
    fn prepare(project: &Project, work: &Work) -> Result<Self> {
        let work = &work.0;
        let tar = images::minimal(project)?;
        let floor = project.build("tests", "floor", Profile::Release)?;
        let us = Us::prepare(project, &work.join("bulkhead"), &tar)?;
        let bundle = Bundle::make(&work.join("bundle"), &tar, &["/bin/true"])?;
        let podman = Podman::prepare(&work.join("podman"))?;
        podman.client(["import", "--quiet"]).arg(&tar).arg(IMAGE).run_quietly()?;
        let docker = Docker::start(&work.join("docker"))?;
        docker.client(["import"]).arg(&tar).arg(IMAGE).run_quietly()?;

        let floor = program(floor, [bundle.rootfs()]).arg("/bin/true");
        let contestants = vec![
            Contestant::new(FLOOR, floor, View::Host)?,
            Contestant::new(US, us.run(["true"]), View::Host)?,
            Contestant::new("crun run (no seccomp)", bundle.run("crun"), View::WithoutUnifiedCgroup)?,
            Contestant::new("runc run (no seccomp)", bundle.run("runc"), View::Host)?,
            Contestant::new(
                PODMAN,
                podman.client(["run", "--rm", "--network=none", IMAGE, "true"]),
                View::Host,
            )?,
            Contestant::new(
                DOCKER,
                docker.client(["run", "--rm", "--network=none", IMAGE, "true"]),
                View::Host,
            )?,
        ];
        let version = Contestant::new("bulkhead --version", us.command(["--version"]), View::Host)?;
        Ok(Self { contestants, version, us, podman, docker })
    }

    /// Everybody once, then everybody again: what else the machine does hits all alike.
    fn race(&mut self, rounds: u32) -> Result<()> {
        for round in 0..WARM_UPS + rounds {
            for contestant in self.contestants.iter_mut().chain([&mut self.version]) {
                if round < WARM_UPS { contestant.run_once().map(drop)? } else { contestant.measure()? }
            }
        }
        Ok(())
    }

    /// KiB per running container, by engine.
    fn memory(&self) -> Result<[(&'static str, u64); 3]> {
        let run = ["run", "--rm", "-i", "--network=none", IMAGE];
        let is = |wanted: &'static str| move |name: &str| name == wanted;
        Ok([
            (
                US,
                per_container(
                    || self.us.run(["-i"]).args(&memory::COMMAND),
                    |name| name.starts_with("bulkhead"),
                )?,
            ),
            (PODMAN, per_container(|| self.podman.client(run).args(&memory::COMMAND), is("conmon"))?),
            (
                DOCKER,
                per_container(
                    || self.docker.client(run).args(&memory::COMMAND),
                    is("containerd-shim-runc-v2"),
                )?,
            ),
        ])
    }

    fn timing(&self) -> Result<String> {
        let output = self.us.command(["run", "--rm", "--timing", IMAGE, "true"]).output()?;
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn named(&self, name: &str) -> Result<&Contestant> {
        self.contestants.iter().find(|contestant| contestant.name == name).cannot(|| format!("find {name}"))
    }
}

/// Our own binary with a state of its own.
struct Us {
    binary: PathBuf,
    root: PathBuf,
}

impl Us {
    fn prepare(project: &Project, root: &Path, tar: &Path) -> Result<Self> {
        let binary = project.build("bulkhead", "bulkhead", Profile::Release)?;
        let us = Self { binary, root: root.to_path_buf() };
        us.command(["import"]).arg(tar).arg(IMAGE).run_quietly()?;
        Ok(us)
    }

    fn command<const N: usize>(&self, arguments: [&str; N]) -> Program {
        program(&self.binary, arguments).env("BULKHEAD_ROOT", &self.root)
    }

    fn run<const N: usize>(&self, rest: [&str; N]) -> Program {
        let flags = rest.iter().filter(|word| word.starts_with('-')).collect::<Vec<_>>();
        let words = rest.iter().filter(|word| !word.starts_with('-')).collect::<Vec<_>>();
        self.command(["run", "--rm"]).args(&flags).arg(IMAGE).args(&words)
    }
}

/// The table, and what it has to show.
struct Report<'a> {
    field: &'a Field,
    rounds: u32,
    memory: [(&'static str, u64); 3],
    pressure: [String; 2],
}

impl Report<'_> {
    fn text(&self) -> Result<String> {
        let mut text = self.head()?;
        let floor = self.field.named(FLOOR)?;
        let us = self.field.named(US)?;
        text.push_str(
            "| | minimum ms | median ms | times the floor | times ours |\n|---|---:|---:|---:|---:|\n",
        );
        for each in &self.field.contestants {
            let name = &each.name;
            let (minimum, median) = (ms(each.minimum()), ms(each.median()));
            let (floors, ours) = (ratio(each, floor), ratio(each, us));
            text.push_str(&format!("| {name} | {minimum:.2} | {median:.2} | {floors:.1} | {ours:.1} |\n"));
        }
        let version = &self.field.version;
        text.push_str(&format!(
            "\n`bulkhead --version`: minimum {:.2} ms, median {:.2} ms.\n",
            ms(version.minimum()),
            ms(version.median())
        ));
        text.push_str(&format!(
            "\nPrivate memory of the host's processes per running container ({} running):",
            memory::CONTAINERS
        ));
        for (name, kibibytes) in self.memory {
            text.push_str(&format!(" {name} {kibibytes} KiB;"));
        }
        text.push_str("\n\n| must reach | measured | |\n|---|---|---|\n");
        for target in self.targets()? {
            let verdict = if target.reached { "reached" } else { "**missed**" };
            text.push_str(&format!("| {} | {} | {verdict} |\n", target.goal, target.measured));
        }
        Ok(text)
    }

    fn head(&self) -> Result<String> {
        let mut head = String::from("## `cargo xtask bench run`\n\n");
        let kernel = program("uname", ["-r"]).text()?;
        let versions = packages::versions(&["docker.io", "podman", "runc", "crun"])?;
        let cores = std::thread::available_parallelism().cannot(|| "count the processors")?;
        let error = "format into a string";
        write!(
            head,
            "`run --rm IMAGE true`, no network, an image of one layer with busybox; {} rounds, interleaved. ",
            self.rounds
        )
        .cannot(|| error)?;
        write!(head, "Linux {kernel}, {cores} processors; {versions}. ").cannot(|| error)?;
        writeln!(
            head,
            "Processor pressure (some, last 10 s) before and after: {} and {} %.\n",
            self.pressure[0], self.pressure[1]
        )
        .cannot(|| error)?;
        Ok(head)
    }

    fn targets(&self) -> Result<[Target; 5]> {
        let us = self.field.named(US)?;
        let floor = self.field.named(FLOOR)?;
        let against = |peer: &str, part: f64| -> Result<Target> {
            let times = ratio(self.field.named(peer)?, us);
            Ok(Target {
                goal: format!("at most 1/{part} of {peer}"),
                measured: format!("1/{times:.1}"),
                reached: times >= part,
            })
        };
        let floors = ratio(us, floor);
        let version = ms(self.field.version.median());
        let memory = self.memory[0].1;
        Ok([
            against(DOCKER, 15.0)?,
            against(PODMAN, 8.0)?,
            Target {
                goal: "at most 4 times the floor".into(),
                measured: format!("{floors:.1}"),
                reached: floors <= 4.0,
            },
            Target {
                goal: "`--version` under 2 ms".into(),
                measured: format!("{version:.2} ms"),
                reached: version < 2.0,
            },
            Target {
                goal: "at most 1 MiB private per container".into(),
                measured: format!("{memory} KiB"),
                reached: memory <= 1024,
            },
        ])
    }

    fn verdict(&self) -> Result<()> {
        let missed: Vec<String> =
            self.targets()?.into_iter().filter(|target| !target.reached).map(|target| target.goal).collect();
        if missed.is_empty() { Ok(()) } else { Err(Failure::new(format!("missed: {}", missed.join("; ")))) }
    }
}

struct Target {
    goal: String,
    measured: String,
    reached: bool,
}

/// How many times longer `one` takes than `other`, by their medians.
fn ratio(one: &Contestant, other: &Contestant) -> f64 {
    ms(one.median()) / ms(other.median())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The share of the last ten seconds in which something waited for a processor, in percent.
fn read_pressure() -> String {
    let text = std::fs::read_to_string("/proc/pressure/cpu").unwrap_or_default();
    let field = text.split_whitespace().find_map(|word| word.strip_prefix("avg10="));
    field.unwrap_or("unknown").to_owned()
}

const IMAGE: &str = "bench-minimal";
const FLOOR: &str = "the kernel's floor";
const US: &str = "bulkhead run";
const PODMAN: &str = "podman run";
const DOCKER: &str = "docker run";

const ROUNDS: u32 = 40;
const WARM_UPS: u32 = 3;
