//! How many allocations a record costs once a connection has warmed up.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use allocation_counter::{AllocationInfo, measure};
use portcullis::tls::Version;
use support::pair::{Pair, configs};

const RECORD: usize = 16 * 1024;
const RECORDS: u64 = 16;

/// What a client allocates to send `RECORDS` full records, and a server to receive them, after as
/// many that are not counted. Ciphertext and plaintext go to buffers that are allocated before.
fn allocated(version: Version) -> [AllocationInfo; 2] {
    let (client, server) = configs(version);
    let mut pair = Pair::new(&client, &server).handshake();
    let plaintext = vec![7; RECORD];
    let mut wire = Vec::with_capacity(2 * 16 * RECORD);
    let mut read = Vec::with_capacity(2 * 16 * RECORD);
    let mut turn = || {
        wire.clear();
        read.clear();
        let sending = measure(|| {
            for _ in 0..RECORDS {
                assert_eq!(pair.client.write(&plaintext), Ok(RECORD));
                pair.client.poll_ciphertext(&mut wire);
            }
        });
        let receiving = measure(|| {
            let mut rest = wire.as_slice();
            while !rest.is_empty() {
                let taken = pair.server.handle_ciphertext(rest).unwrap();
                pair.server.read_onto(&mut read, usize::MAX);
                rest = &rest[taken..];
            }
        });
        assert_eq!(read.len(), 16 * RECORD);
        [sending, receiving]
    };
    turn();
    turn()
}

#[test]
fn a_record_that_is_sent_is_one_allocation_and_stays_none() {
    for version in [Version::Tls12, Version::Tls13] {
        let [sending, _] = allocated(version);
        // rustls seals a record into a buffer of its own.
        assert_eq!(sending.count_total, RECORDS, "{version:?}");
        assert_eq!(sending.bytes_current, 0, "{version:?}");
    }
}

#[test]
fn a_record_that_is_received_is_one_allocation_and_stays_none() {
    for version in [Version::Tls12, Version::Tls13] {
        let [_, receiving] = allocated(version);
        // rustls hands plaintext out in a buffer of its own; the one in which it gathers records
        // grows from 4 KiB for each lot that arrives.
        let for_gathering = 4;
        assert_eq!(
            receiving.count_total,
            RECORDS + for_gathering,
            "{version:?}"
        );
        assert_eq!(receiving.bytes_current, 0, "{version:?}");
    }
}

#[test]
fn a_connection_without_traffic_keeps_one_buffer_of_4_kib() {
    // The state of the session, its keys and its facts.
    const STATE: i64 = 2560;
    for version in [Version::Tls12, Version::Tls13] {
        let (client, server) = configs(version);
        let pair = Pair::new(&client, &server).handshake();
        for session in [pair.client, pair.server] {
            let held = -measure(|| drop(session)).bytes_current;
            assert!(held < 4096 + STATE, "{version:?}: {held}");
        }
    }
}
