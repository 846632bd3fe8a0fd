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

/// The guest that is a workspace of its own, and what compiles ring's C for it: clang, the headers that
/// it takes, and what makes an archive.
const PROVIDERS: &str = "benches/guests/providers/Cargo.toml";
const FOR_RING: &[apt::Tool] = &[
    ("clang", "clang"),
    ("llvm-ar", "llvm"),
    ("/usr/include/wasm32-wasi/stdlib.h", "wasi-libc"),
];
const HEADERS: &str = "-isystem /usr/include/wasm32-wasi";

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
    /// Only these sections: aead, providers, bulk, handshake, choice, cost, loopback, p3
    #[arg(long, value_name = "SECTION")]
    only: Vec<String>,
}

/// Build and measure.
pub(crate) fn run(workspace: &Workspace, arguments: &Bench) -> Result<()> {
    apt::need(FOR_RING, true)?;
    let embedded = component::get(workspace)?;
    let all = [&["portcullis"], &GUESTS[..]].concat();
    let baseline = build(workspace, Flavour::Baseline, &all)?;
    let wide = build(workspace, Flavour::Wide, &["portcullis", GUESTS[0]])?;
    for flavour in Flavour::ALL {
        build_providers(workspace, flavour)?;
    }

    let mut cargo = workspace.cargo();
    cargo.args([
        "run",
        "--locked",
        "--release",
        "--package",
        "portcullis-bench",
        "--",
    ]);
    cargo
        .arg("--baseline")
        .arg(baseline)
        .arg("--wide")
        .arg(wide);
    if arguments.quick {
        cargo.arg("--quick");
    }
    if let Some(path) = &arguments.json {
        cargo.arg("--json").arg(std::path::absolute(path)?);
    }
    if arguments.write_docs {
        cargo.arg("--write-docs").arg(workspace.root.join("docs"));
    }
    for section in &arguments.only {
        cargo.arg("--only").arg(section);
    }
    embedded.tell(&mut cargo);
    process::run("building and running the benchmark", &mut cargo)
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

/// Builds the guest with the providers, beside the others. ring's build script has `cc` ask these
/// variables.
fn build_providers(workspace: &Workspace, flavour: Flavour) -> Result<()> {
    let variables = [
        ("CC_wasm32_wasip2", "clang".to_owned()),
        ("AR_wasm32_wasip2", "llvm-ar".to_owned()),
        ("CFLAGS_wasm32_wasip2", HEADERS.to_owned()),
    ];
    let selection = ["--lib", "--manifest-path", PROVIDERS].map(str::to_owned);
    let what = "the guest with the providers";
    component::build_guest_with(workspace, flavour, what, &selection, &variables)?;
    Ok(())
}
