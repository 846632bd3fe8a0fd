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
    let middle = [root.join("pump.rs"), root.join("timers.rs")];
    assert_eq!(
        lines_with(&middle, &["wasi::", "crate::net", "rustls::"]),
        Vec::<String>::new()
    );
    let above: Vec<_> = ["net", "fs", "conv", "context", "listener", "port"]
        .map(|name| root.join(name).with_extension("rs"))
        .to_vec();
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
