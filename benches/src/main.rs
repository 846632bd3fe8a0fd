//! Measures the component beside native TLS and `wasi:tls`: `cargo xtask bench` builds what this
//! needs and runs it. All sides of a figure take turns in one run.

mod aead;
mod bars;
mod budget;
mod bulk;
mod choice;
mod client;
mod concurrent;
mod connection;
mod cost;
mod docs;
mod handshake;
mod identity;
mod loopback;
mod machine;
#[path = "../../tests/support/mirror.rs"]
mod mirror;
mod native;
mod ours;
mod plot;
mod progress;
mod providers;
mod report;
mod rounds;
mod server;
mod stage;
mod tools;
mod wire;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Parser;
use rustls::crypto::ring;

use crate::report::Report;
use crate::stage::{Plan, Stage};

/// Measures the component; run by `cargo xtask bench`
#[derive(Parser)]
struct Arguments {
    /// Directory of the guests as they run everywhere
    #[arg(long, value_name = "DIR")]
    baseline: PathBuf,
    /// Directory of the guests for engines with wide arithmetic
    #[arg(long, value_name = "DIR")]
    wide: Option<PathBuf>,
    /// Directory of the guests with the names of their functions
    #[arg(long, value_name = "DIR")]
    named: Option<PathBuf>,
    /// The command `portcullis`, which is measured too
    #[arg(long, value_name = "FILE")]
    command: Option<PathBuf>,
    /// Fewer rounds: enough to see that everything works
    #[arg(long)]
    quick: bool,
    /// Write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write performance.md and its plots to this directory
    #[arg(long, value_name = "DIR", conflicts_with = "only")]
    write_docs: Option<PathBuf>,
    /// Only these sections
    #[arg(long)]
    only: Vec<String>,
}

type Section = fn(&Stage, &mut Report) -> Result<()>;

const SECTIONS: &[(&str, Section)] = &[
    ("aead", aead::measure),
    ("providers", providers::measure),
    ("bulk", bulk::measure),
    ("handshake", handshake::measure),
    ("choice", choice::measure),
    ("cost", cost::measure),
    ("loopback", loopback::measure),
    ("tools", tools::measure),
    ("budget", budget::measure),
    ("p3", concurrent::measure),
];

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    // wasmtime-wasi-tls makes a provider of its own from the process-wide one, used or not; here it
    // is ring's.
    if ring::default_provider().install_default().is_err() {
        bail!("a process-wide provider of cryptography is there already");
    }
    let plan = if arguments.quick {
        Plan::QUICK
    } else {
        Plan::FULL
    };
    let machine = machine::describe();
    let stage = Stage::new(
        plan,
        &arguments.baseline,
        arguments.wide.as_ref(),
        arguments.named,
        arguments.command,
    )?;
    let mut report = Report::default();
    for &(name, measure) in SECTIONS {
        if arguments.only.is_empty() || arguments.only.iter().any(|only| only == name) {
            measure(&stage, &mut report)?;
        }
    }
    stage.progress.finish();
    println!("{machine}\n{}\n{}", report.table(""), bars::table(&report));
    if let Some(path) = arguments.json {
        let json = serde_json::to_string_pretty(report.entries())?;
        fs::write(&path, json + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if arguments.only.is_empty() {
        bars::require(&report)?;
        if let Some(directory) = arguments.write_docs {
            docs::write(&directory, plan, &machine, &report)?;
        }
    }
    Ok(())
}
