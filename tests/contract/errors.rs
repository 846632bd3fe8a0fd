//! `docs/errors.md`: every case of every set of `types.wit` has its cure, and a test or the reason why none.

use crate::pages::{rows, tests_in};
use crate::read;

/// Files whose tests run over the built component.
const COMPONENT: [&str; 18] = [
    "alpn",
    "cipher",
    "client",
    "client_hello",
    "early_data",
    "identity",
    "input",
    "negotiated",
    "peer_certificate",
    "pollable",
    "port",
    "refusal",
    "resumption",
    "revocation",
    "secrets",
    "server",
    "trust",
    "verify_result",
];

/// No failure and no part of one.
const VALUES: [&str; 2] = ["role", "version"];

struct Case {
    name: String,
    /// Nothing returns it yet, as its documentation says.
    is_reserved: bool,
}

/// The enums and variants of a WIT file, in order, with their cases.
fn sets(wit: &str) -> Vec<(String, Vec<Case>)> {
    let mut sets: Vec<(String, Vec<Case>)> = Vec::new();
    let (mut is_inside, mut documentation) = (false, String::new());
    for line in wit.lines().map(str::trim) {
        let kind = ["enum ", "variant "]
            .iter()
            .find_map(|kind| line.strip_prefix(kind));
        if let Some(name) = kind {
            is_inside = true;
            sets.push((name.trim_end_matches(" {").to_owned(), Vec::new()));
        } else if let Some(words) = line.strip_prefix("///") {
            documentation.push_str(words);
            continue;
        } else if line == "}" {
            is_inside = false;
        } else if is_inside && !line.is_empty() {
            let name = line.split([',', '(']).next().unwrap().to_owned();
            let is_reserved = ["eturns it yet", "no such timer yet"]
                .iter()
                .any(|words| documentation.contains(words));
            sets.last_mut().unwrap().1.push(Case { name, is_reserved });
        }
        documentation.clear();
    }
    sets
}

#[test]
fn every_case_of_an_error_has_its_cure_and_a_test_or_the_reason_why_none() {
    let page = read("docs/errors.md");
    let mut sets = sets(&read("wit/types.wit"));
    sets.retain(|(set, _)| !VALUES.contains(&set.as_str()));
    let names: Vec<_> = sets.iter().map(|(set, _)| set.as_str()).collect();
    assert_eq!(
        names,
        [
            "timer",
            "error",
            "status",
            "certificate-reason",
            "protocol-reason",
            "network-operation",
            "network-code",
            "configuration-item",
            "configuration-reason",
        ]
    );
    for (set, cases) in sets {
        let rows = &rows(&page, Some(&set))[1..];
        let listed: Vec<_> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
        let names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(listed, names, "{set}");
        for (row, case) in rows.iter().zip(&cases) {
            let [_, meaning, cure, proof] = row[..] else {
                panic!("{set}: {row:?}");
            };
            assert!(!meaning.is_empty() && !cure.is_empty(), "{set}: {row:?}");
            assert_eq!(
                proof.starts_with("not produced yet: "),
                case.is_reserved,
                "{set}: {row:?}"
            );
            let tests = tests_in(proof);
            let is_explained = ["never produced: ", "not produced: ", "not produced yet: "]
                .iter()
                .any(|reason| proof.starts_with(reason));
            let is_over_the_component = COMPONENT
                .iter()
                .flat_map(|file| [format!("`{file}::"), format!("`{file}/")])
                .any(|begin| proof.contains(&begin));
            assert!(
                is_explained || (!tests.is_empty() && is_over_the_component),
                "{set}: {row:?}"
            );
        }
    }
}
