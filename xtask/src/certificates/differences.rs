//! Where the core and the others differ, beside what is expected.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::verdicts::{Case, PROGRAMS};
use crate::pattern::fits;

/// What is expected.
pub(super) struct Differences {
    pub(super) chains: Vec<Entry>,
    /// Of PKITS: where the core differs from what its authors say.
    pub(super) pkits: Vec<Entry>,
}

/// Cases that are decided otherwise here, and why.
pub(super) struct Entry {
    title: String,
    /// What the core does with them.
    is_accepted: bool,
    /// In which each `*` stands for anything.
    cases: Vec<String>,
    why: String,
}

impl Differences {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let all: Value = serde_json::from_str(&text)?;
        let entries = |name: &str| -> Result<Vec<Entry>> {
            let list = all.get(name).and_then(Value::as_array);
            let list = list.with_context(|| format!("{} has no {name}", path.display()))?;
            list.iter().map(Entry::read).collect()
        };
        Ok(Self {
            chains: entries("chains")?,
            pkits: entries("pkits")?,
        })
    }
}

impl Entry {
    fn read(value: &Value) -> Result<Self> {
        let text = |name: &str| {
            let text = value.get(name).and_then(Value::as_str);
            text.with_context(|| format!("{value} has no {name}"))
        };
        let cases = value.get("cases").and_then(Value::as_array);
        let cases = cases.with_context(|| format!("{value} has no cases"))?;
        Ok(Self {
            title: text("title")?.to_owned(),
            is_accepted: text("ours")? == "accepted",
            cases: cases
                .iter()
                .map(|one| one.as_str().map(str::to_owned).context("no text"))
                .collect::<Result<_>>()?,
            why: text("why")?.to_owned(),
        })
    }

    const fn ours(&self) -> &'static str {
        if self.is_accepted {
            "accepted"
        } else {
            "refused"
        }
    }
}

/// What was found.
pub(super) struct Found<'a> {
    what: &'static str,
    entries: &'a [Entry],
    /// The cases of each entry.
    cases: Vec<Vec<&'a Case>>,
    /// Those that no entry fits.
    unexpected: Vec<&'a Case>,
    /// Patterns that no case fits.
    stale: Vec<&'a str>,
    pub(super) figures: String,
}

/// Sorts the cases that differ by the entries.
pub(super) fn sort<'a>(
    what: &'static str,
    differing: impl Iterator<Item = &'a Case>,
    entries: &'a [Entry],
) -> Found<'a> {
    let mut cases: Vec<Vec<&Case>> = entries.iter().map(|_| Vec::new()).collect();
    let mut unexpected = Vec::new();
    let mut used: Vec<Vec<bool>> = entries
        .iter()
        .map(|entry| vec![false; entry.cases.len()])
        .collect();
    for case in differing {
        let slots = entries.iter().zip(&mut cases).zip(&mut used);
        let mut fitting = slots.filter_map(|((entry, cases), used)| {
            let is_it = |pattern: &String| fits(pattern, &case.name);
            let place = entry.cases.iter().position(is_it)?;
            (entry.is_accepted == case.is_accepted()).then_some((cases, used, place))
        });
        match fitting.next() {
            Some((cases, used, place)) => {
                cases.push(case);
                if let Some(used) = used.get_mut(place) {
                    *used = true;
                }
            }
            None => unexpected.push(case),
        }
    }
    let pairs = entries.iter().zip(&used);
    let stale = pairs.flat_map(|(entry, used)| {
        let patterns = entry.cases.iter().zip(used);
        patterns.filter_map(|(pattern, used)| (!used).then_some(pattern.as_str()))
    });
    Found {
        what,
        entries,
        stale: stale.collect(),
        cases,
        unexpected,
        figures: String::new(),
    }
}

/// Compares the core with the others.
pub(super) fn compare<'a>(cases: &'a [Case], entries: &'a [Entry]) -> Found<'a> {
    let differing = cases
        .iter()
        .filter(|case| case.differing().next().is_some());
    let mut found = sort("chains", differing, entries);
    let count =
        |is_counted: &dyn Fn(&Case) -> bool| cases.iter().filter(|case| is_counted(case)).count();
    let alone = |is_accepted| count(&|case| case.is_alone() && case.is_accepted() == is_accepted);
    found.figures = format!(
        "{} chains: {} accepted here, {} refused; {} with one voice of all four; {} accepted here \
         alone, {} refused here alone",
        cases.len(),
        count(&Case::is_accepted),
        count(&|case| !case.is_accepted()),
        count(&|case| case.differing().next().is_none()),
        alone(true),
        alone(false),
    );
    for (index, (program, _)) in PROGRAMS.iter().enumerate() {
        let differing = count(&|case| case.differing().any(|one| one == index));
        found
            .figures
            .push_str(&format!("; {program} differs in {differing}"));
    }
    found
}

impl Found<'_> {
    /// Prints what is not expected; returns whether there is nothing.
    pub(super) fn report(&self) -> bool {
        println!("{}", self.figures);
        for case in &self.unexpected {
            println!("UNEXPECTED {case}");
        }
        for pattern in &self.stale {
            println!(
                "STALE of {}: no case that differs fits {pattern:?}",
                self.what
            );
        }
        self.unexpected.is_empty() && self.stale.is_empty()
    }

    /// What the page has to say of the chains.
    pub(super) fn lines(&self, versions: &str) -> Vec<String> {
        let rows = self.entries.iter().zip(&self.cases).map(|(entry, cases)| {
            let differing = |index: usize| {
                let cases = cases.iter();
                cases
                    .filter(|case| case.differing().any(|one| one == index))
                    .count()
            };
            let numbers: Vec<_> = (0..PROGRAMS.len())
                .map(|index| differing(index).to_string())
                .collect();
            let alone = cases.iter().filter(|case| case.is_alone()).count();
            format!(
                "| {} | {} | {} | {} | {alone} | {} |",
                entry.title,
                entry.ours(),
                cases.len(),
                numbers.join(" | "),
                entry.why
            )
        });
        rows.chain([self.figures.clone(), versions.to_owned()])
            .collect()
    }

    /// What the page has to say of PKITS.
    pub(super) fn short_lines(&self) -> Vec<String> {
        let rows = self.entries.iter().zip(&self.cases).map(|(entry, cases)| {
            let (title, ours, why) = (&entry.title, entry.ours(), &entry.why);
            format!("| {title} | {ours} | {} | {why} |", cases.len())
        });
        rows.chain([self.figures.clone()]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, ours: &str, others: [bool; 3]) -> Case {
        Case {
            name: name.to_owned(),
            ours: ours.to_owned(),
            others: others.map(|theirs| (theirs, String::new())).to_vec(),
        }
    }

    fn entry(ours: &str, pattern: &str) -> Entry {
        Entry {
            title: "what".to_owned(),
            is_accepted: ours == "accepted",
            cases: vec![pattern.to_owned()],
            why: "why".to_owned(),
        }
    }

    #[test]
    fn a_difference_is_expected_only_where_an_entry_says_the_same_of_the_core() {
        let cases = [
            case("same", "expired", [false; 3]),
            case("name/one", "accepted", [true, false, true]),
            case("name/two", "wrong-name", [true; 3]),
        ];
        let right = [entry("accepted", "name/*"), entry("refused", "name/two")];
        let found = compare(&cases, &right);
        assert!(found.report());
        let lines = found.lines("OpenSSL 1");
        assert_eq!(
            lines.get(..2).unwrap_or_default(),
            [
                "| what | accepted | 1 | 0 | 1 | 0 | 0 | why |",
                "| what | refused | 1 | 1 | 1 | 1 | 1 | why |"
            ]
        );
        assert!(found.figures.contains("1 refused here alone"));
        assert!(!compare(&cases, right.get(..1).unwrap_or_default()).report());
        let stale = [entry("accepted", "name/*"), entry("refused", "*")];
        assert!(compare(&cases, &stale).report());
        let stale: Vec<_> = right
            .into_iter()
            .chain([entry("refused", "same")])
            .collect();
        assert!(!compare(&cases, &stale).report());
    }
}
