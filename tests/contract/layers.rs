//! Which part of the source may know which.

use std::fs;
use std::path::PathBuf;

use crate::{root, sources};

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
    let root = root().join("src");
    let core = sources(&root.join("tls"));
    let upward = [
        "crate::bindings",
        "crate::clock",
        "crate::context",
        "crate::conv",
        "crate::endpoint",
        "crate::fs",
        "crate::listener",
        "crate::net",
        "crate::port",
        "crate::pump",
        "crate::race",
        "crate::remains",
        "crate::session",
        "crate::timers",
        "wasi::",
        "std::net",
        "std::fs",
        "std::env",
    ];
    assert!(core.len() > 10, "{core:?}");
    assert_eq!(lines_with(&core, &upward), Vec::<String>::new());
    let file = |name: &str| root.join(name).with_extension("rs");
    let mut middle = sources(&root.join("pump"));
    assert!(middle.len() > 3, "{middle:?}");
    middle.extend(["endpoint", "pump", "race", "timers"].map(file));
    let upward = [
        "crate::bindings",
        "crate::clock",
        "crate::context",
        "crate::conv",
        "crate::fs",
        "crate::listener",
        "crate::net",
        "crate::port",
        "crate::remains",
        "crate::session",
        "rustls::",
        "wasi::",
    ];
    assert_eq!(lines_with(&middle, &upward), Vec::<String>::new());
    let mut wasi = sources(&root.join("net"));
    assert!(wasi.len() > 5, "{wasi:?}");
    wasi.extend(["clock", "fs", "remains"].map(file));
    let resources = [
        "crate::bindings",
        "crate::context",
        "crate::listener",
        "crate::port",
        "crate::session",
        "rustls::",
    ];
    assert_eq!(lines_with(&wasi, &resources), Vec::<String>::new());
    let mut top = sources(&root.join("port"));
    assert!(!top.is_empty());
    top.extend(
        [
            "component",
            "context",
            "conv",
            "listener",
            "port",
            "session",
        ]
        .map(file),
    );
    assert_eq!(lines_with(&top, &["rustls::"]), Vec::<String>::new());
    // A file that no layer has would escape all of this.
    let mut known: Vec<_> = [&core[..], &middle, &wasi, &top].concat();
    known.extend(["bindings", "lib"].map(file));
    let unknown: Vec<_> = sources(&root)
        .into_iter()
        .filter(|path| !known.contains(path))
        .collect();
    assert_eq!(unknown, Vec::<PathBuf>::new());
    // A check that finds nothing anywhere would find nothing here either.
    assert!(!lines_with(&core, &["rustls::"]).is_empty());
}

#[test]
fn only_the_provider_names_a_crypto_crate() {
    let root = root().join("src");
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
