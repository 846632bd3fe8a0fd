//! The built component: whom it trusts, whom it suggests, which name it sends, and what it
//! presents.
//!
//! Over 400 lines: the cases are many, and share one way to meet a server.
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use portcullis_host::context_types::{DirectoryReport, ServerName, Source, Verify, VerifyName};
use portcullis_host::types::{
    CertificateReason, ConfigurationItem, ConfigurationReason, Error, Role, Version,
};
use portcullis_host::{Context, Instance, Listener, Port};
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::server::Acceptor;
use rustls::sign::CertifiedKey;
use support::certs::{Authority, Identity, KeyType, Leaf, NAME};
use support::component::{
    bytes, client_context, configuration, error, guest, instance, options, server_context,
};
use support::folder::Folder;
use support::peers::{
    ALL, LOCALHOST, TLS12, TLS13, client_config, client_config_with_suites, connect_tls, echo,
    echo_and_close, greet, listen, requested_client_config, serve_tcp, serve_tls, server_config,
};

/// An instance that sees the folder as `/certs`.
fn with_directory(folder: &Path) -> Instance {
    let options = options().directory(folder, "/certs");
    guest().instantiate(options).unwrap()
}

fn server_of(authority: &Authority) -> Identity {
    authority.issue(&Leaf::server().names(&["localhost"]))
}

/// Whether a handshake with a server of this identity succeeds, else why the certificate was
/// refused.
fn visit(
    tls: &mut Instance,
    context: &Context,
    host: &str,
    identity: &Identity,
) -> Result<(), CertificateReason> {
    let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, ALL);
    let (address, peer) = serve_tls(config, |stream| {
        let _ = stream.conn.complete_io(&mut stream.sock);
    });
    let port = Port::blocking_connect(tls, context, host, address.port()).unwrap();
    let result = port.blocking_handshake(tls);
    port.drop(tls).unwrap();
    peer.join().unwrap();
    match result {
        Ok(()) => Ok(()),
        Err(failure) => match failure.error() {
            Some(Error::Certificate(error)) => Err(error.reason),
            _ => panic!("{failure:?}"),
        },
    }
}

#[test]
fn p3_the_default_authority_directory_is_trusted_where_no_roots_are_given() {
    let (authority, other) = (Authority::root("Root"), Authority::root("Other"));
    let folder = Folder::new();
    folder.put("authority.pem", authority.pem());
    let mut tls = with_directory(folder.path());
    let identity = server_of(&authority);
    let unknown = Err(CertificateReason::UnknownAuthority);

    assert_eq!(tls.default_authority_directory().unwrap(), None);
    let web = Context::secure(&mut tls, Role::Client).unwrap();
    assert_eq!(visit(&mut tls, &web, "localhost", &identity), unknown);

    tls.set_default_authority_directory(Some("/certs")).unwrap();
    let set = tls.default_authority_directory().unwrap();
    assert_eq!(set.as_deref(), Some("/certs"));
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    assert_eq!(visit(&mut tls, &context, "localhost", &identity), Ok(()));
    let stranger = server_of(&other);
    assert_eq!(visit(&mut tls, &context, "localhost", &stranger), unknown);
    let own = client_context(&mut tls, &other.pem());
    assert_eq!(visit(&mut tls, &own, "localhost", &identity), unknown);

    // A directory that is not there trusts nobody, and says so before anything is sent.
    tls.set_default_authority_directory(Some("/certs/none"))
        .unwrap();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    let refused = configuration(context.seal(&mut tls));
    assert_eq!(refused.reason, ConfigurationReason::Missing);
    assert!(refused.detail.unwrap().contains("/certs/none is not there"));
    tls.set_default_authority_directory(None).unwrap();
    context.seal(&mut tls).unwrap();
}

#[test]
fn c6_a_missing_authority_file_is_refused_and_a_missing_directory_is_reported() {
    let authority = Authority::root("Root");
    let folder = Folder::new();
    folder.put("authority.pem", authority.pem());
    let mut tls = with_directory(folder.path());
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    for (path, reason) in [
        ("/certs/none.pem", ConfigurationReason::NotFound),
        ("/elsewhere/authority.pem", ConfigurationReason::NotFound),
        ("/certs", ConfigurationReason::Unreadable),
    ] {
        let refused =
            configuration(context.add_trust_roots(&mut tls, &Source::Path(path.to_owned())));
        assert_eq!(refused.item, ConfigurationItem::TrustRoots);
        assert_eq!(refused.reason, reason, "{path}");
    }
    let report = context
        .add_trust_directory(&mut tls, "/certs/none")
        .unwrap();
    assert_eq!((report.added, report.files), (0, 0));
    assert_eq!(
        problems(&report),
        [("/certs/none", ConfigurationReason::NotFound)]
    );
    // The web roots have not stepped in.
    let refused = configuration(context.seal(&mut tls));
    assert_eq!(refused.item, ConfigurationItem::TrustRoots);
    assert_eq!(refused.reason, ConfigurationReason::Missing);

    let file = Source::Path("/certs/authority.pem".to_owned());
    assert_eq!(context.add_trust_roots(&mut tls, &file).unwrap(), 1);
    let identity = server_of(&authority);
    assert_eq!(visit(&mut tls, &context, "localhost", &identity), Ok(()));
}

fn problems(report: &DirectoryReport) -> Vec<(&str, ConfigurationReason)> {
    let problems = report.problems.iter();
    problems
        .map(|problem| (problem.path.as_str(), problem.reason))
        .collect()
}

#[test]
fn k9_a_directory_gives_every_certificate_of_every_file_once_and_reports_the_rest() {
    let authorities: Vec<_> = ["A", "B", "C", "D"].map(Authority::root).into();
    let (folder, outside) = (Folder::new(), Folder::new());
    let [a, b, c, d] = authorities.as_slice() else {
        panic!()
    };
    folder.put("5ed36f99.0", a.pem());
    folder.put("bundle.crt", [&a.pem()[..], &b.pem()].concat());
    folder.put("c.der", c.der());
    folder.put("key.pem", server_of(a).key_pem());
    folder.put("readme.txt", "no certificate here");
    folder.put("void", "");
    fs::create_dir(folder.path().join("java")).unwrap();
    outside.put("d.pem", d.pem());
    std::os::unix::fs::symlink(outside.path().join("d.pem"), folder.path().join("d.pem")).unwrap();
    std::os::unix::fs::symlink("bundle.crt", folder.path().join("link.pem")).unwrap();

    let mut tls = with_directory(folder.path());
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    let report = context.add_trust_directory(&mut tls, "/certs").unwrap();
    assert_eq!((report.added, report.files), (3, 4), "{report:?}");
    let paths: Vec<_> = problems(&report);
    assert_eq!(
        paths,
        [
            ("/certs/d.pem", paths[0].1),
            ("/certs/key.pem", ConfigurationReason::NoCertificate),
            ("/certs/readme.txt", ConfigurationReason::Malformed),
            ("/certs/void", ConfigurationReason::Empty),
        ]
    );
    // Hosts differ in how they refuse a link that leads out of the directory.
    assert!(
        matches!(
            paths[0].1,
            ConfigurationReason::NotFound
                | ConfigurationReason::AccessDenied
                | ConfigurationReason::Unreadable
        ),
        "{report:?}"
    );

    // Loads add up; what is there already counts once.
    assert_eq!(
        context.add_trust_roots(&mut tls, &bytes(&a.pem())).unwrap(),
        0
    );
    assert_eq!(
        context.add_trust_roots(&mut tls, &bytes(&d.pem())).unwrap(),
        1
    );
    for authority in &authorities {
        let identity = server_of(authority);
        assert_eq!(visit(&mut tls, &context, "localhost", &identity), Ok(()));
    }
    let stranger = server_of(&Authority::root("Stranger"));
    assert_eq!(
        visit(&mut tls, &context, "localhost", &stranger),
        Err(CertificateReason::UnknownAuthority)
    );
}

/// Serve one connection as the component; returns the result of its handshake.
fn accept_one(tls: &mut Instance, listener: &Listener) -> Result<(), Error> {
    let port = listener.blocking_accept(tls).unwrap();
    let result = port.blocking_handshake(tls);
    let _ = port.close(tls);
    result.map_err(|failure| failure.error().unwrap().clone())
}

/// A client without a certificate that notes the authorities that are suggested to it.
#[derive(Debug, Default)]
struct Hints(Mutex<Vec<Vec<u8>>>);

impl ResolvesClientCert for Hints {
    fn resolve(&self, hints: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        *self.0.lock().unwrap() = hints.iter().map(|hint| hint.to_vec()).collect();
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// The subjects that a server of the component suggests.
fn suggested(tls: &mut Instance, context: &Context, roots: &Authority) -> Vec<Vec<u8>> {
    let (listener, number) = listen(tls, context);
    let hints = Arc::new(Hints::default());
    let config = requested_client_config(&roots.pem(), Arc::<Hints>::clone(&hints));
    let client = thread::spawn(move || greet(config, number));
    accept_one(tls, &listener).unwrap();
    client.join().unwrap();
    hints.0.lock().unwrap().clone()
}

#[test]
fn k10_l3_suggested_authorities_are_sent_and_imply_no_trust() {
    let (root, trusted, suggestion) = (
        Authority::root("Root"),
        Authority::root("Trusted"),
        Authority::root("Suggestion"),
    );
    let identity = root.issue(&Leaf::server());
    let mut tls = instance();
    let make = |tls: &mut Instance, verify, suggest: Option<&Authority>| {
        let context = server_context(tls, &identity.chain_pem(), &identity.key_pem());
        context
            .add_trust_roots(tls, &bytes(&trusted.pem()))
            .unwrap();
        context.set_verify(tls, verify).unwrap();
        if let Some(authority) = suggest {
            let twice = [authority.pem(), authority.pem()].concat();
            let count = context.load_suggested_authorities(tls, &bytes(&twice));
            assert_eq!(count.unwrap(), 1);
        }
        context
    };
    // Without a list of its own the server suggests those it trusts (seed L3).
    let context = make(&mut tls, Verify::Optional, None);
    assert_eq!(suggested(&mut tls, &context, &root), [trusted.subject()]);
    let context = make(&mut tls, Verify::Optional, Some(&suggestion));
    assert_eq!(suggested(&mut tls, &context, &root), [suggestion.subject()]);

    for (issuer, outcome) in [
        (&trusted, Ok(())),
        (&suggestion, Err(CertificateReason::UnknownAuthority)),
    ] {
        let context = make(&mut tls, Verify::Required, Some(&suggestion));
        let (listener, number) = listen(&mut tls, &context);
        let own = issuer.issue(&Leaf::client());
        let own = (own.chain_pem(), own.key_pem());
        let config = client_config(&root.pem(), Some((&own.0, &own.1)), TLS13);
        let client = thread::spawn(move || greet(config, number));
        let result = accept_one(&mut tls, &listener).map_err(|error| match error {
            Error::Certificate(error) => error.reason,
            other => panic!("{other:?}"),
        });
        assert_eq!(result, outcome);
        client.join().unwrap();
    }
}

#[test]
fn k10_suggestions_that_are_none_are_refused_and_the_old_ones_stay() {
    let (root, suggestion) = (Authority::root("Root"), Authority::root("Suggestion"));
    let identity = root.issue(&Leaf::server());
    let mut tls = instance();
    let context = server_context(&mut tls, &identity.chain_pem(), &identity.key_pem());
    context
        .add_trust_roots(&mut tls, &bytes(&root.pem()))
        .unwrap();
    context.set_verify(&mut tls, Verify::Optional).unwrap();
    let source = bytes(&suggestion.pem());
    context
        .load_suggested_authorities(&mut tls, &source)
        .unwrap();
    for (input, reason) in [
        (String::new(), ConfigurationReason::Empty),
        ("hello".to_owned(), ConfigurationReason::Malformed),
        (identity.key_pem(), ConfigurationReason::NoCertificate),
    ] {
        let refused = configuration(context.load_suggested_authorities(&mut tls, &bytes(&input)));
        assert_eq!(refused.item, ConfigurationItem::SuggestedAuthorities);
        assert_eq!(refused.reason, reason);
    }
    assert_eq!(suggested(&mut tls, &context, &root), [suggestion.subject()]);
    let client = Context::secure(&mut tls, Role::Client).unwrap();
    let refused = error(client.load_suggested_authorities(&mut tls, &source));
    assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
}

#[test]
fn k10_a_client_with_a_choice_presents_what_the_server_suggests() {
    let root = Authority::root("Root");
    let issuers = ["One", "Two"].map(Authority::root);
    let server = server_of(&root);
    for versions in [TLS12, TLS13] {
        for wanted in &issuers {
            let (chain, key) = (server.chain_pem(), server.key_pem());
            let config = server_config(&chain, &key, Some(&wanted.pem()), versions);
            let (address, peer) = serve_tls(config, |stream| {
                echo(stream).unwrap();
                stream.conn.peer_certificates().unwrap()[0].to_vec()
            });
            let mut tls = instance();
            let context = client_context(&mut tls, &root.pem());
            let own = issuers
                .each_ref()
                .map(|issuer| issuer.issue(&Leaf::client()));
            let sources = own
                .each_ref()
                .map(|own| (bytes(&own.chain_pem()), bytes(&own.key_pem())));
            context
                .load_identity(&mut tls, &sources[0].0, &sources[0].1, None)
                .unwrap();
            context
                .add_identity(&mut tls, &sources[1].0, &sources[1].1, None)
                .unwrap();
            let crossed =
                configuration(context.add_identity(&mut tls, &sources[0].0, &sources[1].1, None));
            assert_eq!(crossed.reason, ConfigurationReason::KeyMismatch);
            let port =
                Port::blocking_connect(&mut tls, &context, "localhost", address.port()).unwrap();
            port.blocking_write_all(&mut tls, b"x").unwrap();
            port.blocking_read(&mut tls, 1).unwrap().unwrap();
            port.close(&mut tls).unwrap();
            let presented = peer.join().unwrap();
            let expected = own
                .iter()
                .zip(&issuers)
                .find(|(_, issuer)| issuer.subject() == wanted.subject());
            assert_eq!(presented, expected.unwrap().0.certificate_der());
        }
    }
}

#[test]
fn a_server_with_a_choice_presents_the_name_that_is_asked_for_and_a_key_that_the_client_knows() {
    let root = Authority::root("Root");
    let ecdsa = root.issue(&Leaf::server().names(&["one.test"]));
    let rsa = root.issue(&Leaf::server().names(&["one.test"]).key(KeyType::Rsa2048));
    let other = root.issue(&Leaf::server().names(&["two.test"]));
    let mut tls = instance();
    let context = server_context(&mut tls, &ecdsa.chain_pem(), &ecdsa.key_pem());
    for identity in [&rsa, &other] {
        let (chain, key) = (bytes(&identity.chain_pem()), bytes(&identity.key_pem()));
        context.add_identity(&mut tls, &chain, &key, None).unwrap();
    }
    let (listener, number) = listen(&mut tls, &context);
    let mut presented = |name: &'static str, rsa_only: bool| {
        let config = if rsa_only {
            client_config_with_suites(&root.pem(), "TLS_ECDHE_RSA")
        } else {
            client_config(&root.pem(), None, ALL)
        };
        let client = thread::spawn(move || {
            let mut stream = connect_tls(config, name, number);
            stream.conn.complete_io(&mut stream.sock).unwrap();
            let _ = stream.read(&mut [0; 1]);
            stream.conn.peer_certificates().unwrap()[0].to_vec()
        });
        accept_one(&mut tls, &listener).unwrap();
        client.join().unwrap()
    };
    assert_eq!(presented("one.test", false), ecdsa.certificate_der());
    assert_eq!(presented("two.test", false), other.certificate_der());
    assert_eq!(presented("one.test", true), rsa.certificate_der());
}

#[test]
fn l11_a_copy_of_a_sealed_context_is_open_and_serves_later_accepts() {
    let root = Authority::root("Root");
    let (old, new) = (root.issue(&Leaf::server()), root.issue(&Leaf::server()));
    let mut tls = instance();
    let context = server_context(&mut tls, &old.chain_pem(), &old.key_pem());
    context
        .set_versions(&mut tls, Version::Tls12, Version::Tls12)
        .unwrap();
    let (listener, number) = listen(&mut tls, &context);
    let (chain, key) = (bytes(&new.chain_pem()), bytes(&new.key_pem()));
    let sealed = error(context.load_identity(&mut tls, &chain, &key, None));
    assert_eq!(sealed, Error::Sealed);

    let copy = context.copy(&mut tls).unwrap();
    assert!(!copy.is_sealed(&mut tls).unwrap());
    // A change that fails changes nothing for anybody.
    let crossed = context.copy(&mut tls).unwrap();
    configuration(crossed.load_private_key(
        &mut tls,
        &key,
        portcullis_host::context_types::KeyKind::Any,
        None,
    ));
    copy.load_identity(&mut tls, &chain, &key, None).unwrap();
    listener.set_context(&mut tls, &copy).unwrap();
    let config = client_config(&root.pem(), None, ALL);
    let client = thread::spawn(move || {
        let mut stream = connect_tls(config, NAME, number);
        stream.conn.complete_io(&mut stream.sock).unwrap();
        let _ = stream.read(&mut [0; 1]);
        (
            stream.conn.peer_certificates().unwrap()[0].to_vec(),
            stream.conn.protocol_version(),
        )
    });
    accept_one(&mut tls, &listener).unwrap();
    let (certificate, version) = client.join().unwrap();
    assert_eq!(certificate, new.certificate_der());
    assert_eq!(version, Some(rustls::ProtocolVersion::TLSv1_2));
}

/// The name in the ClientHello of a client with this context.
fn sent_name(tls: &mut Instance, context: &Context, host: &str) -> Option<String> {
    let (address, peer) = serve_tcp(|mut socket| {
        let mut acceptor = Acceptor::default();
        loop {
            acceptor.read_tls(&mut socket).unwrap();
            if let Some(accepted) = acceptor.accept().map_err(|(error, _)| error).unwrap() {
                return accepted.client_hello().server_name().map(str::to_owned);
            }
        }
    });
    let port = Port::blocking_connect(tls, context, host, address.port()).unwrap();
    assert!(port.blocking_handshake(tls).is_err());
    port.drop(tls).unwrap();
    peer.join().unwrap()
}

#[test]
fn c2_the_name_sent_is_the_host_the_one_given_or_none() {
    let mut tls = instance();
    let context = |tls: &mut Instance, name: Option<ServerName>| {
        let context = Context::secure(tls, Role::Client).unwrap();
        if let Some(name) = name {
            context.set_server_name(tls, &name).unwrap();
        }
        context
    };
    let given = || Some(ServerName::Name("given.example".to_owned()));
    for (setting, host, expected) in [
        (None, "localhost", Some("localhost")),
        (None, "localhost.", Some("localhost")),
        (None, "127.0.0.1", None),
        (given(), "localhost", Some("given.example")),
        (given(), "127.0.0.1", Some("given.example")),
        (Some(ServerName::Off), "localhost", None),
        (Some(ServerName::Automatic), "localhost", Some("localhost")),
    ] {
        let context = context(&mut tls, setting);
        let sent = sent_name(&mut tls, &context, host);
        assert_eq!(sent.as_deref(), expected, "{host}");
    }
    let strange = context(&mut tls, None);
    for name in ["127.0.0.1", "bücher.example", ""] {
        let name = ServerName::Name(name.to_owned());
        let refused = configuration(strange.set_server_name(&mut tls, &name));
        assert_eq!(refused.item, ConfigurationItem::ServerName);
        assert_eq!(refused.reason, ConfigurationReason::Malformed);
    }
}

#[test]
fn c2_addresses_are_verified_against_the_addresses_of_the_certificate() {
    let root = Authority::root("Root");
    let mut tls = instance();
    let context = client_context(&mut tls, &root.pem());
    let address = root.issue(&Leaf::server().names(&["127.0.0.1"]));
    let name = root.issue(&Leaf::server().names(&["localhost"]));
    assert_eq!(visit(&mut tls, &context, "127.0.0.1", &address), Ok(()));
    assert_eq!(visit(&mut tls, &context, "localhost", &name), Ok(()));
    let wrong = Err(CertificateReason::WrongName);
    assert_eq!(visit(&mut tls, &context, "127.0.0.1", &name), wrong);
    assert_eq!(visit(&mut tls, &context, "localhost", &address), wrong);
}

#[test]
fn c1_the_unverified_context_connects_to_anybody_and_sends_no_name() {
    let own = Leaf::server().names(&["elsewhere.test"]).self_signed();
    let mut tls = instance();
    let context = Context::unverified(&mut tls, Role::Client).unwrap();
    assert_eq!(sent_name(&mut tls, &context, "localhost"), None);
    assert_eq!(visit(&mut tls, &context, "localhost", &own), Ok(()));
    let secure = client_context(&mut tls, &Authority::root("Root").pem());
    assert_eq!(
        visit(&mut tls, &secure, "localhost", &own),
        Err(CertificateReason::UnknownAuthority)
    );
}

#[test]
fn c3_the_secure_context_verifies_chain_and_name_and_sends_the_name() {
    let root = Authority::root("Root");
    let mut tls = instance();
    let context = client_context(&mut tls, &root.pem());
    assert_eq!(
        sent_name(&mut tls, &context, "localhost").as_deref(),
        Some("localhost")
    );
    let good = server_of(&root);
    assert_eq!(visit(&mut tls, &context, "localhost", &good), Ok(()));
    let elsewhere = root.issue(&Leaf::server().names(&["elsewhere.test"]));
    assert_eq!(
        visit(&mut tls, &context, "localhost", &elsewhere),
        Err(CertificateReason::WrongName)
    );
    let stranger = server_of(&Authority::root("Stranger"));
    assert_eq!(
        visit(&mut tls, &context, "localhost", &stranger),
        Err(CertificateReason::UnknownAuthority)
    );
}

#[test]
fn c5_the_unverified_context_can_be_told_to_verify() {
    let root = Authority::root("Root");
    let mut tls = instance();
    let context = Context::unverified(&mut tls, Role::Client).unwrap();
    context.set_verify(&mut tls, Verify::Required).unwrap();
    let refused = configuration(context.seal(&mut tls));
    assert_eq!(refused.item, ConfigurationItem::TrustRoots);
    context
        .add_trust_roots(&mut tls, &bytes(&root.pem()))
        .unwrap();
    let good = server_of(&root);
    assert_eq!(visit(&mut tls, &context, "localhost", &good), Ok(()));
    let elsewhere = root.issue(&Leaf::server().names(&["elsewhere.test"]));
    assert_eq!(
        visit(&mut tls, &context, "localhost", &elsewhere),
        Err(CertificateReason::WrongName)
    );
}

#[test]
fn c8_l6_o1_the_types_tell_contexts_listeners_and_ports_apart() {
    let mut tls = instance();
    for role in [Role::Client, Role::Server] {
        for make in [Context::secure, Context::unverified] {
            let context = make(&mut tls, role).unwrap();
            assert_eq!(context.role(&mut tls).unwrap(), role);
        }
    }
    // A handle of one type does not pass for another: the interface has five, and what is left to
    // tell at run time is the role.
    for (file, resource) in [
        (include_str!("../wit/context.wit"), "resource context {"),
        (include_str!("../wit/listener.wit"), "resource listener {"),
        (include_str!("../wit/port.wit"), "resource port {"),
        (include_str!("../wit/session.wit"), "resource session {"),
    ] {
        assert!(file.contains(resource));
    }
    let client = Context::unverified(&mut tls, Role::Client).unwrap();
    let refused = error(Listener::listen(&mut tls, &client, LOCALHOST, 0, None));
    assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
    let identity = Leaf::server().self_signed();
    let server = server_context(&mut tls, &identity.chain_pem(), &identity.key_pem());
    let refused = error(Port::connect(&mut tls, &server, "localhost", 443));
    assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
}

#[test]
fn k8_verification_is_a_matter_of_each_context_and_of_later_connections() {
    let root = Authority::root("Root");
    let stranger = server_of(&Authority::root("Stranger"));
    let mut tls = instance();
    let strict = client_context(&mut tls, &root.pem());
    let lax = client_context(&mut tls, &root.pem());
    lax.set_verify(&mut tls, Verify::Unverified).unwrap();
    assert_eq!(visit(&mut tls, &lax, "localhost", &stranger), Ok(()));
    assert_eq!(
        visit(&mut tls, &strict, "localhost", &stranger),
        Err(CertificateReason::UnknownAuthority)
    );
    assert_eq!(
        error(lax.set_verify(&mut tls, Verify::Required)),
        Error::Sealed
    );

    // Optional: the connection is made, and the session tells.
    let unknown = Err(CertificateReason::UnknownAuthority);
    for (identity, expected) in [(&server_of(&root), Ok(())), (&stranger, unknown)] {
        let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, ALL);
        let (address, peer) = serve_tls(config, echo_and_close);
        let context = client_context(&mut tls, &root.pem());
        context.set_verify(&mut tls, Verify::Optional).unwrap();
        let port = Port::blocking_connect(&mut tls, &context, "localhost", address.port()).unwrap();
        port.blocking_handshake(&mut tls).unwrap();
        let session = port.session(&mut tls).unwrap();
        let checked = session.verify_result(&mut tls).unwrap();
        assert_eq!(checked.map_err(|refused| refused.reason), expected);
        port.close(&mut tls).unwrap();
        let _ = peer.join().unwrap();
    }
    let name = VerifyName::Name("not a name".to_owned());
    let refused =
        configuration(client_context(&mut tls, &root.pem()).set_verify_name(&mut tls, &name));
    assert_eq!(refused.reason, ConfigurationReason::Malformed);
}

#[test]
fn an_unknown_authority_is_told_with_the_places_that_were_searched() {
    let (authority, other) = (Authority::root("Root"), Authority::root("Other"));
    let folder = Folder::new();
    folder.put("other.pem", other.pem());
    fs::create_dir(folder.path().join("empty")).unwrap();
    let mut tls = with_directory(folder.path());
    let identity = server_of(&authority);
    let path = Source::Path("/certs/other.pem".to_owned());
    let searched = |tls: &mut Instance, context: &Context| {
        let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, ALL);
        let (address, peer) = serve_tls(config, |stream| {
            let _ = stream.conn.complete_io(&mut stream.sock);
        });
        let port = Port::blocking_connect(tls, context, "localhost", address.port()).unwrap();
        let failure = port.blocking_handshake(tls).unwrap_err();
        port.drop(tls).unwrap();
        peer.join().unwrap();
        match failure.error() {
            Some(Error::Certificate(error)) => {
                assert_eq!(error.reason, CertificateReason::UnknownAuthority);
                // The alert is the one that says so.
                assert_eq!(error.alert_sent, Some(48));
            }
            _ => panic!("{failure:?}"),
        }
        failure.to_string()
    };
    let web = Context::secure(&mut tls, Role::Client).unwrap();
    let line = searched(&mut tls, &web);
    assert!(
        line.contains("searched: the built-in web roots; add"),
        "{line}"
    );

    let context = Context::secure(&mut tls, Role::Client).unwrap();
    context.add_trust_roots(&mut tls, &path).unwrap();
    context
        .add_trust_directory(&mut tls, "/certs/empty")
        .unwrap();
    context
        .add_trust_directory(&mut tls, "/certs/none")
        .unwrap();
    context
        .add_trust_roots(&mut tls, &bytes(&other.pem()))
        .unwrap();
    let line = searched(&mut tls, &context);
    for place in [
        "/certs/other.pem",
        "what was given as bytes",
        "/certs/empty holds none",
        "/certs/none is not there",
    ] {
        assert!(line.contains(place), "{line}");
    }
    assert!(!line.contains("web roots"), "{line}");
}

#[test]
fn p3_the_environment_is_trusted_where_it_is_asked_for_and_is_told() {
    let (authority, other) = (Authority::root("Root"), Authority::root("Other"));
    let folder = Folder::new();
    folder.put("authority.pem", authority.pem());
    fs::create_dir(folder.path().join("more")).unwrap();
    folder.put("more/other.pem", other.pem());
    let with = |variables: &[(&str, &str)]| {
        let mut options = options().directory(folder.path(), "/certs");
        for (name, value) in variables {
            options = options.variable(*name, *value);
        }
        let mut tls = guest().instantiate(options).unwrap();
        let context = Context::secure(&mut tls, Role::Client).unwrap();
        (tls, context)
    };
    let file = ("SSL_CERT_FILE", "/certs/authority.pem");
    let directories = ("SSL_CERT_DIR", ":/certs/none:/certs/more");
    let (identity, stranger) = (server_of(&authority), server_of(&other));
    let unknown = Err(CertificateReason::UnknownAuthority);
    let web = ["the built-in web roots"];

    let (mut tls, context) = with(&[file, directories]);
    // Nobody looks at the environment who was not asked to.
    assert_eq!(context.trust_sources(&mut tls).unwrap(), web);
    let report = context.add_environment_roots(&mut tls).unwrap().unwrap();
    assert_eq!((report.added, report.files), (2, 2));
    assert_eq!(
        problems(&report),
        [("/certs/none", ConfigurationReason::NotFound)]
    );
    let sources = context.trust_sources(&mut tls).unwrap();
    assert_eq!(
        sources,
        [
            "SSL_CERT_FILE /certs/authority.pem",
            "SSL_CERT_DIR /certs/more",
            "SSL_CERT_DIR /certs/none is not there"
        ]
    );
    assert_eq!(visit(&mut tls, &context, "localhost", &identity), Ok(()));
    assert_eq!(visit(&mut tls, &context, "localhost", &stranger), Ok(()));

    let (mut tls, context) = with(&[file]);
    let report = context.add_environment_roots(&mut tls).unwrap().unwrap();
    assert_eq!((report.added, report.files), (1, 1));
    assert_eq!(visit(&mut tls, &context, "localhost", &stranger), unknown);
    assert_eq!(
        error(context.add_environment_roots(&mut tls)),
        Error::Sealed
    );

    // What names nothing changes nothing.
    let (mut tls, context) = with(&[("SSL_CERT_FILE", ""), ("SSL_CERT_DIR", ":")]);
    assert!(context.add_environment_roots(&mut tls).unwrap().is_none());
    assert_eq!(context.trust_sources(&mut tls).unwrap(), web);

    // A file that is not there is refused, and what was trusted stands.
    let (mut tls, context) = with(&[("SSL_CERT_FILE", "/certs/none.pem"), directories]);
    let refused = configuration(context.add_environment_roots(&mut tls));
    assert_eq!(refused.item, ConfigurationItem::TrustRoots);
    assert_eq!(refused.reason, ConfigurationReason::NotFound);
    let detail = refused.detail.unwrap();
    assert!(
        detail.starts_with("SSL_CERT_FILE: /certs/none.pem"),
        "{detail}"
    );
    assert_eq!(context.trust_sources(&mut tls).unwrap(), web);
}
