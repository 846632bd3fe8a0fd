//! `cargo xtask bench`: builds the component and the benchmark's guests twice, for every engine and
//! for those with wide arithmetic, and runs the benchmark on them.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::component::{self, Flavour};
use crate::workspace::Workspace;
use crate::{apt, process, rust};

/// The packages of the benchmark that are built for WebAssembly, besides the component.
pub(crate) const GUESTS: [&str; 4] = [
    "portcullis-bench-aead",
    "portcullis-bench-consumer",
    "portcullis-bench-wasi-tls",
    "portcullis-bench-wasi-tls-p3",
];

/// The one that has TLS linked into it, which is built for the engines that we measure with.
pub(crate) const LINKED: &str = "portcullis-bench-tokio-rustls";

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
    /// Only these sections: aead, providers, bulk, handshake, choice, cost, loopback, tools, budget, p3
    #[arg(long, value_name = "SECTION")]
    only: Vec<String>,
}

/// Build and measure.
pub(crate) fn run(workspace: &Workspace, arguments: &Bench) -> Result<()> {
    apt::need(apt::PEERS, true)?;
    apt::need(apt::PROFILER, true)?;
    apt::need(FOR_RING, true)?;
    let embedded = component::get(workspace)?;
    let all = [&["portcullis"], &GUESTS[..]].concat();
    let baseline = build(workspace, Flavour::Baseline, &all)?;
    let wide = build(workspace, Flavour::Wide, &["portcullis", GUESTS[0], LINKED])?;
    for flavour in Flavour::ALL {
        build_providers(workspace, flavour)?;
    }

    let named = build_named(workspace)?;

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
    bench.arg("--named").arg(named);
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

/// The component and its consumer with the names of their functions, for a profiler.
fn build_named(workspace: &Workspace) -> Result<PathBuf> {
    let target = workspace.target.join("guest-named");
    for package in ["portcullis", GUESTS[1]] {
        let mut cargo = Flavour::Wide.cargo(workspace)?;
        let strip = format!("profile.{}.strip=\"none\"", component::PROFILE);
        cargo.args(["build", "--locked", "--lib", "--config", &strip]);
        cargo.args(["--package", package, "--profile", component::PROFILE]);
        cargo.args(["--target", rust::WASM_TARGET, "--target-dir"]);
        cargo.arg(&target);
        process::run(&format!("building {package} with names"), &mut cargo)?;
    }
    Ok(target.join(rust::WASM_TARGET).join(component::PROFILE))
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
