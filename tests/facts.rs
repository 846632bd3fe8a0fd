//! The built component: the sessions of ports, which tell the facts of a connection while it lasts
//! and after its end.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use portcullis_host::context_types::Verify;
use portcullis_host::types::{CertificateError, CertificateReason, Error, Role, Version};
use portcullis_host::{Context, Instance, Port, Session};
use support::certs::{Authority, Identity, Leaf, NAME};
use support::component::{client_context, error, instance, server_context};
use support::peers::{
    LOCALHOST, ServerStream, TLS12, TLS13, client_config, connect_tls, echo_and_close, greet,
    listen, serve_tcp, serve_tls, server_config,
};

/// All that a session tells.
#[derive(Clone, Debug, PartialEq)]
struct Facts {
    version: Option<Version>,
    cipher_suite: Option<String>,
    group: Option<String>,
    peer_certificates: Vec<Vec<u8>>,
    verify_result: Result<(), CertificateError>,
    is_truncated: bool,
}

fn facts(tls: &mut Instance, session: &Session) -> Facts {
    Facts {
        version: session.version(tls).unwrap(),
        cipher_suite: session.cipher_suite(tls).unwrap(),
        group: session.group(tls).unwrap(),
        peer_certificates: session.peer_certificates(tls).unwrap(),
        verify_result: session.verify_result(tls).unwrap(),
        is_truncated: session.is_truncated(tls).unwrap(),
    }
}

/// Asserts that there are no facts, as before a handshake.
#[track_caller]
fn assert_none(facts: &Facts) {
    let refused = facts.verify_result.as_ref().unwrap_err();
    assert_eq!(refused.reason, CertificateReason::NotChecked);
    assert_eq!(
        (facts.version, &facts.cipher_suite, &facts.group),
        (None, &None, &None)
    );
    assert!(facts.peer_certificates.is_empty() && !facts.is_truncated);
}

/// A port before its handshake, connected to a peer that runs `serve`.
fn connect<T: Send + 'static>(
    tls: &mut Instance,
    serve: impl FnOnce(&mut ServerStream) -> T + Send + 'static,
) -> (Port, Identity, JoinHandle<T>) {
    let root = Authority::root("Root");
    let identity = root.issue(&Leaf::server().names(&["localhost"]));
    let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, TLS13);
    let (address, peer) = serve_tls(config, serve);
    let context = client_context(tls, &root.pem());
    let port = Port::blocking_connect(tls, &context, "localhost", address.port()).unwrap();
    context.drop(tls).unwrap();
    (port, identity, peer)
}

#[test]
fn a_session_that_is_had_before_the_handshake_has_its_facts_after_it() {
    let mut tls = instance();
    let (go, told) = mpsc::channel::<()>();
    let (port, identity, peer) = connect(&mut tls, move |stream| {
        told.recv().unwrap();
        echo_and_close(stream)
    });
    let early = port.session(&mut tls).unwrap();
    assert_none(&facts(&mut tls, &early));
    assert_eq!(error(port.handshake(&mut tls)), Error::WantRead);
    assert_none(&facts(&mut tls, &early));
    go.send(()).unwrap();
    port.blocking_handshake(&mut tls).unwrap();
    let told = facts(&mut tls, &early);
    assert_eq!(told.version, Some(Version::Tls13));
    assert_eq!(told.group.as_deref(), Some("x25519"));
    let suite = told.cipher_suite.as_deref().unwrap();
    assert!(suite.starts_with("TLS_"), "{suite}");
    assert_eq!(told.peer_certificates, identity.chain_der());
    assert_eq!(told.verify_result, Ok(()));
    // Each handle tells the same, and one that is dropped takes nothing along.
    let late = port.session(&mut tls).unwrap();
    assert_eq!(facts(&mut tls, &late), told);
    early.drop(&mut tls).unwrap();
    assert_eq!(facts(&mut tls, &late), told);
    port.blocking_write_all(&mut tls, b"hello").unwrap();
    assert_eq!(port.blocking_read(&mut tls, 9).unwrap().unwrap(), b"hello");
    port.close(&mut tls).unwrap();
    // Whether it was still there to hear of its goodbye is not asked here.
    let _ = peer.join().unwrap();
}

#[test]
fn a_session_tells_the_same_after_the_end_of_its_port_however_that_came() {
    type End = fn(&mut Instance, Port);
    let ends: [(&str, End); 6] = [
        ("dropped", |tls, port| port.drop(tls).unwrap()),
        ("closed", |tls, port| port.close(tls).unwrap()),
        ("closed and dropped", |tls, port| {
            port.close(tls).unwrap();
            port.drop(tls).unwrap();
        }),
        ("read to the end", |tls, port| {
            port.blocking_write_all(tls, b"q").unwrap();
            assert_eq!(port.blocking_read(tls, 1).unwrap(), None);
            port.close(tls).unwrap();
            port.drop(tls).unwrap();
        }),
        ("failed", |tls, port| {
            port.blocking_write_all(tls, b"!").unwrap();
            let failure = error(port.blocking_read(tls, 1));
            assert!(matches!(failure, Error::Protocol(_)), "{failure:?}");
        }),
        ("failed and dropped", |tls, port| {
            port.blocking_write_all(tls, b"!").unwrap();
            assert!(port.blocking_read(tls, 1).is_err());
            port.drop(tls).unwrap();
        }),
    ];
    for (name, end) in ends {
        let mut tls = instance();
        let before = tls.resource_count();
        let (port, _, peer) = connect(&mut tls, |stream| {
            let mut word = [0; 1];
            let _ = stream.read(&mut word);
            match &word {
                b"q" => {
                    stream.conn.send_close_notify();
                    stream.flush().unwrap();
                    let _ = stream.read(&mut word);
                }
                // Bytes that are no record of this connection.
                b"!" => {
                    let _ = stream.sock.write_all(&[23, 3, 3, 0, 17, 0].repeat(4));
                }
                _ => {}
            }
        });
        port.blocking_handshake(&mut tls).unwrap();
        let session = port.session(&mut tls).unwrap();
        let told = facts(&mut tls, &session);
        assert_eq!(told.version, Some(Version::Tls13), "{name}");
        end(&mut tls, port);
        assert_eq!(facts(&mut tls, &session), told, "{name}");
        // The session holds no resource of the host: the socket has gone with the port.
        assert_eq!(tls.resource_count(), before, "{name}");
        session.drop(&mut tls).unwrap();
        peer.join().unwrap();
    }
}

#[test]
fn a_session_of_a_port_that_has_ended_is_the_same_as_one_from_before() {
    let mut tls = instance();
    let (port, _, peer) = connect(&mut tls, echo_and_close);
    port.blocking_handshake(&mut tls).unwrap();
    let before = port.session(&mut tls).unwrap();
    let told = facts(&mut tls, &before);
    port.close(&mut tls).unwrap();
    // Whether it was still there to hear of its goodbye is not asked here.
    let _ = peer.join().unwrap();
    let after = port.session(&mut tls).unwrap();
    assert_eq!(facts(&mut tls, &after), told);
    port.drop(&mut tls).unwrap();
    assert_eq!(facts(&mut tls, &after), told);
}

#[test]
fn a_connection_that_never_came_to_be_has_a_session_without_facts() {
    let mut tls = instance();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    let refusing = TcpListener::bind((LOCALHOST, 0)).unwrap();
    let number = refusing.local_addr().unwrap().port();
    drop(refusing);
    for closes in [true, false] {
        let port = Port::connect(&mut tls, &context, "127.0.0.1", number).unwrap();
        let session = port.session(&mut tls).unwrap();
        assert_none(&facts(&mut tls, &session));
        if closes {
            port.close(&mut tls).unwrap();
        } else {
            let failure = error(port.blocking_handshake(&mut tls));
            assert!(matches!(failure, Error::Network(_)), "{failure:?}");
        }
        assert_none(&facts(&mut tls, &session));
        let late = port.session(&mut tls).unwrap();
        port.drop(&mut tls).unwrap();
        assert_none(&facts(&mut tls, &session));
        assert_none(&facts(&mut tls, &late));
    }
}

#[test]
fn a_handshake_that_fails_leaves_a_session_without_a_version() {
    let (address, peer) = serve_tcp(|mut socket| {
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n").unwrap();
        let _ = socket.read(&mut [0; 4096]);
    });
    let mut tls = instance();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    let port = Port::blocking_connect(&mut tls, &context, "127.0.0.1", address.port()).unwrap();
    let session = port.session(&mut tls).unwrap();
    let failure = error(port.blocking_handshake(&mut tls));
    assert!(matches!(failure, Error::Protocol(_)), "{failure:?}");
    assert_none(&facts(&mut tls, &session));
    port.drop(&mut tls).unwrap();
    assert_none(&facts(&mut tls, &session));
    peer.join().unwrap();
}

#[test]
fn truncation_is_told_once_it_is_met_and_after_the_port_has_gone() {
    let mut tls = instance();
    let (end, told) = mpsc::channel::<()>();
    let (port, _, peer) = connect(&mut tls, move |stream| {
        stream.write_all(b"partial").unwrap();
        told.recv().unwrap();
    });
    let session = port.session(&mut tls).unwrap();
    let read = port.blocking_read(&mut tls, 9).unwrap();
    assert_eq!(read.as_deref(), Some(b"partial".as_slice()));
    let told = facts(&mut tls, &session);
    assert!(!told.is_truncated);
    end.send(()).unwrap();
    peer.join().unwrap();
    assert_eq!(error(port.blocking_read(&mut tls, 9)), Error::Truncated);
    let is_truncated = true;
    let told = Facts {
        is_truncated,
        ..told
    };
    assert_eq!(facts(&mut tls, &session), told);
    port.drop(&mut tls).unwrap();
    assert_eq!(facts(&mut tls, &session), told);
}

#[test]
fn a_server_tells_the_facts_of_its_clients_after_they_have_gone() {
    let root = Authority::root("Root");
    let own = root.issue(&Leaf::server());
    for (versions, version) in [(TLS12, Version::Tls12), (TLS13, Version::Tls13)] {
        let mut tls = instance();
        let context = server_context(&mut tls, &own.chain_pem(), &own.key_pem());
        context
            .add_trust_roots(
                &mut tls,
                &support::component::bytes(&Authority::root("Other").pem()),
            )
            .unwrap();
        context.set_verify(&mut tls, Verify::Deferred).unwrap();
        let (listener, number) = listen(&mut tls, &context);
        let client = root.issue(&Leaf::client());
        let (chain, key) = (client.chain_pem(), client.key_pem());
        let config = client_config(&root.pem(), Some((&chain, &key)), versions);
        let peer = thread::spawn(move || {
            let mut stream = connect_tls(config, NAME, number);
            stream.write_all(b"hello").unwrap();
            let _ = stream.read(&mut [0; 1]);
        });
        let port = listener.blocking_accept(&mut tls).unwrap();
        let session = port.session(&mut tls).unwrap();
        assert_eq!(port.blocking_read(&mut tls, 9).unwrap().unwrap(), b"hello");
        let told = facts(&mut tls, &session);
        assert_eq!(told.version, Some(version));
        assert_eq!(told.peer_certificates, client.chain_der());
        let refused = told.verify_result.clone().unwrap_err();
        assert_eq!(refused.reason, CertificateReason::UnknownAuthority);
        port.drop(&mut tls).unwrap();
        listener.drop(&mut tls).unwrap();
        context.drop(&mut tls).unwrap();
        peer.join().unwrap();
        assert_eq!(facts(&mut tls, &session), told);
    }
}

#[test]
fn many_sessions_may_outlive_their_ports() {
    let root = Authority::root("Root");
    let own = root.issue(&Leaf::server());
    let mut tls = instance();
    let before = tls.resource_count();
    let context = server_context(&mut tls, &own.chain_pem(), &own.key_pem());
    let (listener, number) = listen(&mut tls, &context);
    let config = client_config(&root.pem(), None, TLS13);
    let peer = thread::spawn(move || (0..10).for_each(|_| greet(config.clone(), number)));
    let mut sessions = Vec::new();
    for _ in 0..10 {
        let port = listener.blocking_accept(&mut tls).unwrap();
        port.blocking_handshake(&mut tls).unwrap();
        sessions.push(port.session(&mut tls).unwrap());
        port.drop(&mut tls).unwrap();
    }
    peer.join().unwrap();
    listener.drop(&mut tls).unwrap();
    assert_eq!(tls.resource_count(), before);
    for session in sessions {
        let version = session.version(&mut tls).unwrap();
        assert_eq!(version, Some(Version::Tls13));
        session.drop(&mut tls).unwrap();
    }
}
