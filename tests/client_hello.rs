//! The built component: a server's context by the client's first message, against rustls with ring's
//! cryptography.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use portcullis_host::context_types::AlpnMismatch;
use portcullis_host::types::{ConfigurationItem, ConfigurationReason, Error, ProtocolReason, Role};
use portcullis_host::{Context, Instance, Port};
use rustls::{AlertDescription, SupportedProtocolVersion};
use support::certs::{Authority, Leaf};
use support::component::{configuration, error, instance, server_context};
use support::peers::{ALL, PATIENCE, TLS12, TLS13, client_config, connect_tls, listen};

const UNRECOGNIZED_NAME: u8 = 112;

/// A server's context with a certificate for this name.
fn context_of(tls: &mut Instance, root: &Authority, name: &str) -> Context {
    let identity = root.issue(&Leaf::server().names(&[name]));
    server_context(tls, &identity.chain_pem(), &identity.key_pem())
}

/// A context whose connections ask for another.
fn asking(tls: &mut Instance) -> Context {
    let context = Context::secure(tls, Role::Server).unwrap();
    context.ask_for_context(tls).unwrap();
    context
}

/// A client that asks for this name, offers `h2`, and sends `ping`; what it reads, or why it failed.
fn client(
    root: &Authority,
    name: &'static str,
    number: u16,
    version: &[&'static SupportedProtocolVersion],
) -> JoinHandle<Result<Vec<u8>, rustls::Error>> {
    let mut config = Arc::unwrap_or_clone(client_config(&root.pem(), None, version));
    config.alpn_protocols = vec![b"h2".to_vec()];
    thread::spawn(move || {
        let mut stream = connect_tls(Arc::new(config), name, number);
        let talk = |stream: &mut support::peers::ClientStream| {
            stream.write_all(b"ping")?;
            let mut read = Vec::new();
            stream.read_to_end(&mut read)?;
            Ok::<_, std::io::Error>(read)
        };
        talk(&mut stream).map_err(|error| match error.downcast::<rustls::Error>() {
            Ok(error) => error,
            Err(error) => rustls::Error::General(error.to_string()),
        })
    })
}

/// Answers `ping` by `pong`, and closes.
fn serve(tls: &mut Instance, port: &Port) {
    assert_eq!(port.blocking_read(tls, 9).unwrap().unwrap(), b"ping");
    port.blocking_write_all(tls, b"pong").unwrap();
    port.close(tls).unwrap();
}

#[test]
fn the_caller_chooses_a_context_by_what_the_client_says() {
    for version in [TLS12, TLS13] {
        let root = Authority::root("Root");
        let mut tls = instance();
        let base = asking(&mut tls);
        let contexts = ["a.test", "b.test"].map(|name| (name, context_of(&mut tls, &root, name)));
        let (listener, number) = listen(&mut tls, &base);
        for (name, context) in &contexts {
            let peer = client(&root, name, number, version);
            let port = listener.blocking_accept(&mut tls).unwrap();
            assert!(port.client_hello(&mut tls).unwrap().is_none());
            // Each operation says it, the blocking ones too.
            assert_eq!(error(port.blocking_handshake(&mut tls)), Error::WantContext);
            assert_eq!(error(port.handshake(&mut tls)), Error::WantContext);
            assert_eq!(error(port.blocking_read(&mut tls, 1)), Error::WantContext);
            assert_eq!(
                error(port.blocking_write_all(&mut tls, b"x")),
                Error::WantContext
            );
            let ready = port.subscribe(&mut tls).unwrap();
            assert!(tls.poll(&[&ready], Some(PATIENCE)).unwrap() == [0]);
            ready.drop(&mut tls).unwrap();
            let hello = port.client_hello(&mut tls).unwrap().unwrap();
            assert_eq!(hello.server_name(&mut tls).unwrap().as_deref(), Some(*name));
            assert_eq!(hello.alpn(&mut tls).unwrap(), ["h2"]);
            assert_eq!(hello.legacy_version(&mut tls).unwrap(), 0x0303);
            let offered = if version == TLS13 { 0x0304 } else { 0x0303 };
            assert_eq!(hello.versions(&mut tls).unwrap(), [offered]);
            assert!(hello.groups(&mut tls).unwrap().contains(&29));
            assert!(hello.signature_schemes(&mut tls).unwrap().contains(&0x0403));
            let suite = if version == TLS13 { 0x1301 } else { 0xc02b };
            assert!(hello.cipher_suites(&mut tls).unwrap().contains(&suite));
            let extensions = hello.extensions(&mut tls).unwrap();
            assert!(
                [0, 10, 13, 16, 43]
                    .iter()
                    .all(|kind| extensions.contains(kind))
            );
            port.set_context(&mut tls, context).unwrap();
            assert!(port.client_hello(&mut tls).unwrap().is_none());
            serve(&mut tls, &port);
            // It stays.
            assert_eq!(hello.alpn(&mut tls).unwrap(), ["h2"]);
            hello.drop(&mut tls).unwrap();
            let session = port.session(&mut tls).unwrap();
            assert_eq!(
                session.server_name(&mut tls).unwrap().as_deref(),
                Some(*name)
            );
            assert_eq!(peer.join().unwrap(), Ok(b"pong".to_vec()));
        }
    }
}

#[test]
fn the_caller_refuses_a_client_and_serves_the_next() {
    let root = Authority::root("Root");
    let mut tls = instance();
    let base = asking(&mut tls);
    let context = context_of(&mut tls, &root, "a.test");
    let (listener, number) = listen(&mut tls, &base);
    let peer = client(&root, "b.test", number, ALL);
    let port = listener.blocking_accept(&mut tls).unwrap();
    assert_eq!(error(port.blocking_handshake(&mut tls)), Error::WantContext);
    let refused = error(port.refuse(&mut tls, 0));
    assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
    port.refuse(&mut tls, UNRECOGNIZED_NAME).unwrap();
    for failed in [
        port.handshake(&mut tls),
        port.set_context(&mut tls, &context),
    ] {
        let Error::Protocol(failed) = error(failed) else {
            panic!("another failure");
        };
        assert_eq!(failed.reason, ProtocolReason::UnrecognizedName);
        assert_eq!(failed.alert_sent, Some(UNRECOGNIZED_NAME));
    }
    let expected = rustls::Error::AlertReceived(AlertDescription::UnrecognisedName);
    assert_eq!(peer.join().unwrap(), Err(expected));
    let peer = client(&root, "a.test", number, ALL);
    let port = listener.blocking_accept(&mut tls).unwrap();
    assert_eq!(error(port.blocking_handshake(&mut tls)), Error::WantContext);
    port.set_context(&mut tls, &context).unwrap();
    serve(&mut tls, &port);
    assert_eq!(peer.join().unwrap(), Ok(b"pong".to_vec()));
}

#[test]
fn a_context_that_cannot_serve_is_refused_and_the_port_still_waits() {
    let root = Authority::root("Root");
    let mut tls = instance();
    let base = asking(&mut tls);
    let context = context_of(&mut tls, &root, "a.test");
    let (listener, number) = listen(&mut tls, &base);
    let peer = client(&root, "a.test", number, ALL);
    let port = listener.blocking_accept(&mut tls).unwrap();
    // Nothing has been said yet.
    let early = error(port.set_context(&mut tls, &context));
    assert!(matches!(early, Error::InvalidArgument(_)), "{early:?}");
    assert_eq!(error(port.blocking_handshake(&mut tls)), Error::WantContext);
    let wrong = Context::secure(&mut tls, Role::Client).unwrap();
    let refused = error(port.set_context(&mut tls, &wrong));
    assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
    // One cannot be sealed, the other has no identity.
    let empty = Context::secure(&mut tls, Role::Server).unwrap();
    for context in [&empty, &base] {
        let refused = configuration(port.set_context(&mut tls, context));
        assert_eq!(refused.item, ConfigurationItem::CertificateChain);
        assert_eq!(refused.reason, ConfigurationReason::Missing);
    }
    port.set_context(&mut tls, &context).unwrap();
    serve(&mut tls, &port);
    assert_eq!(peer.join().unwrap(), Ok(b"pong".to_vec()));
    // Afterwards there is nothing to choose any more.
    assert_eq!(error(port.set_context(&mut tls, &context)), Error::Closed);
    assert_eq!(error(port.refuse(&mut tls, 40)), Error::Closed);
}

#[test]
fn names_have_contexts_of_their_own_and_no_common_protocol_may_be_tolerated() {
    let root = Authority::root("Root");
    let mut tls = instance();
    let base = context_of(&mut tls, &root, "base.test");
    base.set_alpn(&mut tls, &["http/1.1"]).unwrap();
    base.set_alpn_mismatch(&mut tls, AlpnMismatch::Tolerated)
        .unwrap();
    let own = context_of(&mut tls, &root, "own.test");
    own.set_alpn(&mut tls, &["http/1.1"]).unwrap();
    let wild = context_of(&mut tls, &root, "*.w.test");
    wild.set_alpn(&mut tls, &["h2"]).unwrap();
    base.add_name(&mut tls, "own.test", &own).unwrap();
    base.add_name(&mut tls, "*.w.test", &wild).unwrap();
    assert!(own.is_sealed(&mut tls).unwrap());
    for (name, reason) in [
        ("OWN.test.", ConfigurationReason::Duplicate),
        ("a b", ConfigurationReason::Malformed),
    ] {
        let refused = configuration(base.add_name(&mut tls, name, &own));
        assert_eq!(
            (refused.item, refused.reason),
            (ConfigurationItem::ServerName, reason)
        );
    }
    let wrong = Context::secure(&mut tls, Role::Client).unwrap();
    let refused = error(base.add_name(&mut tls, "c.test", &wrong));
    assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
    let (listener, number) = listen(&mut tls, &base);
    assert_eq!(
        error(base.add_name(&mut tls, "c.test", &own)),
        Error::Sealed
    );
    // Of itself, a context would be sealed by the call.
    let copy = base.copy(&mut tls).unwrap();
    assert_eq!(
        error(copy.add_name(&mut tls, "c.test", &copy)),
        Error::Sealed
    );
    for (name, agreed) in [("base.test", None), ("x.w.test", Some("h2"))] {
        let peer = client(&root, name, number, ALL);
        let port = listener.blocking_accept(&mut tls).unwrap();
        serve(&mut tls, &port);
        let session = port.session(&mut tls).unwrap();
        assert_eq!(session.alpn(&mut tls).unwrap().as_deref(), agreed, "{name}");
        assert_eq!(peer.join().unwrap(), Ok(b"pong".to_vec()), "{name}");
    }
    // This one does not tolerate it.
    let peer = client(&root, "own.test", number, ALL);
    let port = listener.blocking_accept(&mut tls).unwrap();
    let Error::Protocol(refused) = error(port.blocking_handshake(&mut tls)) else {
        panic!("another failure");
    };
    assert_eq!(refused.reason, ProtocolReason::NoApplicationProtocol);
    assert_eq!(
        peer.join().unwrap(),
        Err(rustls::Error::AlertReceived(
            AlertDescription::NoApplicationProtocol
        ))
    );
}
