//! The Public Key Interoperability Test Suite of NIST, as it comes with Go's sources: paths, and whether
//! each is to be accepted. Its revocation lists are not looked at.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::differences::{Entry, Found, sort};
use super::verdicts::Case;
use crate::go::Go;
use crate::process;

/// What the authors say of each path that is run.
pub(super) struct Suite {
    should_validate: Vec<bool>,
    /// How many paths there are, and how many are not run.
    total: usize,
    left_out: usize,
}

/// The first of June 2025; the certificates are valid until 2030.
const NOW: u64 = 1_748_736_000;

/// Writes the paths as the tests write their chains, for a server that asks for client certificates:
/// the suite has no names of servers. Paths for which the verifier is to require or inhibit something of
/// its own accord are left out, because the component has no such settings.
pub(super) fn write(go: &Go, folder: &Path, to: &Path) -> Result<Suite> {
    let root = process::capture(go.command(folder).args(["env", "GOROOT"]))?;
    let root = PathBuf::from(String::from_utf8_lossy(root.trim_ascii()).into_owned());
    let from = root.join("src/crypto/x509/testdata/nist-pkits");
    let text = fs::read_to_string(from.join("vectors.json"))?;
    let vectors: Value = serde_json::from_str(&text)?;
    let vectors = vectors.as_array().context("no list of vectors")?;
    let mut index = String::new();
    let mut suite = Suite {
        should_validate: Vec::new(),
        total: vectors.len(),
        left_out: 0,
    };
    for vector in vectors {
        let is_set = |name: &str| vector.get(name).and_then(Value::as_bool) == Some(true);
        let strings = |name: &str| -> Vec<&str> {
            let list = vector.get(name).and_then(Value::as_array);
            list.into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect()
        };
        let is_default = strings("InitialPolicySet") == ["anyPolicy"]
            && !is_set("InitialPolicyMappingInhibit")
            && !is_set("InitialExplicitPolicy")
            && !is_set("InitialAnyPolicyInhibit");
        if !is_default {
            suite.left_out += 1;
            continue;
        }
        let number = suite.should_validate.len();
        let name = vector.get("Name").and_then(Value::as_str);
        let name = name.context("a vector without a name")?;
        let of_case = to.join(number.to_string());
        fs::create_dir_all(&of_case)?;
        let pem = |files: &[&str]| -> Result<String> {
            let blocks = files.iter().map(|file| {
                let mut openssl = Command::new("openssl");
                openssl.args(["x509", "-inform", "der", "-in"]);
                openssl.arg(from.join("certs").join(file));
                Ok(String::from_utf8(process::capture(&mut openssl)?)?)
            });
            blocks.collect()
        };
        let path = strings("CertPath");
        let [root, others @ .., own] = path.as_slice() else {
            anyhow::bail!("{name} has no path");
        };
        // A peer sends its own certificate first.
        let others: Vec<_> = others.iter().rev().copied().collect();
        fs::write(of_case.join("own.pem"), pem(&[own])?)?;
        fs::write(of_case.join("others.pem"), pem(&others)?)?;
        fs::write(of_case.join("roots.pem"), pem(&[root])?)?;
        writeln!(index, "{number}\t{name}\tclient\t\t{NOW}")?;
        suite.should_validate.push(is_set("ShouldValidate"));
    }
    fs::write(to.join("cases.tsv"), index)?;
    Ok(suite)
}

/// The core's verdicts beside those of the authors.
pub(super) struct Compared<'a>(Found<'a>);

pub(super) fn compare<'a>(suite: &Suite, cases: &'a [Case], entries: &'a [Entry]) -> Compared<'a> {
    let pairs = cases.iter().zip(&suite.should_validate);
    let differing = pairs.filter(|(case, should)| case.is_accepted() != **should);
    let differing: Vec<_> = differing.map(|(case, _)| case).collect();
    let count = differing.len();
    let mut found = sort("PKITS", differing.into_iter(), entries);
    let alone = cases.iter().filter(|case| case.is_alone()).count();
    found.figures = format!(
        "{} paths, {} left out, {} run: {} as the authors say, {count} otherwise; {alone} in which \
         OpenSSL, GnuTLS and Go all differ from us",
        suite.total,
        suite.left_out,
        cases.len(),
        cases.len() - count,
    );
    Compared(found)
}

impl Compared<'_> {
    pub(super) fn report(&self) -> bool {
        self.0.report()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.0.short_lines()
    }
}
