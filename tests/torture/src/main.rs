//! Hostile peers, systematically: scripted and seeded, against the core in memory, against the built
//! component, and against the programs.

mod cases;
mod certs;
mod component;
mod exchange;
mod hostile;
#[path = "../../bogo/src/kebab.rs"]
mod kebab;
mod keys;
mod machine;
mod memory;
#[path = "../../../xtask/src/pattern.rs"]
mod names;
mod native;
mod pattern;
mod peer;
mod programs;
mod random;
mod record;
mod report;
mod seal;
mod setup;
mod soak;
mod trick;
mod verdict;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};

use self::programs::doomed::{self, Doomed};

/// Plays hostile peers to Portcullis
#[derive(Parser)]
#[command(name = "torture")]
struct Arguments {
    /// Only this part
    #[arg(long)]
    part: Option<Part>,
    /// What chooses among what is not run whole
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only the cases of these names, in which `*` stands for anything
    #[arg(long, requires = "part")]
    case: Option<String>,
    /// In memory: one of so many cases
    #[arg(long, default_value_t = 1)]
    share: usize,
    /// In memory: how many minutes of storms follow
    #[arg(long, default_value_t = 0)]
    minutes: u64,
    /// How many hostile connections engines get, and ports, and each program
    #[arg(long, default_value_t = 280)]
    connections: usize,
    /// How many connections one program has at once
    #[arg(long, default_value_t = 10_000)]
    crowd: usize,
    /// How many requests the soaked server gets
    #[arg(long, default_value_t = 300_000)]
    requests: u64,
    /// The component
    #[arg(long)]
    component: Option<PathBuf>,
    /// The command `portcullis`
    #[arg(long)]
    command: Option<PathBuf>,
    /// The component for stock runtimes
    #[arg(long)]
    plug: Option<PathBuf>,
    /// Be a peer that is to be killed
    #[arg(long, hide = true)]
    doomed: Option<Doomed>,
    /// Where the server of such clients is
    #[arg(long, hide = true, default_value_t = 0)]
    port: u16,
    /// A folder for certificates and composed servers
    #[arg(long)]
    folder: Option<PathBuf>,
}

/// What is tortured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The core, in memory
    Memory,
    /// The built component: its engines in memory, its ports over TCP
    Component,
    /// The programs, over TCP
    Programs,
    /// A server and an instance, by very many requests
    Soak,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some(doomed) = arguments.doomed {
        let folder = arguments.folder.as_deref().context("--folder")?;
        match doomed::run(doomed, arguments.port, folder)? {}
    }
    println!("seed {}", arguments.seed);
    let runs = |part| arguments.part.is_none_or(|only| only == part);
    let mut is_good = true;
    if runs(Part::Memory) {
        is_good &= in_memory(&arguments)?;
    }
    if runs(Part::Component) {
        is_good &= in_component(&arguments)?;
    }
    if runs(Part::Programs) {
        is_good &= programs(&arguments)?;
    }
    if runs(Part::Soak) {
        is_good &= soak(&arguments)?;
    }
    println!(
        "a case again: --part PART --case NAME --seed {}",
        arguments.seed
    );
    Ok(match is_good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn in_memory(arguments: &Arguments) -> Result<bool> {
    let tally = memory::run(memory::Extent {
        seed: arguments.seed,
        only: arguments.case.as_deref(),
        share: arguments.share.max(1),
        storms: 50,
        time: Duration::from_secs(60 * arguments.minutes),
    })?;
    Ok(tally.print("in memory"))
}

fn in_component(arguments: &Arguments) -> Result<bool> {
    let tallies = component::run(&component::Extent {
        seed: arguments.seed,
        only: arguments.case.as_deref(),
        connections: arguments.connections,
        component: arguments.component.as_deref().context("--component")?,
    })?;
    Ok(print(&tallies))
}

fn print(tallies: &[(String, report::Tally)]) -> bool {
    let mut is_good = true;
    for (name, tally) in tallies {
        is_good &= tally.print(name);
    }
    is_good
}

fn programs(arguments: &Arguments) -> Result<bool> {
    let tallies = programs::run(&programs::Extent {
        seed: arguments.seed,
        only: arguments.case.as_deref(),
        connections: arguments.connections,
        crowd: arguments.crowd,
        command: arguments.command.as_deref().context("--command")?,
        plug: arguments.plug.as_deref(),
        folder: arguments.folder.as_deref().context("--folder")?,
    })?;
    Ok(print(&tallies))
}

fn soak(arguments: &Arguments) -> Result<bool> {
    let tallies = soak::run(&soak::Extent {
        seed: arguments.seed,
        only: arguments.case.as_deref(),
        requests: arguments.requests,
        command: arguments.command.as_deref().context("--command")?,
        component: arguments.component.as_deref().context("--component")?,
        folder: arguments.folder.as_deref().context("--folder")?,
    })?;
    Ok(print(&tallies))
}
