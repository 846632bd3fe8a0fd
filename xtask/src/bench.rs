//! `cargo xtask bench`: builds the component and the benchmark's guests twice, for every engine and
//! for those with wide arithmetic, and runs the benchmark on them.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::component::{self, Flavour};
use crate::workspace::Workspace;
use crate::{apt, process};

/// The packages of the benchmark that are built for WebAssembly, besides the component.
pub(crate) const GUESTS: [&str; 4] = [
    "portcullis-bench-aead",
    "portcullis-bench-consumer",
    "portcullis-bench-wasi-tls",
    "portcullis-bench-wasi-tls-p3",
];

/// What `cargo xtask bench` takes.
#[derive(Args)]
pub(crate) struct Bench {
    /// Fewer rounds: two minutes, enough to see that everything works
    #[arg(long)]
    quick: bool,
    /// Write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write docs/performance.md and its plots
    #[arg(long)]
    write_docs: bool,
    /// Only these sections: aead, bulk, handshake, choice, cost, loopback, tools, p3
    #[arg(long, value_name = "SECTION")]
    only: Vec<String>,
}

/// Build and measure.
pub(crate) fn run(workspace: &Workspace, arguments: &Bench) -> Result<()> {
    apt::need(apt::PEERS, true)?;
    let embedded = component::get(workspace)?;
    let all = [&["portcullis"], &GUESTS[..]].concat();
    let baseline = build(workspace, Flavour::Baseline, &all)?;
    let wide = build(workspace, Flavour::Wide, &["portcullis", GUESTS[0]])?;

    let mut cargo = workspace.cargo();
    cargo.args([
        "build",
        "--locked",
        "--release",
        "--package",
        "portcullis-bench",
        "--package",
        "portcullis-cli",
    ]);
    embedded.tell(&mut cargo);
    process::run("building the benchmark", &mut cargo)?;

    let built = workspace.target.join("release");
    let mut bench = workspace.program(&built.join("portcullis-bench").display().to_string());
    bench
        .arg("--baseline")
        .arg(baseline)
        .arg("--wide")
        .arg(wide);
    bench.arg("--command").arg(built.join("portcullis"));
    if arguments.quick {
        bench.arg("--quick");
    }
    if let Some(path) = &arguments.json {
        bench.arg("--json").arg(std::path::absolute(path)?);
    }
    if arguments.write_docs {
        bench.arg("--write-docs").arg(workspace.root.join("docs"));
    }
    for section in &arguments.only {
        bench.arg("--only").arg(section);
    }
    process::run("running the benchmark", &mut bench)
}

/// Builds packages for WebAssembly as the component is built, and returns the directory of the
/// results. They are built one by one, so that the features that one needs do not apply to the
/// others.
fn build(workspace: &Workspace, flavour: Flavour, packages: &[&str]) -> Result<PathBuf> {
    let mut directory = PathBuf::new();
    for package in packages {
        let selection = ["--lib", "--package", package].map(str::to_owned);
        directory = component::build_guest(workspace, flavour, package, &selection)?;
    }
    Ok(directory)
}
