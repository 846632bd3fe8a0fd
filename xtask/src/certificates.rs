//! `cargo xtask certificates`: what the core says of the chains in `tests/verification`, beside what
//! OpenSSL, GnuTLS and Go say of them; and the chains of NIST's PKITS, beside what their authors say.
//!
//! A command of its own, and not a part of `cargo xtask conformance`: it has no runner, no shim and no
//! machines, runs no component, and takes a minute.

mod differences;
mod page;
mod pkits;
mod verdicts;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use self::differences::Differences;
use self::verdicts::{Case, PROGRAMS};
use crate::go::Go;
use crate::pattern::fits;
use crate::workspace::Workspace;
use crate::{apt, component, process, workspace};

/// What is shown or compared.
#[derive(Args)]
pub(crate) struct Certificates {
    /// Record the core's verdicts, which `cargo xtask test` holds it to
    #[arg(long)]
    record: bool,
    /// Compare nothing, and show what is said of the chains of these names, in which `*` stands for
    /// anything
    patterns: Vec<String>,
}

/// The programs and the library that are asked.
const TOOLS: &[apt::Tool] = &[
    ("certtool", "gnutls-bin"),
    ("openssl", "openssl"),
    ("python3", "python3"),
];

/// The sources of what asks them.
const SOURCES: &str = "tests/verification";

/// Names the folders that the tests write chains into and read chains from; `tests/verification.rs`
/// knows them too.
const CHAINS: &str = "PORTCULLIS_CHAINS";
const FOREIGN_CHAINS: &str = "PORTCULLIS_FOREIGN_CHAINS";

/// Make the chains, ask everybody, and compare.
pub(crate) fn run(workspace: &Workspace, arguments: &Certificates) -> Result<()> {
    apt::need(TOOLS, true)?;
    let folder = workspace.target.join("certificates");
    let (chains, nist) = (folder.join("chains"), folder.join("pkits"));
    for part in [&chains, &nist] {
        if part.is_dir() {
            fs::remove_dir_all(part)?;
        }
        fs::create_dir_all(part)?;
    }
    let go = Go::get(workspace)?;
    let suite = pkits::write(&go, &folder, &nist)?;
    judge(workspace, &chains, &nist)?;

    let asker = folder.join("chains-go");
    let mut build = go.command(&folder);
    build.args(["build", "-o"]).arg(&asker);
    build.arg(workspace.root.join(SOURCES).join("chains.go"));
    process::run_quietly("building what asks Go", &mut build)?;
    let ask = |folder: &Path| -> Result<Vec<Case>> {
        let mut cases = verdicts::ours(folder)?;
        for (program, _) in PROGRAMS {
            let mut command = match program {
                "Go" => Command::new(&asker),
                _ => {
                    let script = format!("{SOURCES}/{}.py", program.to_lowercase());
                    let mut python = workspace.program("python3");
                    python.arg(script);
                    python
                }
            };
            process::announce(&format!("asking {program}"));
            let output = process::capture(command.arg(folder))?;
            verdicts::add(&mut cases, &String::from_utf8_lossy(&output))
                .with_context(|| program.to_owned())?;
        }
        Ok(cases)
    };
    let cases = ask(&chains)?;
    let nist = ask(&nist)?;

    if !arguments.patterns.is_empty() {
        for case in cases.iter().chain(&nist) {
            if arguments.patterns.iter().any(|one| fits(one, &case.name)) {
                println!("{case}");
            }
        }
        return Ok(());
    }
    if arguments.record {
        verdicts::record(&cases, &workspace.root.join(SOURCES).join("verdicts.txt"))?;
    }
    let expected = Differences::read(&workspace.root.join(SOURCES).join("differences.json"))?;
    let found = differences::compare(&cases, &expected.chains);
    let of_nist = pkits::compare(&suite, &nist, &expected.pkits);
    let mut is_good = found.report() & of_nist.report();
    let versions = verdicts::versions(&go, &folder)?;
    let lines = found.lines(&versions).into_iter().chain(of_nist.lines());
    is_good &= page::has(workspace, lines)?;
    if !is_good {
        bail!(
            "the verdicts are not what {SOURCES}/differences.json and {} say",
            page::PAGE
        );
    }
    Ok(())
}

/// Has the tests write their chains with the core's verdicts, and judge those of the other folder.
fn judge(workspace: &Workspace, chains: &Path, foreign: &Path) -> Result<()> {
    let embedded = component::get(workspace)?;
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--locked"]).args(workspace::MOST);
    cargo.args(["--test", "verification", "--", "--ignored"]);
    embedded.tell(&mut cargo);
    process::run_quietly(
        "making the chains",
        cargo.env(CHAINS, chains).env(FOREIGN_CHAINS, foreign),
    )
}
