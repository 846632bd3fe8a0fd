//! The tables of the pages, and that of the seed.

use std::collections::BTreeMap;
use std::fs;

use crate::{read, root};

/// The rows of the Markdown tables below a heading, or of all tables: cells without their spaces.
pub(crate) fn rows<'a>(page: &'a str, heading: Option<&str>) -> Vec<Vec<&'a str>> {
    let mut is_below = heading.is_none();
    let mut rows = Vec::new();
    for line in page.lines() {
        if let (Some(name), Some(heading)) = (line.strip_prefix("## "), heading) {
            is_below = name == heading;
        }
        if is_below && line.starts_with("| ") {
            rows.push(line.trim_matches('|').split('|').map(str::trim).collect());
        }
    }
    rows
}

/// The tests that a cell names as `file::function`, each of which must exist and be a test.
pub(crate) fn tests_in(cell: &str) -> Vec<&str> {
    let quoted = cell.split('`').skip(1).step_by(2);
    let names: Vec<_> = quoted.filter_map(|name| name.split_once("::")).collect();
    for (file, function) in &names {
        let text = ["tests", "host/tests", "host/cli/tests"]
            .map(|folder| root().join(folder).join(file))
            .into_iter()
            .find_map(|path| fs::read_to_string(path.with_extension("rs")).ok())
            .unwrap_or_else(|| panic!("no test file is called {file}"));
        assert!(
            text.contains(&format!("#[test]\nfn {function}()")),
            "{file} has no test {function}"
        );
    }
    names.into_iter().map(|(_, function)| function).collect()
}

#[test]
fn every_item_of_the_seed_has_a_test_that_carries_its_id() {
    let page = read("docs/seed.md");
    let mut expected = Vec::new();
    for (letter, count) in [
        ("E", 13),
        ("P", 4),
        ("C", 8),
        ("L", 11),
        ("T", 2),
        ("K", 12),
        ("O", 8),
    ] {
        expected.extend((1..=count).map(|number| format!("{letter}{number}")));
    }
    let mut found = Vec::new();
    for row in rows(&page, None) {
        if row[0] == "id" {
            continue;
        }
        assert_eq!(row.len(), 5, "{row:?}");
        let tests = tests_in(row[4]);
        assert!(!tests.is_empty(), "{} has no test", row[0]);
        let id = row[0].to_lowercase();
        for test in tests {
            assert!(
                test.split('_').any(|part| part == id),
                "{test} does not carry {id}"
            );
        }
        found.push(row[0].to_owned());
    }
    assert_eq!(found, expected);
}

#[test]
fn every_feature_is_there_with_its_test_or_with_the_reason_why_not() {
    let (page, wit) = (read("docs/features.md"), pages_of_wit());
    let mut numbers = Vec::new();
    let mut counts = BTreeMap::new();
    for row in rows(&page, None) {
        if row[0] == "#" {
            continue;
        }
        let [number, feature, has, here, tests] = row[..] else {
            panic!("{row:?}")
        };
        let tests = tests_in(tests);
        match has {
            "●" => assert!(!tests.is_empty(), "{feature} has no test"),
            "◐" => assert!(here.ends_with('.'), "{feature}: why in part?"),
            "○" => assert!(
                tests.is_empty() && here.ends_with('.'),
                "{feature}: why not?"
            ),
            _ => panic!("{row:?}"),
        }
        // What it names of the interface is there.
        for name in here.split('`').skip(1).step_by(2) {
            let item = name
                .split_once('.')
                .filter(|(page, _)| wit.contains_key(page));
            if let Some((interface, item)) = item {
                let is_there = wit[interface]
                    .split(|letter: char| !(letter.is_alphanumeric() || letter == '-'))
                    .any(|word| word == item);
                assert!(is_there, "{feature}: {name}");
            }
        }
        numbers.push(number.parse::<usize>().unwrap());
        *counts.entry(has).or_insert(0) += 1;
    }
    assert_eq!(numbers, (1..=95).collect::<Vec<_>>());
    for (mark, count) in counts {
        assert!(
            page.contains(&format!("{count} are `{mark}`")),
            "{mark} {count}"
        );
    }
}

#[test]
fn every_file_that_a_feature_passes_is_there() {
    let page = read("CONTRIBUTING.md");
    let mut files = 0;
    for row in &rows(&page, Some("The way of a feature"))[1..] {
        let [_, places] = row[..] else {
            panic!("{row:?}")
        };
        for file in places.split('`').skip(1).step_by(2) {
            assert!(root().join(file).is_file(), "{file}");
            files += 1;
        }
    }
    assert!(files > 30, "{files}");
}

#[test]
fn the_readme_is_short_and_names_what_there_is() {
    let (readme, wit) = (read("README.md"), pages_of_wit());
    assert!(readme.lines().count() < 150);
    for row in &rows(&readme, Some("The seed's names"))[1..] {
        for name in row[1].split('`').skip(1).step_by(2) {
            let (interface, function) = name.split_once('.').unwrap();
            let function = function.split('(').next().unwrap();
            let is_there = ["func", "static func", "variant", "constructor"]
                .iter()
                .any(|kind| {
                    let text = &wit[interface];
                    text.contains(&format!(" {function}: {kind}("))
                        || text.contains(&format!(" {kind} {function} "))
                });
            assert!(is_there, "{name}");
        }
    }
}

/// The interfaces by name.
fn pages_of_wit() -> BTreeMap<&'static str, String> {
    let names = [
        "certificate",
        "client-hello",
        "context",
        "defaults",
        "engine",
        "errors",
        "key-log",
        "listener",
        "port",
        "session",
        "types",
    ];
    names
        .map(|name| (name, read(&format!("wit/{name}.wit"))))
        .into()
}
