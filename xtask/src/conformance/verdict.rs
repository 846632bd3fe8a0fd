//! What the runner has found, beside what is expected of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::pattern::fits;

/// What `config.json` says beyond what it says to the runner.
pub(super) struct Expectations {
    /// Tests that fail because of a feature that is not there, by patterns, with the feature.
    unsupported: Vec<(String, String)>,
    /// Tests that fail because something is done otherwise on purpose.
    differences: Vec<Difference>,
    /// How many tests pass at least.
    passes: u64,
}

/// Tests that fail because something is done otherwise on purpose.
struct Difference {
    pattern: String,
    /// What the runner prints of it.
    found: String,
    /// Why it is done so.
    reason: String,
}

impl Expectations {
    /// Reads the file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let config: Value = serde_json::from_str(&text)?;
        let entries = |name: &str| {
            let map = config.get(name).and_then(Value::as_object);
            let map = map.with_context(|| format!("{} has no {name}", path.display()))?;
            let entries = map.iter().map(|(key, value)| (key.clone(), value.clone()));
            Ok::<_, anyhow::Error>(entries.collect::<Vec<_>>())
        };
        let text = |value: &Value| value.as_str().map(str::to_owned).context("not a text");
        let unsupported = entries("Unsupported")?
            .into_iter()
            .map(|(pattern, feature)| Ok((pattern, text(&feature)?)));
        let differences = entries("Differences")?.into_iter().map(|(pattern, value)| {
            let field = |name: &str| value.get(name).context("a difference lacks a field");
            Ok(Difference {
                pattern,
                found: text(field("found")?)?,
                reason: text(field("reason")?)?,
            })
        });
        Ok(Self {
            unsupported: unsupported.collect::<Result<_>>()?,
            differences: differences.collect::<Result<_>>()?,
            passes: config
                .get("Passes")
                .and_then(Value::as_u64)
                .context("no Passes")?,
        })
    }
}

/// How a test has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Passed,
    /// The shim needs what is not there.
    Missing,
    /// It fails because of this feature, which is not there.
    Unsupported(String),
    /// It fails as this pattern of the differences says.
    Differs(String),
    Failed,
}

/// What was found in a run.
pub(super) struct Verdict {
    tests: BTreeMap<String, End>,
    /// How often each feature was missing, as the shim says.
    missing: BTreeMap<String, usize>,
    /// What the runner says of the tests that failed and should not.
    failures: Vec<String>,
    /// Patterns that a failed test fits.
    used: BTreeSet<String>,
}

impl Verdict {
    /// Reads what the runner has printed, and what the shim has written.
    pub(super) fn of(output: &str, missing: &str, expected: &Expectations) -> Self {
        let mut verdict = Self {
            tests: BTreeMap::new(),
            missing: BTreeMap::new(),
            failures: Vec::new(),
            used: BTreeSet::new(),
        };
        for (status, name, text) in tests(output) {
            let end = match status {
                "PASSED" => End::Passed,
                "UNIMPLEMENTED" => End::Missing,
                _ => failed(name, &text, expected, &mut verdict.used),
            };
            if end == End::Failed {
                verdict.failures.push(format!("{name}\n{text}"));
            }
            verdict.tests.insert(name.to_owned(), end);
        }
        for line in missing.lines() {
            let feature = line.split('\t').next().unwrap_or_default();
            *verdict.missing.entry(feature.to_owned()).or_default() += 1;
        }
        verdict
    }

    fn count(&self, is_counted: impl Fn(&End) -> bool) -> usize {
        self.tests.values().filter(|end| is_counted(end)).count()
    }

    /// The numbers in words.
    pub(super) fn figures(&self) -> String {
        format!(
            "{} cases, {} passed, {} expected differences, {} of features that are not there, {} failed",
            self.tests.len(),
            self.count(|end| *end == End::Passed),
            self.count(|end| matches!(end, End::Differs(_))),
            self.count(|end| matches!(end, End::Missing | End::Unsupported(_))),
            self.failures.len(),
        )
    }

    /// Prints what was found; returns whether it is what is expected.
    pub(super) fn report(&self, machine: &str, expected: &Expectations, is_whole: bool) -> bool {
        println!("{machine}: {}", self.figures());
        let passes = self.count(|end| *end == End::Passed);
        for failure in &self.failures {
            println!("FAILED {failure}");
        }
        let mut is_good = self.failures.is_empty();
        if is_whole {
            let is_enough = u64::try_from(passes).is_ok_and(|passes| passes >= expected.passes);
            if !is_enough {
                println!("{passes} tests passed; {} did before", expected.passes);
            }
            is_good &= is_enough;
        }
        is_good
    }

    /// How many tests there are of each feature that is not there, and of each difference with its
    /// reason, as rows of tables.
    pub(super) fn rows(&self, expected: &Expectations) -> Vec<String> {
        let features = self.features();
        let features = features.iter();
        let differences = expected.differences.iter().map(|difference| {
            let end = End::Differs(difference.pattern.clone());
            let count = self.count(|other| *other == end);
            let Difference {
                pattern, reason, ..
            } = difference;
            (count > 0).then(|| format!("| `{pattern}` | {count} | {reason} |"))
        });
        features
            .map(|(feature, count)| format!("| {feature} | {count} |"))
            .chain(differences.flatten())
            .collect()
    }

    /// How many tests there are of each feature that is not there, the most first.
    fn features(&self) -> Vec<(String, usize)> {
        let mut features = self.missing.clone();
        for end in self.tests.values() {
            if let End::Unsupported(feature) = end {
                *features.entry(feature.clone()).or_default() += 1;
            }
        }
        let mut features: Vec<_> = features.into_iter().collect();
        features.sort_by(|(a, few), (b, many)| many.cmp(few).then_with(|| a.cmp(b)));
        features
    }

    /// Prints where the other run has ended otherwise; returns whether it has nowhere.
    pub(super) fn report_differences(&self, other: &Self) -> bool {
        let mut count = 0_usize;
        for (name, end) in &self.tests {
            let theirs = other.tests.get(name);
            if theirs != Some(end) {
                count += 1;
                println!("DIFFERS {name}: {end:?}, and of the component {theirs:?}");
            }
        }
        println!("the core and the component differ in {count} cases");
        count == 0
    }
}

/// Prints the patterns that no failed test of any run fits; returns whether there is none.
pub(super) fn report_stale(verdicts: &[&Verdict], expected: &Expectations) -> bool {
    let unsupported = expected.unsupported.iter().map(|(pattern, _)| pattern);
    let differences = expected.differences.iter().map(|one| &one.pattern);
    let is_used = |pattern: &String| verdicts.iter().any(|one| one.used.contains(pattern));
    let mut is_good = true;
    for pattern in unsupported.chain(differences).filter(|one| !is_used(one)) {
        println!("no test fails that fits {pattern:?}; take it out of the configuration");
        is_good = false;
    }
    is_good
}

/// Why a test failed.
fn failed(name: &str, text: &str, expected: &Expectations, used: &mut BTreeSet<String>) -> End {
    let mut differences = expected.differences.iter();
    let difference = differences.find(|one| fits(&one.pattern, name) && text.contains(&one.found));
    if let Some(difference) = difference {
        used.insert(difference.pattern.clone());
        return End::Differs(difference.pattern.clone());
    }
    let mut unsupported = expected.unsupported.iter();
    match unsupported.find(|(pattern, _)| fits(pattern, name)) {
        Some((pattern, feature)) => {
            used.insert(pattern.clone());
            End::Unsupported(feature.clone())
        }
        None => End::Failed,
    }
}

/// Each test with its status, and what is printed of it.
fn tests(output: &str) -> Vec<(&str, &str, String)> {
    let mut tests: Vec<(&str, &str, String)> = Vec::new();
    for line in output.lines() {
        let head = ["PASSED", "UNIMPLEMENTED", "FAILED"]
            .into_iter()
            .find_map(|status| {
                let name = line.strip_prefix(status)?.strip_prefix(" (")?;
                Some((status, name.strip_suffix(')')?))
            });
        match (head, tests.last_mut()) {
            (Some((status, name)), _) => tests.push((status, name, String::new())),
            (None, Some((_, _, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_counts_as_what_is_expected_only_if_the_runner_says_the_same() {
        let expected = Expectations {
            unsupported: vec![("Old-*".to_owned(), "TLS 1.0".to_owned())],
            differences: vec![Difference {
                pattern: "Alert".to_owned(),
                found: "alert 40".to_owned(),
                reason: "no alert is named".to_owned(),
            }],
            passes: 1,
        };
        let of = |output| Verdict::of(output, "a feature\t-option\n", &expected);
        let good = of(
            "PASSED (Good)\nFAILED (Alert)\nalert 40\nFAILED (Old-1)\nno\nUNIMPLEMENTED (New)\n",
        );
        assert!(good.failures.is_empty() && report_stale(&[&good], &expected));
        assert!(good.report("core", &expected, true));
        let rows = good.rows(&expected);
        let expected_rows = [
            "| TLS 1.0 | 1 |",
            "| a feature | 1 |",
            "| `Alert` | 1 | no alert is named |",
        ];
        assert_eq!(rows, expected_rows);
        let other = of("PASSED (Good)\nFAILED (Alert)\nalert 41\nFAILED (Old-1)\nno\n");
        assert_eq!(other.failures.len(), 1);
        assert!(!report_stale(&[&other], &expected));
        assert!(report_stale(&[&other, &good], &expected));
        assert!(!other.report("core", &expected, false));
        assert!(!good.report_differences(&other));
        let fewer = of("FAILED (Alert)\nalert 40\nFAILED (Old-1)\nno\n");
        assert!(!fewer.report("core", &expected, true));
    }
}
