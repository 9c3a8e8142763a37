// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask fuzz [TARGET ...] [--seconds N] [--jobs N]`: libFuzzer on every parser of bytes from
//! strangers; `--replay` calls the same functions with the kept inputs, without libFuzzer.
//!
//! Built with the stable compiler: LLVM's coverage pass is a codegen option. There is no sanitizer,
//! since it would need a nightly compiler and the code under test is safe Rust (but for zstd); overflow checks and
//! debug assertions are on. What is found lies in `fuzz/artifacts`, `--keep` takes the inputs of
//! earlier runs that are worth it into `fuzz/corpus`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use crate::command::{Program, program};
use crate::failure::{Failure, Result, While};
use crate::project::Project;

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    targets: Vec<String>,
    seconds: u32,
    jobs: usize,
    way: Way,
}

#[derive(Debug, PartialEq, Eq)]
enum Way {
    Fuzz,
    Replay,
    /// Keep what earlier runs found.
    Keep,
}

/// Runs the command.
pub(crate) fn fuzz(project: &Project, arguments: &[String]) -> Result<()> {
    let request = Request::parse(arguments)?;
    if request.way == Way::Replay {
        return project.cargo(["test", "--package", "fuzz-targets", "--test", "replay"]).run();
    }
    let bench = Bench { root: project.root.join("fuzz") };
    let known = bench.targets()?;
    let chosen = match request.targets.iter().find(|name| !known.contains(name)) {
        Some(name) => {
            return Err(Failure::new(format!("no target is named {name}; there are {}", known.join(", "))));
        }
        None if request.targets.is_empty() => &known,
        None => &request.targets,
    };
    bench.build(project)?;
    match request.way {
        Way::Keep => chosen.iter().try_for_each(|name| bench.keep(name)),
        _ => report(&bench.run_all(chosen, &request)?),
    }
}

impl Request {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut request = Self { targets: Vec::new(), seconds: 60, jobs: 1, way: Way::Fuzz };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut number = || -> Result<u32> {
                let text = words.next().cannot(|| format!("read {word}: it wants a number"))?;
                text.parse().cannot(|| format!("read {word} {text}"))
            };
            match word.as_str() {
                "--seconds" => request.seconds = number()?,
                "--jobs" => request.jobs = usize::try_from(number()?.max(1)).cannot(|| "read --jobs")?,
                "--replay" => request.way = Way::Replay,
                "--keep" => request.way = Way::Keep,
                flag if flag.starts_with('-') => {
                    return Err(Failure::new(format!(
                        "fuzz knows --seconds, --jobs, --replay and --keep, not {flag}"
                    )));
                }
                target => request.targets.push(target.to_owned()),
            }
        }
        Ok(request)
    }
}

/// The fuzz workspace.
struct Bench {
    root: PathBuf,
}

/// What became of one target.
#[derive(Debug)]
struct Outcome {
    name: String,
    executions: Option<u64>,
    failed: Option<String>,
}

impl Bench {
    fn targets(&self) -> Result<Vec<String>> {
        let folder = self.root.join("fuzz_targets");
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&folder).cannot(|| format!("list {}", folder.display()))? {
            let path = entry.cannot(|| "list the targets")?.path();
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
        names.sort();
        Ok(names)
    }

    /// RUSTFLAGS takes the place of the work tree's own flags, which would link statically.
    fn build(&self, project: &Project) -> Result<()> {
        program(&project.cargo, ["build", "--release", "--locked", "--target-dir"])
            .arg(self.root.join("target"))
            .env("RUSTFLAGS", COVERAGE.join(" "))
            .within_directory(&self.root)
            .run()
    }

    /// `jobs` at a time.
    fn run_all(&self, names: &[String], request: &Request) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        for batch in names.chunks(request.jobs) {
            let running = batch
                .iter()
                .map(|name| Ok((name, self.start(name, request.seconds)?)))
                .collect::<Result<Vec<_>>>()?;
            for (name, child) in running {
                outcomes.push(self.finish(name, child)?);
            }
        }
        Ok(outcomes)
    }

    fn start(&self, name: &str, seconds: u32) -> Result<Child> {
        // New inputs go to the first directory, which git does not see.
        let grown = self.directory("target/grown", name)?;
        let artifacts = self.directory("artifacts", name)?;
        let log = File::create(self.log(name)).cannot(|| format!("write the log of {name}"))?;
        let mut command = self
            .program(name)?
            .arg(grown)
            .arg(self.directory("corpus", name)?)
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .args(&[format!("-max_total_time={seconds}"), format!("-max_len={LONGEST_INPUT}")])
            .args(&["-timeout=20", "-rss_limit_mb=1024", "-print_final_stats=1", "-verbosity=0"])
            .within_directory(&self.root)
            .into_command();
        command.stdout(Stdio::null()).stderr(log).spawn().cannot(|| format!("start {name}"))
    }

    fn finish(&self, name: &str, mut child: Child) -> Result<Outcome> {
        let status = child.wait().cannot(|| format!("wait for {name}"))?;
        let log = std::fs::read(self.log(name)).cannot(|| format!("read the log of {name}"))?;
        let log = String::from_utf8_lossy(&log).into_owned();
        let outcome = Outcome {
            name: name.to_owned(),
            executions: executions(&log),
            failed: (!status.success()).then(|| complaint(&log)),
        };
        println!("{outcome}");
        Ok(outcome)
    }

    /// A few small inputs that together cover what all cover.
    fn keep(&self, name: &str) -> Result<()> {
        let corpus = self.directory("corpus", name)?;
        self.program(name)?
            .args(&["-set_cover_merge=1", "-use_counters=0", "-max_len=4096", "-verbosity=0"])
            .arg(corpus)
            .arg(self.directory("target/grown", name)?)
            .run_quietly()
    }

    fn program(&self, name: &str) -> Result<Program> {
        let path = self.root.join("target").join(HOST).join("release").join(name);
        if path.is_file() {
            return Ok(program(path, [] as [&str; 0]));
        }
        Err(Failure::new(format!("the build made no {}", path.display())))
    }

    fn log(&self, name: &str) -> PathBuf {
        self.root.join("target").join(format!("{name}.log"))
    }

    fn directory(&self, kind: &str, name: &str) -> Result<PathBuf> {
        let path = self.root.join(kind).join(Path::new(name));
        std::fs::create_dir_all(&path).cannot(|| format!("make {}", path.display()))?;
        Ok(path)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.executions.map_or_else(|| "?".to_owned(), |count| count.to_string());
        match &self.failed {
            None => write!(f, "{:<18} {count:>12} executions, nothing found", self.name),
            Some(what) => write!(f, "{:<18} {count:>12} executions, FOUND: {what}", self.name),
        }
    }
}

fn report(outcomes: &[Outcome]) -> Result<()> {
    let found: Vec<&str> =
        outcomes.iter().filter(|one| one.failed.is_some()).map(|one| one.name.as_str()).collect();
    let total: u64 = outcomes.iter().filter_map(|one| one.executions).sum();
    println!("{} targets, {total} executions", outcomes.len());
    if found.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("found something: {}; the inputs are in fuzz/artifacts", found.join(", "))))
}

/// The line `stat::number_of_executed_units: N`.
fn executions(log: &str) -> Option<u64> {
    log.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")?.trim().parse().ok())
}

/// What the program said when it ended: the panic, or libFuzzer's own word.
fn complaint(log: &str) -> String {
    let telling = |line: &&str| line.contains("panicked at") || line.contains("ERROR: libFuzzer");
    log.lines().find(telling).unwrap_or("it ended without a word").trim().to_owned()
}

/// What cargo-fuzz passes, but for the sanitizer.
const COVERAGE: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
];
/// The directory that `host-tuple` of .cargo/config.toml becomes.
const HOST: &str =
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" };
/// Enough for several tar entries.
const LONGEST_INPUT: u32 = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn request(line: &str) -> Result<Request> {
        Request::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn flags() {
        let wanted = Request { targets: vec!["tar".into()], seconds: 5, jobs: 2, way: Way::Keep };
        assert_eq!(request("tar --seconds 5 --jobs 2 --keep").unwrap(), wanted);
        assert_eq!(request("--replay").unwrap().way, Way::Replay);
        for bad in ["--seconds", "--seconds x", "--fast"] {
            assert!(request(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn logs_are_read() {
        let log = "#1 x\nthread '<unnamed>' panicked at a.rs:1:2:\nstat::number_of_executed_units: 4711\n";
        assert_eq!(executions(log), Some(4711));
        assert!(complaint(log).contains("a.rs:1:2"));
    }
}
