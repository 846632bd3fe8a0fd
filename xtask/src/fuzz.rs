//! `cargo xtask fuzz`: coverage-guided fuzzing of the targets in `fuzz/`, by libFuzzer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::workspace::Workspace;
use crate::{apt, process};

/// What builds the targets with counters of coverage.
const CARGO_FUZZ: &str = "0.13.2";

/// What libFuzzer's runtime, which is C++, is compiled with.
const COMPILER: &[apt::Tool] = &[("c++", "g++")];

/// Where a target writes what it begins with (`fuzz/src/seeds.rs`).
const SEEDS: &str = "PORTCULLIS_SEEDS";

/// The longest input that is tried.
const LONGEST: usize = 4096;

/// What is fuzzed, and how long.
#[derive(Args)]
pub(crate) struct Fuzz {
    /// How long each target runs
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// Only these targets: the names in fuzz/fuzz_targets
    targets: Vec<String>,
}

/// What a target has come to.
struct Outcome {
    executions: String,
    coverage: String,
    findings: Vec<PathBuf>,
}

/// Build the targets, run each for its time, and print what they have found.
pub(crate) fn run(workspace: &Workspace, arguments: &Fuzz) -> Result<()> {
    let all = targets(workspace)?;
    if let Some(unknown) = arguments.targets.iter().find(|name| !all.contains(name)) {
        bail!(
            "no target is called {unknown}; there are {}",
            all.join(", ")
        );
    }
    let chosen = match arguments.targets.is_empty() {
        true => &all,
        false => &arguments.targets,
    };
    let programs = build(workspace)?;
    let left = Mutex::new(chosen.iter());
    let next = || left.lock().ok()?.next();
    // A target takes one core.
    let work = || -> Result<Vec<PathBuf>> {
        let mut findings = Vec::new();
        while let Some(target) = next() {
            process::announce(&format!("fuzzing {target} for {} s", arguments.seconds));
            let outcome = fuzz(workspace, &programs, target, arguments.seconds)?;
            println!(
                "{target}: {} executions, {} edges covered, {} findings",
                outcome.executions,
                outcome.coverage,
                outcome.findings.len()
            );
            findings.extend(outcome.findings);
        }
        Ok(findings)
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let findings: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .map(|worker| match worker.join() {
                Ok(findings) => findings,
                Err(_) => bail!("a worker has panicked"),
            })
            .collect::<Result<Vec<_>>>()
    })?
    .concat();
    for finding in &findings {
        println!("{}", finding.display());
    }
    ensure!(
        findings.is_empty(),
        "{} inputs break what has to hold; each of these programs repeats its own when it is given the \
         file: {}",
        findings.len(),
        programs.display()
    );
    Ok(())
}

/// The names of all targets.
fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(workspace.root.join("fuzz/fuzz_targets"))? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str());
        names.push(name.context("a target has a strange name")?.to_owned());
    }
    names.sort();
    Ok(names)
}

/// Builds all targets; returns the directory that they are in.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    apt::need(COMPILER, true)?;
    let tools = workspace.target.join("tools/fuzz");
    let cargo_fuzz = tools.join("bin/cargo-fuzz");
    if !cargo_fuzz.is_file() {
        let mut install = workspace.cargo();
        install.args(["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ]);
        install.arg("--root").arg(&tools);
        process::run_quietly("installing cargo-fuzz", &mut install)?;
    }
    let target = workspace.target.join("fuzz");
    let mut build = Command::new(cargo_fuzz);
    build.current_dir(&workspace.root);
    // The code is safe Rust but for a few lines, so no sanitizer watches memory: runs are twice as fast.
    build.args(["build", "--release", "--sanitizer", "none"]);
    build.env("CARGO_TARGET_DIR", &target);
    process::run("building the targets", &mut build)?;
    let host = process::capture(Command::new("rustc").arg("--print=host-tuple"))?;
    let host = String::from_utf8(host)?;
    Ok(target.join(host.trim()).join("release"))
}

fn fuzz(workspace: &Workspace, programs: &Path, target: &str, seconds: u64) -> Result<Outcome> {
    let folder = |of: &str| -> Result<PathBuf> {
        let folder = workspace.target.join("fuzz").join(of).join(target);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    };
    let (grown, seeds, artifacts) = (folder("corpus")?, folder("seeds")?, folder("artifacts")?);
    let program = programs.join(target);
    let mut begin = Command::new(&program);
    begin.arg("-runs=0").arg(&grown).env(SEEDS, &seeds);
    process::run_quietly(&format!("making the seeds of {target}"), &mut begin)?;

    // What is new is kept in the first folder.
    let mut run = Command::new(&program);
    run.arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={LONGEST}"))
        .args(["-len_control=0", "-timeout=20", "-print_final_stats=1"])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args([
            &grown,
            &workspace.root.join("fuzz/corpus").join(target),
            &seeds,
        ]);
    let output = run.output().context("the target cannot be started")?;
    let told = String::from_utf8_lossy(&output.stderr);
    let last = |mark: &str| {
        let line = told.lines().rev().find_map(|line| line.split_once(mark));
        let number = line.and_then(|(_, rest)| rest.split_whitespace().next());
        number.unwrap_or("?").to_owned()
    };
    if !output.status.success() {
        let tail: Vec<_> = told.lines().rev().take(40).collect();
        for line in tail.iter().rev() {
            eprintln!("{line}");
        }
    }
    let mut findings = Vec::new();
    for entry in fs::read_dir(&artifacts)? {
        findings.push(entry?.path());
    }
    ensure!(
        output.status.success() || !findings.is_empty(),
        "{target} ended with {}",
        output.status
    );
    Ok(Outcome {
        executions: last("stat::number_of_executed_units:"),
        coverage: last(" cov: "),
        findings,
    })
}
