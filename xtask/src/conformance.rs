//! `cargo xtask conformance`: BoringSSL's TLS test runner ("BoGo") against the core and against the built
//! component, by the shim in `tests/bogo`.

mod runner;
mod verdict;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use self::verdict::{Expectations, Verdict};
use crate::workspace::Workspace;
use crate::{component, process, workspace};

/// What is tested, and by which tests.
#[derive(Args)]
pub(crate) struct Conformance {
    /// Only this: the core as a crate, or the built component by its engines or by its ports
    #[arg(long)]
    machine: Option<Machine>,
    /// Only tests of these names, in which `*` stands for anything
    patterns: Vec<String>,
}

/// What the shim runs.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Machine {
    /// The core, as a crate of the shim.
    Native,
    /// The engines of the built component, under the host's library.
    Component,
    /// Its ports.
    Port,
}

impl Machine {
    const ALL: [Self; 3] = [Self::Native, Self::Component, Self::Port];

    const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Component => "component",
            Self::Port => "port",
        }
    }
}

/// What the runner is told, and what is expected of it.
const CONFIG: &str = "tests/bogo/config.json";

/// The page that tells people.
const PAGE: &str = "docs/conformance.md";

/// Names the file to which the shim writes what is missing; `tests/bogo/src/missing.rs` knows it too.
const MISSING: &str = "BOGO_MISSING";

/// Make the runner, run it against each machine, and compare what it finds with what is expected.
pub(crate) fn run(workspace: &Workspace, arguments: &Conformance) -> Result<()> {
    let folder = workspace.target.join("bogo");
    let runner = runner::get(workspace, &folder)?;
    let embedded = component::get(workspace)?;
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--locked"]).args(workspace::MOST);
    cargo.args(["--bin", "bogo-shim"]);
    embedded.tell(&mut cargo);
    process::run("building the shim", &mut cargo)?;
    let expectations = Expectations::read(&workspace.root.join(CONFIG))?;

    let mut verdicts = Vec::new();
    for machine in Machine::ALL {
        if arguments.machine.is_some_and(|only| only != machine) {
            continue;
        }
        let options = match machine {
            Machine::Native => vec!["-machine".to_owned(), "native".to_owned()],
            Machine::Component | Machine::Port => ["-machine", machine.name(), "-component"]
                .map(str::to_owned)
                .into_iter()
                .chain([embedded.component.display().to_string()])
                .collect(),
        };
        let shim = workspace.target.join("debug").join("bogo-shim");
        let run = Run {
            workspace,
            folder: &folder,
            runner: &runner,
            shim: &shim,
            options: &options,
            machine: machine.name(),
        };
        let (output, missing) = run.run(&arguments.patterns)?;
        verdicts.push((machine, Verdict::of(&output, &missing, &expectations)));
    }

    let is_whole = arguments.patterns.is_empty();
    let mut is_good = true;
    for (machine, verdict) in &verdicts {
        is_good &= verdict.report(machine.name(), &expectations, is_whole);
    }
    if let [(_, core), (_, component), (_, port)] = verdicts.as_slice() {
        // A port does what an engine does not, and has expectations of its own.
        is_good &= core.report_differences(component);
        let all = [core, component, port];
        is_good &= !is_whole || verdict::report_stale(&all, &expectations);
    }
    for (machine, verdict) in &verdicts {
        is_good &= !is_whole || is_told(workspace, *machine, verdict, &expectations)?;
    }
    if !is_good {
        bail!("the runner finds what {CONFIG} or {PAGE} does not say");
    }
    Ok(())
}

/// Whether the page has the figures and, of the component's engines, the rows of the tables; prints what
/// it lacks.
fn is_told(
    workspace: &Workspace,
    machine: Machine,
    verdict: &Verdict,
    expected: &Expectations,
) -> Result<bool> {
    let page = fs::read_to_string(workspace.root.join(PAGE)).context(PAGE)?;
    // Lines of prose are broken anywhere.
    let prose = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut is_told = true;
    if !prose.contains(&verdict.figures()) {
        println!("{PAGE} lacks: {}", verdict.figures());
        is_told = false;
    }
    let rows = match machine {
        Machine::Component => verdict.rows(expected),
        Machine::Native | Machine::Port => Vec::new(),
    };
    for row in rows {
        if !page.lines().any(|line| line == row) {
            println!("{PAGE} lacks: {row}");
            is_told = false;
        }
    }
    Ok(is_told)
}

/// One run of the runner.
struct Run<'a> {
    workspace: &'a Workspace,
    folder: &'a Path,
    runner: &'a Path,
    shim: &'a Path,
    /// The options by which the shim knows its machine.
    options: &'a [String],
    machine: &'a str,
}

impl Run<'_> {
    /// What the runner prints, and what the shim says is missing.
    fn run(&self, patterns: &[String]) -> Result<(String, String)> {
        let compiled = self.folder.join("compiled");
        let missing = self.folder.join(format!("missing-{}.txt", self.machine));
        fs::write(&missing, "")?;
        // The runner gives up on a shim that is busy compiling.
        let mut prepare = Command::new(self.shim);
        prepare.args(self.options).arg("-prepare");
        process::run_quietly(
            &format!("preparing the tests of the {}", self.machine),
            prepare.env("PORTCULLIS_CACHE_DIR", &compiled),
        )?;
        let workers = thread::available_parallelism().map_or(2, usize::from);
        let mut runner = Command::new(self.runner);
        // It looks for its files in the directory of its sources.
        runner.current_dir(self.runner.parent().context("the runner has no folder")?);
        runner
            .arg("-shim-path")
            .arg(self.shim)
            .arg("-shim-config")
            .arg(self.workspace.root.join(CONFIG))
            .args(["-shim-extra-flags", &self.options.join(";")])
            .args(["-num-workers", &workers.to_string()])
            .args(["-pipe", "-allow-unimplemented"])
            .env("PORTCULLIS_CACHE_DIR", &compiled)
            .env(MISSING, &missing)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit());
        if !patterns.is_empty() {
            runner.args(["-test", &patterns.join(";")]);
        }
        process::announce(&format!("running the tests of the {}", self.machine));
        // It fails if a test does, also where that is expected.
        let output = runner.output().context("cannot start the runner")?;
        let output = String::from_utf8_lossy(&output.stdout).into_owned();
        let log = self.folder.join(format!("{}.txt", self.machine));
        fs::write(&log, &output).with_context(|| log.display().to_string())?;
        process::announce(&format!("what it printed is in {}", log.display()));
        Ok((output, fs::read_to_string(&missing)?))
    }
}
