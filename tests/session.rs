//! The protocol on an in-memory pair: chunks, cuts, flips, states, refusals.
//!
//! Over 400 lines: the cases are many and short, and share the pair.
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::num::NonZero;
use std::thread;

use portcullis::error::{
    CertificateReason, ConfigurationItem, ConfigurationReason, Error, ProtocolReason,
};
use portcullis::tls::{Plaintext, Session, Settings, State, Truncation, Verify, Version};
use support::certs::{Authority, KeyType, Leaf, NAME};
use support::clock_in;
use support::pair::{
    Pair, client_settings, configs, failure, identify, only, open, read_all, seal, server_settings,
    verifying_server_settings,
};

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

#[test]
fn every_key_type_and_version_carries_data_both_ways() {
    for key in KeyType::SUPPORTED {
        for version in VERSIONS {
            let authority = Authority::root("Root");
            let server = seal(&server_settings(&authority.issue(&Leaf::server().key(key))));
            let client = seal(&only(client_settings(authority.der()), version));
            let mut pair = Pair::new(&client, &server).handshake();
            assert_eq!(pair.client.write(b"ping").unwrap(), 4);
            assert_eq!(pair.server.write(b"pong").unwrap(), 4);
            pair.drive();
            assert_eq!(read_all(&mut pair.server), b"ping", "{key:?} {version:?}");
            assert_eq!(read_all(&mut pair.client), b"pong", "{key:?} {version:?}");
            assert_eq!(pair.client.version(), Some(version));
            assert_eq!(pair.client.verify_result(), Ok(()));
            let asked_for_nothing = pair.server.verify_result().unwrap_err();
            assert_eq!(asked_for_nothing.reason, CertificateReason::NotChecked);
        }
    }
}

#[test]
fn one_byte_at_a_time_is_enough() {
    for version in VERSIONS {
        let (client, server) = configs(version);
        let mut pair = Pair::new(&client, &server).in_chunks(1).handshake();
        pair.client.write(&[7; 20_000]).unwrap();
        // The receiver holds a bounded amount, so it has to be read in between.
        let mut got = Vec::new();
        while pair.step() {
            got.extend(read_all(&mut pair.server));
        }
        assert_eq!(got, [7; 20_000]);
    }
}

const FROM_CLIENT: &[u8] = b"from the client";
const FROM_SERVER: &[u8] = b"from the server";

/// Run a session from its first byte to close_notify both ways, as far as the change to the pair
/// lets it come; returns the pair, and what the client and the server have read.
fn whole_session(
    (client, server): &(Settings, Settings),
    change: impl FnOnce(&mut Pair),
) -> (Pair, Vec<u8>, Vec<u8>) {
    // Sealed anew each time, since a resumed handshake would be another, shorter one.
    let mut pair = Pair::new(&seal(client), &seal(server));
    change(&mut pair);
    pair.drive();
    let _ = pair.client.write(FROM_CLIENT);
    let _ = pair.server.write(FROM_SERVER);
    pair.client.close();
    pair.server.close();
    pair.drive();
    let read = (read_all(&mut pair.client), read_all(&mut pair.server));
    // Ciphertext behind plaintext is held back until the plaintext is read.
    pair.drive();
    (pair, read.0, read.1)
}

/// The settings of a client and a server of this version.
fn settings(version: Version) -> (Settings, Settings) {
    let authority = Authority::root("Root");
    let server = server_settings(&authority.issue(&Leaf::server()));
    (
        only(client_settings(authority.der()), version),
        only(server, version),
    )
}

/// Make a check for each number below the count, on all cores.
fn for_each_below(count: usize, check: impl Fn(usize) + Sync) {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for first in 0..threads {
            let check = &check;
            scope.spawn(move || (first..count).step_by(threads).for_each(check));
        }
    });
}

#[test]
fn the_end_at_every_byte_of_a_session_is_truncation_and_sticky() {
    for version in VERSIONS {
        let settings = settings(version);
        let (whole, at_client, at_server) = whole_session(&settings, |_| {});
        assert_eq!((&*at_client, &*at_server), (FROM_SERVER, FROM_CLIENT));
        let closed = (State::Closed, State::Closed);
        assert_eq!(
            (whole.client.state(), whole.server.state()),
            (&closed.0, &closed.1)
        );
        let check = |end, mut session: Session, got: &[u8], sent: &[u8]| {
            assert_eq!(
                failure(&session),
                Some(Error::Truncated),
                "{version:?} at {end}"
            );
            assert!(got.is_empty() || got == sent);
            assert_eq!(session.handle_ciphertext(b"more"), Err(Error::Truncated));
            assert_eq!(session.read(1), Err(Error::Truncated));
        };
        // The lengths of signatures differ by a byte or two from one session to the next.
        for_each_below(whole.to_server.sent.len(), |end| {
            let (pair, _, got) = whole_session(&settings, |pair| pair.to_server.eof_at = Some(end));
            if end < pair.to_server.sent.len() {
                check(end, pair.server, &got, FROM_CLIENT);
            }
        });
        for_each_below(whole.to_client.sent.len(), |end| {
            let (pair, got, _) = whole_session(&settings, |pair| pair.to_client.eof_at = Some(end));
            if end < pair.to_client.sent.len() {
                check(end, pair.client, &got, FROM_SERVER);
            }
        });
    }
}

#[test]
fn a_flipped_byte_anywhere_is_never_taken_for_data() {
    for version in VERSIONS {
        let settings = settings(version);
        let (whole, _, _) = whole_session(&settings, |_| {});
        let check = |at_client: &[u8], at_server: &[u8]| {
            assert!(at_server.is_empty() || at_server == FROM_CLIENT);
            assert!(at_client.is_empty() || at_client == FROM_SERVER);
        };
        for_each_below(whole.to_server.sent.len(), |at| {
            let flip = |pair: &mut Pair| pair.to_server.flip = Some((at, 0x20));
            let (_, at_client, at_server) = whole_session(&settings, flip);
            check(&at_client, &at_server);
        });
        for_each_below(whole.to_client.sent.len(), |at| {
            let flip = |pair: &mut Pair| pair.to_client.flip = Some((at, 0x20));
            let (_, at_client, at_server) = whole_session(&settings, flip);
            check(&at_client, &at_server);
        });
    }
}

#[test]
fn a_changed_data_record_fails_with_bad_record_and_keeps_what_came_before() {
    for version in VERSIONS {
        let mut pair = open(version);
        pair.client.write(b"before").unwrap();
        pair.drive();
        pair.client.write(b"after").unwrap();
        pair.to_server.flip = Some((pair.to_server.sent.len() + 9, 1));
        pair.drive();
        assert_eq!(
            pair.server.read(100),
            Ok(Plaintext::Bytes(b"before".to_vec()))
        );
        // The second record was held back until the first was read.
        pair.drive();
        let Some(Error::Protocol(error)) = failure(&pair.server) else {
            panic!("{:?}", pair.server.state());
        };
        assert_eq!(
            (error.reason, error.alert_sent),
            (ProtocolReason::BadRecord, Some(20))
        );
        assert_eq!(failure(&pair.client), Some(Error::AlertReceived(20)));
    }
}

#[test]
fn a_changed_record_after_our_close_notify_fails_as_one() {
    for version in VERSIONS {
        let mut pair = open(version);
        pair.client.close();
        pair.server.write(b"after").unwrap();
        pair.to_client.flip = Some((pair.to_client.sent.len() + 9, 1));
        pair.drive();
        match failure(&pair.client) {
            Some(Error::Protocol(error)) => assert_eq!(error.reason, ProtocolReason::BadRecord),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn nothing_is_sent_behind_close_notify_whatever_comes() {
    let version_and_cause = [
        (Version::Tls12, false),
        (Version::Tls13, false),
        // Asks for new keys, which other records would have to be sent for.
        (Version::Tls13, true),
    ];
    for (version, updates) in version_and_cause {
        let mut pair = open(version);
        // The end has left, or waits for the transport together with what was written before.
        for has_left in [true, false] {
            let mut wire = Vec::new();
            pair.client.write(b"before").unwrap();
            pair.client.close();
            if has_left {
                pair.client.poll_ciphertext(&mut wire);
            }
            let mut reply = Vec::new();
            match updates {
                true => pair.server.update_keys().unwrap(),
                false => {
                    pair.server.write(b"after").unwrap();
                    pair.server.poll_ciphertext(&mut reply);
                    *reply.last_mut().unwrap() ^= 1;
                }
            }
            pair.server.poll_ciphertext(&mut reply);
            let outcome = pair.client.handle_ciphertext(&reply);
            match outcome {
                Ok(taken) => assert!(updates && taken == reply.len()),
                Err(Error::Protocol(error)) => {
                    assert_eq!(error.reason, ProtocolReason::BadRecord);
                    assert_eq!(error.alert_sent, None);
                }
                Err(other) => panic!("{other:?}"),
            }
            pair.client.poll_ciphertext(&mut wire);
            assert!(!pair.client.has_ciphertext());
            // The peer finds the data, the end, and nothing that it would take for clear text.
            let (plaintext, rest) = put(&mut pair.server, &wire);
            assert_eq!((&plaintext[..], rest), (&b"before"[..], &b""[..]));
            assert_eq!(*pair.server.state(), State::ReadClosed);
            pair = open(version);
        }
    }
}

/// Hands all of it to the session, which is read in between; returns what it read and what it did not
/// take.
fn put<'a>(session: &mut Session, mut wire: &'a [u8]) -> (Vec<u8>, &'a [u8]) {
    let mut plaintext = Vec::new();
    loop {
        let taken = session.handle_ciphertext(wire).unwrap();
        wire = &wire[taken..];
        let read = read_all(session);
        if taken == 0 && read.is_empty() {
            return (plaintext, wire);
        }
        plaintext.extend(read);
    }
}

#[test]
fn what_follows_the_peers_close_notify_stays_with_the_caller() {
    // As short as a letter, as a reply, and like a record.
    let record = [&[23, 3, 3, 0, 40][..], &[7; 50]].concat();
    for clear in [&b"2"[..], b"220 in the clear\r\n", &record] {
        for version in VERSIONS {
            let (client, server) = configs(version);
            let mut pair = Pair::new(&client, &server);
            // The server's flight alone, so that the client's last is in one piece with the rest.
            let mut flight = Vec::new();
            while pair.client.version().is_none() {
                pair.client.poll_ciphertext(&mut flight);
                pair.server.handle_ciphertext(&flight).unwrap();
                flight.clear();
                pair.server.poll_ciphertext(&mut flight);
                pair.client.handle_ciphertext(&flight).unwrap();
                flight.clear();
            }
            for _ in 0..2 {
                let (from, to) = (&mut pair.client, &mut pair.server);
                for part in [&b"a"[..], &[b'b'; 20_000], b"c"] {
                    from.write(part).unwrap();
                }
                from.close();
                let mut wire = Vec::new();
                from.poll_ciphertext(&mut wire);
                wire.extend_from_slice(clear);
                let (plaintext, rest) = put(to, &wire);
                assert_eq!(plaintext.len(), 20_002, "{version:?}");
                assert_eq!(rest, clear, "{version:?}");
                // The same the other way.
                std::mem::swap(&mut pair.client, &mut pair.server);
            }
            assert_eq!(*pair.client.state(), State::Closed);
            assert_eq!(*pair.server.state(), State::Closed);
        }
    }
}

#[test]
fn every_operation_in_every_state() {
    let more = |session: &mut Session| {
        (
            session.write(b"x"),
            session.read(9),
            session.handle_eof(),
            session.room() > 0,
        )
    };
    // Handshaking.
    let (client, server) = configs(Version::Tls13);
    let mut fresh = Pair::new(&client, &server);
    assert_eq!(fresh.client.write(b"x"), Ok(0));
    assert_eq!(fresh.client.read(9), Ok(Plaintext::Pending));
    fresh.client.close();
    assert_eq!(*fresh.client.state(), State::Handshaking);
    assert_eq!(fresh.client.handle_eof(), Err(Error::Truncated));
    // Open to write-closed and read-closed, then closed.
    let mut pair = open(Version::Tls13);
    pair.client.close();
    assert_eq!(*pair.client.state(), State::WriteClosed);
    assert_eq!(pair.client.write(b"x"), Err(Error::Closed));
    pair.drive();
    assert_eq!(*pair.server.state(), State::ReadClosed);
    assert_eq!(pair.server.read(9), Ok(Plaintext::End));
    assert_eq!(pair.server.handle_eof(), Ok(()));
    assert_eq!(pair.server.write(b"reply"), Ok(5));
    pair.server.close();
    assert_eq!(*pair.server.state(), State::Closed);
    pair.drive();
    assert_eq!(*pair.client.state(), State::Closed);
    assert_eq!(read_all(&mut pair.client), b"reply");
    for session in [&mut pair.client, &mut pair.server] {
        let closed = (Err(Error::Closed), Ok(Plaintext::End), Ok(()), true);
        assert_eq!(more(session), closed);
        session.close();
        assert_eq!(*session.state(), State::Closed);
    }
    // Failed: the first failure stays.
    let mut failed = open(Version::Tls13).client;
    assert_eq!(failed.fail(Error::Truncated), Error::Truncated);
    assert_eq!(failed.fail(Error::Closed), Error::Truncated);
    let sticky = || Err(Error::Truncated);
    assert_eq!(failed.write(b"x"), Err(Error::Truncated));
    assert_eq!(failed.read(9), Err(Error::Truncated));
    assert_eq!(failed.handle_eof(), sticky());
    assert_eq!(failed.handle_ciphertext(b"x"), Err(Error::Truncated));
}

#[test]
fn what_came_before_a_truncation_is_read_first() {
    let mut pair = open(Version::Tls13);
    pair.client.write(b"partial").unwrap();
    pair.drive();
    assert_eq!(pair.server.handle_eof(), Err(Error::Truncated));
    assert_eq!(read_all(&mut pair.server), b"partial");
    assert_eq!(pair.server.read(1), Err(Error::Truncated));
}

#[test]
fn e13_a_tolerated_truncation_is_an_end_that_tells_of_itself() {
    let authority = Authority::root("Root");
    let server = seal(&server_settings(&authority.issue(&Leaf::server())));
    for version in VERSIONS {
        let open = |truncation| {
            let mut client = only(client_settings(authority.der()), version);
            client.set_truncation(truncation);
            Pair::new(&seal(&client), &server)
        };
        // In the handshake nothing is tolerated.
        let mut early = open(Truncation::Tolerated).client;
        assert_eq!(early.handle_eof(), Err(Error::Truncated));
        assert!(!early.is_truncated());
        // After it, what came before is read first, and the end stays.
        let mut pair = open(Truncation::Tolerated).handshake();
        pair.server.write(b"partial").unwrap();
        pair.drive();
        assert!(!pair.client.is_truncated());
        assert_eq!(pair.client.handle_eof(), Ok(()));
        assert_eq!(*pair.client.state(), State::ReadClosed);
        assert_eq!(read_all(&mut pair.client), b"partial");
        for _ in 0..2 {
            assert_eq!(pair.client.read(1), Ok(Plaintext::End));
            assert_eq!(pair.client.handle_eof(), Ok(()));
        }
        assert!(pair.client.is_truncated());
        // Writing goes on until it is closed too.
        assert_eq!(pair.client.write(b"still"), Ok(5));
        pair.client.close();
        assert_eq!(*pair.client.state(), State::Closed);
        pair.drive();
        assert_eq!(read_all(&mut pair.server), b"still");
        assert_eq!(*pair.server.state(), State::ReadClosed);
        // This side closes first.
        let mut pair = open(Truncation::Tolerated).handshake();
        pair.client.close();
        assert_eq!(pair.client.handle_eof(), Ok(()));
        assert_eq!(*pair.client.state(), State::Closed);
        assert!(pair.client.is_truncated());
        // An end after the peer's close_notify is no truncation.
        let mut pair = open(Truncation::Tolerated).handshake();
        pair.server.close();
        pair.drive();
        assert_eq!(pair.client.handle_eof(), Ok(()));
        assert_eq!(pair.client.read(1), Ok(Plaintext::End));
        assert!(!pair.client.is_truncated());
        // A truncation that is refused is told all the same.
        let mut pair = open(Truncation::Refused).handshake();
        assert_eq!(pair.client.handle_eof(), Err(Error::Truncated));
        assert!(pair.client.is_truncated());
    }
}

#[test]
fn writes_are_bounded_until_the_ciphertext_is_taken() {
    let mut pair = open(Version::Tls13);
    let room = pair.client.room();
    assert_eq!(pair.client.write(&vec![1; room + 1]), Ok(room));
    assert_eq!((pair.client.room(), pair.client.write(b"x")), (0, Ok(0)));
    pair.client.poll_ciphertext(&mut Vec::new());
    assert_eq!(pair.client.room(), room);
}

#[test]
fn short_records_fill_the_room_that_they_take() {
    let authority = Authority::root("Root");
    let server = seal(&server_settings(&authority.issue(&Leaf::server())));
    for version in [Version::Tls12, Version::Tls13] {
        for (size, batch) in [
            (64, 1000),
            (64, 64 * 1024),
            (1000, 64 * 1024),
            (16_384, 64 * 1024),
        ] {
            let mut client = only(client_settings(authority.der()), version);
            client.set_record_size(Some(size)).unwrap();
            let mut pair = Pair::new(&seal(&client), &server).handshake();
            pair.client.set_batch(batch);
            let room = pair.client.room();
            assert_eq!(pair.client.write(&vec![1; room + 1]), Ok(room));
            let mut ciphertext = Vec::new();
            pair.client.poll_ciphertext(&mut ciphertext);
            // As much as fits, but for what one more record would cost.
            let overhead = 32;
            assert!(
                (batch - overhead..=batch).contains(&ciphertext.len()),
                "{size}"
            );
            assert_eq!(pair.client.room(), room);
        }
    }
}

#[test]
fn new_keys_are_asked_for_and_taken_in_tls_13_alone() {
    let mut pair = open(Version::Tls13);
    for _ in 0..3 {
        let room = pair.client.room();
        assert_eq!(pair.client.update_keys(), Ok(()));
        assert!(pair.client.room() < room);
        assert_eq!(pair.client.write(b"hello"), Ok(5));
        pair.drive();
        assert_eq!(read_all(&mut pair.server), b"hello");
        assert_eq!(pair.server.write(b"hello"), Ok(5));
        pair.drive();
        assert_eq!(read_all(&mut pair.client), b"hello");
    }
    pair.client.close();
    assert_eq!(pair.client.update_keys(), Err(Error::Closed));
    let mut pair = open(Version::Tls12);
    let refused = pair.client.update_keys();
    assert!(
        matches!(refused, Err(Error::NotSupported(_))),
        "{refused:?}"
    );
    assert_eq!(pair.client.write(b"hello"), Ok(5));
}

#[test]
fn a_peer_that_is_not_tls_is_told_apart_in_any_chunks() {
    let reason = |bytes: &[u8], chunk: usize| {
        let (client, _) = configs(Version::Tls13);
        let mut session = Session::new(&client, Some(NAME)).unwrap();
        for part in bytes.chunks(chunk) {
            if session.handle_ciphertext(part).is_err() {
                break;
            }
        }
        let _ = session.handle_eof();
        failure(&session)
    };
    for chunk in [1, 100] {
        let expect = [
            (
                &b"HTTP/1.1 400 Bad Request\r\n"[..],
                ProtocolReason::PlainHttp,
            ),
            (b"GET / HTTP/1.1\r\n", ProtocolReason::PlainHttp),
            (b"220 mail ESMTP\r\n", ProtocolReason::NotTls),
            (b"\x00\x01", ProtocolReason::NotTls),
            (&[0xff; 10_000], ProtocolReason::NotTls),
        ];
        for (bytes, expected) in expect {
            match reason(bytes, chunk) {
                Some(Error::Protocol(error)) => {
                    assert_eq!(error.reason, expected);
                    assert!(error.detail.unwrap().len() < 200);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(reason(b"", chunk), Some(Error::Truncated));
    }
}

#[test]
fn a_refused_server_gets_the_alert_that_says_why() {
    let authority = Authority::root("Root");
    let stranger = Authority::root("Stranger");
    let good = authority.issue(&Leaf::server());
    for version in VERSIONS {
        let meet = |roots: &Authority, host| {
            let client = seal(&only(client_settings(roots.der()), version));
            let mut pair = Pair::with_host(&client, Some(host), &seal(&server_settings(&good)));
            pair.drive();
            pair.errors()
        };
        assert_eq!(meet(&authority, NAME), (None, None));
        let (Some(Error::Certificate(error)), peer) = meet(&stranger, NAME) else {
            panic!()
        };
        assert_eq!(
            (error.reason, error.alert_sent),
            (CertificateReason::UnknownAuthority, Some(48))
        );
        assert_eq!(peer, Some(Error::AlertReceived(48)));
        let (Some(Error::Certificate(error)), peer) = meet(&authority, "other.test") else {
            panic!()
        };
        assert_eq!(
            (error.reason, error.alert_sent),
            (CertificateReason::WrongName, Some(42))
        );
        assert_eq!(error.expected_name.as_deref(), Some("other.test"));
        assert_eq!(error.names, [NAME]);
        assert_eq!(peer, Some(Error::AlertReceived(42)));
    }
}

/// What is told of the peer's certificate: ok, or the reason.
fn verify_result(session: &Session) -> Result<(), CertificateReason> {
    session.verify_result().map_err(|refused| refused.reason)
}

#[test]
fn l4_client_certificates_are_required_optional_or_not_asked_for() {
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    for version in VERSIONS {
        let meet = |verify, with: Option<&Authority>| {
            let server = verifying_server_settings(&identity, verify, authority.der());
            let mut client = only(client_settings(authority.der()), version);
            if let Some(issuer) = with {
                identify(&mut client, &issuer.issue(&Leaf::client()));
            }
            let mut pair = Pair::new(&seal(&client), &seal(&server));
            pair.drive();
            (failure(&pair.server), verify_result(&pair.server))
        };
        let stranger = Authority::root("Stranger");
        let missing = Err(CertificateReason::Missing);
        let unknown = Err(CertificateReason::UnknownAuthority);
        let not_checked = Err(CertificateReason::NotChecked);
        for (verify, with, told) in [
            (Verify::Required, Some(&authority), Ok(())),
            (Verify::Optional, Some(&authority), Ok(())),
            (Verify::Optional, None, missing),
            (Verify::Deferred, Some(&authority), Ok(())),
            (Verify::Deferred, Some(&stranger), unknown),
            (Verify::Deferred, None, missing),
            (Verify::Unverified, Some(&authority), not_checked),
            (Verify::Unverified, None, not_checked),
        ] {
            assert_eq!(meet(verify, with), (None, told), "{verify:?}");
        }
        for (verify, with, reason) in [
            (Verify::Required, None, CertificateReason::Missing),
            (
                Verify::Required,
                Some(&stranger),
                CertificateReason::UnknownAuthority,
            ),
            (
                Verify::Optional,
                Some(&stranger),
                CertificateReason::UnknownAuthority,
            ),
        ] {
            match meet(verify, with) {
                (Some(Error::Certificate(error)), told) => {
                    assert_eq!(error.reason, reason);
                    assert_eq!(told, Err(reason));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_client_that_verifies_and_goes_on_tells_what_it_found() {
    let authority = Authority::root("Root");
    let stranger = Authority::root("Stranger");
    let server = seal(&server_settings(&authority.issue(&Leaf::server())));
    for verify in [Verify::Optional, Verify::Deferred] {
        let meet = |roots: &Authority, host| {
            let mut client = client_settings(roots.der());
            client.set_verify(verify);
            let pair = Pair::with_host(&seal(&client), Some(host), &server);
            assert_eq!(
                verify_result(&pair.client),
                Err(CertificateReason::NotChecked)
            );
            pair.handshake().client.verify_result()
        };
        assert_eq!(meet(&authority, NAME), Ok(()));
        let refused = meet(&stranger, NAME).unwrap_err();
        assert_eq!(refused.reason, CertificateReason::UnknownAuthority);
        assert_eq!(refused.alert_sent, None);
        let refused = meet(&authority, "other.test").unwrap_err();
        assert_eq!(refused.reason, CertificateReason::WrongName);
        assert_eq!(refused.expected_name.as_deref(), Some("other.test"));
        assert_eq!(refused.names, [NAME]);
        assert_eq!(refused.alert_sent, None);
    }
}

#[test]
fn a_certificate_out_of_its_time_is_told_where_the_handshake_went_on() {
    let authority = Authority::root("Root");
    let server = seal(&server_settings(&authority.issue(&Leaf::server())));
    for (clock, reason) in [
        (clock_in(2050), CertificateReason::Expired),
        (clock_in(2019), CertificateReason::NotYetValid),
    ] {
        let mut client = client_settings(authority.der());
        client.set_verify(Verify::Deferred);
        client.set_clock(clock);
        let pair = Pair::new(&seal(&client), &server).handshake();
        assert_eq!(verify_result(&pair.client), Err(reason));
    }
}

#[test]
fn facts_stay_as_they_were_when_the_connection_has_failed() {
    for version in VERSIONS {
        let mut pair = open(version);
        let before = pair.client.facts();
        assert_eq!(before.version, Some(version));
        assert_eq!(before.group, pair.client.group());
        assert_eq!(before.cipher_suite, pair.client.cipher_suite());
        assert_eq!(before.verify_result, Ok(()));
        assert_eq!(before.peer_certificates.len(), 1);
        // These bytes are no record of this connection.
        let garbage = [23, 3, 3, 0, 17].iter().copied().chain([0; 17]);
        let garbage: Vec<_> = garbage.collect();
        assert!(pair.client.handle_ciphertext(&garbage).is_err());
        assert_eq!(pair.client.facts(), before);
    }
}

#[test]
fn versions_without_overlap_are_refused_as_such() {
    let authority = Authority::root("Root");
    let server = server_settings(&authority.issue(&Leaf::server()));
    let client = seal(&only(client_settings(authority.der()), Version::Tls12));
    let mut pair = Pair::new(&client, &seal(&only(server, Version::Tls13)));
    pair.drive();
    match pair.errors() {
        (Some(Error::AlertReceived(70)), Some(Error::Protocol(error))) => {
            assert_eq!(error.reason, ProtocolReason::NoCommonVersion);
            assert_eq!(error.alert_sent, Some(70));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_that_is_told_to_writes_before_the_clients_finished_in_tls_1_3_alone() {
    for (version, is_told) in [
        (Version::Tls13, true),
        (Version::Tls13, false),
        (Version::Tls12, true),
    ] {
        let authority = Authority::root("Root");
        let mut server = server_settings(&authority.issue(&Leaf::server()));
        if is_told {
            server.write_before_finished().unwrap();
        }
        let client = seal(&only(client_settings(authority.der()), version));
        let mut pair = Pair::new(&client, &seal(&server));
        // Not before the client has said anything.
        assert_eq!(pair.server.write(b"banner"), Ok(0));
        let (mut hello, mut flight) = (Vec::new(), Vec::new());
        pair.client.poll_ciphertext(&mut hello);
        pair.server.handle_ciphertext(&hello).unwrap();
        let is_early = is_told && version == Version::Tls13;
        let expected: &[u8] = if is_early { b"banner" } else { b"" };
        assert_eq!(pair.server.write(b"banner"), Ok(expected.len()));
        pair.server.poll_ciphertext(&mut flight);
        pair.client.handle_ciphertext(&flight).unwrap();
        assert_eq!(*pair.server.state(), State::Handshaking);
        assert_eq!(read_all(&mut pair.client), expected);
        let mut pair = pair.handshake();
        pair.server.write(b"more").unwrap();
        pair.drive();
        assert_eq!(read_all(&mut pair.client), b"more");
    }
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    let mut strict = verifying_server_settings(&identity, Verify::Required, authority.der());
    assert!(strict.seal().is_ok());
    strict.write_before_finished().unwrap();
    let Err(Error::Configuration(refused)) = strict.seal() else {
        panic!("clients are asked for certificates that come too late");
    };
    assert_eq!(refused.item, ConfigurationItem::EarlyData);
    assert_eq!(refused.reason, ConfigurationReason::Conflict);
    let refused = client_settings(authority.der()).write_before_finished();
    assert!(matches!(refused, Err(Error::InvalidArgument(_))));
}
