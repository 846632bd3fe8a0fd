//! The built component: what `verify-result` of a session tells, for each fault that a peer's
//! certificate may have, and for each way to verify it.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::net::TcpListener;
use std::thread;

use portcullis_host::context_types::{Verify, VerifyName};
use portcullis_host::types::{CertificateError, CertificateReason, Error, Role};
use portcullis_host::{Context, Instance, Port};
use rustls::HandshakeKind;
use support::certs::{Authority, Identity, Leaf, NAME, Usage, Validity};
use support::component::{
    ask_for_client_certificates, client_context, error, instance, server_context,
};
use support::peers::{
    ALL, LOCALHOST, client_config, client_config_of, connect_tls, echo, echo_and_close, listen,
    serve_tls, server_config, server_config_of,
};

/// What was told: ok, or the reason.
type Told = Result<(), CertificateReason>;

/// What a port's session tells of its peer's certificate.
fn verify_result(tls: &mut Instance, port: &Port) -> Result<(), CertificateError> {
    let session = port.session(tls).unwrap();
    let result = session.verify_result(tls).unwrap();
    session.drop(tls).unwrap();
    result
}

fn reason(result: Result<(), CertificateError>) -> Told {
    result.map_err(|refused| refused.reason)
}

/// Send, and have it echoed: the connection works like any other.
fn say_hello(tls: &mut Instance, port: &Port) {
    port.blocking_write_all(tls, b"hello").unwrap();
    assert_eq!(port.blocking_read(tls, 9).unwrap().unwrap(), b"hello");
}

/// Run our side of a handshake, and what comes after it. It returns how the peer's certificate was
/// refused as `Ok`, and what is told where the handshake went on as `Err`. `look` looks at the
/// connection before it is closed.
fn meet(
    tls: &mut Instance,
    port: Port,
    look: impl FnOnce(&mut Instance, &Port),
) -> Result<CertificateError, Result<(), CertificateError>> {
    let early = reason(verify_result(tls, &port));
    assert_eq!(early, Err(CertificateReason::NotChecked));
    let met = match port.blocking_handshake(tls) {
        Ok(()) => {
            say_hello(tls, &port);
            let told = verify_result(tls, &port);
            if let Err(refused) = &told {
                assert_eq!(refused.alert_sent, None);
            }
            look(tls, &port);
            port.close(tls).unwrap();
            // Closing changes nothing.
            assert_eq!(verify_result(tls, &port), told);
            Err(told)
        }
        Err(failure) => match error::<()>(Err(failure)) {
            Error::Certificate(refused) => {
                // The handshake and the session tell the same refusal.
                assert_eq!(verify_result(tls, &port), Err(refused.clone()));
                Ok(refused)
            }
            other => panic!("{other:?}"),
        },
    };
    port.drop(tls).unwrap();
    met
}

/// Certificates, and what is to be told of each.
fn wrongs(root: &Authority, leaf: &Leaf) -> Vec<(Identity, Told)> {
    use CertificateReason::{
        Expired, NotYetValid, UnhandledExtension, UnknownAuthority, WrongPurpose,
    };
    let stranger = Authority::root("Stranger");
    let leaf = || leaf.clone();
    vec![
        (root.issue(&leaf()), Ok(())),
        (root.intermediate("Between").issue(&leaf()), Ok(())),
        (stranger.issue(&leaf()), Err(UnknownAuthority)),
        (leaf().self_signed(), Err(UnknownAuthority)),
        (
            root.issue(&leaf().validity(Validity::Expired)),
            Err(Expired),
        ),
        (
            root.issue(&leaf().validity(Validity::NotYet)),
            Err(NotYetValid),
        ),
        (
            root.issue(&leaf().usage(Usage::CodeSigning)),
            Err(WrongPurpose),
        ),
        (root.issue(&leaf().strange()), Err(UnhandledExtension)),
    ]
}

/// Let our client, which verifies as it is told, meet a server with this identity; see [`meet`].
fn client_meets(
    root: &Authority,
    identity: &Identity,
    verify: Verify,
    protocol: &str,
) -> Result<CertificateError, Result<(), CertificateError>> {
    let config = server_config_of(&identity.chain, &identity.key_pem());
    let (address, peer) = serve_tls(config, |stream| {
        // The client's side tells how it ends.
        let _ = echo_and_close(stream);
    });
    let mut tls = instance();
    let context = client_context(&mut tls, &root.pem());
    context.set_protocol(&mut tls, protocol).unwrap();
    context.set_verify(&mut tls, verify).unwrap();
    context
        .set_verify_name(&mut tls, &VerifyName::Name(NAME.to_owned()))
        .unwrap();
    let port = Port::blocking_connect(&mut tls, &context, "127.0.0.1", address.port()).unwrap();
    let met = meet(&mut tls, port, |_, _| {});
    peer.join().unwrap();
    met
}

#[test]
fn a_client_that_goes_on_is_told_what_is_wrong_as_one_that_refuses_is() {
    let root = Authority::root("Root");
    let mut servers = wrongs(&root, &Leaf::server());
    let other = root.issue(&Leaf::server().names(&["other.test", "192.0.2.1"]));
    servers.push((other, Err(CertificateReason::WrongName)));
    for protocol in ["tlsv12", "tlsv13"] {
        for (identity, expected) in &servers {
            for verify in [Verify::Optional, Verify::Deferred] {
                let told = client_meets(&root, identity, verify, protocol).unwrap_err();
                assert_eq!(reason(told.clone()), *expected, "{verify:?}");
                let refused = client_meets(&root, identity, Verify::Required, protocol);
                match (refused, told) {
                    (Err(Ok(())), Ok(())) => {}
                    (Ok(refused), Err(told)) => {
                        assert!(refused.alert_sent.is_some());
                        // Both are the same but for the alert, which the first has not sent.
                        let alert_sent = None;
                        assert_eq!(
                            told,
                            CertificateError {
                                alert_sent,
                                ..refused
                            }
                        );
                    }
                    other => panic!("{other:?}"),
                }
            }
            // A client that does not verify is told nothing.
            let told = client_meets(&root, identity, Verify::Unverified, protocol).unwrap_err();
            assert_eq!(reason(told), Err(CertificateReason::NotChecked));
        }
    }
}

#[test]
fn a_wrong_name_is_told_with_both_names() {
    let root = Authority::root("Root");
    let identity = root.issue(&Leaf::server().names(&["other.test", "third.test"]));
    let told = client_meets(&root, &identity, Verify::Deferred, "auto").unwrap_err();
    let refused = told.unwrap_err();
    assert_eq!(refused.reason, CertificateReason::WrongName);
    assert_eq!(refused.expected_name.as_deref(), Some(NAME));
    assert_eq!(refused.names.len(), 2);
    for name in ["other.test", "third.test"] {
        let has = refused.names.iter().any(|told| told.contains(name));
        assert!(has, "{:?}", refused.names);
    }
}

/// Let our server, which verifies as it is told, meet a client with this identity or none; see
/// [`meet`].
fn server_meets(
    root: &Authority,
    client: Option<&Identity>,
    verify: Verify,
    protocol: &str,
) -> Result<CertificateReason, Told> {
    let mut tls = instance();
    let own = root.issue(&Leaf::server());
    let context = server_context(&mut tls, &own.chain_pem(), &own.key_pem());
    context.set_protocol(&mut tls, protocol).unwrap();
    match verify {
        Verify::Unverified => context.set_verify(&mut tls, verify).unwrap(),
        _ => ask_for_client_certificates(&mut tls, &context, &root.pem(), verify),
    }
    let (listener, number) = listen(&mut tls, &context);
    let config = match client {
        Some(client) => client_config_of(&root.pem(), &client.chain, &client.key_pem()),
        None => client_config(&root.pem(), None, ALL),
    };
    let peer = thread::spawn(move || {
        let mut stream = connect_tls(config, NAME, number);
        // The server's side tells whether it is refused.
        let _ = echo(&mut stream);
    });
    let port = listener.blocking_accept(&mut tls).unwrap();
    let met = meet(&mut tls, port, |tls, port| {
        let session = port.session(tls).unwrap();
        let presented = session.peer_certificates(tls).unwrap();
        session.drop(tls).unwrap();
        let asked = client.filter(|_| verify != Verify::Unverified);
        let expected = asked.map(Identity::certificate_der);
        assert_eq!(presented.first().map(Vec::as_slice), expected);
    });
    peer.join().unwrap();
    met.map(|refused| refused.reason).map_err(reason)
}

#[test]
fn a_server_that_goes_on_is_told_what_is_wrong_as_one_that_refuses_is() {
    let root = Authority::root("Root");
    // A client's name is not checked: each has another one than the server.
    for protocol in ["tlsv12", "tlsv13"] {
        for (client, expected) in &wrongs(&root, &Leaf::client()) {
            let meet = |verify| server_meets(&root, Some(client), verify, protocol);
            assert_eq!(meet(Verify::Deferred), Err(*expected));
            for verify in [Verify::Required, Verify::Optional] {
                let refused = meet(verify);
                match expected {
                    Ok(()) => assert_eq!(refused, Err(Ok(())), "{verify:?}"),
                    Err(reason) => assert_eq!(refused, Ok(*reason), "{verify:?}"),
                }
            }
        }
    }
}

#[test]
fn a_server_tells_a_missing_certificate_from_one_that_it_did_not_ask_for() {
    let root = Authority::root("Root");
    let client = root.issue(&Leaf::client());
    let missing = CertificateReason::Missing;
    let not_checked = CertificateReason::NotChecked;
    for protocol in ["tlsv12", "tlsv13"] {
        let meet = |client, verify| server_meets(&root, client, verify, protocol);
        assert_eq!(meet(None, Verify::Required), Ok(missing));
        assert_eq!(meet(None, Verify::Optional), Err(Err(missing)));
        assert_eq!(meet(None, Verify::Deferred), Err(Err(missing)));
        assert_eq!(meet(None, Verify::Unverified), Err(Err(not_checked)));
        let given = Some(&client);
        assert_eq!(meet(given, Verify::Unverified), Err(Err(not_checked)));
    }
}

#[test]
fn a_resumed_session_is_told_of_like_the_first() {
    let root = Authority::root("Root");
    let stranger = Authority::root("Stranger").issue(&Leaf::server());
    let listener = TcpListener::bind((LOCALHOST, 0)).unwrap();
    let number = listener.local_addr().unwrap().port();
    let config = server_config(&stranger.chain_pem(), &stranger.key_pem(), None, ALL);
    let serving = thread::spawn(move || {
        let kinds = (0..2).map(|_| {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let socket = listener.accept().unwrap().0;
            let mut stream = rustls::StreamOwned::new(connection, socket);
            echo_and_close(&mut stream).unwrap();
            stream.conn.handshake_kind().unwrap()
        });
        kinds.collect::<Vec<_>>()
    });
    let mut tls = instance();
    let context = client_context(&mut tls, &root.pem());
    context.set_verify(&mut tls, Verify::Deferred).unwrap();
    for _ in 0..2 {
        let port = Port::blocking_connect(&mut tls, &context, "localhost", number).unwrap();
        say_hello(&mut tls, &port);
        let told = verify_result(&mut tls, &port).unwrap_err();
        assert_eq!(told.reason, CertificateReason::UnknownAuthority);
        port.close_output(&mut tls).unwrap();
        assert_eq!(port.blocking_read(&mut tls, 1).unwrap(), None);
        port.drop(&mut tls).unwrap();
    }
    let kinds = serving.join().unwrap();
    assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed]);
}

#[test]
fn a_deferred_verification_without_trust_roots_is_refused_at_the_seal() {
    let mut tls = instance();
    let context = Context::unverified(&mut tls, Role::Client).unwrap();
    context.set_verify(&mut tls, Verify::Deferred).unwrap();
    match error(context.seal(&mut tls)) {
        Error::InvalidConfiguration(refused) => {
            use portcullis_host::types::{ConfigurationItem, ConfigurationReason};
            assert_eq!(refused.item, ConfigurationItem::TrustRoots);
            assert_eq!(refused.reason, ConfigurationReason::Missing);
        }
        other => panic!("{other:?}"),
    }
}
