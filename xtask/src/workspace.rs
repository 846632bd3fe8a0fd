//! The workspace's root, its target directory and its packages, as cargo reports them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// Arguments of cargo for everything but the benchmark and its guests, which need a C library and
/// minutes to be built.
pub(crate) const MOST: [&str; 3] = ["--workspace", "--exclude", "portcullis-bench*"];

/// The name and version of a package.
pub(crate) type Id = (String, String);

/// The workspace around the current directory.
pub(crate) struct Workspace {
    /// The directory of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo builds to; `CARGO_TARGET_DIR` moves it.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Ask cargo. Fails outside of a workspace.
    pub(crate) fn find() -> Result<Self> {
        let mut command = Command::new("cargo");
        command.args(["metadata", "--format-version=1", "--no-deps"]);
        let metadata = metadata(&mut command)?;
        let path = |field: &str| -> Result<PathBuf> {
            let path = metadata.get(field).and_then(Value::as_str);
            Ok(path
                .with_context(|| format!("cargo metadata has no {field}"))?
                .into())
        };
        Ok(Self {
            root: path("workspace_root")?,
            target: path("target_directory")?,
        })
    }

    /// `cargo` in the workspace's root.
    pub(crate) fn cargo(&self) -> Command {
        self.program("cargo")
    }

    /// A program in the workspace's root.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.current_dir(&self.root);
        command
    }

    /// The packages that `cargo metadata` knows; with no arguments the workspace's and all that
    /// they depend on.
    pub(crate) fn packages(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        let mut command = self.cargo();
        command
            .args(["metadata", "--format-version=1", "--locked"])
            .args(arguments);
        let mut metadata = metadata(&mut command)?;
        match metadata.get_mut("packages").map(Value::take) {
            Some(Value::Array(packages)) => Ok(packages),
            _ => anyhow::bail!("cargo metadata has no packages"),
        }
    }

    /// What is linked into the package that these arguments select: depth, name and version of each line of
    /// `cargo tree`, where what a package needs stands below its first. Those that only build or test it are
    /// left out, and its features are its own, not those of the whole workspace.
    pub(crate) fn linked(&self, selection: &[&str]) -> Result<Vec<(usize, Id)>> {
        let mut tree = self.cargo();
        tree.args(["tree", "--locked"]).args(selection);
        tree.args(["--edges", "normal,no-proc-macro", "--prefix", "depth"]);
        tree.args(["--format", "{p}"]);
        let tree = String::from_utf8(process::capture(&mut tree)?)?;
        let lines = tree.lines().filter(|line| !line.is_empty());
        lines
            .map(|line| entry(line).with_context(|| format!("cargo tree says `{line}`")))
            .collect()
    }

    /// The package of the workspace with this name.
    pub(crate) fn package(&self, name: &str) -> Result<Value> {
        let mut packages = self.packages(&["--no-deps"])?.into_iter();
        packages
            .find(|package| package.get("name").and_then(Value::as_str) == Some(name))
            .with_context(|| format!("cargo does not know the package {name}"))
    }
}

fn metadata(command: &mut Command) -> Result<Value> {
    let json = process::capture(command)?;
    serde_json::from_slice(&json).context("cargo metadata printed no JSON")
}

/// A line of `cargo tree --prefix depth`: `2hmac v0.13.0`, perhaps with a path after it.
fn entry(line: &str) -> Option<(usize, Id)> {
    let name = line.find(|c: char| !c.is_ascii_digit())?;
    let (depth, package) = line.split_at_checked(name)?;
    let mut words = package.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    Some((depth.parse().ok()?, (name.to_owned(), version.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_tree_are_read() {
        let id = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!(
            entry("0a v0.1.0 (/some where)"),
            Some((0, id("a", "0.1.0")))
        );
        assert_eq!(
            entry("12wasip2 v1.0.4+wasi-0.2.12"),
            Some((12, id("wasip2", "1.0.4+wasi-0.2.12")))
        );
        assert_eq!(entry("a"), None);
    }
}
