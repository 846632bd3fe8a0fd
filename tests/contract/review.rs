//! The review in `docs/errors.md`: every alert that has a name and every failure that rustls knows has its
//! place among our cases.

use std::collections::{BTreeMap, BTreeSet};

use crate::pages::rows;
use crate::read;

/// Alerts that IANA lists, and that rustls has no name for.
const WITHOUT_A_NAME: [u8; 2] = [52, 117];

#[test]
fn every_alert_that_has_a_name_has_a_row() {
    let page = read("docs/errors.md");
    let rows = &rows(&page, Some("Alerts"))[1..];
    let listed: Vec<u8> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    let named: Vec<u8> = (0..=255)
        .filter(|number| {
            WITHOUT_A_NAME.contains(number)
                || rustls::AlertDescription::from(*number).as_str().is_some()
        })
        .collect();
    assert_eq!(listed, named);
    let explained = read("src/error/alert.rs");
    for row in rows {
        let name = row[1].trim_matches('`');
        let number: u8 = row[0].parse().unwrap();
        assert!(
            WITHOUT_A_NAME.contains(&number) || explained.contains(&format!("\"{name}\"")),
            "{number} {name}"
        );
        assert!(
            row.len() == 5 && row.iter().all(|cell| !cell.is_empty()),
            "{row:?}"
        );
    }
}

/// The words between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// What follows this prefix in the code of a file.
fn variants(code: &str, prefix: &str) -> BTreeSet<String> {
    let parts = code.split(prefix).skip(1);
    let name = |part: &str| {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric());
        part[..end.unwrap_or(part.len())].to_owned()
    };
    parts.map(name).filter(|name| name.len() > 1).collect()
}

/// The function or `impl` of a file that begins with these words, to its end.
fn part<'a>(code: &'a str, begin: &str) -> &'a str {
    let begin = code.find(begin).unwrap_or_else(|| panic!("{begin}"));
    code[begin..].split("\n}\n").next().unwrap()
}

#[test]
fn every_failure_of_rustls_that_the_code_knows_has_its_place() {
    let page = read("docs/errors.md");
    let of = |file: &str| read(&format!("src/tls/{file}.rs"));
    let (failure, peer, certificate) =
        (of("failure"), of("failure/peer"), of("failure/certificate"));
    for (kind, code) in [
        ("Error", part(&failure, "impl Error")),
        ("InvalidMessage", part(&peer, "pub(super) fn invalid")),
        (
            "PeerIncompatible",
            part(&peer, "pub(super) fn incompatible"),
        ),
        ("PeerMisbehaved", part(&peer, "pub(super) fn misbehaved")),
        (
            "CertificateError",
            part(&certificate, "impl CertificateError"),
        ),
        (
            "CertRevocationListError",
            part(&certificate, "pub(super) fn revocation_list"),
        ),
    ] {
        let prefix = if kind == "CertificateError" {
            " Cause::"
        } else {
            " E::"
        };
        let known = variants(code, prefix);
        assert!(known.len() > 10, "{kind}: {known:?}");
        let rows = rows(&page, Some(&format!("rustls: {kind}")));
        let mut listed = BTreeSet::new();
        for name in rows[1..].iter().flat_map(|row| quoted(row[1])) {
            assert!(
                listed.insert(name.to_owned()),
                "{kind}: {name} is there twice"
            );
        }
        let missing: Vec<_> = known.difference(&listed).collect();
        assert!(missing.is_empty(), "{kind} misses {missing:?}");
    }
}

/// `no-common-version` of `NoCommonVersion`.
fn kebab(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push('-');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

/// The reason that the arms of a `match` give each variant of rustls', and by `_` all others.
fn reasons(code: &str, kind: &str) -> BTreeMap<String, String> {
    let mut reasons = BTreeMap::new();
    let mut waiting = BTreeSet::new();
    for line in code.lines().map(str::trim) {
        for prefix in ["E::", "PeerIncompatible::", "InvalidMessage::", "Cause::"] {
            waiting.extend(variants(&format!(" {line}"), &format!(" {prefix}")));
        }
        if line.starts_with("_ =>") {
            waiting.insert("_".to_owned());
        }
        for reason in variants(
            &format!(" {}", line.replace('(', " ")),
            &format!(" {kind}::"),
        ) {
            for variant in std::mem::take(&mut waiting) {
                reasons.insert(variant, kebab(&reason));
            }
        }
    }
    reasons
}

#[test]
fn every_failure_of_rustls_has_the_reason_that_the_page_says() {
    let page = read("docs/errors.md");
    let failure = read("src/tls/failure.rs");
    let certificate = read("src/tls/failure/certificate.rs");
    // Those that are too large have arms of their own.
    let invalid = ["impl Error", "fn invalid_reason"]
        .map(|begin| part(&failure, begin))
        .concat();
    for (kind, code, reason) in [
        ("InvalidMessage", invalid.as_str(), "ProtocolReason"),
        (
            "PeerIncompatible",
            part(&failure, "fn incompatible_reason"),
            "ProtocolReason",
        ),
        (
            "PeerMisbehaved",
            part(&failure, "fn misbehaved_reason"),
            "ProtocolReason",
        ),
        (
            "CertificateError",
            part(&certificate, "impl CertificateError"),
            "Reason",
        ),
    ] {
        let reasons = reasons(code, reason);
        assert!(reasons.len() > 3, "{kind}: {reasons:?}");
        for row in &rows(&page, Some(&format!("rustls: {kind}")))[1..] {
            let expected = quoted(row[0]).next().unwrap();
            for name in quoted(row[1]) {
                let given = reasons.get(name).unwrap_or_else(|| &reasons["_"]);
                assert_eq!(given, expected, "{kind}: {name}");
            }
        }
    }
}

#[test]
fn every_case_that_the_review_names_is_one() {
    let (page, wit) = (read("docs/errors.md"), read("wit/types.wit"));
    let is_case = |name: &str| {
        let lines = wit.lines().map(str::trim);
        lines
            .into_iter()
            .any(|line| line == format!("{name},") || line.starts_with(&format!("{name}(")))
    };
    let review = page.split("\n## Review\n").nth(1).unwrap();
    let mut checked = 0;
    for row in rows(review, None) {
        let ours = match row[..] {
            [ours, _] => ours,
            [_, _, _, _, sent] if !sent.starts_with("not sent:") => sent,
            [_, _, ours] => ours,
            _ => continue,
        };
        for name in quoted(ours).filter(|name| !["close", "close-output"].contains(name)) {
            assert!(is_case(name), "{name} is no case of types.wit");
            checked += 1;
        }
    }
    assert!(checked > 80, "{checked}");
}
