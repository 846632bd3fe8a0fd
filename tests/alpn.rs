//! The built component: application protocols (RFC 7301), against rustls with ring's cryptography.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::thread;

use portcullis_host::types::{ConfigurationItem, ConfigurationReason, Error, ProtocolReason, Role};
use portcullis_host::{Context, Port};
use rustls::SupportedProtocolVersion;
use support::certs::{Authority, Identity, Leaf, NAME};
use support::component::{client_context, configuration, error, instance, server_context};
use support::peers::{
    ServerStream, TLS12, TLS13, client_config, connect_tls, echo_and_close, listen, serve_tls,
    server_config,
};

/// What alert 120 is for.
const NO_APPLICATION_PROTOCOL: u8 = 120;

fn names(protocols: &[&str]) -> Vec<Vec<u8>> {
    protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect()
}

fn identity() -> (Authority, Identity) {
    let root = Authority::root("Root");
    let identity = root.issue(&Leaf::server().names(&[NAME, "localhost"]));
    (root, identity)
}

/// What our client agrees on with a peer that takes these, in their order; or its failure.
fn as_client(
    ours: &[&str],
    theirs: &[&str],
    version: &[&'static SupportedProtocolVersion],
) -> Result<Option<String>, Error> {
    let (root, identity) = identity();
    let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, version);
    let mut config = Arc::unwrap_or_clone(config);
    config.alpn_protocols = names(theirs);
    // A peer that refuses has no more to say.
    let serve = |stream: &mut ServerStream| echo_and_close(stream).is_ok();
    let (address, peer) = serve_tls(Arc::new(config), serve);
    let mut tls = instance();
    let context = client_context(&mut tls, &root.pem());
    context.set_alpn(&mut tls, ours).unwrap();
    assert_eq!(context.alpn(&mut tls).unwrap(), ours);
    let port = Port::blocking_connect(&mut tls, &context, "localhost", address.port()).unwrap();
    let session = port.session(&mut tls).unwrap();
    assert_eq!(session.alpn(&mut tls).unwrap(), None);
    let outcome = match port.blocking_handshake(&mut tls) {
        Ok(()) => Ok(session.alpn(&mut tls).unwrap()),
        Err(failure) => Err(failure.error().unwrap().clone()),
    };
    let _ = port.close(&mut tls);
    port.drop(&mut tls).unwrap();
    // It outlives the connection.
    if let Ok(agreed) = &outcome {
        assert_eq!(&session.alpn(&mut tls).unwrap(), agreed);
    }
    let _ = peer.join().unwrap();
    outcome
}

/// What our server agrees on with a peer that offers these, on both sides.
fn as_server(
    ours: &[&str],
    theirs: &[&str],
    version: &[&'static SupportedProtocolVersion],
) -> (Result<Option<String>, Error>, Option<String>) {
    let (root, identity) = identity();
    let mut tls = instance();
    let context = server_context(&mut tls, &identity.chain_pem(), &identity.key_pem());
    context.set_alpn(&mut tls, ours).unwrap();
    let (listener, number) = listen(&mut tls, &context);
    let mut config = Arc::unwrap_or_clone(client_config(&root.pem(), None, version));
    config.alpn_protocols = names(theirs);
    let peer = thread::spawn(move || {
        let mut stream = connect_tls(Arc::new(config), NAME, number);
        let _ = stream.write_all(b"hello");
        let _ = stream.read(&mut [0; 9]);
        let agreed = stream.conn.alpn_protocol()?;
        Some(String::from_utf8(agreed.to_vec()).unwrap())
    });
    let port = listener.blocking_accept(&mut tls).unwrap();
    let outcome = match port.blocking_handshake(&mut tls) {
        Ok(()) => {
            let session = port.session(&mut tls).unwrap();
            assert_eq!(
                session.server_name(&mut tls).unwrap().as_deref(),
                Some(NAME)
            );
            port.blocking_write_all(&mut tls, b"hello").unwrap();
            Ok(session.alpn(&mut tls).unwrap())
        }
        Err(failure) => Err(failure.error().unwrap().clone()),
    };
    let _ = port.close(&mut tls);
    (outcome, peer.join().unwrap())
}

#[test]
fn both_sides_tell_the_protocol_that_was_agreed_on_and_the_server_prefers() {
    let agreed = |name: &str| Some(name.to_owned());
    for version in [TLS12, TLS13] {
        for (client, server, expected) in [
            (
                &["h2", "http/1.1"][..],
                &["http/1.1", "h2"][..],
                agreed("http/1.1"),
            ),
            (&["http/1.1", "h2"], &["h2"], agreed("h2")),
            (&["postgresql"], &["postgresql"], agreed("postgresql")),
            // Who offers none, and who takes none, go without.
            (&[], &["h2"], None),
            (&["h2"], &[], None),
            (&[], &[], None),
        ] {
            let case = format!("{client:?} {server:?}");
            let ours = as_client(client, server, version);
            assert_eq!(ours, Ok(expected.clone()), "{case}");
            let (ours, theirs) = as_server(server, client, version);
            assert_eq!(ours, Ok(expected.clone()), "{case}");
            assert_eq!(theirs, expected, "{case}");
        }
    }
}

#[test]
fn nothing_in_common_is_refused_with_alert_120_by_either_side() {
    for version in [TLS12, TLS13] {
        let refused = as_client(&["h2"], &["http/1.1"], version);
        assert_eq!(refused, Err(Error::AlertReceived(NO_APPLICATION_PROTOCOL)));
        let (refused, theirs) = as_server(&["h2"], &["http/1.1"], version);
        let Err(Error::Protocol(refused)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(refused.reason, ProtocolReason::NoApplicationProtocol);
        assert_eq!(refused.alert_sent, Some(NO_APPLICATION_PROTOCOL));
        assert_eq!(theirs, None);
    }
}

#[test]
fn names_that_no_extension_can_hold_are_refused_and_the_old_ones_stand() {
    let mut tls = instance();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    context.set_alpn(&mut tls, &["h2"]).unwrap();
    let longest = "x".repeat(255);
    let too_long = "x".repeat(256);
    let many: Vec<_> = (0..300).map(|number| format!("{number:0>250}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    for (list, reason) in [
        (&["h2", ""][..], ConfigurationReason::Empty),
        (&[&too_long], ConfigurationReason::Malformed),
        (&["h2", "http/1.1", "h2"], ConfigurationReason::Duplicate),
        (&many, ConfigurationReason::TooCostly),
    ] {
        let refused = configuration(context.set_alpn(&mut tls, list));
        assert_eq!(
            (refused.item, refused.reason),
            (ConfigurationItem::Alpn, reason)
        );
        assert_eq!(context.alpn(&mut tls).unwrap(), ["h2"]);
    }
    for list in [&[longest.as_str()][..], &many[..200], &["H2", "h2"], &[]] {
        context.set_alpn(&mut tls, list).unwrap();
        assert_eq!(context.alpn(&mut tls).unwrap(), list);
    }
    context.seal(&mut tls).unwrap();
    assert_eq!(error(context.set_alpn(&mut tls, &["h2"])), Error::Sealed);
}
