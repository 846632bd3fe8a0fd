//! `cargo xtask lint`: format, lints and documentation, natively and for wasm; any warning fails.

use std::process::Command;

use anyhow::Result;

use crate::component::Embedded;
use crate::workspace::Workspace;
use crate::{apt, bench, component, examples, process, rust, supply, test, workspace};

/// Check everything, the fast things first.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    supply::run(workspace, false)?;
    rust::need_lint_components(workspace)?;
    rust::need_target(workspace, rust::WINDOWS_TARGET)?;
    process::run(
        "checking the format",
        workspace.cargo().args(["fmt", "--all", "--check"]),
    )?;

    // The host's build script needs a component. It is named, so that all commands agree and share
    // what they build.
    let embedded = component::get(workspace)?;
    let cargo = || cargo(workspace, &embedded);
    let guest = [
        "--package",
        "portcullis",
        "--lib",
        "--target",
        rust::WASM_TARGET,
    ];

    let mut clippy = cargo();
    clippy.args(["clippy", "--locked", "--all-targets"]);
    clippy.args(workspace::MOST).args(["--", "-Dwarnings"]);
    process::run("linting natively", &mut clippy)?;

    let mut clippy = cargo();
    clippy.args(["clippy", "--locked", "--bins"]).args(guest);
    let client = ["portcullis-client"];
    for package in bench::GUESTS
        .iter()
        .chain(&examples::IN_WASM)
        .chain(&client)
        .chain(&[bench::LINKED])
    {
        clippy.args(["--package", package]);
    }
    process::run("linting for wasm", clippy.args(["--", "-Dwarnings"]))?;

    let mut clippy = cargo();
    clippy.args(["clippy", "--locked", "--package", "portcullis-bench"]);
    process::run("linting the benchmark", clippy.args(["--", "-Dwarnings"]))?;

    // The features of the two forms exclude each other.
    let mut clippy = cargo();
    clippy.args(["clippy", "--locked"]).args(guest);
    clippy.args(component::P3_FEATURES);
    process::run(
        "linting for wasm, WASI 0.3",
        clippy.args(["--", "-Dwarnings"]),
    )?;

    // Embedders run on every system; the command is for Unix alone.
    if apt::need(apt::FOR_WINDOWS, test::in_ci())? {
        let mut check = cargo();
        check.args(["check", "--locked", "--package", "portcullis-host"]);
        check.args(["--target", rust::WINDOWS_TARGET]);
        process::run("checking the host's library for Windows", &mut check)?;
    }

    // Whoever links rustls has it on systems and processors that nothing here runs.
    let mut check = cargo();
    check.args(["check", "--locked", "--package", "portcullis-provider"]);
    for target in rust::PROVIDER_TARGETS {
        rust::need_target(workspace, target)?;
        check.args(["--target", target]);
    }
    process::run("checking the provider for other machines", &mut check)?;

    // They take in files of the command, and nothing else builds them unless somebody fuzzes.
    let mut check = cargo();
    check.args(["check", "--locked", "--manifest-path", "fuzz/Cargo.toml"]);
    let target = workspace.target.join("fuzz");
    check.arg("--target-dir").arg(&target);
    // Whatever it names: only linking looks for libFuzzer, whose C++ takes longer than all else.
    check.env("CUSTOM_LIBFUZZER_PATH", target.join("libfuzzer.a"));
    process::run("checking the fuzz targets", &mut check)?;

    let mut doc = cargo();
    doc.args(["doc", "--locked", "--no-deps", "--document-private-items"])
        .args(workspace::MOST);
    process::run(
        "documenting natively",
        doc.env("RUSTDOCFLAGS", "-Dwarnings"),
    )?;

    let mut doc = cargo();
    doc.args(["doc", "--locked", "--no-deps", "--document-private-items"])
        .args(guest);
    process::run(
        "documenting for wasm",
        doc.env("RUSTDOCFLAGS", "-Dwarnings"),
    )
}

fn cargo(workspace: &Workspace, embedded: &Embedded) -> Command {
    let mut cargo = workspace.cargo();
    embedded.tell(&mut cargo);
    cargo
}
