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

/// Name a folder for the cases and their verdicts, and one with chains of others to judge;
/// `xtask/src/certificates.rs` knows them too.
const CHAINS: &str = "PORTCULLIS_CHAINS";
const FOREIGN_CHAINS: &str = "PORTCULLIS_FOREIGN_CHAINS";

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
fn what_nobody_reads_has_to_be_der_all_the_same() {
    let corpus = Corpus::new();
    let verdict = |name: &str| {
        let case = corpus.cases.iter().find(|case| case.name == name);
        judge(case.unwrap_or_else(|| panic!("{name}"))).to_string()
    };
    for at in ["own", "authority"] {
        for (right, wrong) in [
            ("extension/unknown/plain", "extension/unknown/twice"),
            (
                "extension/authority-information/plain",
                "extension/authority-information/twice",
            ),
            ("extension/unknown/plain", "extension/any/oid-empty"),
            ("extension/unknown/plain", "extension/any/oid-cut-short"),
            ("serial/20-bytes", "serial/empty"),
            ("serial/negative", "serial/zeros-in-front"),
        ] {
            assert_eq!(verdict(&format!("{right}/{at}")), "accepted", "{right}");
            assert_eq!(verdict(&format!("{wrong}/{at}")), "bad-encoding", "{wrong}");
        }
    }
    assert_eq!(verdict("subject/nul/own"), "accepted");
    assert_eq!(verdict("subject/value-absent/own"), "bad-encoding");
}

#[test]
#[ignore = "writes files, for `cargo xtask certificates`"]
fn every_chain_is_written_with_its_verdict() {
    let folder = env::var_os(CHAINS).expect(CHAINS);
    let corpus = Corpus::new();
    let judged = corpus.cases.iter().map(|case| (case, judge(case)));
    folder::write(folder.as_ref(), judged).unwrap();
}

#[test]
#[ignore = "reads files of `cargo xtask certificates`"]
fn every_chain_of_others_is_given_its_verdict() {
    let folder = env::var_os(FOREIGN_CHAINS).expect(FOREIGN_CHAINS);
    folder::judge_foreign(folder.as_ref()).unwrap();
}
