//! The built component: what a context chooses beside suites and groups, and what a session tells of it,
//! against rustls with ring's cryptography.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use portcullis_host::context_types::Verify;
use portcullis_host::types::{
    ConfigurationItem, ConfigurationReason, Error, ProtocolReason, Role, Version,
};
use portcullis_host::{Context, Instance, Port, Session};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    HandshakeKind, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
};
use sha2::{Digest as _, Sha256};
use support::certs::{Authority, Identity, KeyType, Leaf, NAME};
use support::component::{
    ask_for_client_certificates, bytes, client_context, configuration, error, instance,
    server_context,
};
use support::peers::{
    ALL, TLS12, TLS13, client_config, connect_tls, echo, echo_and_close, listen, serve_tcp,
    serve_tls, server_config,
};

/// All schemes, in the order of preference; those of PKCS #1 come last.
const SCHEMES: [&str; 10] = [
    "ecdsa_secp384r1_sha384",
    "ecdsa_secp256r1_sha256",
    "ecdsa_secp521r1_sha512",
    "ed25519",
    "rsa_pss_rsae_sha512",
    "rsa_pss_rsae_sha384",
    "rsa_pss_rsae_sha256",
    "rsa_pkcs1_sha512",
    "rsa_pkcs1_sha384",
    "rsa_pkcs1_sha256",
];

fn server(root: &Authority, key: KeyType) -> Identity {
    root.issue(&Leaf::server().names(&["localhost", NAME]).key(key))
}

/// What a session tells of signatures and certificates.
#[derive(Debug, PartialEq)]
struct Told {
    peers: Option<String>,
    own: Option<String>,
    own_certificates: Vec<Vec<u8>>,
    was_requested: Option<bool>,
}

fn told(tls: &mut Instance, session: &Session) -> Told {
    Told {
        peers: session.signature_scheme(tls).unwrap(),
        own: session.own_signature_scheme(tls).unwrap(),
        own_certificates: session.own_certificates(tls).unwrap(),
        was_requested: session.was_certificate_requested(tls).unwrap(),
    }
}

const NOTHING: Told = Told {
    peers: None,
    own: None,
    own_certificates: Vec::new(),
    was_requested: None,
};

fn echo_hello(tls: &mut Instance, port: &Port) {
    port.blocking_write_all(tls, b"hello").unwrap();
    assert_eq!(port.blocking_read(tls, 9).unwrap().unwrap(), b"hello");
}

/// A client's connection to a peer, whose facts `look` sees.
fn connect(
    tls: &mut Instance,
    context: &Context,
    config: &Arc<ServerConfig>,
) -> Result<Told, Error> {
    let (address, peer) = serve_tls(Arc::clone(config), |stream| {
        let _ = echo_and_close(stream);
    });
    let port = Port::blocking_connect(tls, context, "localhost", address.port()).unwrap();
    let session = port.session(tls).unwrap();
    assert_eq!(told(tls, &session), NOTHING);
    let shaken = port.blocking_handshake(tls);
    if let Err(failure) = shaken {
        drop(peer);
        return Err(failure.error().unwrap().clone());
    }
    echo_hello(tls, &port);
    let live = told(tls, &session);
    port.close(tls).unwrap();
    // The facts outlive the connection.
    assert_eq!(told(tls, &session), live);
    peer.join().unwrap();
    Ok(live)
}

#[test]
fn each_scheme_alone_is_agreed_on_and_told_or_refused_by_name() {
    let root = Authority::root("Root");
    for (key, fitting) in [
        (KeyType::P256, &["ecdsa_secp256r1_sha256"][..]),
        (KeyType::P384, &["ecdsa_secp384r1_sha384"]),
        (KeyType::Ed25519, &["ed25519"]),
        (KeyType::Rsa2048, &SCHEMES[4..]),
    ] {
        let identity = server(&root, key);
        for version in [TLS12, TLS13] {
            let (chain, key) = (identity.chain_pem(), identity.key_pem());
            let config = server_config(&chain, &key, None, version);
            for scheme in SCHEMES {
                if version == TLS13 && scheme.starts_with("rsa_pkcs1") {
                    continue;
                }
                // In TLS 1.2 ring's keys of P-384 sign with this one, too; ours do not offer it here.
                let mut tls = instance();
                let context = client_context(&mut tls, &root.pem());
                context.set_signature_schemes(&mut tls, &[scheme]).unwrap();
                let met = connect(&mut tls, &context, &config);
                if fitting.contains(&scheme) {
                    let met = met.unwrap();
                    assert_eq!(met.peers.as_deref(), Some(scheme));
                    assert_eq!((met.own, met.was_requested), (None, Some(false)));
                } else {
                    // The peer has no scheme in common, and says so, or ends without a word.
                    let is_refusal = matches!(
                        met,
                        Err(Error::AlertReceived(40) | Error::Truncated | Error::Network(_))
                    );
                    assert!(is_refusal, "{scheme}: {met:?}");
                }
            }
        }
    }
}

#[test]
fn lists_of_schemes_without_a_meaning_are_refused_and_the_old_one_stays() {
    let mut tls = instance();
    assert_eq!(
        Context::supported_signature_schemes(&mut tls).unwrap(),
        SCHEMES
    );
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    assert_eq!(context.signature_schemes(&mut tls).unwrap(), SCHEMES);
    context
        .set_signature_schemes(&mut tls, &["ED25519", "RSA_PSS_RSAE_SHA256"])
        .unwrap();
    let kept = ["ed25519", "rsa_pss_rsae_sha256"];
    for (wrong, reason, named) in [
        (&[][..], ConfigurationReason::Empty, ""),
        (
            &["rsa_pkcs1_sha1"],
            ConfigurationReason::UnknownName,
            "rsa_pkcs1_sha1",
        ),
        (
            &["ed25519", "ed448"],
            ConfigurationReason::UnknownName,
            "ed448",
        ),
        (
            &["ed25519", "Ed25519"],
            ConfigurationReason::Duplicate,
            "ed25519",
        ),
    ] {
        let refused = configuration(context.set_signature_schemes(&mut tls, wrong));
        assert_eq!(refused.item, ConfigurationItem::SignatureSchemes);
        assert_eq!(refused.reason, reason, "{wrong:?}");
        assert!(refused.detail.unwrap().contains(named), "{wrong:?}");
        assert_eq!(context.signature_schemes(&mut tls).unwrap(), kept);
    }
    context.seal(&mut tls).unwrap();
    let sealed = context.set_signature_schemes(&mut tls, &kept);
    assert_eq!(error(sealed), Error::Sealed);
}

#[test]
fn schemes_that_cannot_work_with_the_rest_are_a_conflict_at_the_seal() {
    let root = Authority::root("Root");
    let mut tls = instance();
    let refused = |tls: &mut Instance, context: &Context| {
        let refused = configuration(context.seal(tls));
        assert_eq!(refused.item, ConfigurationItem::SignatureSchemes);
        assert_eq!(refused.reason, ConfigurationReason::Conflict);
    };
    for role in [Role::Client, Role::Server] {
        // PKCS #1 is for TLS 1.2, and a version without a scheme is left out if there is another.
        let identity = server(&root, KeyType::Rsa2048);
        let make = |tls: &mut Instance| match role {
            Role::Client => client_context(tls, &root.pem()),
            Role::Server => server_context(tls, &identity.chain_pem(), &identity.key_pem()),
        };
        let context = make(&mut tls);
        context
            .set_signature_schemes(&mut tls, &["rsa_pkcs1_sha256"])
            .unwrap();
        context.set_protocol(&mut tls, "tlsv13").unwrap();
        refused(&mut tls, &context);
        context.set_protocol(&mut tls, "auto").unwrap();
        context.seal(&mut tls).unwrap();
        // The own key signs with none of them.
        let context = make(&mut tls);
        let (chain, key) = (bytes(&identity.chain_pem()), bytes(&identity.key_pem()));
        context.load_identity(&mut tls, &chain, &key, None).unwrap();
        context
            .set_signature_schemes(&mut tls, &["ed25519"])
            .unwrap();
        refused(&mut tls, &context);
        context
            .set_signature_schemes(&mut tls, &["ed25519", "rsa_pss_rsae_sha256"])
            .unwrap();
        context.seal(&mut tls).unwrap();
        // Nor can the suites of the only version.
        let context = make(&mut tls);
        context.set_protocol(&mut tls, "tlsv12").unwrap();
        let suites = ["ECDHE-ECDSA-AES128-GCM-SHA256".to_owned()];
        context.set_cipher_list(&mut tls, &suites).unwrap();
        context
            .set_signature_schemes(&mut tls, &["rsa_pss_rsae_sha256"])
            .unwrap();
        refused(&mut tls, &context);
    }
}

/// A connection of our client with our server, both in the same version; how it ends on both sides.
fn meet(
    root: &Authority,
    version: Version,
    prepare: impl FnOnce(&mut Instance, &Context, &mut Instance, &Context),
) -> (Result<Told, Error>, Result<Told, Error>) {
    let identity = server(root, KeyType::Rsa2048);
    let (mut ours, mut theirs) = (instance(), instance());
    let context = client_context(&mut ours, &root.pem());
    let servers = server_context(&mut theirs, &identity.chain_pem(), &identity.key_pem());
    context.set_versions(&mut ours, version, version).unwrap();
    prepare(&mut ours, &context, &mut theirs, &servers);
    let (listener, number) = listen(&mut theirs, &servers);
    let serving = thread::spawn(move || {
        let port = listener.blocking_accept(&mut theirs).unwrap();
        let shaken = port.blocking_handshake(&mut theirs);
        let session = port.session(&mut theirs).unwrap();
        let told = told(&mut theirs, &session);
        let shaken = shaken.map_err(|failure| failure.error().unwrap().clone());
        // The client hears of it, whatever it is.
        let _ = port.close(&mut theirs);
        shaken.map(|()| told)
    });
    let port = Port::blocking_connect(&mut ours, &context, "localhost", number).unwrap();
    let shaken = port.blocking_handshake(&mut ours);
    let session = port.session(&mut ours).unwrap();
    let told = told(&mut ours, &session);
    let shaken = shaken.map_err(|failure| failure.error().unwrap().clone());
    (shaken.map(|()| told), serving.join().unwrap())
}

#[test]
fn without_a_scheme_in_common_both_sides_are_told_so_in_either_version() {
    let root = Authority::root("Root");
    for version in [Version::Tls12, Version::Tls13] {
        for (servers, is_common) in [
            (&["rsa_pss_rsae_sha512"][..], false),
            (&["rsa_pss_rsae_sha384", "rsa_pss_rsae_sha256"], true),
        ] {
            let (client, server) = meet(&root, version, |ours, context, theirs, other| {
                let schemes = ["ed25519", "rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384"];
                context.set_signature_schemes(ours, &schemes).unwrap();
                other.set_signature_schemes(theirs, servers).unwrap();
            });
            if is_common {
                // This side's order decides what it signs with.
                let scheme = Some("rsa_pss_rsae_sha384".to_owned());
                let (client, server) = (client.unwrap(), server.unwrap());
                assert_eq!((client.peers, server.own), (scheme.clone(), scheme));
                assert_eq!((client.own, server.peers), (None, None));
                continue;
            }
            assert_eq!(client, Err(Error::AlertReceived(40)), "{version:?}");
            match server {
                Err(Error::Protocol(error)) => {
                    assert_eq!(error.reason, ProtocolReason::NoCommonParameters);
                    // In TLS 1.3 it is encrypted.
                    let alert = (version == Version::Tls12).then_some(40);
                    assert_eq!(error.alert_sent, alert);
                }
                other => panic!("{version:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_client_tells_what_it_was_asked_for_and_what_it_presented() {
    let root = Authority::root("Root");
    let identity = server(&root, KeyType::P256);
    let client = root.issue(&Leaf::client().key(KeyType::Rsa2048));
    let roots = root.pem();
    for version in [TLS12, TLS13] {
        for (is_asked, schemes, expected) in [
            (false, &SCHEMES[..], None),
            (true, &SCHEMES, Some("rsa_pss_rsae_sha512")),
            (
                true,
                &["ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha256"],
                Some("rsa_pss_rsae_sha256"),
            ),
        ] {
            let asks = is_asked.then_some(roots.as_str());
            let (chain, key) = (identity.chain_pem(), identity.key_pem());
            let config = server_config(&chain, &key, asks, version);
            let mut tls = instance();
            let context = client_context(&mut tls, &roots);
            let (chain, key) = (bytes(&client.chain_pem()), bytes(&client.key_pem()));
            context.load_identity(&mut tls, &chain, &key, None).unwrap();
            context.set_signature_schemes(&mut tls, schemes).unwrap();
            let first = connect(&mut tls, &context, &config).unwrap();
            let certificates = expected.map(|_| client.chain_der()).unwrap_or_default();
            assert_eq!(
                first,
                Told {
                    peers: Some("ecdsa_secp256r1_sha256".to_owned()),
                    own: expected.map(str::to_owned),
                    own_certificates: certificates,
                    was_requested: Some(is_asked),
                }
            );
            // A resumed session asks for nothing and proves nothing.
            assert_eq!(connect(&mut tls, &context, &config).unwrap(), NOTHING);
        }
    }
}

#[test]
fn a_client_that_has_nothing_that_fits_learns_that_it_was_asked() {
    let root = Authority::root("Root");
    let identity = server(&root, KeyType::P256);
    let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, ALL);
    let mut config = Arc::unwrap_or_clone(config);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root.der().to_vec().into()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build()
        .unwrap();
    config = {
        let chain = identity.chain_der().into_iter().map(Into::into).collect();
        let key = rustls::pki_types::PrivateKeyDer::try_from(identity.key_der().to_vec()).unwrap();
        ServerConfig::builder_with_provider(Arc::clone(config.crypto_provider()))
            .with_protocol_versions(ALL)
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .unwrap()
    };
    let mut tls = instance();
    for protocol in ["tlsv12", "tlsv13"] {
        let context = client_context(&mut tls, &root.pem());
        context.set_protocol(&mut tls, protocol).unwrap();
        let met = connect(&mut tls, &context, &Arc::new(config.clone())).unwrap();
        assert_eq!((met.own, met.own_certificates), (None, Vec::new()));
        assert_eq!(met.was_requested, Some(true), "{protocol}");
    }
}

#[test]
fn handshakes_that_take_turns_keep_their_facts_apart() {
    let root = Authority::root("Root");
    let mut tls = instance();
    let mut peers = Vec::new();
    let mut ports = Vec::new();
    for (key, scheme) in [
        (KeyType::P256, "ecdsa_secp256r1_sha256"),
        (KeyType::Rsa2048, "rsa_pss_rsae_sha512"),
        (KeyType::Ed25519, "ed25519"),
    ] {
        let identity = server(&root, key);
        let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, TLS13);
        let (address, peer) = serve_tls(config, |stream| {
            let _ = echo_and_close(stream);
        });
        let context = client_context(&mut tls, &root.pem());
        let port = Port::blocking_connect(&mut tls, &context, "localhost", address.port()).unwrap();
        peers.push(peer);
        ports.push((port, scheme));
    }
    // One step of each after the other, until all are done.
    loop {
        let mut are_done = true;
        for (port, _) in &ports {
            match port.handshake(&mut tls) {
                Ok(()) => {}
                Err(failure) => {
                    let wants = [Error::WantRead, Error::WantWrite];
                    assert!(wants.contains(failure.error().unwrap()), "{failure:?}");
                    are_done = false;
                }
            }
        }
        if are_done {
            break;
        }
        thread::yield_now();
    }
    for (port, scheme) in ports {
        echo_hello(&mut tls, &port);
        let session = port.session(&mut tls).unwrap();
        let peers = session.signature_scheme(&mut tls).unwrap();
        assert_eq!(peers.as_deref(), Some(scheme));
        port.close(&mut tls).unwrap();
    }
    for peer in peers {
        peer.join().unwrap();
    }
}

#[test]
fn a_server_of_several_identities_tells_and_binds_to_the_one_that_it_presented() {
    let root = Authority::root("Root");
    let (first, second) = (server(&root, KeyType::P256), {
        let leaf = Leaf::server().names(&["other.test"]).key(KeyType::Rsa2048);
        root.issue(&leaf)
    });
    for version in [TLS12, TLS13] {
        let mut tls = instance();
        let context = server_context(&mut tls, &first.chain_pem(), &first.key_pem());
        let (chain, key) = (bytes(&second.chain_pem()), bytes(&second.key_pem()));
        context.add_identity(&mut tls, &chain, &key, None).unwrap();
        let (listener, number) = listen(&mut tls, &context);
        let config = client_config(&root.pem(), None, version);
        for (name, identity, scheme, is_resumed) in [
            (NAME, &first, "ecdsa_secp256r1_sha256", false),
            ("other.test", &second, "rsa_pss_rsae_sha512", false),
            (NAME, &first, "", true),
        ] {
            let config = Arc::clone(&config);
            let client: JoinHandle<_> = thread::spawn(move || {
                let mut stream = connect_tls(config, name, number);
                stream.write_all(b"hello").unwrap();
                stream.read_exact(&mut [0; 5]).unwrap();
                let presented = stream.conn.peer_certificates().unwrap()[0].to_vec();
                (presented, stream.conn.handshake_kind().unwrap())
            });
            let port = listener.blocking_accept(&mut tls).unwrap();
            assert_eq!(port.blocking_read(&mut tls, 9).unwrap().unwrap(), b"hello");
            port.blocking_write_all(&mut tls, b"hello").unwrap();
            let session = port.session(&mut tls).unwrap();
            let (presented, kind) = client.join().unwrap();
            assert_eq!(kind == HandshakeKind::Resumed, is_resumed, "{version:?}");
            let binding = session.channel_binding(&mut tls, "tls-server-end-point");
            if is_resumed {
                let refused = error(binding);
                assert!(matches!(refused, Error::NotSupported(_)), "{refused:?}");
                assert_eq!(told(&mut tls, &session), NOTHING);
                continue;
            }
            assert_eq!(binding.unwrap(), Sha256::digest(&presented).to_vec());
            let met = told(&mut tls, &session);
            assert_eq!(met.own_certificates, identity.chain_der());
            assert_eq!(met.own_certificates[0], presented);
            assert_eq!(met.own.as_deref(), Some(scheme));
            assert_eq!((met.peers, met.was_requested), (None, Some(false)));
        }
    }
}

#[test]
fn a_server_tells_what_its_client_signed_with_and_takes_no_other_scheme() {
    let root = Authority::root("Root");
    let client = root.issue(&Leaf::client().key(KeyType::Rsa2048));
    let roots = root.pem();
    for version in [Version::Tls12, Version::Tls13] {
        let (_, server) = meet(&root, version, |ours, context, theirs, other| {
            let (chain, key) = (bytes(&client.chain_pem()), bytes(&client.key_pem()));
            context.load_identity(ours, &chain, &key, None).unwrap();
            ask_for_client_certificates(theirs, other, &roots, Verify::Required);
            let schemes = ["rsa_pss_rsae_sha384", "rsa_pss_rsae_sha256"];
            other.set_signature_schemes(theirs, &schemes).unwrap();
        });
        let server = server.unwrap();
        assert_eq!(server.was_requested, Some(true));
        let offered = ["rsa_pss_rsae_sha384", "rsa_pss_rsae_sha256"];
        assert!(offered.contains(&server.peers.as_deref().unwrap()));
    }
}

#[test]
fn a_server_follows_its_clients_order_of_suites_or_its_own() {
    let root = Authority::root("Root");
    let identity = server(&root, KeyType::P256);
    for (version, first, own) in [
        (
            TLS12,
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        ),
        (
            TLS13,
            "TLS_AES_256_GCM_SHA384",
            "TLS_CHACHA20_POLY1305_SHA256",
        ),
    ] {
        for (preference, expected) in [
            (None, own),
            (Some(Role::Client), first),
            (Some(Role::Server), own),
        ] {
            let mut tls = instance();
            let context = server_context(&mut tls, &identity.chain_pem(), &identity.key_pem());
            // Which order it has by itself depends on the processor, where the host computes.
            let list = [
                "CHACHA20",
                "AES",
                "TLS_CHACHA20_POLY1305_SHA256",
                "TLS_AES_256_GCM_SHA384",
            ];
            let list = list.map(str::to_owned);
            context.set_cipher_list(&mut tls, &list).unwrap();
            if let Some(preference) = preference {
                context.set_suite_preference(&mut tls, preference).unwrap();
            }
            let (listener, number) = listen(&mut tls, &context);
            let config = client_config(&root.pem(), None, version);
            let client = thread::spawn(move || {
                let mut stream = connect_tls(config, NAME, number);
                stream.conn.complete_io(&mut stream.sock).unwrap();
            });
            let port = listener.blocking_accept(&mut tls).unwrap();
            port.blocking_handshake(&mut tls).unwrap();
            client.join().unwrap();
            let session = port.session(&mut tls).unwrap();
            let suite = session.cipher_suite(&mut tls).unwrap();
            assert_eq!(suite.as_deref(), Some(expected), "{preference:?}");
        }
    }
    let mut tls = instance();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    let refused = error(context.set_suite_preference(&mut tls, Role::Server));
    assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
}

/// A socket that keeps what passes.
struct Tap {
    socket: TcpStream,
    read: Vec<u8>,
    written: Vec<u8>,
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.socket.read(buffer)?;
        self.read.extend_from_slice(&buffer[..length]);
        Ok(length)
    }
}

impl Write for Tap {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.socket.write(bytes)?;
        self.written.extend_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// The lengths of the records of one content type: 22 is the handshake, 23 is what is protected in TLS
/// 1.3, and data in TLS 1.2.
fn records(stream: &[u8], content: u8) -> Vec<usize> {
    let (mut rest, mut lengths) = (stream, Vec::new());
    while let [this, 3, _, high, low, ..] = *rest {
        let length = usize::from(u16::from_be_bytes([high, low]));
        if this == content {
            lengths.push(length);
        }
        rest = &rest[5 + length..];
    }
    lengths
}

/// Our client at an echo, which keeps the records of both ways.
fn tapped(
    version: &[&'static SupportedProtocolVersion],
    prepare: impl FnOnce(&mut Instance, &Context),
    talk: impl FnOnce(&mut Instance, &Port),
) -> (Vec<u8>, Vec<u8>) {
    let root = Authority::root("Root");
    let identity = server(&root, KeyType::P256);
    let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, version);
    let (address, peer) = serve_tcp(move |socket| {
        let tap = Tap {
            socket,
            read: Vec::new(),
            written: Vec::new(),
        };
        let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), tap);
        echo(&mut stream).unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        (stream.sock.read, stream.sock.written)
    });
    let mut tls = instance();
    let context = client_context(&mut tls, &root.pem());
    prepare(&mut tls, &context);
    let port = Port::blocking_connect(&mut tls, &context, "localhost", address.port()).unwrap();
    talk(&mut tls, &port);
    port.close_output(&mut tls).unwrap();
    assert_eq!(port.blocking_read(&mut tls, 9).unwrap(), None);
    port.close(&mut tls).unwrap();
    peer.join().unwrap()
}

/// Writes all and reads it back, by turns, so that neither side waits for the other's buffers.
fn exchange(tls: &mut Instance, port: &Port, data: &[u8]) {
    port.blocking_write_all(tls, data).unwrap();
    let mut back = Vec::new();
    while back.len() < data.len() {
        back.extend(port.blocking_read(tls, 1 << 20).unwrap().unwrap());
    }
    assert_eq!(back, data);
}

#[test]
fn no_record_is_longer_than_was_chosen() {
    let data: Vec<_> = (0..=255).cycle().take(40_000).collect();
    for (version, overhead) in [(TLS12, 16), (TLS13, 17)] {
        for (size, longest) in [(Some(64), 64), (Some(1000), 1000), (None, 16_384)] {
            let (sent, _) = tapped(
                version,
                |tls, context| {
                    context.set_record_size(tls, size).unwrap();
                    // With a suite whose nonce is not sent.
                    let suites = [
                        "CHACHA20".to_owned(),
                        "TLS_CHACHA20_POLY1305_SHA256".to_owned(),
                    ];
                    context.set_cipher_list(tls, &suites).unwrap();
                },
                |tls, port| exchange(tls, port, &data),
            );
            let protected = records(&sent, 23);
            assert_eq!(
                protected.iter().max(),
                Some(&(longest + overhead)),
                "{size:?}"
            );
            let full = protected
                .iter()
                .filter(|length| **length == longest + overhead);
            assert!(full.count() >= data.len() / longest, "{size:?}");
            // The handshake keeps to it too.
            assert!(
                records(&sent, 22)
                    .iter()
                    .all(|length| *length <= longest.max(64))
            );
        }
    }
    let mut tls = instance();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    for size in [0, 63, 16_385, u32::MAX] {
        let refused = configuration(context.set_record_size(&mut tls, Some(size)));
        assert_eq!(refused.item, ConfigurationItem::RecordSize);
        assert_eq!(refused.reason, ConfigurationReason::Malformed);
    }
    for size in [Some(64), Some(16_384), None] {
        context.set_record_size(&mut tls, size).unwrap();
    }
}

#[test]
fn new_keys_are_taken_on_both_sides_and_the_data_goes_on() {
    // Header aside: the message of five bytes, its content type and the tag.
    const KEY_UPDATE: usize = 5 + 1 + 16;
    for (updates, expected) in [(0, 0), (1, 1), (3, 3)] {
        let (sent, received) = tapped(
            TLS13,
            |_, _| {},
            |tls, port| {
                port.blocking_handshake(tls).unwrap();
                for _ in 0..updates {
                    port.update_keys(tls).unwrap();
                    exchange(tls, port, b"some data");
                }
                exchange(tls, port, b"some data");
            },
        );
        for stream in [sent, received] {
            let records = records(&stream, 23);
            let updates = records.iter().filter(|length| **length == KEY_UPDATE);
            assert_eq!(updates.count(), expected);
        }
    }
}

#[test]
fn tls_12_has_no_new_keys_and_a_closed_output_takes_none() {
    let _ = tapped(
        TLS12,
        |_, _| {},
        |tls, port| {
            let refused = error(port.update_keys(tls));
            // It runs the handshake first.
            assert_eq!(refused, Error::WantRead);
            port.blocking_handshake(tls).unwrap();
            let refused = error(port.update_keys(tls));
            assert!(matches!(refused, Error::NotSupported(_)), "{refused:?}");
            exchange(tls, port, b"some data");
        },
    );
    let _ = tapped(
        TLS13,
        |_, _| {},
        |tls, port| {
            port.blocking_handshake(tls).unwrap();
            port.update_keys(tls).unwrap();
            exchange(tls, port, b"some data");
            port.close_output(tls).unwrap();
            assert_eq!(error(port.update_keys(tls)), Error::Closed);
        },
    );
}
