//! `cargo xtask wit-deps`: the vendored WIT of WASI, verbatim from the sources of the crate that the
//! guest's WASI bindings come from, at the version in `Cargo.lock`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::workspace::Workspace;
use crate::{process, rust};

/// `wasi` re-exports its bindings, and it ships the WIT that they are made of.
const CRATE: &str = "wasip2";

/// What the world names, and what that needs.
const FILES: [&str; 3] = ["clocks.wit", "io.wit", "sockets.wit"];

/// Write the files that differ, or fail if one does.
pub(crate) fn run(workspace: &Workspace, check: bool) -> Result<()> {
    let (version, source) = source(workspace)?;
    let deps = workspace.root.join("wit/deps");
    let stale = stale(&source, &deps)?;
    if check && !stale.is_empty() {
        bail!(
            "wit/deps differs from {CRATE} {version} in {}; run `cargo xtask wit-deps`",
            stale.join(", ")
        );
    }
    fs::create_dir_all(&deps).with_context(|| format!("cannot make {}", deps.display()))?;
    for name in &stale {
        process::announce(&format!("writing wit/deps/{name}"));
        fs::copy(source.join(name), deps.join(name))
            .with_context(|| format!("cannot write wit/deps/{name}"))?;
    }
    println!("wit/deps is that of {CRATE} {version}");
    Ok(())
}

/// The names of the files that must be written.
fn stale(source: &Path, deps: &Path) -> Result<Vec<&'static str>> {
    let mut stale = Vec::new();
    for name in FILES {
        let path = source.join(name);
        let wanted = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if fs::read(deps.join(name)).ok() != Some(wanted) {
            stale.push(name);
        }
    }
    Ok(stale)
}

/// Version and WIT directory of the crate; cargo fetches it if need be.
fn source(workspace: &Workspace) -> Result<(String, PathBuf)> {
    let packages = workspace.packages(&["--filter-platform", rust::WASM_TARGET])?;
    let field = |package: &Value, name: &str| {
        package
            .get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .unwrap_or_default()
    };
    let mut found = packages
        .iter()
        .filter(|package| field(package, "name") == CRATE);
    let (Some(package), None) = (found.next(), found.next()) else {
        bail!("Cargo.lock must have exactly one {CRATE}; it has another number of them");
    };
    let manifest = PathBuf::from(field(package, "manifest_path"));
    let directory = manifest
        .parent()
        .context("cargo metadata has no manifest path")?;
    Ok((field(package, "version"), directory.join("wit/deps")))
}
