//! Counts of cases and what became of them.

use std::collections::BTreeMap;

use crate::verdict::Verdict;

/// More failures than this are only counted.
const SHOWN: usize = 200;

/// The counts of one part.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) cases: usize,
    pub(crate) passed: usize,
    /// How often each reason was given.
    pub(crate) harmless: BTreeMap<String, usize>,
    /// The names of cases that failed, and why.
    pub(crate) failed: Vec<(String, String)>,
    /// The most memory that a connection had.
    pub(crate) memory: usize,
    /// How often each kind of case had each outcome.
    kinds: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Tally {
    pub(crate) fn add(&mut self, name: &str, kind: &str, verdict: Verdict) {
        self.cases += 1;
        let outcome = match verdict {
            Verdict::Correct => {
                self.passed += 1;
                "correct".to_owned()
            }
            Verdict::Typed(error) => {
                self.passed += 1;
                error
            }
            Verdict::Harmless(reason) => {
                *self.harmless.entry(reason.to_owned()).or_default() += 1;
                "correct".to_owned()
            }
            Verdict::Failed(why) => {
                self.failed.push((name.to_owned(), why));
                "FAILED".to_owned()
            }
        };
        let outcomes = self.kinds.entry(kind.to_owned()).or_default();
        *outcomes.entry(outcome).or_default() += 1;
    }

    /// Counts what has to hold in the end, beside the cases.
    pub(crate) fn promise(&mut self, what: &str, kind: &str, holds: bool) {
        let verdict = match holds {
            true => Verdict::Correct,
            false => Verdict::Failed(format!("{what} does not hold")),
        };
        self.add(what, kind, verdict);
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.cases += other.cases;
        self.passed += other.passed;
        self.failed.extend(other.failed);
        self.memory = self.memory.max(other.memory);
        for (reason, count) in other.harmless {
            *self.harmless.entry(reason).or_default() += count;
        }
        for (kind, outcomes) in other.kinds {
            let all = self.kinds.entry(kind).or_default();
            for (outcome, count) in outcomes {
                *all.entry(outcome).or_default() += count;
            }
        }
    }

    /// Prints it; returns whether nothing failed.
    pub(crate) fn print(&self, part: &str) -> bool {
        for (kind, outcomes) in &self.kinds {
            let outcomes: Vec<_> = outcomes
                .iter()
                .map(|(outcome, count)| format!("{outcome} {count}"))
                .collect();
            println!("{part}: {kind}: {}", outcomes.join(", "));
        }
        for (reason, count) in &self.harmless {
            println!("{part}: expected difference, {count} times: {reason}");
        }
        for (name, why) in self.failed.iter().take(SHOWN) {
            println!("{part}: FAILED {name}: {why}");
        }
        if self.failed.len() > SHOWN {
            println!("{part}: and {} more", self.failed.len() - SHOWN);
        }
        if self.memory > 0 {
            println!(
                "{part}: the most memory of a connection: {} bytes",
                self.memory
            );
        }
        let different: usize = self.harmless.values().sum();
        println!(
            "{part}: {} cases: {} passed, {different} expected differences, {} failed",
            self.cases,
            self.passed,
            self.failed.len()
        );
        self.failed.is_empty()
    }
}
