//! `cargo xtask timing`: whether the time that operations take tells of their secrets, as wasmtime
//! compiles them (`provider/examples/timing.rs`).

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::component::{self, Flavour};
use crate::workspace::Workspace;
use crate::{apt, process, rust, test, wide};

/// How long it looks.
#[derive(Args)]
pub(crate) struct Timing {
    /// How often the samples are doubled where they do not tell yet
    #[arg(long, value_name = "N", default_value_t = 4)]
    rounds: u32,
    /// How many times as many samples are taken
    #[arg(long, value_name = "N", default_value_t = 1)]
    factor: u32,
}

/// What makes the RSA keys.
const TOOLS: &[apt::Tool] = &[("openssl", "openssl")];

/// How many RSA keys there are: the fixed one, and others.
const KEYS: usize = 5;

/// A |t| from which on the times differ.
const DIFFERS: f64 = 10.0;

/// How the operations that do depend on their secrets are called.
const CONTROL: &str = "control: ";

/// Measure both flavours, print a table, and fail where an operation differs or a control does not.
pub(crate) fn run(workspace: &Workspace, arguments: &Timing) -> Result<()> {
    apt::need(TOOLS, true)?;
    rust::need_target(workspace, rust::WASM_TARGET)?;
    let embedded = component::get(workspace)?;
    let runner = test::build_runner(workspace, &embedded)?;
    let keys: Vec<_> = (0..KEYS)
        .map(|_| rsa_key(workspace))
        .collect::<Result<_>>()?;
    let mut wrong = Vec::new();
    for flavour in Flavour::ALL {
        let selection = ["--package", "portcullis-provider", "--example", "timing"];
        let selection = selection.map(str::to_owned);
        let what = format!("what is timed ({flavour:?})");
        let built = component::build_guest(workspace, flavour, &what, &selection)?;
        let program = built.join("examples/timing.wasm");
        wide::check(&fs::read(&program)?).with_context(|| program.display().to_string())?;
        process::announce(&format!("timing ({flavour:?})"));
        let mut command = Command::new(&runner);
        command.arg(program);
        for number in [arguments.rounds, arguments.factor] {
            command.arg(number.to_string());
        }
        command.args(&keys);
        let output = String::from_utf8(process::capture(&mut command)?)?;
        println!("\n| operation ({flavour:?}) | samples | largest t | median |\n|---|---|---|---|");
        for line in output.lines() {
            let parts: Vec<_> = line.split('\t').collect();
            let [name, samples, t, median] = parts.as_slice() else {
                anyhow::bail!("not a line of the table: {line}");
            };
            let number = |text: &str| text.parse::<f64>().context("not a number");
            let (t, median) = (number(t)? / 100.0, number(median)? / 1000.0);
            println!("| {name} | {samples} | {t:.1} | {median:.1} µs |");
            if (t > DIFFERS) != name.starts_with(CONTROL) {
                wrong.push(format!("{name} ({flavour:?}): |t| is {t:.1}"));
            }
        }
    }
    ensure!(
        wrong.is_empty(),
        "times that differ, or controls that do not: {}",
        wrong.join("; ")
    );
    Ok(())
}

/// A new RSA key as PKCS #8, in hexadecimal.
pub(crate) fn rsa_key(workspace: &Workspace) -> Result<String> {
    let file = workspace.target.join("timing.pem");
    let mut make = Command::new("openssl");
    make.args([
        "genpkey",
        "-algorithm",
        "RSA",
        "-pkeyopt",
        "rsa_keygen_bits:2048",
        "-out",
    ]);
    process::capture(make.arg(&file))?;
    let mut convert = Command::new("openssl");
    convert.args(["pkcs8", "-topk8", "-nocrypt", "-outform", "DER", "-in"]);
    let der = process::capture(convert.arg(&file))?;
    fs::remove_file(&file)?;
    Ok(der.iter().map(|byte| format!("{byte:02x}")).collect())
}
