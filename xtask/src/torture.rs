//! `cargo xtask torture`: hostile peers against the core, the built component and the programs, by the
//! program in `tests/torture`.

use anyhow::{Context, Result};
use clap::Args;

use crate::component::{self, Flavour};
use crate::examples::Examples;
use crate::workspace::Workspace;
use crate::{process, workspace};

/// What is tortured, and how long.
#[derive(Args)]
pub(crate) struct Torture {
    /// What chooses among the cases that are not run whole
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many minutes of storms follow the cases in memory: connections with several tricks each
    #[arg(long, default_value_t = 0)]
    minutes: u64,
    /// How many requests the server gets that is soaked, and a quarter of them our client's server
    #[arg(long, default_value_t = 300_000)]
    requests: u64,
    /// Only this part
    #[arg(long, value_parser = ["memory", "component", "programs", "soak"])]
    part: Option<String>,
    /// Only cases of this name, in which `*` stands for anything
    #[arg(long, requires = "part")]
    case: Option<String>,
}

/// Build everything that is tortured, and what does it, and run that.
pub(crate) fn run(workspace: &Workspace, arguments: &Torture) -> Result<()> {
    let embedded = component::get(workspace)?;
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--locked"]).args(workspace::MOST);
    cargo.args(["--bin", "torture", "--bin", "portcullis"]);
    embedded.tell(&mut cargo);
    process::run("building what is tortured, and what does it", &mut cargo)?;

    let built = workspace.target.join("debug");
    let mut torture = workspace.program(
        built
            .join("torture")
            .to_str()
            .context("the path of the target directory is not text")?,
    );
    torture.args(["--seed", &arguments.seed.to_string()]);
    torture.args(["--minutes", &arguments.minutes.to_string()]);
    torture.args(["--requests", &arguments.requests.to_string()]);
    for (flag, value) in [("--part", &arguments.part), ("--case", &arguments.case)] {
        if let Some(value) = value {
            torture.args([flag, value]);
        }
    }
    torture.arg("--component").arg(&embedded.component);
    torture
        .arg("--folder")
        .arg(workspace.target.join("torture"));
    torture.arg("--command").arg(built.join("portcullis"));
    if arguments
        .part
        .as_deref()
        .is_none_or(|part| part == "programs")
    {
        Examples::prepare(workspace, true)?.tell(&mut torture);
        let plug = component::build(workspace, Flavour::Baseline, &[])?;
        torture.arg("--plug").arg(plug);
    }
    process::run("playing hostile peers", &mut torture)
}
