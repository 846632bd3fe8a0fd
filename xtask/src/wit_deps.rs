//! `cargo xtask wit-deps`: the vendored WIT of WASI, verbatim from the sources of the crates whose
//! bindings go with it, at the versions in `Cargo.lock`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::workspace::Workspace;
use crate::{process, rust};

/// A directory whose files are kept as a crate has them.
struct Vendored {
    name: &'static str,
    /// In the crate's sources.
    from: &'static str,
    /// In the workspace.
    to: &'static str,
    /// The files that are used, and those that they need.
    files: &'static [&'static str],
}

const VENDORED: [Vendored; 4] = [
    // The crate `wasi` re-exports the bindings of `wasip2`, which ships the WIT that they are made
    // of.
    Vendored {
        name: "wasip2",
        from: "wit/deps",
        to: "wit/deps",
        files: &[
            "cli.wit",
            "clocks.wit",
            "filesystem.wit",
            "io.wit",
            "random.wit",
            "sockets.wit",
        ],
    },
    Vendored {
        name: "wasmtime-wasi-tls",
        from: "wit/deps/tls",
        to: "benches/guests/wasi-tls/wit/deps/tls",
        files: &["types.wit", "world.wit"],
    },
    Vendored {
        name: "wasmtime-wasi",
        from: "src/p3/wit/deps",
        to: "wit/p3/deps",
        files: &[
            "cli.wit",
            "clocks.wit",
            "filesystem.wit",
            "random.wit",
            "sockets.wit",
        ],
    },
    Vendored {
        name: "wasmtime-wasi-tls",
        from: "src/p3/wit/deps/tls",
        to: "wit/p3/deps/tls",
        files: &["client.wit", "types.wit", "world.wit"],
    },
];

/// Write the files that differ, or fail if one does.
pub(crate) fn run(workspace: &Workspace, check: bool) -> Result<()> {
    VENDORED
        .iter()
        .try_for_each(|vendored| renew(workspace, vendored, check))
}

fn renew(workspace: &Workspace, vendored: &Vendored, check: bool) -> Result<()> {
    let Vendored { name, to, .. } = vendored;
    let (version, source) = source(workspace, vendored)?;
    let directory = workspace.root.join(to);
    let stale = stale(vendored, &source, &directory)?;
    if check && !stale.is_empty() {
        bail!(
            "{to} differs from {name} {version} in {}; run `cargo xtask wit-deps`",
            stale.join(", ")
        );
    }
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    for file in &stale {
        process::announce(&format!("writing {to}/{file}"));
        fs::copy(source.join(file), directory.join(file))
            .with_context(|| format!("cannot write {to}/{file}"))?;
    }
    println!("{to} is that of {name} {version}");
    Ok(())
}

/// The names of the files that must be written.
fn stale(vendored: &Vendored, source: &Path, to: &Path) -> Result<Vec<&'static str>> {
    let mut stale = Vec::new();
    for &name in vendored.files {
        let path = source.join(name);
        let wanted = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if fs::read(to.join(name)).ok() != Some(wanted) {
            stale.push(name);
        }
    }
    Ok(stale)
}

/// The version and the WIT directory of the crate, which cargo fetches if need be.
fn source(workspace: &Workspace, vendored: &Vendored) -> Result<(String, PathBuf)> {
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
        .filter(|package| field(package, "name") == vendored.name);
    let (Some(package), None) = (found.next(), found.next()) else {
        bail!(
            "Cargo.lock must have exactly one {}; it has another number of them",
            vendored.name
        );
    };
    let manifest = PathBuf::from(field(package, "manifest_path"));
    let directory = manifest
        .parent()
        .context("cargo metadata has no manifest path")?;
    Ok((field(package, "version"), directory.join(vendored.from)))
}
