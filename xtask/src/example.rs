//! The example components under `examples/`, which the tests compose and run.

use std::path::PathBuf;

use anyhow::Result;

use crate::component::{self, Flavour};
use crate::workspace::Workspace;

/// Names the directory of the built examples to the tests.
pub(crate) const VARIABLE: &str = "PORTCULLIS_EXAMPLES";

/// The packages under `examples/` that are components written in Rust.
const RUST: [&str; 1] = ["https-client"];

/// Build the examples; the directory that they are in.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let selection: Vec<_> = RUST
        .iter()
        .flat_map(|name| ["--package".to_owned(), (*name).to_owned()])
        .collect();
    component::build_guest(workspace, Flavour::Baseline, "the examples", &selection)
}
