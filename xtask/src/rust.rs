//! What the toolchain must have: targets, clippy and rustfmt; added through rustup when
//! missing.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::workspace::Workspace;

/// The target of components.
pub(crate) const WASM_TARGET: &str = "wasm32-wasip2";

/// The target of modules for hosts that are no systems.
pub(crate) const BROWSER_TARGET: &str = "wasm32-unknown-unknown";

/// A system other than those that the tests run on.
pub(crate) const WINDOWS_TARGET: &str = "x86_64-pc-windows-gnu";

/// What the provider is for besides components and this machine: another processor, 32 bits, and modules of
/// the first WASI.
pub(crate) const PROVIDER_TARGETS: [&str; 3] = [
    "aarch64-unknown-linux-gnu",
    "i686-unknown-linux-gnu",
    "wasm32-wasip1",
];

/// Make sure that the standard library for a target is there.
pub(crate) fn need_target(workspace: &Workspace, target: &str) -> Result<()> {
    if has_target(workspace, target)? {
        return Ok(());
    }
    let advice = || {
        format!(
            "rustc has no standard library for {target}, and rustup could not fetch it; \
             run `rustup target add {target}` where the network allows it, or unpack the \
             archive rust-std-VERSION-{target} of the release that `rustc --version` names \
             into `rustc --print sysroot`"
        )
    };
    let mut rustup = workspace.program("rustup");
    rustup.args(["target", "add", target]);
    process::run(&format!("adding the target {target}"), &mut rustup).with_context(advice)?;
    // rustup goes by its records: it adds nothing when files of an installed target are gone.
    if !has_target(workspace, target)? {
        bail!(advice());
    }
    Ok(())
}

/// Make sure that `cargo clippy` and `cargo fmt` work.
pub(crate) fn need_lint_components(workspace: &Workspace) -> Result<()> {
    for (subcommand, component) in [("clippy", "clippy"), ("fmt", "rustfmt")] {
        if process::succeeds(workspace.cargo().args([subcommand, "--version"])) {
            continue;
        }
        let mut rustup = workspace.program("rustup");
        process::run(
            &format!("adding the component {component}"),
            rustup.args(["component", "add", component]),
        )
        .with_context(|| {
            format!("`cargo {subcommand}` is missing, and rustup could not fetch {component}")
        })?;
    }
    Ok(())
}

/// Whether the standard library for a target is there. `rustc --print target-libdir` names a
/// directory even when nothing is in it.
fn has_target(workspace: &Workspace, target: &str) -> Result<bool> {
    let mut rustc = workspace.program("rustc");
    rustc.args(["--print", "target-libdir", "--target", target]);
    let printed = process::capture(&mut rustc)?;
    let directory = PathBuf::from(String::from_utf8(printed)?.trim_end());
    let Ok(entries) = fs::read_dir(directory) else {
        return Ok(false);
    };
    let is_std = |name: &str| name.starts_with("libstd-");
    Ok(entries
        .flatten()
        .any(|entry| entry.file_name().to_str().is_some_and(is_std)))
}
