//! `cargo xtask demo`: the host's demo on the built component.

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{component, process};

/// Build what is missing and run `portcullis demo`.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let component = component::get(workspace)?;
    let mut cargo = workspace.cargo();
    cargo.args([
        "run",
        "--locked",
        "--package",
        "portcullis-host",
        "--bin",
        "portcullis",
    ]);
    cargo.args(["--", "demo"]).args(arguments);
    process::run(
        "building the host and running the demo",
        cargo.env(component::VARIABLE, component),
    )
}
