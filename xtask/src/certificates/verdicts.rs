//! What is said of each chain.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::go::Go;
use crate::process;

/// The others, and how each tells its version.
pub(super) const PROGRAMS: [(&str, &[&str]); 3] = [
    ("OpenSSL", &["openssl", "version"]),
    ("GnuTLS", &["certtool", "--version"]),
    ("Go", &[]),
];

/// A chain.
pub(super) struct Case {
    pub(super) name: String,
    /// `accepted`, or why the core refuses it.
    pub(super) ours: String,
    /// Whether each of the others accepts it, and if not why.
    pub(super) others: Vec<(bool, String)>,
}

impl Case {
    /// Whether the core accepts it.
    pub(super) fn is_accepted(&self) -> bool {
        self.ours == "accepted"
    }

    /// Which of the others say something else.
    pub(super) fn differing(&self) -> impl Iterator<Item = usize> {
        let others = self.others.iter().enumerate();
        others.filter_map(|(index, (theirs, _))| (*theirs != self.is_accepted()).then_some(index))
    }

    /// Whether all others say something else.
    pub(super) fn is_alone(&self) -> bool {
        self.differing().count() == PROGRAMS.len()
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.ours)?;
        for ((program, _), (is_accepted, why)) in PROGRAMS.iter().zip(&self.others) {
            let theirs = if *is_accepted {
                "accepted"
            } else {
                why.as_str()
            };
            write!(f, "\n    {program}: {theirs}")?;
        }
        Ok(())
    }
}

/// The cases of a folder, with the core's verdicts.
pub(super) fn ours(folder: &Path) -> Result<Vec<Case>> {
    let index = folder.join("cases.tsv");
    let text = fs::read_to_string(&index).with_context(|| index.display().to_string())?;
    let cases = text.lines().map(|line| {
        let mut fields = line.split('\t').skip(1);
        let name = fields.next().context("a case without a name")?;
        let ours = fields.last().context("a case without a verdict")?;
        Ok(Case {
            name: name.to_owned(),
            ours: ours.to_owned(),
            others: Vec::new(),
        })
    });
    cases.collect()
}

/// Adds what another program has printed.
pub(super) fn add(cases: &mut [Case], output: &str) -> Result<()> {
    let mut lines = output.lines();
    for (number, case) in cases.iter_mut().enumerate() {
        let line = lines.next().context("it has printed too little")?;
        let mut fields = line.split('\t');
        let is_it = fields.next() == Some(number.to_string().as_str());
        ensure!(is_it, "it has left out case {number}");
        let is_accepted = match fields.next() {
            Some("accepted") => true,
            Some("refused") => false,
            _ => anyhow::bail!("it has no verdict of case {number}"),
        };
        let why = fields.next().unwrap_or_default();
        case.others.push((is_accepted, why.to_owned()));
    }
    Ok(())
}

/// Writes the core's verdicts.
pub(super) fn record(cases: &[Case], path: &Path) -> Result<()> {
    let lines = cases
        .iter()
        .map(|case| format!("{} {}\n", case.name, case.ours));
    let mut lines: Vec<_> = lines.collect();
    lines.sort();
    fs::write(path, lines.concat()).with_context(|| path.display().to_string())
}

/// The programs with their versions, in words.
pub(super) fn versions(go: &Go, folder: &Path) -> Result<String> {
    let mut versions = Vec::new();
    for (program, line) in PROGRAMS {
        let output = match line {
            [name, arguments @ ..] => process::capture(Command::new(name).args(arguments))?,
            [] => process::capture(go.command(folder).args(["env", "GOVERSION"]))?,
        };
        let output = String::from_utf8_lossy(&output);
        let first = output.lines().next().unwrap_or_default();
        let version = first
            .split(' ')
            .map(|word| word.trim_start_matches("go"))
            .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
            .with_context(|| format!("{program} tells no version"))?;
        versions.push(format!("{program} {version}"));
    }
    Ok(versions.join(", "))
}
