//! `cargo xtask test`: all tests, or those of one ring.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde_json::Value;

use crate::component::{Embedded, Flavour};
use crate::examples::Examples;
use crate::workspace::Workspace;
use crate::{apt, component, process, rust, workspace};

/// What a test runs against (`cargo xtask test --ring`).
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ring {
    /// The core alone, in memory.
    Native,
    /// The built component under wasmtime.
    Component,
    /// The built component against other TLS programs.
    Outside,
    /// The core's vectors, built as the component is, in both flavours.
    Wasm,
}

/// The ring of each file in a package's `tests/`. Tests beside the code are native, those in the
/// documentation run the component.
const RINGS: [(Ring, &[&str]); 3] = [
    (
        Ring::Native,
        &[
            "allocations",
            "certificates",
            "choice",
            "cipher_list",
            "config",
            "corpora",
            "credential",
            "curves",
            "explorer",
            "flood",
            "liveness",
            "pump",
            "session",
            "tickets",
            "vectors",
            "verification",
        ],
    ),
    (
        Ring::Component,
        &[
            "alpn",
            "callers",
            "cipher",
            "client",
            "client_hello",
            "early_data",
            "engine",
            "facts",
            "hosts",
            "identity",
            "input",
            "instance",
            "misuse",
            "negotiated",
            "peer_certificate",
            "pollable",
            "port",
            "refusal",
            "resumption",
            "revocation",
            "secrets",
            "server",
            "socketless",
            "streams",
            "trust",
            "unwrap",
            "verify_result",
            "words",
        ],
    ),
    (
        Ring::Outside,
        &[
            "addresses",
            "activation",
            "async_ports",
            "capture",
            "ciphers",
            "command",
            "compat",
            "compose",
            "contract",
            "embedding",
            "ends",
            "examples",
            "exhaustion",
            "files",
            "flag",
            "guide",
            "interruption",
            "native",
            "passphrase",
            "peers",
            "protocols",
            "refusals",
            "serving",
            "signals",
            "starttls",
            "wasi_tls",
            "ways",
            "wiped",
        ],
    ),
];

/// Tests of the component that run over the host's own form of the interface too, and see the same.
const BOTH: [&str; 23] = [
    "alpn",
    "cipher",
    "client",
    "client_hello",
    "early_data",
    "engine",
    "facts",
    "identity",
    "input",
    "negotiated",
    "peer_certificate",
    "pollable",
    "port",
    "refusal",
    "resumption",
    "revocation",
    "secrets",
    "server",
    "hosts",
    "trust",
    "unwrap",
    "verify_result",
    "words",
];

/// Has tests run over the host's own form of the interface: `tests/support/component.rs`.
const NATIVE: &str = "PORTCULLIS_NATIVE";

/// Turns the skip of a test whose program is missing into a failure.
pub(crate) const REQUIRE_TOOLS: &str = "PORTCULLIS_REQUIRE_TOOLS";

/// The runner of programs for WebAssembly: `host/examples/wasi.rs`.
const RUNNER: &str = "wasi";

/// Set up what the ring needs and run it.
pub(crate) fn run(
    workspace: &Workspace,
    ring: Option<Ring>,
    filters: &[String],
    arguments: &[String],
) -> Result<()> {
    let in_ci = in_ci();
    let selections = selections(workspace, ring)?;
    let needs_examples = matches!(ring, None | Some(Ring::Outside));
    if needs_examples {
        apt::need(apt::PEERS, in_ci)?;
    }
    let embedded = component::get(workspace)?;
    let engine = match ring {
        None | Some(Ring::Component) => Some(component::build_engine(workspace, &[])?),
        Some(_) => None,
    };
    let examples = match needs_examples {
        true => Some(Examples::prepare(workspace, in_ci)?),
        false => None,
    };
    if matches!(ring, None | Some(Ring::Wasm)) {
        let runner = build_runner(workspace, &embedded)?;
        rust::need_target(workspace, rust::WASM_TARGET)?;
        Flavour::beside_each_other(|flavour| {
            test_in_wasm(workspace, flavour, &runner, filters, arguments)
        })?;
    }
    // Those of the component once more, over the host's own form of the interface.
    let more = match ring {
        None | Some(Ring::Component) => Some(native_selection()),
        Some(_) => None,
    };
    let plain = selections.into_iter().map(|selection| (selection, false));
    for (selection, is_native) in plain.chain(more.map(|selection| (selection, true))) {
        let mut cargo = workspace.cargo();
        cargo
            .args(["test", "--locked", "--no-fail-fast"])
            .args(selection);
        cargo
            .arg("--")
            .args(filters)
            .args(arguments)
            // With it, wasmtime adds a backtrace to the errors that it tells the component, which
            // one test looks at.
            .env("RUST_BACKTRACE", "1");
        embedded.tell(&mut cargo);
        if let Some(engine) = &engine {
            cargo.env(component::ENGINE_VARIABLE, engine);
        }
        if let Some(examples) = &examples {
            examples.tell(&mut cargo);
        }
        if in_ci {
            cargo.env(REQUIRE_TOOLS, "1");
        }
        if is_native {
            cargo.env(NATIVE, "1");
        }
        process::run("building and running the tests", &mut cargo)?;
    }
    Ok(())
}

/// Whether this runs in CI, where a missing program is a failure.
pub(crate) fn in_ci() -> bool {
    env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

/// Builds the runner with the packages that the tests are built with. With others, wasmtime would
/// have other features and be compiled a second time.
pub(crate) fn build_runner(workspace: &Workspace, embedded: &Embedded) -> Result<PathBuf> {
    build_example(workspace, embedded, RUNNER)
}

/// The same for another example of the host's.
pub(crate) fn build_example(
    workspace: &Workspace,
    embedded: &Embedded,
    name: &str,
) -> Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--locked"]).args(workspace::MOST);
    cargo.args(["--example", name]);
    embedded.tell(&mut cargo);
    process::run("building what runs WebAssembly", &mut cargo)?;
    Ok(workspace.target.join("debug").join("examples").join(name))
}

/// Runs the vectors in WebAssembly, with the code and settings of the component, down to the
/// compiled dependencies.
fn test_in_wasm(
    workspace: &Workspace,
    flavour: Flavour,
    runner: &Path,
    filters: &[String],
    arguments: &[String],
) -> Result<()> {
    let mut cargo = flavour.cargo(workspace)?;
    cargo.args(["test", "--locked", "--profile", component::PROFILE]);
    cargo.args(["--package", "portcullis-provider", "--test", "vectors"]);
    cargo
        .args(["--target", rust::WASM_TARGET, "--target-dir"])
        .arg(flavour.target(workspace))
        .env("CARGO_TARGET_WASM32_WASIP2_RUNNER", runner);
    cargo.arg("--").args(filters).args(arguments);
    let step = format!("building and running the vectors in WebAssembly ({flavour:?})");
    process::run(&step, &mut cargo)
}

/// The arguments of `cargo test` for the tests that drive whatever serves the interface.
fn native_selection() -> Vec<String> {
    let names = BOTH.iter().flat_map(|name| ["--test", name]);
    let all = workspace::MOST.iter().copied().chain(names);
    all.map(str::to_owned).collect()
}

/// The arguments of `cargo test` for a ring, one list for each run. Each list names the whole
/// workspace, so that the runs agree on features and share what they build. Only the benchmark is
/// left out, which needs much that nothing else does.
fn selections(workspace: &Workspace, ring: Option<Ring>) -> Result<Vec<Vec<String>>> {
    let with = |arguments: &[&str]| {
        let all = workspace::MOST.iter().chain(arguments);
        all.map(|word| (*word).to_owned()).collect::<Vec<_>>()
    };
    let (mut run, more) = match ring {
        None => return Ok(vec![with(&[])]),
        Some(Ring::Native) => (with(&["--lib", "--bins"]), None),
        Some(Ring::Component) => (with(&[]), Some(with(&["--doc"]))),
        Some(Ring::Outside) => (with(&[]), None),
        Some(Ring::Wasm) => return Ok(Vec::new()),
    };
    for name in test_files(workspace)? {
        if Some(ring_of(&name)?) == ring {
            run.extend(["--test".to_owned(), name]);
        }
    }
    Ok(std::iter::once(run).chain(more).collect())
}

/// The files in the packages' `tests/`, by name.
fn test_files(workspace: &Workspace) -> Result<Vec<String>> {
    let is_test = |target: &&Value| {
        let kinds = target.get("kind").and_then(Value::as_array);
        kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "test"))
    };
    let mut names = Vec::new();
    for package in workspace.packages(&["--no-deps"])? {
        let targets = package.get("targets").and_then(Value::as_array);
        let targets = targets.context("cargo metadata has a package without targets")?;
        for target in targets.iter().filter(is_test) {
            let name = target.get("name").and_then(Value::as_str);
            names.push(
                name.context("cargo metadata has a target without a name")?
                    .to_owned(),
            );
        }
    }
    Ok(names)
}

fn ring_of(name: &str) -> Result<Ring> {
    match RINGS.iter().find(|(_, names)| names.contains(&name)) {
        Some((ring, _)) => Ok(*ring),
        None => bail!("the test {name} is in no ring; add it to RINGS in xtask/src/test.rs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_file_is_in_a_ring() {
        let files = test_files(&Workspace::find().unwrap()).unwrap();
        assert!(!files.is_empty());
        for name in files {
            ring_of(&name).unwrap();
        }
    }
}
