//! The component: built from the guest, put at `target/portcullis.wasm`, and described.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wasmparser::{Parser, Payload};

use crate::workspace::Workspace;
use crate::{process, rust};

/// Names a prebuilt component; `host/build.rs` knows it too.
pub(crate) const VARIABLE: &str = "PORTCULLIS_COMPONENT";

/// `cargo xtask build`.
pub(crate) fn build_and_describe(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let path = build(workspace, arguments)?;
    let description = describe(&path)?;
    println!("{description}");
    Ok(())
}

/// The component to test or show: the one that `PORTCULLIS_COMPONENT` names, else a built one.
pub(crate) fn get(workspace: &Workspace) -> Result<PathBuf> {
    let Some(given) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) else {
        return build(workspace, &[]);
    };
    let path = PathBuf::from(given);
    let path = path
        .canonicalize()
        .with_context(|| format!("{VARIABLE}={}", path.display()))?;
    process::announce(&format!("using the component {}", path.display()));
    Ok(path)
}

/// Build the guest in a target directory of its own and copy the result to where people find it.
/// A result that did not change leaves the copy alone, so that nothing that depends on it is built
/// again.
fn build(workspace: &Workspace, arguments: &[String]) -> Result<PathBuf> {
    let mut selection = vec![
        "--package".to_owned(),
        "portcullis".to_owned(),
        "--lib".to_owned(),
    ];
    selection.extend_from_slice(arguments);
    let built =
        build_guest(workspace, "building the component", &selection)?.join("portcullis.wasm");
    let copy = workspace.target.join("portcullis.wasm");
    let bytes = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    if fs::read(&copy).ok().as_deref() != Some(bytes.as_slice()) {
        fs::write(&copy, bytes).with_context(|| format!("cannot write {}", copy.display()))?;
    }
    Ok(copy)
}

/// Build what is selected for wasm, in the profile of the component; the directory of the results.
pub(crate) fn build_guest(
    workspace: &Workspace,
    doing: &str,
    selection: &[String],
) -> Result<PathBuf> {
    rust::need_wasm_target(workspace)?;
    let target = workspace.target.join("guest");
    let mut cargo = workspace.cargo();
    cargo.args([
        "build",
        "--locked",
        "--profile",
        "component",
        "--target",
        rust::WASM_TARGET,
    ]);
    cargo.args(selection).arg("--target-dir").arg(&target);
    // They would take the place of the flags in .cargo/config.toml: what is built is always the same.
    cargo
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    process::run(doing, &mut cargo)?;
    Ok(target.join(rust::WASM_TARGET).join("component"))
}

fn describe(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (imports, exports) = interfaces(&bytes).context("cannot read the component")?;
    let size = bytes.len();
    let kib = size.div_ceil(1024);
    let mut lines = vec![
        format!("component  {}", path.display()),
        format!("size       {size} bytes ({kib} KiB)"),
    ];
    lines.extend(column("imports", imports));
    lines.extend(column("exports", exports));
    Ok(lines.join("\n"))
}

/// The names of what the component itself imports and exports, not the modules inside it.
fn interfaces(component: &[u8]) -> Result<(Vec<String>, Vec<String>)> {
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok((imports, exports))
}

/// One name a line, sorted, the title before the first.
fn column(title: &str, mut names: Vec<String>) -> Vec<String> {
    names.sort();
    let titles = std::iter::once(title).chain(std::iter::repeat(""));
    titles
        .zip(names)
        .map(|(title, name)| format!("{title:<11}{name}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_is_sorted_and_titled_once() {
        let lines = column("imports", vec!["b".to_owned(), "a".to_owned()]);
        assert_eq!(lines, ["imports    a", "           b"]);
    }
}
