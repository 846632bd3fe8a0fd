//! The inputs that fuzzing has kept, through the functions that were fuzzed (`fuzz/src/core.rs`). The
//! command's are run by its own tests, and sequences of operations by `tests/explorer.rs`.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

mod support;

#[path = "../fuzz/src/core.rs"]
mod targets;

use support::certs::{Authority, KeyType, Leaf};
use support::x509::{List, Spec};

/// Runs the target over each input that is kept for it.
fn replay(target: &str, run: fn(&[u8])) {
    let folder = format!("{}/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let input = std::fs::read(&path).unwrap();
        // The name is what is wanted when it fails.
        println!("{}", path.display());
        run(&input);
        count += 1;
    }
    assert!(count > 0, "no input in {folder}");
}

#[test]
fn a_client_bears_what_servers_without_a_key_send() {
    replay("client", targets::client);
}

#[test]
fn a_server_bears_what_clients_without_a_key_send() {
    replay("server", targets::server);
}

#[test]
fn what_is_changed_on_its_way_is_never_read() {
    replay("wire", targets::wire);
}

#[test]
fn strange_files_of_credentials_are_refused_or_read() {
    replay("credentials", targets::credentials);
}

#[test]
fn a_revocation_list_with_any_byte_changed_is_refused_or_read() {
    let list = List::of_every_part().by(&Spec::authority("Root").self_signed());
    // As the target has them: 4 stands for lists, among others.
    let whole = [&[4], list.as_slice()].concat();
    targets::credentials(&whole);
    for at in 1..whole.len() {
        targets::credentials(&whole[..at]);
        for bits in [0x01, 0x20, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[at] ^= bits;
            targets::credentials(&changed);
        }
    }
}

#[test]
fn no_error_holds_a_key_or_a_passphrase() {
    let authority = Authority::root("Root");
    for key in [KeyType::P256, KeyType::Ed25519, KeyType::Rsa2048] {
        let identity = authority.issue(&Leaf::server().key(key));
        let key = identity.key_pem().into_bytes();
        for place in (0..key.len()).step_by(11) {
            let mut changed = key.clone();
            changed[place] ^= 1 << (place % 7);
            for file in [&changed[..], &key[..place]] {
                for kind in [0x01, 0x11, 0x12] {
                    targets::credentials(&[&[kind], file].concat());
                }
            }
        }
    }
}

#[test]
fn strange_words_are_refused_or_read() {
    replay("words", targets::words);
}

#[test]
fn signatures_over_p256_are_judged_as_others_do() {
    replay("signatures", targets::signatures);
}

#[test]
fn records_are_protected_as_others_do() {
    replay("records", targets::records);
}
