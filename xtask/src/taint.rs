//! `cargo xtask taint`: whether a branch or an address depends on a secret, in the machine code that
//! wasmtime makes of the cryptography (`provider/examples/taint.rs`, `host/examples/memcheck.rs`), and
//! what it divides.

mod expected;
mod findings;
mod origins;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::component::{self, Flavour};
use crate::workspace::Workspace;
use crate::{apt, process, rust, test, timing, wide};

use expected::{DIVISIONS, Expected, FINDINGS};
use findings::{Finding, Kind};
use origins::Origins;

/// What follows the secrets, what reads machine code, and what makes the RSA key.
const TOOLS: &[apt::Tool] = &[
    ("objdump", "binutils"),
    ("openssl", "openssl"),
    ("valgrind", "valgrind"),
];

/// Processors that the code is compiled for: with all that Valgrind knows, and with little. Their code
/// for vectors differs.
const PROCESSORS: [(&str, &str); 2] = [
    (
        "AVX2",
        "sse3,ssse3,sse41,sse42,popcnt,avx,avx2,fma,bmi1,bmi2,lzcnt",
    ),
    ("SSE4.1", "sse3,ssse3,sse41"),
];

/// Follows what is computed precisely, reports all that it finds, and says no more.
const VALGRIND: [&str; 4] = [
    "--tool=memcheck",
    "--expensive-definedness-checks=yes",
    "--error-limit=no",
    "--leak-check=no",
];

/// Cargo's arguments beyond those of the component: a place in the program tells its line. The code is
/// the same.
const LINES: [&str; 4] = [
    "--config",
    "profile.component.debug='line-tables-only'",
    "--config",
    "profile.component.strip='none'",
];

/// How the operations that do depend on their secrets are called.
const CONTROL: &str = "control: ";

/// What was wrong, and which expectations came true.
#[derive(Default)]
struct Verdict {
    wrong: Vec<String>,
    used: BTreeSet<&'static str>,
}

/// Run each operation in both flavours and for each processor, print tables, and fail where a finding is
/// not expected or a control has none.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    apt::need(TOOLS, true)?;
    rust::need_target(workspace, rust::WASM_TARGET)?;
    let embedded = component::get(workspace)?;
    let runner = test::build_example(workspace, &embedded, "memcheck")?;
    let key = timing::rsa_key(workspace)?;
    let mut verdict = Verdict::default();
    for flavour in Flavour::ALL {
        let selection = ["--package", "portcullis-provider", "--example", "taint"];
        let selection = [&selection[..], &LINES].concat();
        let selection: Vec<_> = selection.iter().map(|word| (*word).to_owned()).collect();
        let what = format!("what is followed ({flavour:?})");
        let built = component::build_guest(workspace, flavour, &what, &selection)?;
        let path = built.join("examples/taint.wasm");
        let program = fs::read(&path).with_context(|| path.display().to_string())?;
        wide::check(&program).with_context(|| path.display().to_string())?;
        for (processor, features) in PROCESSORS {
            let title = format!("{flavour:?}, {processor}");
            process::announce(&format!("taint ({title})"));
            let code = workspace.target.join("taint.cwasm");
            let mut compile = Command::new(&runner);
            compile.arg("compile").args([&path, &code]).arg(features);
            let places = String::from_utf8(process::capture(&mut compile)?)?;
            let origins = Origins::new(&program, &places)?;
            let log = workspace.target.join("taint.log");
            let mut follow = Command::new("valgrind");
            follow
                .args(VALGRIND)
                .arg(format!("--log-file={}", log.display()));
            follow.arg(&runner).arg("run").arg(&code).arg(&key);
            let output = String::from_utf8(process::capture(&mut follow)?)?;
            let log = fs::read_to_string(&log)?;
            let operations = findings::of(&output, &log, &origins)?;
            verdict.add_findings(&title, &operations);
            verdict.add_divisions(&title, &code)?;
        }
    }
    verdict.end()
}

impl Verdict {
    /// Prints a table of the operations, and below it where they depend on secrets.
    fn add_findings(&mut self, title: &str, operations: &[(String, Vec<Finding>)]) {
        println!(
            "\n| operation ({title}) | branches | addresses | not expected |\n|---|---|---|---|"
        );
        let mut seen = BTreeMap::<_, BTreeSet<_>>::new();
        let mut strange = Vec::new();
        for (name, findings) in operations {
            let is_control = name.starts_with(CONTROL);
            let mut new = 0;
            for finding in findings {
                let rule = FINDINGS.iter().find(|rule| rule.fits(name, finding));
                if let Some(rule) = rule {
                    self.used.insert(rule.function);
                    let places = seen.entry((rule.function, rule.reason)).or_default();
                    places.insert(finding.line.as_str());
                } else if !is_control {
                    new += 1;
                    strange.push((name, finding));
                }
            }
            let count = |kind| findings.iter().filter(|one| one.kind == kind).count();
            let (branches, addresses) = (count(Kind::Branch), count(Kind::Address));
            println!("| {name} | {branches} | {addresses} | {new} |");
            if is_control && findings.is_empty() {
                self.wrong.push(format!("{name} ({title}): not found"));
            }
        }
        println!();
        for ((function, reason), lines) in seen {
            let lines: Vec<_> = lines.into_iter().collect();
            println!("expected in {function} ({}): {reason}", lines.join(", "));
        }
        for (name, finding) in strange {
            println!("{name}:\n{finding}");
            let place = &finding.line;
            self.wrong
                .push(format!("{name} ({title}): {:?} in {place}", finding.kind));
        }
    }

    /// The time of a division depends on what is divided, which no finding tells.
    fn add_divisions(&mut self, title: &str, code: &Path) -> Result<()> {
        let mut objdump = Command::new("objdump");
        objdump
            .args(["--disassemble", "--no-show-raw-insn"])
            .arg(code);
        let listing = String::from_utf8(process::capture(&mut objdump)?)?;
        let divisions = findings::divisions(&listing);
        ensure!(
            !divisions.is_empty(),
            "no division in the code: is it read?"
        );
        for (function, count) in divisions {
            let rule = DIVISIONS
                .iter()
                .find(|rule| function.contains(rule.function));
            let Some(Expected {
                function: name,
                reason,
                ..
            }) = rule
            else {
                self.wrong.push(format!("division in {function} ({title})"));
                continue;
            };
            self.used.insert(name);
            println!("{count} divisions in {function}: {reason}");
        }
        Ok(())
    }

    fn end(self) -> Result<()> {
        let mut wrong = self.wrong;
        for rule in FINDINGS.iter().chain(DIVISIONS) {
            if !self.used.contains(rule.function) {
                wrong.push(format!("expected, but not there: {}", rule.function));
            }
        }
        if !wrong.is_empty() {
            bail!(
                "secrets decide, or controls are not found: {}",
                wrong.join("; ")
            );
        }
        Ok(())
    }
}
