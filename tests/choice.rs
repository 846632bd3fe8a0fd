//! A server's configuration by the ClientHello, in memory: by the name in it, or by the caller.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::sync::Arc;

use portcullis::error::{ConfigurationItem, ConfigurationReason, Error, ProtocolReason, Timer};
use portcullis::pump::{Pump, Received, Wait};
use portcullis::tls::{
    AlpnMismatch, Config, Role, SendName, Session, Settings, State, Verify, Version,
};
use support::bench::{LIMITS, SECOND, START};
use support::certs::{Authority, Identity, Leaf, NAME};
use support::pair::{
    Pair, client_settings, failure, only, open, read_all, seal, server_settings,
    verifying_server_settings,
};
use support::transports::Scripted;

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

const UNRECOGNIZED_NAME: u8 = 112;
const NO_APPLICATION_PROTOCOL: u8 = 120;

fn named(root: &Authority, name: &str) -> Identity {
    root.issue(&Leaf::server().names(&[name]))
}

/// A server without an identity of its own, which the caller chooses a configuration for.
fn asking() -> Arc<Config> {
    let mut settings = Settings::secure(Role::Server);
    settings.ask_for_context().unwrap();
    seal(&settings)
}

/// A pair whose server waits for a configuration.
fn asked(client: &Arc<Config>) -> Pair {
    let mut pair = Pair::new(client, &asking());
    pair.drive();
    assert!(pair.server.wants_context());
    pair
}

fn protocol(error: Option<Error>) -> (ProtocolReason, Option<u8>) {
    match error {
        Some(Error::Protocol(error)) => (error.reason, error.alert_sent),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_is_served_by_the_context_of_the_name_that_it_asks_for() {
    for version in VERSIONS {
        let root = Authority::root("Root");
        let identity = |name| named(&root, name);
        let (base, own, wild) = (
            identity("base.test"),
            identity("own.test"),
            identity("*.w.test"),
        );
        let mut settings = server_settings(&base);
        for (name, identity) in [("Own.test", &own), ("*.w.test", &wild)] {
            let config = seal(&server_settings(identity));
            settings.add_name(name, config).unwrap();
        }
        let server = seal(&settings);
        let client = seal(&only(client_settings(root.der()), version));
        for (name, expected) in [
            ("base.test", &base),
            ("own.test", &own),
            ("OWN.TEST", &own),
            ("a.w.test", &wild),
        ] {
            let mut pair = Pair::with_host(&client, Some(name), &server).handshake();
            let presented = pair.client.peer_certificates()[0].to_vec();
            assert_eq!(presented, expected.certificate_der(), "{name} {version:?}");
            let asked_for = pair.server.server_name();
            assert_eq!(asked_for.as_deref(), Some(&*name.to_ascii_lowercase()));
            pair.client.write(b"ping").unwrap();
            pair.drive();
            assert_eq!(read_all(&mut pair.server), b"ping");
        }
        // Sessions are the context's own: the name that was served before is resumed.
        let again = Pair::with_host(&client, Some("own.test"), &server).handshake();
        assert_eq!(again.server.is_resumed(), Some(true));
    }
}

#[test]
fn a_name_brings_the_verification_of_its_context() {
    let root = Authority::root("Root");
    let strict =
        verifying_server_settings(&named(&root, "strict.test"), Verify::Required, root.der());
    let mut settings = server_settings(&named(&root, "base.test"));
    settings.add_name("strict.test", seal(&strict)).unwrap();
    let server = seal(&settings);
    let client = seal(&client_settings(root.der()));
    Pair::with_host(&client, Some("base.test"), &server).handshake();
    let mut pair = Pair::with_host(&client, Some("strict.test"), &server);
    pair.drive();
    let Some(Error::Certificate(refused)) = failure(&pair.server) else {
        panic!("{:?}", pair.server.state());
    };
    assert_eq!(
        refused.reason,
        portcullis::error::CertificateReason::Missing
    );
}

#[test]
fn a_name_that_nobody_has_is_refused_with_alert_112() {
    for version in VERSIONS {
        let root = Authority::root("Root");
        let mut settings = Settings::secure(Role::Server);
        let config = seal(&server_settings(&named(&root, "own.test")));
        settings.add_name("own.test", config).unwrap();
        let server = seal(&settings);
        let client = seal(&only(client_settings(root.der()), version));
        Pair::with_host(&client, Some("own.test"), &server).handshake();
        // An address is never sent, so no name is asked for.
        for host in ["other.test", "127.0.0.1"] {
            let mut pair = Pair::with_host(&client, Some(host), &server);
            pair.drive();
            let (at_client, at_server) = pair.errors();
            assert_eq!(at_client, Some(Error::AlertReceived(UNRECOGNIZED_NAME)));
            let expected = (ProtocolReason::UnrecognizedName, Some(UNRECOGNIZED_NAME));
            assert_eq!(protocol(at_server), expected);
        }
    }
}

#[test]
fn the_caller_is_told_what_the_client_offers_and_chooses() {
    for version in VERSIONS {
        let root = Authority::root("Root");
        let mut settings = only(client_settings(root.der()), version);
        settings.set_alpn(&["h2", "http/1.1"]).unwrap();
        settings.set_groups(&["secp256r1", "x25519"]).unwrap();
        let mut pair = asked(&seal(&settings));
        let hello = pair.server.client_hello().unwrap().clone();
        assert_eq!(hello.server_name.as_deref(), Some(NAME));
        assert_eq!(hello.alpn, [&b"h2"[..], b"http/1.1"]);
        assert_eq!(hello.legacy_version, 0x0303);
        assert_eq!(hello.groups, [23, 29]);
        assert!(hello.signature_schemes.contains(&0x0403));
        let has_suites = |suites: &[u16]| suites.iter().all(|s| hello.cipher_suites.contains(s));
        match version {
            Version::Tls12 => assert!(hello.versions == [0x0303] && has_suites(&[0xc02b, 0xc02f])),
            Version::Tls13 => assert!(hello.versions == [0x0304] && has_suites(&[0x1301, 0x1303])),
        }
        // SNI, groups, signature schemes, ALPN, versions.
        for kind in [0, 10, 13, 16, 43] {
            assert!(hello.extensions.contains(&kind), "{kind}: {hello:?}");
        }
        // Nothing moves until there is a choice.
        pair.drive();
        assert!(pair.server.wants_context() && !pair.server.has_ciphertext());
        pair.server
            .choose(&seal(&server_settings(&named(&root, NAME))))
            .unwrap();
        assert!(!pair.server.wants_context());
        assert_eq!(pair.server.client_hello(), None);
        let mut pair = pair.handshake();
        pair.client.write(b"ping").unwrap();
        pair.drive();
        assert_eq!(read_all(&mut pair.server), b"ping");
    }
}

#[test]
fn the_caller_refuses_by_an_alert_of_its_own() {
    for (alert, reason) in [
        (UNRECOGNIZED_NAME, ProtocolReason::UnrecognizedName),
        (
            NO_APPLICATION_PROTOCOL,
            ProtocolReason::NoApplicationProtocol,
        ),
        (70, ProtocolReason::NoCommonVersion),
        (40, ProtocolReason::NoCommonParameters),
        (49, ProtocolReason::Other),
    ] {
        let root = Authority::root("Root");
        let mut pair = asked(&seal(&client_settings(root.der())));
        assert!(matches!(
            pair.server.refuse(0),
            Err(Error::InvalidArgument(_))
        ));
        assert!(pair.server.wants_context());
        let failure = pair.server.refuse(alert).unwrap();
        assert!(matches!(
            pair.server.refuse(alert),
            Err(Error::InvalidArgument(_))
        ));
        pair.drive();
        let (at_client, at_server) = pair.errors();
        assert_eq!(at_client, Some(Error::AlertReceived(alert)));
        assert_eq!(at_server.as_ref(), Some(&failure));
        assert_eq!(protocol(at_server), (reason, Some(alert)));
    }
}

#[test]
fn a_choice_that_cannot_serve_leaves_the_choice_open() {
    let root = Authority::root("Root");
    let client = seal(&client_settings(root.der()));
    let mut pair = asked(&client);
    assert!(matches!(
        pair.server.choose(&client),
        Err(Error::InvalidArgument(_))
    ));
    let Err(Error::Configuration(refused)) = pair.server.choose(&asking()) else {
        panic!("a context without an identity was taken");
    };
    let item = ConfigurationItem::CertificateChain;
    assert_eq!(
        (refused.item, refused.reason),
        (item, ConfigurationReason::Missing)
    );
    assert!(pair.server.wants_context());
    let config = seal(&server_settings(&named(&root, NAME)));
    pair.server.choose(&config).unwrap();
    pair.handshake();
    // Where nobody asks, there is nothing to choose.
    for session in [
        &mut open(Version::Tls13).server,
        &mut Session::new(&config, None).unwrap(),
    ] {
        assert!(matches!(
            session.choose(&config),
            Err(Error::InvalidArgument(_))
        ));
    }
}

/// The first flight of a client.
fn first_flight() -> Vec<u8> {
    let root = Authority::root("Root");
    let mut client = Session::new(&seal(&client_settings(root.der())), Some(NAME)).unwrap();
    let mut flight = Vec::new();
    client.poll_ciphertext(&mut flight);
    flight
}

/// The same handshake messages in records of this many bytes.
fn fragmented(flight: &[u8], length: usize) -> Vec<u8> {
    let mut records = Vec::new();
    for part in flight[5..].chunks(length) {
        records.extend_from_slice(&[22, 3, 1]);
        records.extend_from_slice(&u16::try_from(part.len()).unwrap().to_be_bytes());
        records.extend_from_slice(part);
    }
    records
}

#[test]
fn a_hello_in_many_records_or_in_single_bytes_is_one_hello() {
    let flight = first_flight();
    for length in [1, 2, 3, 4, 5, 100, flight.len()] {
        let records = fragmented(&flight, length);
        for chunk in [1, 7, records.len()] {
            let mut server = Session::new(&asking(), None).unwrap();
            for bytes in records.chunks(chunk) {
                assert!(!server.wants_context());
                assert_eq!(server.handle_ciphertext(bytes), Ok(bytes.len()));
            }
            let hello = server.client_hello().unwrap();
            assert_eq!(hello.server_name.as_deref(), Some(NAME));
            let root = Authority::root("Root");
            server
                .choose(&seal(&server_settings(&named(&root, NAME))))
                .unwrap();
            assert!(server.has_ciphertext(), "{length} {chunk}");
        }
    }
}

#[test]
fn what_follows_the_hello_is_not_taken_before_the_choice() {
    let flight = first_flight();
    let mut server = Session::new(&asking(), None).unwrap();
    let more = [&flight[..], b"\x14\x03\x03\x00\x01\x01"].concat();
    assert_eq!(server.handle_ciphertext(&more), Ok(flight.len()));
    assert!(server.wants_context());
    assert_eq!(server.handle_ciphertext(&more[flight.len()..]), Ok(0));
}

#[test]
fn what_is_no_hello_is_refused_without_asking() {
    let flight = first_flight();
    let handshake = |message: &[u8]| fragmented(&[&[0; 5], message].concat(), 1 << 14);
    for (bytes, reason) in [
        // Another message; a message that says it is too long; an empty record; data; an old record.
        (handshake(&[20, 0, 0, 0]), ProtocolReason::UnexpectedMessage),
        (handshake(&[1, 1, 0, 0]), ProtocolReason::TooLarge),
        (vec![22, 3, 1, 0, 0], ProtocolReason::Malformed),
        (vec![23, 3, 3, 0, 1, 0], ProtocolReason::UnexpectedMessage),
        // A hello that is cut short, and says so.
        (handshake(&[1, 0, 0, 2, 3, 3]), ProtocolReason::Malformed),
    ] {
        let mut server = Session::new(&asking(), None).unwrap();
        let refused = server.handle_ciphertext(&bytes).unwrap_err();
        assert!(!server.wants_context());
        assert_eq!(protocol(Some(refused)).0, reason, "{bytes:?}");
    }
    let mut server = Session::new(&asking(), None).unwrap();
    let alert = server.handle_ciphertext(&[21, 3, 3, 0, 2, 2, 40]);
    assert_eq!(alert, Err(Error::AlertReceived(40)));
    let mut server = Session::new(&asking(), None).unwrap();
    server.handle_ciphertext(&flight[..50]).unwrap();
    assert_eq!(server.handle_eof(), Err(Error::Truncated));
}

#[test]
fn nothing_leads_around_the_choice_to_the_context_that_chooses() {
    let root = Authority::root("Root");
    let strict =
        verifying_server_settings(&named(&root, "strict.test"), Verify::Required, root.der());
    let mut settings = server_settings(&named(&root, "base.test"));
    settings.add_name("strict.test", seal(&strict)).unwrap();
    let naming = seal(&settings);
    let mut settings = server_settings(&named(&root, "base.test"));
    settings.ask_for_context().unwrap();
    let asking = seal(&settings);
    let mut settings = Settings::unverified(Role::Client);
    let long: Vec<_> = (0..100).map(|n| format!("{n:0>250}")).collect();
    settings.set_alpn(&long).unwrap();
    settings.set_server_name(SendName::Automatic).unwrap();
    let client = seal(&settings);
    // Warnings, which rustls passes over before a ClientHello: no_renegotiation, close_notify.
    let warnings = [vec![21, 3, 3, 0, 2, 1, 100], vec![21, 3, 3, 0, 2, 1, 0]];
    for server in [&naming, &asking] {
        let flight = |name| {
            let mut client = Session::new(&client, Some(name)).unwrap();
            let mut flight = Vec::new();
            client.poll_ciphertext(&mut flight);
            flight
        };
        let after = |opening: &[u8], flight: Vec<u8>| {
            let mut server = Session::new(server, None).unwrap();
            let _ = server.handle_ciphertext(&[opening, &flight].concat());
            server
        };
        let hello = flight("strict.test");
        let control = after(&[], hello.clone());
        assert!(control.wants_context() || control.has_ciphertext());
        // A hello of 25 KB whose bytes are records each.
        let mut message = vec![0; 5];
        let mut rest = hello.as_slice();
        while let [_, _, _, high, low, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            message.extend(&after[..length]);
            rest = &after[length..];
        }
        let single = (Vec::new(), fragmented(&message, 1));
        let warned = warnings.iter().map(|w| (w.clone(), hello.clone()));
        for (opening, flight) in warned.chain([single]) {
            let mut server = after(&opening, flight);
            let (reason, alert) = protocol(failure(&server));
            let mut answer = Vec::new();
            server.poll_ciphertext(&mut answer);
            if opening.is_empty() {
                // rustls holds no more than it has room for, and says nothing to the peer.
                assert_eq!((reason, alert), (ProtocolReason::TooLarge, None));
                assert!(answer.is_empty());
                continue;
            }
            let expected = (ProtocolReason::UnexpectedMessage, Some(10));
            assert_eq!((reason, alert), expected, "{opening:?}");
            assert_eq!(answer, [21, 3, 3, 0, 2, 2, 10]);
        }
    }
}

#[test]
fn a_flipped_byte_of_a_hello_is_asked_about_or_refused() {
    let flight = first_flight();
    let root = Authority::root("Root");
    let config = seal(&server_settings(&named(&root, NAME)));
    let (mut chosen, mut refused) = (0, 0);
    for at in 0..flight.len() {
        for bits in [1, 0x80, 0xff] {
            let mut changed = flight.clone();
            changed[at] ^= bits;
            let mut server = Session::new(&asking(), None).unwrap();
            let _ = server.handle_ciphertext(&changed);
            if server.wants_context() {
                let _ = server.choose(&config);
                assert!(!server.wants_context());
                chosen += 1;
            } else if let State::Failed(_) = server.state() {
                refused += 1;
            }
        }
    }
    assert!(chosen > 100 && refused > 10, "{chosen} {refused}");
}

#[test]
fn the_handshake_timer_runs_through_the_choice_and_nothing_waits_for_the_peer() {
    let (transport, script) = Scripted::new();
    let session = Session::new(&asking(), None).unwrap();
    let mut server = Pump::new(session, transport, Vec::new(), LIMITS);
    assert_eq!(server.handshake(START), Err(Error::WantRead));
    let flight = first_flight();
    script
        .borrow_mut()
        .reads
        .push_back(Ok(Received::Bytes(flight)));
    assert_eq!(server.handshake(START), Err(Error::WantContext));
    assert_eq!(server.read(1, START), Err(Error::WantContext));
    assert_eq!(server.write(b"x", START), Err(Error::WantContext));
    assert!(matches!(server.wait_to_read(), Wait::Nothing));
    let later = START + 9 * SECOND;
    assert_eq!(server.time_left(later), Some(SECOND));
    assert_eq!(server.handshake(later), Err(Error::WantContext));
    let late = START + 10 * SECOND;
    let timeout = Err(Error::Timeout(Timer::Handshake));
    assert_eq!(server.handshake(late), timeout);
    assert!(script.borrow().is_dropped);
    let root = Authority::root("Root");
    let config = seal(&server_settings(&named(&root, NAME)));
    assert_eq!(server.choose(&config), timeout);
}

#[test]
fn a_refusal_sends_its_alert_and_frees_the_transport() {
    let (transport, script) = Scripted::new();
    let session = Session::new(&asking(), None).unwrap();
    let mut server = Pump::new(session, transport, first_flight(), LIMITS);
    assert_eq!(server.handshake(START), Err(Error::WantContext));
    assert_eq!(server.refuse(UNRECOGNIZED_NAME), Ok(()));
    assert_eq!(
        script.borrow().sent,
        [[21, 3, 3, 0, 2, 2, UNRECOGNIZED_NAME]]
    );
    assert!(script.borrow().is_dropped);
    let failed = server.read(1, START).unwrap_err();
    assert_eq!(protocol(Some(failed)).0, ProtocolReason::UnrecognizedName);
}

#[test]
fn no_protocol_in_common_is_tolerated_where_the_server_says_so() {
    for version in VERSIONS {
        let root = Authority::root("Root");
        let mut client = only(client_settings(root.der()), version);
        client.set_alpn(&["h2"]).unwrap();
        let client = seal(&client);
        for (mismatch, ours, agreed) in [
            (AlpnMismatch::Tolerated, "http/1.1", None),
            (AlpnMismatch::Tolerated, "h2", Some("h2")),
            (AlpnMismatch::Refused, "h2", Some("h2")),
        ] {
            let mut server = server_settings(&named(&root, NAME));
            server.set_alpn(&[ours]).unwrap();
            server.set_alpn_mismatch(mismatch).unwrap();
            let pair = Pair::new(&client, &seal(&server)).handshake();
            for session in [&pair.client, &pair.server] {
                assert_eq!(session.alpn().as_deref(), agreed);
            }
        }
        let mut server = server_settings(&named(&root, NAME));
        server.set_alpn(&["http/1.1"]).unwrap();
        let mut pair = Pair::new(&client, &seal(&server));
        pair.drive();
        let expected = (
            ProtocolReason::NoApplicationProtocol,
            Some(NO_APPLICATION_PROTOCOL),
        );
        assert_eq!(protocol(failure(&pair.server)), expected);
    }
}

#[test]
fn a_client_has_no_such_settings() {
    let root = Authority::root("Root");
    let server = seal(&server_settings(&named(&root, NAME)));
    let client = seal(&client_settings(root.der()));
    let mut settings = Settings::secure(Role::Client);
    let refusals = [
        settings.add_name("a.test", Arc::clone(&server)),
        settings.ask_for_context(),
        settings.set_alpn_mismatch(AlpnMismatch::Tolerated),
        Settings::secure(Role::Server).add_name("a.test", client),
    ];
    for refused in refusals {
        assert!(
            matches!(refused, Err(Error::InvalidArgument(_))),
            "{refused:?}"
        );
    }
    assert_eq!(
        Settings::secure(Role::Server).add_name("a.test", server),
        Ok(())
    );
}
