//! The built component connects to rustls with other cryptography, and to peers that misbehave.
//!
//! Over 400 lines: the cases are many and short, and share the peers.
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::thread;
use std::time::Duration;

use portcullis_host::context_types::Truncation;
use portcullis_host::types::{
    CertificateReason, Error, NetworkCode, NetworkOperation, ProtocolReason, Role, Timer, Version,
};
use portcullis_host::{Context, Instance, Network, Options, Port};
use support::certs::{Authority, KeyType, Leaf};
use support::component::{bytes, client_context, error, guest, instance, is_native};
use support::peers::{
    ALL, TLS12, TLS13, connect_tcp, echo_and_close, serve_tcp, serve_tls, server_config,
};

/// Large enough for many records, and for both directions to fill up.
const LARGE: usize = 300_000;

#[test]
fn every_key_type_and_version_carries_data_both_ways() {
    let authority = Authority::root("Root");
    for key in KeyType::SUPPORTED {
        for (versions, version) in [(TLS12, Version::Tls12), (TLS13, Version::Tls13)] {
            let identity = authority.issue(&Leaf::server().names(&["localhost"]).key(key));
            let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, versions);
            let (address, server) = serve_tls(config, echo_and_close);
            let mut tls = instance();
            let context = client_context(&mut tls, &authority.pem());
            let port =
                Port::blocking_connect(&mut tls, &context, "localhost", address.port()).unwrap();
            let session = port.session(&mut tls).unwrap();
            assert_eq!(session.version(&mut tls).unwrap(), None);
            port.blocking_handshake(&mut tls).unwrap();
            assert_eq!(session.version(&mut tls).unwrap(), Some(version));
            assert_eq!(session.verify_result(&mut tls).unwrap(), Ok(()));
            let chain = session.peer_certificates(&mut tls).unwrap();
            assert_eq!(chain.first().unwrap(), identity.certificate_der());
            let remote = port.remote_address(&mut tls).unwrap().unwrap();
            assert_eq!(
                (remote.ip.as_str(), remote.port),
                ("127.0.0.1", address.port())
            );

            let sent: Vec<u8> = (0..=250).cycle().take(LARGE).collect();
            let mut got = Vec::new();
            for part in sent.chunks(50_000) {
                port.blocking_write_all(&mut tls, part).unwrap();
                while got.len() < part.len() {
                    got.extend(port.blocking_read(&mut tls, 1 << 20).unwrap().unwrap());
                }
                assert!(got == part);
                got.clear();
            }
            port.close_output(&mut tls).unwrap();
            assert_eq!(error(port.write(&mut tls, b"x")), Error::Closed);
            for _ in 0..2 {
                assert_eq!(port.blocking_read(&mut tls, 100).unwrap(), None);
            }
            port.close(&mut tls).unwrap();
            assert_eq!(error(port.read(&mut tls, 1)), Error::Closed);
            server.join().unwrap().unwrap();
        }
    }
}

#[test]
fn a_client_certificate_is_presented_when_it_is_asked_for() {
    let authority = Authority::root("Root");
    let server = authority.issue(&Leaf::server().names(&["localhost"]));
    for key in KeyType::SUPPORTED {
        for versions in [TLS12, TLS13] {
            let roots = authority.pem();
            let config = server_config(
                &server.chain_pem(),
                &server.key_pem(),
                Some(&roots),
                versions,
            );
            let (address, peer) = serve_tls(config, echo_and_close);
            let mut tls = instance();
            let context = client_context(&mut tls, &roots);
            let own = authority.issue(&Leaf::client().key(key));
            let (chain, own) = (bytes(&own.chain_pem()), bytes(&own.key_pem()));
            context.load_identity(&mut tls, &chain, &own, None).unwrap();
            let port =
                Port::blocking_connect(&mut tls, &context, "localhost", address.port()).unwrap();
            port.blocking_write_all(&mut tls, b"hello").unwrap();
            assert_eq!(port.blocking_read(&mut tls, 9).unwrap().unwrap(), b"hello");
            port.close(&mut tls).unwrap();
            peer.join().unwrap().unwrap();
        }
    }
}

#[test]
fn a_missing_client_certificate_is_told_by_the_servers_alert() {
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server().names(&["localhost"]));
    let roots = authority.pem();
    let (chain, key) = (identity.chain_pem(), identity.key_pem());
    let (address, peer) = serve_tls(server_config(&chain, &key, Some(&roots), TLS13), |stream| {
        stream.read(&mut [0]).is_err()
    });
    let mut tls = instance();
    let context = client_context(&mut tls, &roots);
    let port = Port::blocking_connect(&mut tls, &context, "localhost", address.port()).unwrap();
    assert_eq!(
        error(port.blocking_read(&mut tls, 9)),
        Error::AlertReceived(116)
    );
    assert!(peer.join().unwrap());
}

#[test]
fn a_server_is_refused_for_the_reason_that_differs_from_the_one_accepted() {
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server().names(&["localhost"]));
    let refusal = |roots: &Authority, name: Option<&str>| {
        let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, ALL);
        let (address, peer) = serve_tls(config, |stream| {
            stream.conn.complete_io(&mut stream.sock).is_ok()
        });
        let mut tls = instance();
        let context = client_context(&mut tls, &roots.pem());
        let host = name.unwrap_or("localhost");
        let port = Port::blocking_connect(&mut tls, &context, host, address.port()).unwrap();
        let result = port.blocking_handshake(&mut tls);
        port.drop(&mut tls).unwrap();
        peer.join().unwrap();
        match result {
            Ok(()) => None,
            Err(failure) => match failure.error() {
                Some(Error::Certificate(error)) => Some(error.clone()),
                _ => panic!("{failure:?}"),
            },
        }
    };
    assert!(refusal(&authority, None).is_none());
    let stranger = refusal(&Authority::root("Stranger"), None).unwrap();
    assert_eq!(stranger.reason, CertificateReason::UnknownAuthority);
    let name = refusal(&authority, Some("127.0.0.1")).unwrap();
    assert_eq!(name.reason, CertificateReason::WrongName);
    assert_eq!(name.expected_name.as_deref(), Some("127.0.0.1"));
    assert_eq!(name.names, ["localhost"]);
}

#[test]
fn the_operations_that_do_not_block_say_what_they_wait_for() {
    // The peer holds the connection until the client is gone.
    let (address, peer) =
        serve_tcp(
            |mut socket| {
                while socket.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {}
            },
        );
    let mut tls = instance();
    let context = client_context(&mut tls, &Authority::root("Root").pem());
    let port = Port::connect(&mut tls, &context, "127.0.0.1", address.port()).unwrap();
    loop {
        match error(port.handshake(&mut tls)) {
            Error::WantConnect => {
                let pollable = port.subscribe(&mut tls).unwrap();
                tls.poll(&[&pollable], None).unwrap();
                pollable.drop(&mut tls).unwrap();
            }
            other => {
                assert_eq!(other, Error::WantRead);
                break;
            }
        }
    }
    assert_eq!(error(port.read(&mut tls, 1)), Error::WantRead);
    assert_eq!(error(port.write(&mut tls, b"x")), Error::WantRead);
    assert!(port.time_left(&mut tls).unwrap().unwrap() <= Duration::from_secs(120));
    assert!(matches!(
        error(port.read(&mut tls, 0)),
        Error::InvalidArgument(_)
    ));
    port.drop(&mut tls).unwrap();
    peer.join().unwrap();
}

/// How the handshake with this peer fails; afterwards nothing is left in the host's table.
fn failure_with(serve: impl FnOnce(std::net::TcpStream) + Send + 'static) -> Error {
    let (address, peer) = serve_tcp(serve);
    let mut tls = instance();
    let context = client_context(&mut tls, &Authority::root("Root").pem());
    context
        .set_timeout(&mut tls, Timer::Handshake, Some(Duration::from_millis(500)))
        .unwrap();
    let before = tls.resource_count();
    let port = Port::blocking_connect(&mut tls, &context, "127.0.0.1", address.port()).unwrap();
    let failure = error(port.blocking_handshake(&mut tls));
    assert_eq!(tls.resource_count(), before, "{failure:?}");
    assert_eq!(error(port.read(&mut tls, 1)), failure);
    assert_eq!(error(port.write(&mut tls, b"x")), failure);
    port.drop(&mut tls).unwrap();
    peer.join().unwrap();
    failure
}

#[test]
fn e13_a_peer_that_closes_at_once_truncates() {
    assert_eq!(
        failure_with(|mut socket| {
            assert!(socket.read(&mut [0; 4096]).unwrap() > 0);
            socket.shutdown(Shutdown::Both).unwrap();
        }),
        Error::Truncated
    );
}

#[test]
fn e13_the_end_without_close_notify_is_refused_or_tolerated_and_told() {
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server().names(&["localhost"]));
    for (truncation, says_goodbye) in [
        (Truncation::Refused, false),
        (Truncation::Refused, true),
        (Truncation::Tolerated, false),
        (Truncation::Tolerated, true),
    ] {
        let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, ALL);
        let (address, peer) = serve_tls(config, move |stream| {
            stream.write_all(b"partial").unwrap();
            if says_goodbye {
                stream.conn.send_close_notify();
            }
            stream.flush().unwrap();
            stream.sock.shutdown(Shutdown::Write).unwrap();
            // Its socket stays until the client is gone, so that nothing is reset.
            while stream
                .sock
                .read(&mut [0; 100])
                .is_ok_and(|length| length > 0)
            {}
        });
        let mut tls = instance();
        let context = client_context(&mut tls, &authority.pem());
        context.set_truncation(&mut tls, truncation).unwrap();
        let port = Port::blocking_connect(&mut tls, &context, "localhost", address.port()).unwrap();
        assert_eq!(
            error(context.set_truncation(&mut tls, truncation)),
            Error::Sealed
        );
        assert_eq!(
            port.blocking_read(&mut tls, 9).unwrap().unwrap(),
            b"partial"
        );
        for _ in 0..2 {
            let read = port.blocking_read(&mut tls, 9);
            if !says_goodbye && truncation == Truncation::Refused {
                assert_eq!(error(read), Error::Truncated);
            } else {
                assert_eq!(read.unwrap(), None);
            }
        }
        let session = port.session(&mut tls).unwrap();
        assert_eq!(session.is_truncated(&mut tls).unwrap(), !says_goodbye);
        let pollable = port.subscribe(&mut tls).unwrap();
        assert_eq!(tls.poll(&[&pollable], None).unwrap(), [0]);
        pollable.drop(&mut tls).unwrap();
        port.drop(&mut tls).unwrap();
        assert_eq!(session.is_truncated(&mut tls).unwrap(), !says_goodbye);
        peer.join().unwrap();
    }
}

#[test]
fn a_timer_that_is_not_there_is_not_supported() {
    let mut tls = instance();
    let open = Context::secure(&mut tls, Role::Client).unwrap();
    let sealed = open.copy(&mut tls).unwrap();
    sealed.seal(&mut tls).unwrap();
    // Ports that connect, are connected, have failed, and are closed.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let number = silent.local_addr().unwrap().port();
    let connecting = Port::connect(&mut tls, &sealed, "127.0.0.1", number).unwrap();
    let connected = Port::blocking_connect(&mut tls, &sealed, "127.0.0.1", number).unwrap();
    let refusing = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let nobody = refusing.local_addr().unwrap().port();
    drop(refusing);
    let failed = Port::connect(&mut tls, &sealed, "127.0.0.1", nobody).unwrap();
    let failure = error(failed.blocking_handshake(&mut tls));
    assert!(matches!(failure, Error::Network(_)), "{failure:?}");
    let closed = Port::connect(&mut tls, &sealed, "127.0.0.1", number).unwrap();
    closed.close(&mut tls).unwrap();
    for limit in [None, Some(Duration::from_secs(1))] {
        for timer in [Timer::Resolve, Timer::Idle, Timer::Accept] {
            let refused = error(open.set_timeout(&mut tls, timer, limit));
            assert!(matches!(refused, Error::NotSupported(_)), "{refused:?}");
            for port in [&connecting, &connected, &failed] {
                let refused = error(port.set_timeout(&mut tls, timer, limit));
                assert!(matches!(refused, Error::NotSupported(_)), "{refused:?}");
            }
            let refused = error(closed.set_timeout(&mut tls, timer, limit));
            assert_eq!(refused, Error::Closed);
            let refused = error(sealed.set_timeout(&mut tls, timer, limit));
            assert_eq!(refused, Error::Sealed);
        }
        // As a control, a timer that is there.
        let timer = Timer::Handshake;
        open.set_timeout(&mut tls, timer, limit).unwrap();
        for port in [&connecting, &connected, &failed] {
            port.set_timeout(&mut tls, timer, limit).unwrap();
        }
    }
}

#[test]
fn e8_a_peer_that_resets_is_a_network_failure() {
    // Closing with bytes unread resets.
    let failure = failure_with(|mut socket| {
        socket.read_exact(&mut [0; 1]).unwrap();
    });
    match failure {
        Error::Network(error) => {
            assert_eq!(error.operation, NetworkOperation::Read);
            assert_eq!(error.code, NetworkCode::ConnectionReset);
            // The host's backtrace, which the tests ask for, is not the caller's business.
            let detail = error.detail.unwrap();
            assert_eq!(detail.lines().count(), 1, "{detail}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn e9_peers_that_speak_something_else_are_told_apart() {
    for (speech, reason) in [
        (
            &b"HTTP/1.0 400 Bad Request\r\n\r\n"[..],
            ProtocolReason::PlainHttp,
        ),
        (b"220 mail.test ESMTP\r\n", ProtocolReason::NotTls),
        (&[0xff; 100], ProtocolReason::NotTls),
        (
            &[0x16, 3, 3, 0xff, 0xff, 0, 0, 0, 0, 0],
            ProtocolReason::TooLarge,
        ),
    ] {
        let failure = failure_with(move |mut socket| {
            assert!(socket.read(&mut [0; 4096]).unwrap() > 0);
            socket.write_all(speech).unwrap();
            let _ = socket.read(&mut [0; 4096]);
        });
        match failure {
            Error::Protocol(error) => assert_eq!(error.reason, reason),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn p1_a_silent_peer_runs_into_the_handshake_timer() {
    let failure = failure_with(
        |mut socket| {
            while socket.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {}
        },
    );
    assert_eq!(failure, Error::Timeout(Timer::Handshake));
}

#[test]
fn p1_a_slow_drip_does_not_stretch_the_handshake_timer() {
    let failure = failure_with(|mut socket| {
        socket
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        // The header of a record of 16 KiB, then its bytes, one by one, until the client is gone.
        let mut drip = [0x16, 3, 3, 0x40, 0]
            .into_iter()
            .chain(std::iter::repeat(0));
        while socket.write_all(&[drip.next().unwrap()]).is_ok() {
            if matches!(socket.read(&mut [0; 4096]), Ok(0)) {
                break;
            }
        }
    });
    assert_eq!(failure, Error::Timeout(Timer::Handshake));
}

#[test]
fn p4_a_read_timer_is_not_fatal() {
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server().names(&["localhost"]));
    let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, ALL);
    let (address, peer) = serve_tls(config, echo_and_close);
    let mut tls = instance();
    let context = client_context(&mut tls, &authority.pem());
    context
        .set_timeout(&mut tls, Timer::Read, Some(Duration::from_millis(50)))
        .unwrap();
    let port = Port::blocking_connect(&mut tls, &context, "localhost", address.port()).unwrap();
    assert_eq!(
        error(port.blocking_read(&mut tls, 9)),
        Error::Timeout(Timer::Read)
    );
    port.blocking_write_all(&mut tls, b"late").unwrap();
    let read = loop {
        match port.blocking_read(&mut tls, 9) {
            Ok(read) => break read,
            Err(failure) => assert_eq!(failure.error(), Some(&Error::Timeout(Timer::Read))),
        }
    };
    assert_eq!(read.unwrap(), b"late");
    port.close(&mut tls).unwrap();
    peer.join().unwrap().unwrap();
}

fn network_failure(tls: &mut Instance, host: &str, port: u16) -> (NetworkOperation, NetworkCode) {
    let context = Context::secure(tls, Role::Client).unwrap();
    match error(Port::blocking_connect(tls, &context, host, port)) {
        Error::Network(error) => (error.operation, error.code),
        other => panic!("{other:?}"),
    }
}

#[test]
fn e8_connections_that_cannot_be_made_say_why() {
    let unused = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = unused.local_addr().unwrap().port();
    drop(unused);
    let mut tls = instance();
    let refused = (NetworkOperation::Connect, NetworkCode::ConnectionRefused);
    assert_eq!(network_failure(&mut tls, "127.0.0.1", port), refused);
    let (operation, _) = network_failure(&mut tls, "no-such-host.invalid", 443);
    assert_eq!(operation, NetworkOperation::Resolve);
    let denied = (NetworkOperation::Connect, NetworkCode::AccessDenied);
    assert_eq!(network_failure(&mut tls, "192.0.2.1", 443), denied);
    let mut isolated = guest()
        .instantiate(Options::new().network(Network::none()))
        .unwrap();
    assert_eq!(network_failure(&mut isolated, "127.0.0.1", port), denied);
}

#[test]
fn e12_arguments_without_a_meaning_are_refused() {
    let mut tls = instance();
    let client = Context::secure(&mut tls, Role::Client).unwrap();
    for (host, port) in [
        ("localhost", 0),
        ("", 443),
        ("a b", 443),
        // Nobody's addresses, and zones that are no numbers.
        ("0.0.0.0", 443),
        ("::", 443),
        ("::ffff:0.0.0.0", 443),
        ("224.0.0.1", 443),
        ("255.255.255.255", 443),
        ("fe80::1%lo", 443),
        ("127.0.0.1%1", 443),
    ] {
        let refused = error(Port::connect(&mut tls, &client, host, port));
        assert!(
            matches!(refused, Error::InvalidArgument(_)),
            "{host:?}: {refused:?}"
        );
    }
    assert_eq!(error(client.set_protocol(&mut tls, "auto")), Error::Sealed);
    let other = Context::secure(&mut tls, Role::Client).unwrap();
    let refused = error(other.set_protocol(&mut tls, "tlsv11"));
    assert_eq!(refused, Error::UnsupportedProtocol("tlsv11".into()));
}

/// The host's resources for a connection: the socket and its two streams.
const HANDLES: usize = 3;

/// How many dropped ports are kept that have handed out pollables, since those may live still.
const KEPT: usize = 64;

#[test]
fn o7_after_a_thousand_failed_handshakes_the_table_is_as_it_was_but_for_those_with_pollables() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let rounds = 1000;
    let peer = thread::spawn(move || {
        for _ in 0..2 * rounds {
            listener
                .accept()
                .unwrap()
                .0
                .write_all(b"no TLS here")
                .unwrap();
        }
    });
    let mut tls = instance();
    let context = client_context(&mut tls, &Authority::root("Root").pem());
    let before = tls.resource_count();
    for round in 0..2 * rounds {
        let port = Port::blocking_connect(&mut tls, &context, "127.0.0.1", address.port()).unwrap();
        if round == rounds {
            assert_eq!(tls.resource_count(), before + HANDLES);
        }
        // A port that has handed out a pollable is kept for a while.
        let pollable = (round >= rounds).then(|| port.subscribe(&mut tls).unwrap());
        let failure = error(port.blocking_handshake(&mut tls));
        assert!(
            matches!(failure, Error::Protocol(_) | Error::Network(_)),
            "{failure:?}"
        );
        if let Some(pollable) = pollable {
            pollable.drop(&mut tls).unwrap();
        }
        port.drop(&mut tls).unwrap();
    }
    peer.join().unwrap();
    // The host's own form hands out pollables that have no parent, and keeps nothing for them.
    let kept = if is_native() { 0 } else { KEPT };
    assert_eq!(tls.resource_count(), before + kept * HANDLES);
}

#[test]
fn t2_bytes_that_were_read_before_tls_are_fed_to_it_and_never_delivered() {
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server().names(&["localhost"]));
    for injected in [&b""[..], b"250 I am in the clear\r\n"] {
        let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, ALL);
        let (address, peer) = serve_tls(config, |stream| echo_and_close(stream).is_ok());
        let mut tls = instance();
        let context = client_context(&mut tls, &authority.pem());
        let transport = tls
            .transport(connect_tcp(address.port()), injected.to_vec())
            .unwrap();
        let port = Port::start(&mut tls, &context, Some("localhost"), transport).unwrap();
        let result = port.blocking_write_all(&mut tls, b"secret");
        if injected.is_empty() {
            result.unwrap();
            assert_eq!(port.blocking_read(&mut tls, 9).unwrap().unwrap(), b"secret");
            port.close(&mut tls).unwrap();
            assert!(peer.join().unwrap());
        } else {
            assert!(matches!(error(result), Error::Protocol(_)));
            assert!(matches!(
                error(port.blocking_read(&mut tls, 9)),
                Error::Protocol(_)
            ));
            port.drop(&mut tls).unwrap();
            assert!(!peer.join().unwrap());
        }
    }
}
