//! Which part of the source may know which.

use std::fs;
use std::path::PathBuf;

use crate::{root, sources};

/// Each line of these files, but for their tests, that has one of the words.
fn lines_with(files: &[PathBuf], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        // Tests at the end may have a second opinion from anywhere.
        for line in text.split("#[cfg(test)]").next().unwrap().lines() {
            let code = line.split("//").next().unwrap();
            if words.iter().any(|word| code.contains(word)) {
                found.push(format!("{}: {line}", file.display()));
            }
        }
    }
    found
}

/// The rooms of `src` from the bottom up, each with its files: a room knows those before it.
const ROOMS: [(&str, &[&str]); 7] = [
    ("error", &["error"]),
    ("tls", &["tls"]),
    (
        "core",
        &[
            "conversions",
            "endpoint",
            "engine",
            "files",
            "memory",
            "pump",
            "race",
            "timers",
            "words",
        ],
    ),
    ("wasi", &["addresses", "p2/clock", "p2/net", "p2/remains"]),
    ("resources", &["resources"]),
    ("p2", &["p2/listener", "p2/port"]),
    (
        "p3",
        &[
            "p3/clock",
            "p3/driver",
            "p3/drop_in",
            "p3/ends",
            "p3/link",
            "p3/listener",
            "p3/net",
            "p3/port",
            "p3/turns",
            "p3/wasi_tls",
        ],
    ),
];

/// A module and its parts.
fn files_of(module: &str) -> Vec<PathBuf> {
    let folder = root().join("src").join(module);
    let mut files = match folder.is_dir() {
        true => sources(&folder),
        false => Vec::new(),
    };
    let own = folder.with_extension("rs");
    files.extend(own.is_file().then_some(own));
    assert!(!files.is_empty(), "{module}");
    files
}

/// How the modules of another room name this one: those of `p2` beside it by `super` too.
fn names_of(module: &str, room: &str) -> Vec<String> {
    let path = module.replace('/', "::");
    let beside = path.strip_prefix("p2::").filter(|_| room == "wasi");
    let beside = beside.map(|name| format!("super::{name}"));
    std::iter::once(format!("crate::{path}"))
        .chain(beside)
        .collect()
}

#[test]
fn layers_point_down_only() {
    let mut known = ["lib", "p2", "p3"]
        .map(|name| root().join(format!("src/{name}.rs")))
        .to_vec();
    for (floor, (room, modules)) in ROOMS.iter().enumerate() {
        let files: Vec<_> = modules.iter().flat_map(|module| files_of(module)).collect();
        let above = ROOMS[floor + 1..].iter().flat_map(|(_, modules)| *modules);
        let mut forbidden: Vec<_> = above.flat_map(|module| names_of(module, room)).collect();
        let more: &[&str] = match *room {
            "error" => &[
                "rustls::",
                "portcullis_provider",
                "wasi::",
                "std::net",
                "std::fs",
                "std::env",
            ],
            "tls" => &["wasi::", "std::net", "std::fs", "std::env"],
            "core" => &["rustls::", "portcullis_provider", "wasi::"],
            _ => &["rustls::", "portcullis_provider"],
        };
        forbidden.extend(more.iter().map(|word| (*word).to_owned()));
        let words: Vec<_> = forbidden.iter().map(String::as_str).collect();
        assert_eq!(lines_with(&files, &words), Vec::<String>::new(), "{room}");
        known.extend(files);
    }
    // A file that no room has would escape all of this.
    let unknown: Vec<_> = sources(&root().join("src"))
        .into_iter()
        .filter(|path| !known.contains(path))
        .collect();
    assert_eq!(unknown, Vec::<PathBuf>::new());
    // A check that finds nothing anywhere would find nothing here either.
    assert!(!lines_with(&files_of("tls"), &["rustls::"]).is_empty());
    assert!(!lines_with(&files_of("p2/port"), &["super::net"]).is_empty());
}

#[test]
fn the_provider_knows_rustls_and_nothing_of_ours() {
    let provider = sources(&root().join("provider/src"));
    assert!(provider.len() > 30, "{provider:?}");
    let ours = ["portcullis::", "wasi::", "std::net", "std::fs", "std::env"];
    assert_eq!(lines_with(&provider, &ours), Vec::<String>::new());
    assert!(!lines_with(&provider, &["rustls::"]).is_empty());
}

#[test]
fn only_the_provider_names_a_crypto_crate() {
    let outside = sources(&root().join("src"));
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
