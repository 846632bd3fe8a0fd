//! What may be loaded and set, and what is refused with which reason.
//!
//! Over 400 lines: the cases are many and short, and share one way to load.
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use portcullis::error::{CertificateReason, ConfigurationItem, ConfigurationReason, Error};
use portcullis::tls::{KeyKind, Role, SendName, Settings, Verify, VerifyName, Version};
use support::certs::{Authority, KeyType, Leaf, NAME, Validity};
use support::pair::{Pair, client_settings, failure, identify, seal, server_settings};
use support::{clock_in, openssl, require_tool};

fn reason<T: std::fmt::Debug>(result: Result<T, Error>) -> ConfigurationReason {
    match result {
        Err(Error::Configuration(error)) => error.reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn c4_the_nine_protocol_names_are_taken_or_refused_by_name() {
    let mut settings = Settings::secure(Role::Client);
    for name in ["auto", "sslv2-or-v3", "tlsv12", "tlsv13"] {
        assert_eq!(settings.set_protocol(name), Ok(()));
    }
    for name in ["sslv2", "sslv3", "tls", "tlsv1", "tlsv11"] {
        assert_eq!(
            settings.set_protocol(name),
            Err(Error::UnsupportedProtocol(name.into()))
        );
    }
    assert!(matches!(
        settings.set_protocol("foo"),
        Err(Error::InvalidArgument(_))
    ));
    let inverted = settings.set_versions(Version::Tls13, Version::Tls12);
    assert!(matches!(inverted, Err(Error::InvalidArgument(_))));
}

#[test]
fn k2_chains_that_are_none_are_refused_and_the_old_one_stays() {
    let identity = Authority::root("Root").issue(&Leaf::server());
    let mut settings = server_settings(&identity);
    let pem = identity.chain_pem();
    let whole = "-----END CERTIFICATE-----";
    let cut = &pem[..pem.find(whole).unwrap() + whole.len() - 1];
    let der = identity.certificate_der();
    for (input, expected) in [
        (&b""[..], ConfigurationReason::Empty),
        (b"hello", ConfigurationReason::Malformed),
        (cut.as_bytes(), ConfigurationReason::Malformed),
        (&der[..der.len() - 1], ConfigurationReason::Malformed),
        (b"\x30\x03abc", ConfigurationReason::Malformed),
        (
            identity.key_pem().as_bytes(),
            ConfigurationReason::NoCertificate,
        ),
    ] {
        assert_eq!(reason(settings.load_certificate_chain(input)), expected);
    }
    assert_eq!(settings.load_certificate_chain(der), Ok(()));
    assert_eq!(settings.load_certificate_chain(pem.as_bytes()), Ok(()));
    assert!(settings.seal().is_ok());
}

#[test]
fn k5_keys_that_are_none_are_refused() {
    let identity = Authority::root("Root").issue(&Leaf::server());
    let (pem, der) = (identity.key_pem(), identity.key_der());
    let load =
        |input: &[u8], kind| Settings::secure(Role::Server).load_private_key(input, kind, None);
    assert_eq!(load(pem.as_bytes(), KeyKind::Any), Ok(()));
    assert_eq!(load(der, KeyKind::Ec), Ok(()));
    let any = KeyKind::Any;
    for (input, kind, expected) in [
        (&b""[..], any, ConfigurationReason::Empty),
        (b"hello", any, ConfigurationReason::Malformed),
        (&der[..der.len() - 1], any, ConfigurationReason::Malformed),
        (
            &pem.as_bytes()[..pem.len() - 8],
            any,
            ConfigurationReason::Malformed,
        ),
        (
            identity.chain_pem().as_bytes(),
            any,
            ConfigurationReason::NoPrivateKey,
        ),
        (
            pem.as_bytes(),
            KeyKind::Rsa,
            ConfigurationReason::NoPrivateKey,
        ),
        (der, KeyKind::Ed25519, ConfigurationReason::NoPrivateKey),
        (
            pem.as_bytes(),
            KeyKind::Dsa,
            ConfigurationReason::UnsupportedKeyType,
        ),
        (
            pem.as_bytes(),
            KeyKind::Dh,
            ConfigurationReason::UnsupportedKeyType,
        ),
    ] {
        assert_eq!(reason(load(input, kind)), expected, "{kind:?}");
    }
    for end in 0..der.len() {
        assert!(load(&der[..end], any).is_err(), "cut at {end}");
    }
}

#[test]
fn k3_the_first_key_of_the_kind_is_taken_and_others_are_skipped() {
    let authority = Authority::root("Root");
    let elliptic = authority.issue(&Leaf::server());
    let rsa = authority.issue(&Leaf::server().key(KeyType::Rsa2048));
    let both = [elliptic.key_pem(), rsa.chain_pem(), rsa.key_pem()].concat();
    let mut settings = Settings::secure(Role::Server);
    settings.load_certificate_chain(both.as_bytes()).unwrap();
    let any = settings.load_private_key(both.as_bytes(), KeyKind::Any, None);
    assert_eq!(reason(any), ConfigurationReason::KeyMismatch);
    assert_eq!(
        settings.load_private_key(both.as_bytes(), KeyKind::Rsa, None),
        Ok(())
    );
}

#[test]
fn k7_a_mismatch_is_refused_in_either_order_and_a_pair_replaces_a_pair() {
    let authority = Authority::root("Root");
    let (one, two) = (
        authority.issue(&Leaf::server()),
        authority.issue(&Leaf::server()),
    );
    let mut settings = Settings::secure(Role::Server);
    settings
        .load_certificate_chain(one.chain_pem().as_bytes())
        .unwrap();
    let key = settings.load_private_key(two.key_der(), KeyKind::Any, None);
    assert_eq!(reason(key), ConfigurationReason::KeyMismatch);
    settings
        .load_private_key(one.key_der(), KeyKind::Any, None)
        .unwrap();
    let chain = settings.load_certificate_chain(two.certificate_der());
    assert_eq!(reason(chain), ConfigurationReason::KeyMismatch);
    let crossed = settings.load_identity(two.certificate_der(), one.key_der(), None);
    assert_eq!(reason(crossed), ConfigurationReason::KeyMismatch);
    assert!(
        settings
            .load_identity(two.certificate_der(), two.key_der(), None)
            .is_ok()
    );
}

#[test]
fn encrypted_keys_open_with_their_passphrase_only() {
    if !require_tool("openssl") {
        return;
    }
    let identity = Authority::root("Root").issue(&Leaf::server());
    let pem = identity.key_pem();
    let load = |input: &[u8], passphrase| {
        Settings::secure(Role::Server).load_private_key(input, KeyKind::Any, passphrase)
    };
    for scheme in [&["-v2", "aes-256-cbc"][..], &["-scrypt"]] {
        let arguments = [&["pkcs8", "-topk8", "-passout", "pass:open sesame"], scheme].concat();
        let encrypted = openssl(&arguments, pem.as_bytes());
        assert_eq!(load(&encrypted, Some("open sesame")), Ok(()));
        assert_eq!(
            reason(load(&encrypted, None)),
            ConfigurationReason::PassphraseMissing
        );
        assert_eq!(
            reason(load(&encrypted, Some("open barley"))),
            ConfigurationReason::PassphraseWrong
        );
    }
    let legacy = ["ec", "-aes128", "-passout", "pass:open sesame"];
    let legacy = openssl(&legacy, pem.as_bytes());
    let refused = load(&legacy, Some("open sesame"));
    assert_eq!(reason(refused), ConfigurationReason::Encrypted);
}

#[test]
fn every_key_format_of_openssl_loads() {
    if !require_tool("openssl") {
        return;
    }
    let authority = Authority::root("Root");
    for key in KeyType::SUPPORTED {
        let identity = authority.issue(&Leaf::server().key(key));
        let pem = identity.key_pem();
        if key == KeyType::Ed25519 {
            // Ed25519 has no form but PKCS#8.
            let mut settings = Settings::secure(Role::Server);
            let both = settings.load_identity(identity.certificate_der(), identity.key_der(), None);
            assert_eq!(both, Ok(()));
            continue;
        }
        let traditional = openssl(&["pkey", "-traditional"], pem.as_bytes());
        let der = openssl(&["pkey", "-traditional", "-outform", "DER"], pem.as_bytes());
        for input in [pem.as_bytes(), &traditional, &der, identity.key_der()] {
            let mut settings = Settings::secure(Role::Server);
            settings
                .load_certificate_chain(identity.chain_pem().as_bytes())
                .unwrap();
            assert_eq!(
                settings.load_private_key(input, KeyKind::Any, None),
                Ok(()),
                "{key:?}"
            );
        }
    }
}

#[test]
fn what_is_missing_is_told_at_seal() {
    let missing = |settings: &Settings, item| match settings.seal().map(|_| ()) {
        Err(Error::Configuration(error)) => {
            assert_eq!(
                (error.item, error.reason),
                (item, ConfigurationReason::Missing)
            );
        }
        other => panic!("{other:?}"),
    };
    let identity = Authority::root("Root").issue(&Leaf::server());
    missing(
        &Settings::secure(Role::Server),
        ConfigurationItem::CertificateChain,
    );
    let mut half = Settings::secure(Role::Server);
    half.load_certificate_chain(identity.certificate_der())
        .unwrap();
    missing(&half, ConfigurationItem::PrivateKey);
    let mut distrustful = Settings::unverified(Role::Client);
    assert!(distrustful.seal().is_ok());
    distrustful.set_verify(Verify::Required);
    missing(&distrustful, ConfigurationItem::TrustRoots);
    assert!(Settings::secure(Role::Client).seal().is_ok());
}

#[test]
fn k9_roots_add_up_and_the_first_own_root_drops_the_web_roots() {
    let (one, two) = (Authority::root("One"), Authority::root("Two"));
    let mut settings = Settings::secure(Role::Client);
    assert_eq!(settings.add_trust_roots(one.der()), Ok(1));
    assert_eq!(
        settings.add_trust_roots([one.pem(), two.pem()].concat().as_bytes()),
        Ok(1)
    );
    let client = seal(&settings);
    for authority in [one, two] {
        let server = seal(&server_settings(&authority.issue(&Leaf::server())));
        Pair::new(&client, &server).handshake();
    }
    assert!(settings.add_web_roots() > 100);
    assert_eq!(settings.add_web_roots(), 0);
    assert_eq!(Settings::secure(Role::Client).add_web_roots(), 0);
    let empty = Settings::secure(Role::Client).add_trust_roots(b"");
    assert_eq!(reason(empty), ConfigurationReason::Empty);
}

#[test]
fn names_that_are_none_are_refused() {
    let mut settings = Settings::secure(Role::Client);
    for name in ["", "a b", "-x-.", "bücher.example"] {
        let named = settings.set_verify_name(VerifyName::Name(name.into()));
        assert_eq!(reason(named), ConfigurationReason::Malformed, "{name:?}");
    }
    let address = settings.set_server_name(SendName::Name("127.0.0.1".into()));
    assert_eq!(reason(address), ConfigurationReason::Malformed);
    assert_eq!(
        settings.set_verify_name(VerifyName::Name("127.0.0.1".into())),
        Ok(())
    );
    assert_eq!(
        settings.set_server_name(SendName::Name("a.example".into())),
        Ok(())
    );
}

/// How a client fails that `change` has changed and that talks to `host`.
fn meet(
    leaf: &Leaf,
    host: Option<&str>,
    change: impl FnOnce(&mut Settings),
) -> Option<CertificateReason> {
    let authority = Authority::root("Root");
    let server = seal(&server_settings(&authority.issue(leaf)));
    let mut client = client_settings(authority.der());
    change(&mut client);
    let mut pair = Pair::with_host(&seal(&client), host, &server);
    pair.drive();
    match failure(&pair.client)? {
        Error::Certificate(error) => Some(error.reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn c2_the_verified_name_is_apart_from_the_one_that_is_sent() {
    let leaf = Leaf::server().names(&[NAME, "127.0.0.1", "::1"]);
    let wrong = Some(CertificateReason::WrongName);
    for host in [NAME, "server.test.", "SERVER.test", "127.0.0.1", "::1"] {
        assert_eq!(meet(&leaf, Some(host), |_| {}), None, "{host}");
    }
    assert_eq!(meet(&leaf, Some("127.0.0.2"), |_| {}), wrong);
    let send_other = |client: &mut Settings| {
        client
            .set_server_name(SendName::Name("other.test".into()))
            .unwrap();
    };
    assert_eq!(meet(&leaf, Some(NAME), send_other), None);
    assert_eq!(meet(&leaf, Some("other.test"), send_other), wrong);
    let verify_other = |client: &mut Settings| {
        client
            .set_verify_name(VerifyName::Name(NAME.into()))
            .unwrap();
    };
    assert_eq!(meet(&leaf, Some("other.test"), verify_other), None);
    assert_eq!(meet(&leaf, None, verify_other), None);
    let any_name = |client: &mut Settings| client.set_verify_name(VerifyName::Unverified).unwrap();
    assert_eq!(meet(&leaf, Some("other.test"), any_name), None);
}

#[test]
fn validity_goes_by_the_clock_that_is_given() {
    let expired = Leaf::server().validity(Validity::Expired);
    let not_yet = Leaf::server().validity(Validity::NotYet);
    let at = |year| move |client: &mut Settings| client.set_clock(clock_in(year));
    assert_eq!(meet(&Leaf::server(), Some(NAME), at(2030)), None);
    assert_eq!(
        meet(&expired, Some(NAME), at(2030)),
        Some(CertificateReason::Expired)
    );
    assert_eq!(
        meet(&not_yet, Some(NAME), at(2030)),
        Some(CertificateReason::NotYetValid)
    );
}

#[test]
fn a_client_certificate_does_not_serve_as_a_servers() {
    let client = Leaf::client().names(&[NAME]);
    assert_eq!(
        meet(&client, Some(NAME), |_| {}),
        Some(CertificateReason::WrongPurpose)
    );
}

#[test]
fn a_self_signed_ca_is_accepted_as_itself_where_it_is_a_root_and_only_there() {
    for leaf in [Leaf::server(), Leaf::server().ca()] {
        let own = leaf.self_signed();
        let server = seal(&server_settings(&own));
        Pair::new(&seal(&client_settings(own.certificate_der())), &server).handshake();
        let stranger = seal(&client_settings(leaf.self_signed().certificate_der()));
        let mut pair = Pair::new(&stranger, &server);
        pair.drive();
        match failure(&pair.client) {
            Some(Error::Certificate(error)) => {
                assert!(matches!(
                    error.reason,
                    CertificateReason::UnknownAuthority | CertificateReason::BadSignature
                ));
            }
            other => panic!("{other:?}"),
        }
    }
    let expired = Leaf::server()
        .ca()
        .validity(Validity::Expired)
        .self_signed();
    let mut client = client_settings(expired.certificate_der());
    client.set_clock(clock_in(2030));
    let mut pair = Pair::new(&seal(&client), &seal(&server_settings(&expired)));
    pair.drive();
    match failure(&pair.client) {
        Some(Error::Certificate(error)) => assert_eq!(error.reason, CertificateReason::Expired),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_self_signed_ca_is_accepted_from_a_client_too() {
    let authority = Authority::root("Root");
    let own = Leaf::client().ca().self_signed();
    let mut server = server_settings(&authority.issue(&Leaf::server()));
    server.set_verify(Verify::Required);
    server.add_trust_roots(own.certificate_der()).unwrap();
    let mut client = client_settings(authority.der());
    identify(&mut client, &own);
    let mut pair = Pair::new(&seal(&client), &seal(&server));
    pair.drive();
    assert_eq!(pair.server.verify_result(), Ok(()));
}
