//! The servers that are tortured, and how they are started.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::Extent;

/// Where `cargo xtask` says that stock runtimes are, each in a folder `wasmtime-*`, and the components of
/// the examples in Rust; and what turns their absence into a failure.
const TOOLS: &str = "PORTCULLIS_TOOLS";
const EXAMPLES: &str = "PORTCULLIS_EXAMPLES";
const REQUIRE_TOOLS: &str = "PORTCULLIS_REQUIRE_TOOLS";

/// A server, and how it is started.
pub(super) struct Target {
    pub(super) name: String,
    pub(super) command: Command,
}

/// `portcullis serve`, without timers of ours.
pub(super) fn serve(extent: &Extent<'_>, chain: &Path, key: &Path) -> Command {
    let mut serve = Command::new(extent.command);
    serve.args(["serve", "127.0.0.1:0", "--echo", "--cert"]);
    serve.arg(chain).arg("--key").arg(key);
    serve
}

pub(super) fn targets(extent: &Extent<'_>, chain: &Path, key: &Path) -> Result<Vec<Target>> {
    let mut serve = serve(extent, chain, key);
    for timer in ["handshake", "shutdown", "read", "write"] {
        serve.args([&format!("--{timer}-timeout"), "10"]);
    }
    let mut targets = vec![Target {
        name: "portcullis serve".to_owned(),
        command: serve,
    }];
    let (Some(tools), Some(examples)) = (env::var_os(TOOLS), env::var_os(EXAMPLES)) else {
        ensure!(
            env::var_os(REQUIRE_TOOLS).is_none(),
            "the composed server needs {TOOLS} and {EXAMPLES}, which `cargo xtask torture` sets"
        );
        eprintln!("SKIPPED the composed server: {TOOLS} and {EXAMPLES} are not set");
        return Ok(targets);
    };
    let echo_server = extent.folder.join("echo-server.wasm");
    let mut compose = Command::new(extent.command);
    compose.arg("compose");
    compose.arg(Path::new(&examples).join("echo-server.wasm"));
    compose.arg("--plug").arg(extent.plug.context("--plug")?);
    compose.arg("-o").arg(&echo_server);
    ensure!(compose.status()?.success(), "{compose:?} failed");
    for runtime in runtimes(Path::new(&tools))? {
        let mut command = Command::new(runtime.join("wasmtime"));
        command.args(["run", "-S", "inherit-network", "--dir"]);
        command.arg(format!("{}::/certs", extent.folder.display()));
        command.arg(&echo_server);
        command.args(["/certs/cert.pem", "/certs/key.pem", "0", "10"]);
        let name = runtime.file_name().unwrap_or_default().to_string_lossy();
        targets.push(Target {
            name: format!("echo server, {name}"),
            command,
        });
    }
    Ok(targets)
}

/// The folders of stock runtimes, in order.
fn runtimes(tools: &Path) -> Result<Vec<PathBuf>> {
    let mut runtimes = Vec::new();
    for entry in fs::read_dir(tools)? {
        let path = entry?.path();
        if path.join("wasmtime").is_file() {
            runtimes.push(path);
        }
    }
    ensure!(!runtimes.is_empty(), "no wasmtime in {}", tools.display());
    runtimes.sort();
    Ok(runtimes)
}
