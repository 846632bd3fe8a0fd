//! The npm package `portcullis-tls`: the wrapper of `clients/javascript`, the component as jco makes a
//! module of Node of it, and for programs that are components themselves the interface.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Files, Project, SUMMARY, archive, components, interface, licenses, read, tree};
use crate::component::{self, Flavour};
use crate::workspace::Workspace;
use crate::{examples, process};

/// The package whose version in `examples/javascript` is the one to depend on: it is WASI in Node.
const SHIM: &str = "@bytecodealliance/preview2-shim";

/// The file's name and the package.
pub(super) fn make(workspace: &Workspace, project: &Project) -> Result<(String, Vec<u8>)> {
    let source = workspace.root.join("clients/javascript");
    let pinned = workspace.root.join("examples/javascript");
    let is_check = |name: &str| name.starts_with("check");
    let mut files = tree(&source)?;
    files.retain(|name, _| !is_check(name) && name != "package.json");
    let config = read(&pinned.join("bundle.config.js"))?;
    files.insert("bundle.config.js".to_owned(), config);
    for (name, bytes) in transpiled(workspace, &pinned)? {
        files.insert(format!("transpiled/{name}"), bytes);
    }
    files.extend(components(workspace, "")?);
    files.extend(interface(workspace, "wit/")?);
    files.extend(licenses(workspace, project, "")?);
    files.insert("package.json".to_owned(), manifest(project, &pinned)?);
    let name = format!("portcullis-tls-{}.tgz", project.version);
    Ok((name, archive::tar_gz("package", &files)?))
}

/// The module that jco makes of the component, with its types.
fn transpiled(workspace: &Workspace, pinned: &Path) -> Result<Files> {
    let tools = workspace.target.join("tools/jco");
    let built = component::build(workspace, Flavour::Baseline, &[])?;
    let node = examples::node(workspace)?;
    let program = |name: &str| {
        let mut command = Command::new(name);
        examples::with_node(&mut command, node.as_deref());
        command.current_dir(&tools);
        command
    };
    fs::create_dir_all(&tools)?;
    let mut is_there = tools.join("node_modules/.bin/jco").is_file();
    for name in ["package.json", "package-lock.json", ".npmrc"] {
        let bytes = read(&pinned.join(name))?;
        if fs::read(tools.join(name)).ok().as_ref() != Some(&bytes) {
            fs::write(tools.join(name), bytes)?;
            is_there = false;
        }
    }
    if !is_there {
        process::run_quietly("fetching jco", program("npm").args(["ci", "--silent"]))?;
    }
    let output = workspace.target.join("transpiled");
    if output.exists() {
        fs::remove_dir_all(&output)?;
    }
    let mut jco = program("npx");
    jco.args(["jco", "transpile", "--quiet", "--minify", "-o"]);
    jco.arg(&output).arg(built);
    process::run_quietly("making a module of Node of the component", &mut jco)?;
    tree(&output)
}

fn manifest(project: &Project, pinned: &Path) -> Result<Vec<u8>> {
    let package: Value = serde_json::from_slice(&read(&pinned.join("package.json"))?)?;
    let shim = package.get("devDependencies").and_then(|all| all.get(SHIM));
    let shim = shim.context("examples/javascript pins no preview2-shim")?;
    let entry =
        |name: &str| json!({"types": format!("./{name}.d.ts"), "default": format!("./{name}.js")});
    let mut manifest = json!({
        "name": "portcullis-tls",
        "version": project.version,
        "description": SUMMARY,
        "license": project.license,
        "keywords": ["tls", "ssl", "wasm", "wasi", "component"],
        "type": "module",
        "types": "./portcullis.d.ts",
        "engines": {"node": ">=20.19"},
        "dependencies": {SHIM: shim},
        "exports": {
            ".": entry("portcullis"),
            "./component": entry("component"),
            "./node": entry("node"),
            "./transpiled": {
                "types": "./transpiled/portcullis.d.ts",
                "default": "./transpiled/portcullis.js",
            },
            "./bundle.config.js": "./bundle.config.js",
            "./portcullis.wasm": "./portcullis.wasm",
            "./portcullis-wide.wasm": "./portcullis-wide.wasm",
            "./package.json": "./package.json",
        },
    });
    if let (Some(repository), Some(fields)) = (&project.repository, manifest.as_object_mut()) {
        let place = json!({"type": "git", "url": format!("git+{repository}")});
        fields.insert("repository".to_owned(), place);
    }
    let mut text = serde_json::to_vec_pretty(&manifest)?;
    text.push(b'\n');
    Ok(text)
}
