//! `cargo xtask demo`: the host's demo on the built component.

use std::process::Command;

use anyhow::Result;

use crate::workspace::{MOST, Workspace};
use crate::{component, process};

/// Build what is missing and run `portcullis demo`.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let mut cargo = workspace.cargo();
    // With the features that the tests have, so that wasmtime is compiled once.
    cargo.args(["build", "--locked"]).args(MOST);
    cargo.args(["--bin", "portcullis"]);
    component::get(workspace)?.tell(&mut cargo);
    process::run("building the host", &mut cargo)?;
    let mut portcullis = Command::new(workspace.target.join("debug").join("portcullis"));
    portcullis.current_dir(&workspace.root);
    process::run("running the demo", portcullis.arg("demo").args(arguments))
}
