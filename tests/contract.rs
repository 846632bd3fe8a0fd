//! What the built component imports and exports, to the letter, and the rules of the layers.
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// `wasi:cli`, `insecure-seed` and `wall-clock` come with `std` on this target; the rest is ours.
const IMPORTS: &[&str] = &[
    "wasi:cli/environment@0.2.12",
    "wasi:cli/exit@0.2.12",
    "wasi:cli/stderr@0.2.12",
    "wasi:cli/stdin@0.2.12",
    "wasi:cli/stdout@0.2.12",
    "wasi:cli/terminal-input@0.2.12",
    "wasi:cli/terminal-output@0.2.12",
    "wasi:cli/terminal-stderr@0.2.12",
    "wasi:cli/terminal-stdin@0.2.12",
    "wasi:cli/terminal-stdout@0.2.12",
    "wasi:clocks/monotonic-clock@0.2.12",
    "wasi:clocks/wall-clock@0.2.12",
    "wasi:filesystem/preopens@0.2.12",
    "wasi:filesystem/types@0.2.12",
    "wasi:io/error@0.2.12",
    "wasi:io/poll@0.2.12",
    "wasi:io/streams@0.2.12",
    "wasi:random/insecure-seed@0.2.12",
    "wasi:random/random@0.2.12",
    "wasi:sockets/instance-network@0.2.12",
    "wasi:sockets/ip-name-lookup@0.2.12",
    "wasi:sockets/network@0.2.12",
    "wasi:sockets/tcp-create-socket@0.2.12",
    "wasi:sockets/tcp@0.2.12",
];

const EXPORTS: &[&str] = &[
    "portcullis:tls/context@0.1.0",
    "portcullis:tls/listener@0.1.0",
    "portcullis:tls/port@0.1.0",
    "portcullis:tls/types@0.1.0",
];

/// The names of one kind that the component's outermost level has.
fn names(is_import: bool) -> Vec<String> {
    use wasmparser::{Parser, Payload};
    let mut names = Vec::new();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(portcullis_host::EMBEDDED) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if is_import && depth == 0 => {
                names.extend(
                    section
                        .into_iter()
                        .map(|import| import.unwrap().name.name.to_owned()),
                );
            }
            Payload::ComponentExportSection(section) if !is_import && depth == 0 => {
                names.extend(
                    section
                        .into_iter()
                        .map(|export| export.unwrap().name.name.to_owned()),
                );
            }
            _ => {}
        }
    }
    names.sort();
    names
}

#[test]
fn imports_are_those_of_the_list_and_no_others() {
    assert_eq!(names(true), IMPORTS);
}

#[test]
fn exports_are_those_of_the_list_and_no_others() {
    assert_eq!(names(false), EXPORTS);
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Each line of these files that has one of the words.
fn lines_with(files: &[PathBuf], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        for line in fs::read_to_string(file).unwrap().lines() {
            let code = line.split("//").next().unwrap();
            if words.iter().any(|word| code.contains(word)) {
                found.push(format!("{}: {line}", file.display()));
            }
        }
    }
    found
}

#[test]
fn layers_point_down_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let core = sources(&root.join("tls"));
    let upward = [
        "crate::bindings",
        "crate::net",
        "crate::fs",
        "crate::conv",
        "crate::pump",
        "crate::port",
        "crate::listener",
        "crate::context",
        "wasi::",
        "std::net",
        "std::fs",
        "std::env",
    ];
    assert!(core.len() > 10, "{core:?}");
    assert_eq!(lines_with(&core, &upward), Vec::<String>::new());
    let middle =
        ["endpoint", "pump", "race", "timers"].map(|name| root.join(name).with_extension("rs"));
    assert_eq!(
        lines_with(&middle, &["wasi::", "crate::net", "rustls::"]),
        Vec::<String>::new()
    );
    let mut above = sources(&root.join("net"));
    assert!(above.len() > 5, "{above:?}");
    above.extend(
        ["fs", "conv", "context", "listener", "port"]
            .map(|name| root.join(name).with_extension("rs")),
    );
    assert_eq!(lines_with(&above, &["rustls::"]), Vec::<String>::new());
    // A check that finds nothing anywhere would find nothing here either.
    assert!(!lines_with(&core, &["rustls::"]).is_empty());
}

#[test]
fn only_the_provider_names_a_crypto_crate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let outside: Vec<_> = sources(&root)
        .into_iter()
        .filter(|path| !path.components().any(|part| part.as_os_str() == "provider"))
        .collect();
    let crates = [
        "aes_gcm::",
        "chacha20poly1305::",
        "ed25519_dalek::",
        "getrandom::",
        "hmac::",
        "libcrux_ml_kem::",
        "p256::",
        "p384::",
        "pkcs5::",
        "rsa::",
        "sha1::",
        "sha2::",
        "x25519_dalek::",
    ];
    assert_eq!(lines_with(&outside, &crates), Vec::<String>::new());
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The rows of the Markdown tables below a heading, or of all tables: cells without their spaces.
fn rows<'a>(page: &'a str, heading: Option<&str>) -> Vec<Vec<&'a str>> {
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
fn tests_in(cell: &str) -> Vec<&str> {
    let quoted = cell.split('`').skip(1).step_by(2);
    let names: Vec<_> = quoted.filter_map(|name| name.split_once("::")).collect();
    for (file, function) in &names {
        let text = ["tests", "host/tests"]
            .map(|folder| {
                Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join(folder)
                    .join(file)
            })
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

/// The names of the cases of an enum or a variant.
fn cases(wit: &str, kind: &str) -> Vec<String> {
    let begin = wit.find(&format!("{kind} {{")).unwrap();
    let body = &wit[begin..begin + wit[begin..].find("\n    }").unwrap()];
    let lines = body.lines().skip(1).map(str::trim);
    lines
        .filter(|line| !line.starts_with("///") && !line.is_empty())
        .map(|line| {
            line.trim_end_matches(',')
                .split('(')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[test]
fn every_case_of_an_error_has_its_cure_and_a_test_or_the_reason_why_none() {
    let (wit, page) = (read("wit/types.wit"), read("docs/errors.md"));
    let component = [
        "client", "cipher", "identity", "port", "refusal", "server", "trust",
    ];
    for (kind, heading) in [
        ("variant error", "error"),
        ("enum timer", "timer"),
        ("enum certificate-reason", "certificate-reason"),
        ("enum protocol-reason", "protocol-reason"),
        ("enum network-code", "network-code"),
        ("enum configuration-reason", "configuration-reason"),
    ] {
        let rows = rows(&page, Some(heading));
        let listed: Vec<_> = rows[1..]
            .iter()
            .map(|row| row[0].trim_matches('`'))
            .collect();
        assert_eq!(listed, cases(&wit, kind), "{heading}");
        for row in &rows[1..] {
            assert_eq!(row.len(), 4, "{row:?}");
            let is_explained = ["never produced: ", "not produced: ", "not produced yet: "]
                .iter()
                .any(|reason| row[3].starts_with(reason));
            let tests = tests_in(row[3]);
            assert!(is_explained || !tests.is_empty(), "{} has no test", row[0]);
            // Over the built component: in one of the files of that ring.
            assert!(
                is_explained
                    || component
                        .iter()
                        .flat_map(|file| [format!("`{file}::"), format!("`{file}/")])
                        .any(|begin| row[3].contains(&begin))
            );
        }
    }
}
