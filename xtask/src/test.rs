//! `cargo xtask test`: all tests, or those of one ring.

use std::env;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde_json::Value;

use crate::workspace::Workspace;
use crate::{apt, component, process};

/// What a test runs against (`cargo xtask test --ring`).
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ring {
    /// The core alone, in memory.
    Native,
    /// The built component under wasmtime.
    Component,
    /// The built component against other TLS programs.
    Outside,
}

/// The ring of each file in `tests/`; library, binaries and documentation go by their package.
const RINGS: [(Ring, &[&str]); 3] = [
    (Ring::Native, &["config", "pump", "session", "vectors"]),
    (Ring::Component, &["client", "server", "shutdown", "verify"]),
    (
        Ring::Outside,
        &["command", "contract", "interop", "starttls"],
    ),
];

/// Turns the skip of a test whose program is missing into a failure.
const REQUIRE_TOOLS: &str = "PORTCULLIS_REQUIRE_TOOLS";

/// Set up what the ring needs and run it.
pub(crate) fn run(
    workspace: &Workspace,
    ring: Option<Ring>,
    filters: &[String],
    arguments: &[String],
) -> Result<()> {
    let in_ci = env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    let selections = selections(workspace, ring)?;
    if matches!(ring, None | Some(Ring::Outside)) {
        apt::need_tools(in_ci)?;
    }
    let component = component::get(workspace)?;
    for selection in selections {
        let mut cargo = workspace.cargo();
        cargo
            .args(["test", "--locked", "--no-fail-fast"])
            .args(selection);
        cargo
            .arg("--")
            .args(filters)
            .args(arguments)
            .env(component::VARIABLE, &component);
        if in_ci {
            cargo.env(REQUIRE_TOOLS, "1");
        }
        process::run("building and running the tests", &mut cargo)?;
    }
    Ok(())
}

/// The arguments that make `cargo test` take what is asked for, one list for each run.
fn selections(workspace: &Workspace, ring: Option<Ring>) -> Result<Vec<Vec<String>>> {
    let Some(ring) = ring else {
        return Ok(vec![vec!["--workspace".to_owned()]]);
    };
    let mut files = Vec::new();
    for name in integration_tests(workspace)? {
        if ring_of(&name)? == ring {
            files.extend(["--test".to_owned(), name]);
        }
    }
    let select = |words: &[&str]| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    let mut runs = Vec::new();
    match ring {
        Ring::Native => files.push("--lib".to_owned()),
        Ring::Component => runs.push(select(&["--package", "portcullis-host"])),
        Ring::Outside => {}
    }
    if !files.is_empty() {
        runs.push([select(&["--package", "portcullis"]), files].concat());
    }
    Ok(runs)
}

/// The files in `tests/`, by name.
fn integration_tests(workspace: &Workspace) -> Result<Vec<String>> {
    let packages = workspace.packages(&["--no-deps"])?;
    let guest = packages
        .iter()
        .find(|package| text(package, "name") == Some("portcullis"));
    let targets = guest
        .and_then(|guest| guest.get("targets"))
        .and_then(Value::as_array);
    let targets = targets
        .context("cargo metadata has no package portcullis")?
        .iter();
    let is_test = |target: &&Value| {
        let kinds = target.get("kind").and_then(Value::as_array);
        kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "test"))
    };
    let names = targets
        .filter(is_test)
        .filter_map(|target| text(target, "name"));
    Ok(names.map(str::to_owned).collect())
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field).and_then(Value::as_str)
}

fn ring_of(name: &str) -> Result<Ring> {
    match RINGS.iter().find(|(_, names)| names.contains(&name)) {
        Some((ring, _)) => Ok(*ring),
        None => bail!("tests/{name}.rs is in no ring; add it to RINGS in xtask/src/test.rs"),
    }
}
