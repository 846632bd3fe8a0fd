//! The built component: each reason for which it refuses a peer, beside a peer that differs in
//! only that respect.
//!
//! Over 400 lines: most of them are the peers, one for each reason.
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
use std::thread;

use portcullis_host::context_types::Verify;
use portcullis_host::types::{
    CertificateError, CertificateReason, Error, NetworkCode, NetworkOperation, ProtocolError,
    ProtocolReason, Role,
};
use portcullis_host::{Addresses, Context, Instance, Listener, Network, Options, Port};
use rustls::ServerConnection;
use rustls::pki_types::CertificateDer;
use support::certs::{Authority, Identity, KeyType, Leaf, Usage, Validity};
use support::component::{bytes, client_context, error, guest, instance, server_context};
use support::peers::{
    TLS12, TLS13, client_config, client_config_with_suites, greet, listen, serve_tcp,
    server_config, server_config_of,
};
use support::x509::{
    ANY_POLICY, CLIENT_AUTH, Issued, SERVER_AUTH, Spec, alternative_names, authority, common_name,
    dns, extended_key_usage, key_usage, name_constraints, no_authority, policies, require_policy,
};

/// A good server's certificate, which the cases below change in one respect.
fn leaf() -> Leaf {
    Leaf::server().names(&["localhost"])
}

/// How the handshake of the component, which trusts these roots, ends with a server with this
/// chain.
fn visit(
    roots: &[&Authority],
    chain: &[CertificateDer<'static>],
    key: &Identity,
) -> Result<(), Error> {
    let config = server_config_of(chain, &key.key_pem());
    let (address, peer) = serve_tcp(move |mut socket| {
        let mut connection = ServerConnection::new(config).unwrap();
        let _ = connection.complete_io(&mut socket);
    });
    let mut tls = instance();
    let pem: String = roots.iter().map(|authority| authority.pem()).collect();
    let context = client_context(&mut tls, &pem);
    let port = Port::blocking_connect(&mut tls, &context, "localhost", address.port()).unwrap();
    let result = port.blocking_handshake(&mut tls);
    port.drop(&mut tls).unwrap();
    peer.join().unwrap();
    result.map_err(|failure| failure.error().unwrap().clone())
}

#[track_caller]
fn refused(result: Result<(), Error>) -> CertificateError {
    match result {
        Err(Error::Certificate(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_reason_to_refuse_a_certificate_is_told_apart() {
    use CertificateReason as Reason;
    let root = Authority::root("Root");
    // Two authorities of one name: the chain ends at a root that did not sign it.
    let namesake = Authority::root("Root");
    let intermediate = root.intermediate("Intermediate");
    let good = root.issue(&leaf());
    assert_eq!(visit(&[&root], &good.chain, &good), Ok(()));
    let below = intermediate.issue(&leaf());
    assert_eq!(visit(&[&root], &below.chain, &below), Ok(()));

    let issued = |leaf: Leaf| root.issue(&leaf);
    for (identity, reason, alert) in [
        (
            issued(leaf().validity(Validity::Expired)),
            Reason::Expired,
            45,
        ),
        (
            issued(leaf().validity(Validity::NotYet)),
            Reason::NotYetValid,
            45,
        ),
        (issued(leaf().names(&["other.test"])), Reason::WrongName, 42),
        (
            issued(leaf().usage(Usage::Client)),
            Reason::WrongPurpose,
            43,
        ),
        (
            Authority::root("Stranger").issue(&leaf()),
            Reason::UnknownAuthority,
            48,
        ),
        (namesake.issue(&leaf()), Reason::BadSignature, 51),
    ] {
        let error = refused(visit(&[&root], &identity.chain, &identity));
        assert_eq!(error.reason, reason);
        assert!(error.alert_sent.is_some(), "{error:?}");
        if reason != Reason::WrongPurpose && reason != Reason::NotYetValid {
            assert_eq!(error.alert_sent, Some(alert), "{error:?}");
        }
    }
    let weak = issued(leaf().key(KeyType::Rsa1024));
    let error = refused(visit(&[&root], &weak.chain, &good));
    assert_eq!(error.reason, Reason::UnsupportedAlgorithm);
    assert_eq!(error.detail.as_deref(), Some("an RSA key of 1024 bits"));

    let garbage = [CertificateDer::from(b"no certificate".to_vec())];
    let error = refused(visit(&[&root], &garbage, &good));
    assert_eq!(error.reason, Reason::BadEncoding);

    // A critical extension that nobody knows.
    let critical = root.issue(&leaf().strange());
    let error = refused(visit(&[&root], &critical.chain, &critical));
    assert_eq!(error.reason, Reason::UnhandledExtension);

    let error = refused(visit(&[&root], &below.chain[..1], &below));
    assert_eq!(error.reason, Reason::UnknownAuthority);

    // Authorities of one name, any of which may have issued any other.
    let root = Spec::authority("Root").self_signed();
    let keys: Vec<_> = (0..12)
        .map(|_| Spec::authority("Same").self_signed())
        .collect();
    let own = Spec::leaf("localhost").issued_by(&keys[0]);
    let thicket: Vec<_> = keys
        .iter()
        .flat_map(|key| keys.iter().map(move |by| (key, by)))
        .map(|(key, by)| Spec::authority("Same").issued_for(key, by))
        .collect();
    let chain: Vec<_> = std::iter::once(&own).chain(&thicket).collect();
    let error = refused(visit_issued(&chain, &root));
    assert_eq!(error.reason, Reason::TooCostly);

    // A certificate that requires policies and has none, beside one that has them.
    let own = |extensions: &[Vec<u8>]| Spec::leaf("localhost").and(extensions).issued_by(&root);
    let kept = own(&[require_policy(0), policies(false, &["1.2.3.4"])]);
    assert_eq!(visit_issued(&[&kept], &root), Ok(()));
    let error = refused(visit_issued(&[&own(&[require_policy(0)])], &root));
    assert_eq!(error.reason, Reason::WrongPolicy);
}

/// The same as `visit`, for certificates that are written by hand.
fn visit_issued(chain: &[&Issued], root: &Issued) -> Result<(), Error> {
    let ders: Vec<_> = chain.iter().map(|issued| issued.certificate()).collect();
    let config = server_config_of(&ders, &chain[0].key_pem());
    let (address, peer) = serve_tcp(move |mut socket| {
        let mut connection = ServerConnection::new(config).unwrap();
        let _ = connection.complete_io(&mut socket);
    });
    let mut tls = instance();
    let context = client_context(&mut tls, &root.pem());
    let port = Port::blocking_connect(&mut tls, &context, "localhost", address.port()).unwrap();
    let result = port.blocking_handshake(&mut tls);
    port.drop(&mut tls).unwrap();
    peer.join().unwrap();
    result.map_err(|failure| failure.error().unwrap().clone())
}

#[test]
fn what_a_certificate_was_not_issued_for_is_told_by_its_detail() {
    let root = Spec::authority("Root").self_signed();
    let visit = |authority: &[Vec<u8>], leaf: &[Vec<u8>]| {
        let issuer = Spec::new(common_name("Intermediate"), authority.to_vec()).issued_by(&root);
        let own = Spec::leaf("localhost").and(leaf).issued_by(&issuer);
        visit_issued(&[&own, &issuer], &root)
    };
    let ca = || authority(None);
    let permits = |host| name_constraints(&[dns(host)], &[]);
    let good = [
        ca(),
        key_usage(0x04),
        permits("localhost"),
        policies(true, &[ANY_POLICY]),
    ];
    assert_eq!(visit(&good, &[extended_key_usage(&[SERVER_AUTH])]), Ok(()));
    for (authority, leaf, words) in [
        (
            vec![ca()],
            vec![extended_key_usage(&[CLIENT_AUTH])],
            "extended key usage",
        ),
        (vec![ca(), key_usage(0x80)], vec![], "keyCertSign"),
        (vec![], vec![], "CA:TRUE is missing"),
        (
            vec![ca(), permits("example.com")],
            vec![],
            "name constraints",
        ),
    ] {
        let error = refused(visit(&authority, &leaf));
        assert_eq!(error.reason, CertificateReason::WrongPurpose, "{error:?}");
        assert!(error.detail.as_ref().unwrap().contains(words), "{error:?}");
    }
}

#[test]
fn a_server_whose_own_certificate_is_the_trust_root_is_accepted_for_its_use_and_no_other() {
    let issuer = Spec::authority("Unknown").self_signed();
    for (usage, accepted) in [(SERVER_AUTH, true), (CLIENT_AUTH, false)] {
        for ca in [no_authority(), authority(None)] {
            let spec = Spec::leaf("localhost").and(&[ca, extended_key_usage(&[usage])]);
            for own in [spec.self_signed(), spec.issued_by(&issuer)] {
                let result = visit_issued(&[&own], &own);
                assert_eq!(result.is_ok(), accepted, "{result:?}");
            }
        }
    }
}

#[test]
fn a_message_of_more_than_64_kib_is_refused_with_its_bound() {
    let root = Spec::authority("Root").self_signed();
    for (names, fits) in [(700, true), (4000, false)] {
        let names: Vec<_> = (0..names)
            .map(|number| dns(&format!("host{number:05}.example.com")))
            .chain([dns("localhost")])
            .collect();
        let own = Spec::new(common_name("Leaf"), vec![alternative_names(&names)]);
        let result = visit_issued(&[&own.issued_by(&root)], &root);
        if fits {
            assert_eq!(result, Ok(()));
            continue;
        }
        let error = broken(result.unwrap_err());
        assert_eq!(error.reason, ProtocolReason::TooLarge, "{error:?}");
        assert!(
            error.detail.as_ref().unwrap().contains("64 KiB"),
            "{error:?}"
        );
    }
}

#[test]
fn a_missing_client_certificate_is_told_apart_from_one_that_is_there() {
    let root = Authority::root("Root");
    let identity = root.issue(&Leaf::server());
    let mut tls = instance();
    let context = server_context(&mut tls, &identity.chain_pem(), &identity.key_pem());
    let roots = bytes(&root.pem());
    context.add_trust_roots(&mut tls, &roots).unwrap();
    context.set_verify(&mut tls, Verify::Required).unwrap();
    let (listener, number) = listen(&mut tls, &context);
    let own = root.issue(&Leaf::client());
    for (presents, expected) in [(true, None), (false, Some(CertificateReason::Missing))] {
        let pair = (own.chain_pem(), own.key_pem());
        let identity = presents.then_some((pair.0.as_str(), pair.1.as_str()));
        let config = client_config(&root.pem(), identity, TLS13);
        let client = thread::spawn(move || greet(config, number));
        let port = listener.blocking_accept(&mut tls).unwrap();
        let result = port.blocking_handshake(&mut tls);
        let _ = port.close(&mut tls);
        client.join().unwrap();
        match expected {
            None => result.unwrap(),
            Some(reason) => match error(result) {
                Error::Certificate(error) => {
                    assert_eq!((error.reason, error.alert_sent), (reason, Some(116)));
                }
                other => panic!("{other:?}"),
            },
        }
    }
}

#[track_caller]
fn broken(failure: Error) -> ProtocolError {
    match failure {
        Error::Protocol(error) => error,
        other => panic!("{other:?}"),
    }
}

/// How the component's handshake with a server fails that answers with these bytes.
fn answer(bytes: &'static [u8]) -> Error {
    let (address, peer) = serve_tcp(move |mut socket| {
        assert!(socket.read(&mut [0; 4096]).unwrap() > 0);
        socket.write_all(bytes).unwrap();
        let _ = socket.read(&mut [0; 4096]);
    });
    let mut tls = instance();
    let context = Context::unverified(&mut tls, Role::Client).unwrap();
    let port = Port::blocking_connect(&mut tls, &context, "127.0.0.1", address.port()).unwrap();
    let failure = error(port.blocking_handshake(&mut tls));
    port.drop(&mut tls).unwrap();
    peer.join().unwrap();
    failure
}

#[test]
fn e9_every_way_to_break_the_protocol_is_told_apart() {
    use ProtocolReason as Reason;
    for (bytes, reason) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], Reason::PlainHttp),
        (b"SSH-2.0-server\r\n", Reason::NotTls),
        // A record that cannot come first.
        (&[23, 3, 3, 0, 2, 1, 2], Reason::UnexpectedMessage),
        // A record longer than any may be.
        (&[22, 3, 3, 0xff, 0xff, 0, 0, 0, 0, 0], Reason::TooLarge),
        // A Finished where a ServerHello belongs.
        (
            &[22, 3, 3, 0, 8, 20, 0, 0, 4, 1, 2, 3, 4],
            Reason::UnexpectedMessage,
        ),
        // A ServerHello of TLS 1.0.
        (
            &[
                22, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0xc0, 0x2b, 0,
            ],
            Reason::NoCommonVersion,
        ),
        // A Certificate where a ServerHello belongs.
        (
            &[22, 3, 3, 0, 7, 11, 0, 0, 3, 0, 0, 0],
            Reason::CertificateUnsolicited,
        ),
        // A ServerHello that says that its sender has TLS 1.3 too (RFC 8446 section 4.1.3).
        (
            b"\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03\
              ------------------------DOWNGRD\x01\x00\xc0\x2b\x00",
            Reason::Downgrade,
        ),
        // A ServerHello of TLS 1.3 without a share.
        (
            b"\x16\x03\x03\x00\x32\x02\x00\x00\x2e\x03\x03\
              --------------------------------\x00\x13\x01\x00\
              \x00\x06\x00\x2b\x00\x02\x03\x04",
            Reason::MissingExtension,
        ),
        // A ServerHello of TLS 1.2 with an application protocol, which was not offered.
        (
            b"\x16\x03\x03\x00\x35\x02\x00\x00\x31\x03\x03\
              --------------------------------\x00\xc0\x2b\x00\
              \x00\x09\x00\x10\x00\x05\x00\x03\x02h2",
            Reason::UnsolicitedExtension,
        ),
        // A ServerHello of TLS 1.2 with a cipher suite that was not offered.
        (
            b"\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03\
              --------------------------------\x00\x00\x2f\x00",
            Reason::IllegalParameter,
        ),
    ] {
        let error = broken(answer(bytes));
        assert_eq!(error.reason, reason, "{error:?}");
    }
}

#[test]
fn e9_a_record_that_was_changed_on_the_way_is_a_bad_record() {
    let root = Authority::root("Root");
    let identity = root.issue(&leaf());
    for flip in [false, true] {
        let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, TLS13);
        let (address, peer) = serve_tcp(move |mut socket| {
            let mut connection = ServerConnection::new(config).unwrap();
            while connection.is_handshaking() {
                connection.complete_io(&mut socket).unwrap();
            }
            connection.writer().write_all(b"hello").unwrap();
            let mut ciphertext = Vec::new();
            while connection.wants_write() {
                connection.write_tls(&mut ciphertext).unwrap();
            }
            if flip {
                *ciphertext.last_mut().unwrap() ^= 1;
            }
            socket.write_all(&ciphertext).unwrap();
            let _ = connection.complete_io(&mut socket);
        });
        let mut tls = instance();
        let context = client_context(&mut tls, &root.pem());
        let port = Port::blocking_connect(&mut tls, &context, "localhost", address.port()).unwrap();
        let read = port.blocking_read(&mut tls, 9);
        if flip {
            let error = broken(error(read));
            assert_eq!(
                (error.reason, error.alert_sent),
                (ProtocolReason::BadRecord, Some(20))
            );
        } else {
            assert_eq!(read.unwrap().unwrap(), b"hello");
        }
        port.drop(&mut tls).unwrap();
        peer.join().unwrap();
    }
}

#[test]
fn e9_no_version_and_no_parameters_in_common_are_told_on_both_sides() {
    let root = Authority::root("Root");
    let identity = root.issue(&Leaf::server());
    let mut tls = instance();
    let visit = |tls: &mut Instance, suites, protocol: &str| {
        let context = server_context(tls, &identity.chain_pem(), &identity.key_pem());
        context.set_protocol(tls, protocol).unwrap();
        let (listener, number) = listen(tls, &context);
        let config = client_config_with_suites(&root.pem(), suites);
        let client = thread::spawn(move || greet(config, number));
        let port = listener.blocking_accept(tls).unwrap();
        let result = port.blocking_handshake(tls);
        let _ = port.close(tls);
        client.join().unwrap();
        listener.drop(tls).unwrap();
        result.map_err(|failure| failure.error().unwrap().clone())
    };
    assert_eq!(visit(&mut tls, "TLS_ECDHE_ECDSA", "auto"), Ok(()));
    let version = broken(visit(&mut tls, "TLS_ECDHE_ECDSA", "tlsv13").unwrap_err());
    assert_eq!(version.reason, ProtocolReason::NoCommonVersion);
    assert_eq!(version.alert_sent, Some(70));
    // Our key is for the suites with ECDSA.
    let parameters = broken(visit(&mut tls, "TLS_ECDHE_RSA", "auto").unwrap_err());
    assert_eq!(parameters.reason, ProtocolReason::NoCommonParameters);
    assert_eq!(parameters.alert_sent, Some(40));

    // And as a client: the server has one version, we insist on the other.
    let identity = root.issue(&leaf());
    let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, TLS12);
    let (address, peer) = serve_tcp(move |mut socket| {
        let mut connection = ServerConnection::new(config).unwrap();
        let _ = connection.complete_io(&mut socket);
        let _ = connection.complete_io(&mut socket);
    });
    let context = client_context(&mut tls, &root.pem());
    context.set_protocol(&mut tls, "tlsv13").unwrap();
    let port = Port::blocking_connect(&mut tls, &context, "localhost", address.port()).unwrap();
    assert_eq!(
        error(port.blocking_handshake(&mut tls)),
        Error::AlertReceived(70)
    );
    port.drop(&mut tls).unwrap();
    peer.join().unwrap();
}

#[test]
fn e8_what_the_network_refuses_has_its_operation_and_code() {
    let identity = Authority::root("Root").issue(&Leaf::server());
    let everywhere = Network::none()
        .listen(Addresses::All)
        .connect(Addresses::All);
    let mut tls = guest()
        .instantiate(Options::new().network(everywhere))
        .unwrap();
    let context = server_context(&mut tls, &identity.chain_pem(), &identity.key_pem());
    let (listener, taken) = listen(&mut tls, &context);
    let network = |failure| match failure {
        Error::Network(error) => (error.operation, error.code),
        other => panic!("{other:?}"),
    };
    let bind = |tls: &mut _, ip: &str, number| {
        network(error(Listener::listen(
            tls,
            &context,
            ip.parse().unwrap(),
            number,
            None,
        )))
    };
    // The address is of a block for documentation (RFC 5737), so no machine has it.
    let (operation, code) = bind(&mut tls, "192.0.2.1", 0);
    assert_eq!(operation, NetworkOperation::Bind);
    assert_eq!(code, NetworkCode::AddressNotBindable);
    let (_, code) = bind(&mut tls, "127.0.0.1", taken);
    assert_eq!(code, NetworkCode::AddressInUse);
    listener.drop(&mut tls).unwrap();
    let client = Context::unverified(&mut tls, Role::Client).unwrap();
    let failure = network(error(Port::blocking_connect(
        &mut tls,
        &client,
        "127.0.0.1",
        taken,
    )));
    let refused = (NetworkOperation::Connect, NetworkCode::ConnectionRefused);
    assert_eq!(failure, refused);

    // A name may be looked up only where that is granted.
    let failure = network(error(Port::blocking_connect(
        &mut tls,
        &client,
        "localhost",
        1,
    )));
    let denied = (NetworkOperation::Resolve, NetworkCode::AccessDenied);
    assert_eq!(failure, denied);
}
