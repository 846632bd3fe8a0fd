//! `cargo xtask bench`: builds the component and the benchmark's guests twice, for every engine and
//! for those with wide arithmetic, and runs the benchmark on them.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use crate::workspace::Workspace;
use crate::{component, process, rust};

/// What of the benchmark is built for wasm, besides the component.
pub(crate) const GUESTS: [&str; 3] = [
    "portcullis-bench-aead",
    "portcullis-bench-consumer",
    "portcullis-bench-wasi-tls",
];

/// Flags of the wide artifact, which come after those in .cargo/config.toml. With wide arithmetic
/// Curve25519 is faster in limbs of 64 bits, and without it much slower.
const WIDE: &str = r#"target.wasm32-wasip2.rustflags=["-Ctarget-feature=+wide-arithmetic", "--cfg=curve25519_dalek_bits=\"64\""]"#;

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
    /// Only these sections: aead, bulk, handshake, cost, loopback
    #[arg(long, value_name = "SECTION")]
    only: Vec<String>,
}

/// Build and measure.
pub(crate) fn run(workspace: &Workspace, arguments: &Bench) -> Result<()> {
    let component = component::get(workspace)?;
    let baseline = build(workspace, "guest", &GUESTS, &[])?;
    let wide = build(
        workspace,
        "guest-wide",
        &["portcullis", GUESTS[0]],
        &["--config", WIDE],
    )?;

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
    cargo.env(component::VARIABLE, component);
    process::run("building and running the benchmark", &mut cargo)
}

/// Build packages for wasm as the component is built; where they are then.
fn build(
    workspace: &Workspace,
    directory: &str,
    packages: &[&str],
    more: &[&str],
) -> Result<PathBuf> {
    let target = workspace.target.join(directory);
    for package in packages {
        // One by one: what one of them needs is no feature of the others.
        let mut cargo = workspace.cargo();
        cargo.args(["build", "--locked", "--lib", "--profile", "component"]);
        cargo.args(["--target", rust::WASM_TARGET, "--package", package]);
        cargo.arg("--target-dir").arg(&target).args(more);
        // They would take the place of the flags in .cargo/config.toml.
        cargo
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        process::run(&format!("building {package} to {directory}"), &mut cargo)?;
    }
    Ok(target.join(Path::new(rust::WASM_TARGET).join("component")))
}
