//! `cargo xtask packages`: what those install who write no Rust. A wheel, an npm package and an archive
//! for C, each with the component inside, the same to the bit wherever they are made.

pub(crate) mod archive;
mod c;
mod npm;
mod wheel;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::component::{self, Flavour};
use crate::notices;
use crate::workspace::Workspace;

/// Paths with forward slashes, and what is there.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// What the packages say of themselves.
pub(crate) struct Project {
    pub(crate) version: String,
    /// The terms of what is compiled into them.
    terms: Vec<u8>,
    license: String,
    /// None if the workspace names no repository.
    repository: Option<String>,
}

/// The package of the workspace whose version the packages have.
const PACKAGE: &str = "portcullis";

/// What each package is, for the lists of registries.
const SUMMARY: &str = "TLS for WebAssembly components: a client and server by WASI sockets";

/// `cargo xtask packages`: make them in `target/packages`, and say where.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let folder = write(workspace)?;
    for entry in fs::read_dir(&folder)? {
        println!("{}", entry?.path().display());
    }
    Ok(())
}

/// Makes the packages in `target/packages`, which then has nothing else.
pub(crate) fn write(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("packages");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    for (name, bytes) in make(workspace)? {
        fs::write(folder.join(name), bytes)?;
    }
    Ok(folder)
}

/// The packages by the names of their files. Builds the components if they are not there.
pub(crate) fn make(workspace: &Workspace) -> Result<BTreeMap<String, Vec<u8>>> {
    let project = Project::read(workspace, notices::of_component(workspace)?)?;
    let mut packages = BTreeMap::new();
    for (name, bytes) in [
        wheel::make(workspace, &project)?,
        npm::make(workspace, &project)?,
        c::make(workspace, &project)?,
    ] {
        packages.insert(name, bytes);
    }
    Ok(packages)
}

impl Project {
    pub(crate) fn read(workspace: &Workspace, terms: Vec<u8>) -> Result<Self> {
        let package = workspace.package(PACKAGE)?;
        let field = |name: &str| {
            let text = package.get(name).and_then(Value::as_str);
            text.map(str::to_owned)
        };
        Ok(Self {
            version: field("version").context("the package has no version")?,
            license: field("license").context("the package has no license")?,
            repository: field("repository"),
            terms,
        })
    }
}

/// The components that a package has, in this folder: one for every engine, and one for engines that have
/// wide arithmetic.
fn components(workspace: &Workspace, folder: &str) -> Result<Files> {
    let mut files = Files::new();
    for flavour in Flavour::ALL {
        let built = component::build(workspace, flavour, &[])?;
        files.insert(format!("{folder}{}.wasm", flavour.name()), read(&built)?);
    }
    Ok(files)
}

/// The interface and what it depends on, in this folder, without that for WASI 0.3.
fn interface(workspace: &Workspace, folder: &str) -> Result<Files> {
    let is_p3 = |path: &str| path.starts_with("p3/");
    let files = tree(&workspace.root.join("wit"))?.into_iter();
    let files = files.filter(|(path, _)| !is_p3(path));
    Ok(files
        .map(|(path, bytes)| (format!("{folder}{path}"), bytes))
        .collect())
}

/// The licences, and the terms of what is compiled in, in this folder.
pub(crate) fn licenses(workspace: &Workspace, project: &Project, folder: &str) -> Result<Files> {
    let mut files = Files::new();
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        files.insert(format!("{folder}{name}"), read(&workspace.root.join(name))?);
    }
    files.insert(format!("{folder}{}", notices::FILE), project.terms.clone());
    Ok(files)
}

/// Everything below a folder.
pub(crate) fn tree(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            let below = tree(&path)?.into_iter();
            files.extend(below.map(|(path, bytes)| (format!("{name}/{path}"), bytes)));
        } else {
            files.insert(name.into_owned(), read(&path)?);
        }
    }
    Ok(files)
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// A file of the tree as text in which each of these words is replaced; none of them may be missing.
fn with_words(path: &Path, words: &[(&str, &str)]) -> Result<Vec<u8>> {
    let mut text = String::from_utf8(read(path)?)?;
    for (word, other) in words {
        ensure!(text.contains(word), "{} has no `{word}`", path.display());
        text = text.replace(word, other);
    }
    Ok(text.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interface_is_whole_and_of_one_wasi() {
        let files = interface(&Workspace::find().unwrap(), "wit/").unwrap();
        assert!(files.contains_key("wit/world.wit"));
        assert!(files.contains_key("wit/deps/sockets.wit"));
        assert!(!files.keys().any(|path| path.contains("p3")));
    }
}
