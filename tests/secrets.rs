//! The built component: what is derived from the secrets of a connection, and the log of them, against
//! rustls with ring's cryptography.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use portcullis_host::types::Error;
use portcullis_host::{Context, Instance, KeyLog as OurLog, Port, Session};
use rustls::{HandshakeKind, KeyLog, SupportedProtocolVersion};
use sha2::{Digest as _, Sha256};
use support::certs::{Authority, Identity, KeyType, Leaf, NAME};
use support::component::{bytes, client_context, error, instance, server_context};
use support::peers::{
    ClientStream, ServerStream, TLS12, TLS13, client_config, connect_tls, echo_and_close, listen,
    serve_tls, server_config,
};

/// The label and the context of the exporters here.
const LABEL: &str = "EXPORTER-test";
const CONTEXT: &[u8] = b"context";

/// What rustls logs, as NSS writes it.
#[derive(Debug, Default)]
struct Lines(Mutex<Vec<String>>);

impl KeyLog for Lines {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| {
            let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
            digits.collect::<String>()
        };
        let line = format!("{label} {} {}", hex(client_random), hex(secret));
        self.0.lock().unwrap().push(line);
    }
}

/// What the peer exports: with a context, with an empty one, with none, and for the binding.
type Exported = [Vec<u8>; 4];

fn export(stream: &ServerStream) -> Exported {
    let export = |label: &str, context: Option<&[u8]>| {
        let room = vec![0; 32];
        let exported = stream
            .conn
            .export_keying_material(room, label.as_bytes(), context);
        exported.unwrap()
    };
    [
        export(LABEL, Some(CONTEXT)),
        export(LABEL, Some(b"")),
        export(LABEL, None),
        export("EXPORTER-Channel-Binding", Some(b"")),
    ]
}

/// A connection of ours, and what its peer has of it.
struct Met<'a> {
    tls: &'a mut Instance,
    port: Port,
    exported: Exported,
    /// The lines of the peer's key log.
    logged: Vec<String>,
    /// Ours, if it is switched on.
    log: Option<OurLog>,
}

/// Connect to a peer with this certificate.
fn meet(
    identity: &Identity,
    root: &str,
    version: &[&'static SupportedProtocolVersion],
    is_logged: bool,
    look: impl FnOnce(&mut Met<'_>),
) {
    let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, version);
    let mut config = Arc::unwrap_or_clone(config);
    let lines = Arc::new(Lines::default());
    config.key_log = Arc::<Lines>::clone(&lines);
    let (address, peer) = serve_tls(Arc::new(config), |stream| {
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).unwrap();
        }
        let exported = export(stream);
        // Whether it was still there to hear of its goodbye is not asked here.
        let _ = echo_and_close(stream);
        exported
    });
    let mut tls = instance();
    let context = client_context(&mut tls, root);
    let log = is_logged.then(|| context.log_keys(&mut tls).unwrap());
    let port = Port::blocking_connect(&mut tls, &context, "localhost", address.port()).unwrap();
    assert_eq!(error(context.log_keys(&mut tls)), Error::Sealed);
    port.blocking_write_all(&mut tls, b"hello").unwrap();
    assert_eq!(port.blocking_read(&mut tls, 9).unwrap().unwrap(), b"hello");
    port.close_output(&mut tls).unwrap();
    let exported = peer.join().unwrap();
    let session = port.session(&mut tls).unwrap();
    assert_eq!(session.is_logged(&mut tls).unwrap(), is_logged);
    let mut met = Met {
        tls: &mut tls,
        port,
        exported,
        logged: lines.0.lock().unwrap().clone(),
        log,
    };
    look(&mut met);
    let port = met.port;
    port.close(&mut tls).unwrap();
    let gone = session.export_keying_material(&mut tls, LABEL, None, 32);
    assert_eq!(error(gone), Error::Closed);
    let gone = session.channel_binding(&mut tls, "tls-server-end-point");
    assert_eq!(error(gone), Error::Closed);
    // What was agreed on stays.
    assert_eq!(session.is_logged(&mut tls).unwrap(), is_logged);
}

fn server(root: &Authority) -> Identity {
    root.issue(&Leaf::server().names(&["localhost"]))
}

#[test]
fn both_sides_export_the_same_and_no_context_is_not_an_empty_one_in_tls_1_2() {
    for (version, differ) in [(TLS12, true), (TLS13, false)] {
        let root = Authority::root("Root");
        meet(&server(&root), &root.pem(), version, false, |met| {
            let session = met.port.session(met.tls).unwrap();
            let met_suite = session.cipher_suite(met.tls).unwrap().unwrap_or_default();
            let mut export = |context: Option<&[u8]>, length| {
                session.export_keying_material(met.tls, LABEL, context, length)
            };
            let [with_context, with_empty, without, _] = &met.exported;
            assert_eq!(&export(Some(CONTEXT), 32).unwrap(), with_context);
            assert_eq!(&export(Some(b""), 32).unwrap(), with_empty);
            assert_eq!(&export(None, 32).unwrap(), without);
            assert_eq!(with_empty != without, differ);
            assert_eq!(export(None, 1).unwrap().len(), 1);
            assert_eq!(export(None, 4096).unwrap().len(), 4096);
            // What HKDF gives with the hash of the suite.
            let most = match (version, met_suite.as_str()) {
                (TLS12, _) => 16 * 1024,
                (_, suite) if suite.ends_with("SHA384") => 255 * 48,
                _ => 255 * 32,
            };
            let exported = export(None, most).unwrap();
            assert_eq!(u64::try_from(exported.len()).unwrap(), most);
            for length in [0, most + 1, 16 * 1024 + 1, u64::MAX] {
                let refused = error(export(None, length));
                assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
            }
            let long = vec![0; 0x1_0000];
            let refused = error(export(Some(&long), 32));
            assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
            assert!(export(long.get(1..), 32).is_ok());
            let mut labelled =
                |label: &str| session.export_keying_material(met.tls, label, None, 32);
            for label in [
                "client finished",
                "server finished",
                "master secret",
                "key expansion",
            ] {
                let refused = error(labelled(label));
                assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
            }
            assert!(labelled("key expansions").is_ok());
            assert!(labelled(&"x".repeat(249)).is_ok());
            assert_eq!(labelled(&"x".repeat(250)).is_ok(), version == TLS12);
        });
    }
}

#[test]
fn nothing_is_derived_before_the_handshake() {
    let mut tls = instance();
    let context = client_context(&mut tls, &Authority::root("Root").pem());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let number = listener.local_addr().unwrap().port();
    let port = Port::blocking_connect(&mut tls, &context, "localhost", number).unwrap();
    let session = port.session(&mut tls).unwrap();
    let early = session.export_keying_material(&mut tls, LABEL, None, 32);
    assert_eq!(error(early), Error::WantRead);
    let early = session.channel_binding(&mut tls, "tls-exporter");
    assert_eq!(error(early), Error::WantRead);
}

#[test]
fn channel_bindings_are_those_of_the_standards() {
    for version in [TLS12, TLS13] {
        let root = Authority::root("Root");
        let identity = server(&root);
        meet(&identity, &root.pem(), version, false, |met| {
            let session = met.port.session(met.tls).unwrap();
            let mut binding = |name| session.channel_binding(met.tls, name);
            let [.., expected] = &met.exported;
            if version == TLS13 {
                assert_eq!(&binding("tls-exporter").unwrap(), expected);
            } else {
                let refused = error(binding("tls-exporter"));
                assert!(matches!(refused, Error::NotSupported(_)), "{refused:?}");
            }
            // The certificates here are signed with ECDSA and SHA-256.
            let certificate = Sha256::digest(identity.chain_der().swap_remove(0));
            let end_point = binding("tls-server-end-point").unwrap();
            assert_eq!(end_point, certificate.to_vec());
            let refused = error(binding("tls-unique"));
            assert!(matches!(refused, Error::NotSupported(_)), "{refused:?}");
            let refused = error(binding("tls-other"));
            assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
        });
    }
}

#[test]
fn a_signature_without_a_hash_function_has_no_end_point() {
    let leaf = Leaf::server().names(&["localhost"]).key(KeyType::Ed25519);
    let identity = leaf.self_signed();
    meet(&identity, &identity.chain_pem(), TLS13, false, |met| {
        let session = met.port.session(met.tls).unwrap();
        let refused = error(session.channel_binding(met.tls, "tls-server-end-point"));
        assert!(matches!(refused, Error::NotSupported(_)), "{refused:?}");
        let binding = session.channel_binding(met.tls, "tls-exporter").unwrap();
        assert_eq!(binding.len(), 32);
    });
}

#[test]
fn the_key_log_has_the_lines_that_the_peer_has_and_each_once() {
    for (version, count) in [(TLS12, 1), (TLS13, 5)] {
        let root = Authority::root("Root");
        meet(&server(&root), &root.pem(), version, true, |met| {
            let log = met.log.take().unwrap();
            let mut ours = log.take_lines(met.tls).unwrap();
            assert_eq!(log.take_lines(met.tls).unwrap(), Vec::<String>::new());
            log.drop(met.tls).unwrap();
            ours.sort();
            met.logged.sort();
            assert_eq!(ours, met.logged);
            assert_eq!(ours.len(), count, "{ours:?}");
        });
        // Without it, nothing is logged: `meet` sees that the session says so.
        meet(&server(&root), &root.pem(), version, false, |_| {});
    }
}

#[test]
fn the_second_connection_of_a_context_resumes_the_first_and_says_so() {
    for version in [TLS12, TLS13] {
        let root = Authority::root("Root");
        let identity = server(&root);
        let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, version);
        let mut tls = instance();
        let context = client_context(&mut tls, &root.pem());
        for is_second in [false, true] {
            let (address, peer) = serve_tls(Arc::clone(&config), |stream| {
                let _ = echo_and_close(stream);
                stream.conn.handshake_kind()
            });
            let number = address.port();
            let port = Port::blocking_connect(&mut tls, &context, "localhost", number).unwrap();
            let session = port.session(&mut tls).unwrap();
            assert_eq!(session.is_resumed(&mut tls).unwrap(), None);
            assert_eq!(session.was_retried(&mut tls).unwrap(), None);
            port.blocking_write_all(&mut tls, b"hello").unwrap();
            assert_eq!(port.blocking_read(&mut tls, 9).unwrap().unwrap(), b"hello");
            assert_eq!(session.is_resumed(&mut tls).unwrap(), Some(is_second));
            let retried = (!is_second).then_some(false);
            assert_eq!(session.was_retried(&mut tls).unwrap(), retried);
            assert_eq!(session.verify_result(&mut tls).unwrap(), Ok(()));
            port.close(&mut tls).unwrap();
            let kind = peer.join().unwrap().unwrap();
            assert_eq!(kind == HandshakeKind::Resumed, is_second);
        }
    }
}

/// A connection of rustls' to our server, which `look` is shown on both sides.
fn serve(
    version: &[&'static SupportedProtocolVersion],
    is_logged: bool,
    prepare: impl FnOnce(&mut Instance, &Context, &Authority),
    look: impl FnOnce(&mut Instance, &Session, Option<OurLog>, &mut Client),
) {
    let root = Authority::root("Root");
    let identity = root.issue(&Leaf::server().names(&[NAME]));
    let mut tls = instance();
    let context = server_context(&mut tls, &identity.chain_pem(), &identity.key_pem());
    prepare(&mut tls, &context, &root);
    let log = is_logged.then(|| context.log_keys(&mut tls).unwrap());
    let (listener, number) = listen(&mut tls, &context);
    let mut config = Arc::unwrap_or_clone(client_config(&root.pem(), None, version));
    let lines = Arc::new(Lines::default());
    config.key_log = Arc::<Lines>::clone(&lines);
    let config = Arc::new(config);
    let connect = || {
        let config = Arc::clone(&config);
        thread::spawn(move || {
            let mut stream = connect_tls(config, NAME, number);
            stream.write_all(b"hello").unwrap();
            stream.read_exact(&mut [0; 5]).unwrap();
            stream
        })
    };
    let answer = |tls: &mut Instance, peer: JoinHandle<ClientStream>| {
        let port = listener.blocking_accept(tls).unwrap();
        assert_eq!(port.blocking_read(tls, 9).unwrap().unwrap(), b"hello");
        port.blocking_write_all(tls, b"hello").unwrap();
        (port, peer.join().unwrap())
    };
    let (first, stream) = answer(&mut tls, connect());
    let session = first.session(&mut tls).unwrap();
    assert_eq!(session.is_resumed(&mut tls).unwrap(), Some(false));
    let logged = lines.0.lock().unwrap().clone();
    let certificate = identity.chain_der().swap_remove(0);
    let mut client = Client {
        stream,
        logged,
        certificate,
    };
    look(&mut tls, &session, log, &mut client);
    let (second, stream) = answer(&mut tls, connect());
    let session = second.session(&mut tls).unwrap();
    let is_resumed = stream.conn.handshake_kind() == Some(HandshakeKind::Resumed);
    assert!(is_resumed);
    assert_eq!(session.is_resumed(&mut tls).unwrap(), Some(true));
    assert_eq!(session.was_retried(&mut tls).unwrap(), None);
}

/// What the client has of the connection.
struct Client {
    stream: ClientStream,
    logged: Vec<String>,
    /// The certificate that the server presented.
    certificate: Vec<u8>,
}

#[test]
fn a_server_exports_binds_logs_and_resumes_as_its_client_does() {
    for (version, count) in [(TLS12, 1), (TLS13, 5)] {
        let nothing = |_: &mut Instance, _: &Context, _: &Authority| {};
        serve(version, true, nothing, |tls, session, log, client| {
            let room = vec![0; 32];
            let label = LABEL.as_bytes();
            let theirs = client.stream.conn.export_keying_material(room, label, None);
            let ours = session.export_keying_material(tls, LABEL, None, 32);
            assert_eq!(ours.unwrap(), theirs.unwrap());
            let end_point = session.channel_binding(tls, "tls-server-end-point");
            let expected = Sha256::digest(&client.certificate).to_vec();
            assert_eq!(end_point.unwrap(), expected);
            let retried = session.was_retried(tls).unwrap();
            assert_eq!(retried, Some(false));
            let mut lines = log.unwrap().take_lines(tls).unwrap();
            lines.sort();
            client.logged.sort();
            assert_eq!(lines, client.logged);
            assert_eq!(lines.len(), count);
        });
    }
}

#[test]
fn a_server_with_several_identities_has_its_end_point_and_one_that_asks_again_says_so() {
    let prepare = |tls: &mut Instance, context: &Context, root: &Authority| {
        let other = root.issue(&Leaf::server().names(&["other.test"]));
        let (chain, key) = (bytes(&other.chain_pem()), bytes(&other.key_pem()));
        context.add_identity(tls, &chain, &key, None).unwrap();
        // The client sends a share of another group first.
        context.set_groups(tls, &["secp384r1"]).unwrap();
    };
    serve(TLS13, false, prepare, |tls, session, _, client| {
        let end_point = session.channel_binding(tls, "tls-server-end-point");
        let expected = Sha256::digest(&client.certificate).to_vec();
        assert_eq!(end_point.unwrap(), expected);
        let retried = Some(HandshakeKind::FullWithHelloRetryRequest);
        assert_eq!(client.stream.conn.handshake_kind(), retried);
        assert_eq!(session.was_retried(tls).unwrap(), Some(true));
        assert_eq!(session.group(tls).unwrap().as_deref(), Some("secp384r1"));
        assert!(!session.is_logged(tls).unwrap());
    });
}
