//! What the built component imports and exports, to the letter, and what the repository says of itself:
//! versions in the WIT, layers in the source, and the tables of the pages.
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

#[path = "contract/circles.rs"]
mod circles;
#[path = "contract/errors.rs"]
mod errors;
#[path = "contract/layers.rs"]
mod layers;
#[path = "contract/pages.rs"]
mod pages;
#[path = "contract/review.rs"]
mod review;

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
    "portcullis:tls/certificate@0.2.1",
    "portcullis:tls/client-hello@0.2.1",
    "portcullis:tls/context@0.2.1",
    "portcullis:tls/defaults@0.2.1",
    "portcullis:tls/engine@0.2.1",
    "portcullis:tls/errors@0.2.1",
    "portcullis:tls/key-log@0.2.1",
    "portcullis:tls/listener@0.2.1",
    "portcullis:tls/port@0.2.1",
    "portcullis:tls/session@0.2.1",
    "portcullis:tls/types@0.2.1",
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

/// A package of ours: its folder, its files, and its first version.
type Package = (&'static str, &'static [&'static str], [u32; 3]);

const PACKAGES: [Package; 2] = [("wit", &WIT, [0, 2, 0]), ("wit/p3", &ASYNC_WIT, [0, 1, 0])];

/// The files of `portcullis:tls-async`.
const ASYNC_WIT: [&str; 4] = ["drop-in.wit", "listener.wit", "port.wit", "world.wit"];

/// The files of the package itself: `wit/deps` is others'.
const WIT: [&str; 12] = [
    "certificate.wit",
    "client-hello.wit",
    "context.wit",
    "defaults.wit",
    "engine.wit",
    "errors.wit",
    "key-log.wit",
    "listener.wit",
    "port.wit",
    "session.wit",
    "types.wit",
    "world.wit",
];

/// `0.2.0` of a line that ends in `@0.2.0;` or `(version = 0.2.0)`.
fn version(line: &str) -> Option<Vec<u32>> {
    let begin = line.rfind(|c: char| !c.is_ascii_digit() && !".;)".contains(c))? + 1;
    let numbers = line[begin..].trim_end_matches([';', ')']).split('.');
    numbers.map(|number| number.parse().ok()).collect()
}

/// The items of a WIT file, with the version that is said to have brought each. Cases and fields are
/// no items: they come with their type.
fn items(text: &str) -> Vec<(String, Option<Vec<u32>>)> {
    let (mut items, mut since, mut is_in_type) = (Vec::new(), None, false);
    for line in text.lines().map(str::trim) {
        let is_item = !(is_in_type || line.is_empty() || line.starts_with("//"));
        if line == "}" {
            is_in_type = false;
        } else if line.starts_with("@since(version = ") {
            since = version(line);
        } else if is_item && !line.starts_with("package ") {
            // One that goes on in the next line would pass for two.
            assert!(line.ends_with([';', '{']), "{line}");
            let types = ["enum ", "flags ", "record ", "variant "];
            is_in_type = types.iter().any(|kind| line.starts_with(kind));
            items.push((line.to_owned(), since.take()));
        }
    }
    items
}

/// componentize-py copies the documentation into strings of Python, where a backslash begins an escape:
/// then no Python program builds.
#[test]
fn the_documentation_of_the_interface_has_no_backslash() {
    for (folder, files, _) in PACKAGES {
        for file in files {
            let text = read(&format!("{folder}/{file}"));
            let line = text.lines().find(|line| line.contains('\\'));
            assert_eq!(line, None, "{file}");
        }
    }
}

#[test]
fn every_item_of_the_interface_says_which_version_brought_it() {
    for (folder, listed, oldest) in PACKAGES {
        let mut files: Vec<_> = fs::read_dir(root().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".wit"))
            .collect();
        files.sort();
        assert_eq!(files, listed);
        let world = read(&format!("{folder}/world.wit"));
        let package = world.lines().find(|line| line.starts_with("package "));
        let newest = version(package.unwrap()).unwrap();
        for file in listed {
            let items = items(&read(&format!("{folder}/{file}")));
            assert!(items.len() > 2, "{file}: {items:?}");
            for (item, since) in items {
                let since = since.unwrap_or_else(|| panic!("{file}: no @since before `{item}`"));
                assert!(
                    oldest.to_vec() <= since && since <= newest,
                    "{file}: `{item}` is of {since:?}"
                );
            }
        }
    }
}

#[test]
fn consumers_are_given_everything_but_what_changes_their_neighbours() {
    let world = read("wit/world.wit");
    let of = |name: &str| {
        let begin = world.find(&format!("world {name} {{")).unwrap();
        world[begin..].split("\n}").next().unwrap()
    };
    for interface in [
        "types",
        "errors",
        "certificate",
        "context",
        "key-log",
        "client-hello",
        "session",
        "port",
        "engine",
        "listener",
    ] {
        assert!(of("provider").contains(&format!("export {interface};")));
        assert!(of("client").contains(&format!("import {interface};")));
    }
    assert!(of("provider").contains("export defaults;"));
    assert!(of("command").contains("include client;"));
    assert!(!of("client").contains("defaults") && !of("command").contains("defaults"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
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
