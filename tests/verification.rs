//! Chains that are odd, and what the core says of each: `tests/verification/verdicts.txt` has it to the
//! letter, so that no change of a verdict goes unseen. What other programs say of the same chains, and
//! why it differs, is in `docs/verification.md`; `cargo xtask certificates` compares them.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop, and shared files are used in part"
)]

#[path = "support/certs.rs"]
mod certs;
#[path = "support/x509.rs"]
mod x509;

#[path = "verification/certificate.rs"]
mod certificate;
#[path = "verification/corpus/mod.rs"]
mod corpus;
#[path = "verification/folder.rs"]
mod folder;
#[path = "verification/judge.rs"]
mod judge;
#[path = "verification/key.rs"]
mod key;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::{env, fs};

use corpus::Corpus;
use judge::judge;

/// Each case with its verdict.
const VERDICTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/verification/verdicts.txt"
);

/// Names a folder for the cases and their verdicts; `xtask/src/certificates.rs` knows it too.
const FOLDER: &str = "PORTCULLIS_CHAINS";

#[test]
fn every_chain_has_the_verdict_that_is_recorded() {
    let corpus = Corpus::new();
    let found: BTreeMap<&str, String> = corpus
        .cases
        .iter()
        .map(|case| (case.name.as_str(), judge(case).to_string()))
        .collect();
    let recorded = fs::read_to_string(VERDICTS).unwrap();
    let recorded: BTreeMap<&str, &str> = recorded
        .lines()
        .filter_map(|line| line.split_once(' '))
        .collect();
    let mut differences = String::new();
    for (name, verdict) in &found {
        if recorded.get(name) != Some(&verdict.as_str()) {
            let before = recorded.get(name).unwrap_or(&"nothing");
            writeln!(
                differences,
                "{name} gives {verdict}, and {before} is recorded"
            )
            .unwrap();
        }
    }
    for name in recorded.keys().filter(|name| !found.contains_key(*name)) {
        writeln!(differences, "{name} is recorded, and there is no such case").unwrap();
    }
    assert!(differences.is_empty(), "{differences}");
    // The plain chains stand beside all others, which differ from them in one respect.
    for (name, verdict) in &found {
        assert!(
            !name.starts_with("plain/") || verdict == "accepted",
            "{name}"
        );
    }
    let refused = found
        .values()
        .filter(|verdict| *verdict != "accepted")
        .count();
    assert!(found.len() > 200 && refused > 100 && refused < found.len());
}

#[test]
#[ignore = "writes files, for `cargo xtask certificates`"]
fn every_chain_is_written_with_its_verdict() {
    let folder = env::var_os(FOLDER).expect(FOLDER);
    let corpus = Corpus::new();
    let judged = corpus.cases.iter().map(|case| (case, judge(case)));
    folder::write(folder.as_ref(), judged).unwrap();
}
