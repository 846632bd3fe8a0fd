//! Cipher lists and groups in the built component: what is set is what rustls, with other
//! cryptography, sees.
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

#[path = "cipher/group.rs"]
mod group;
mod support;

use std::io::{Read as _, Write as _};
use std::thread;

use portcullis_host::types::{
    ConfigurationItem, ConfigurationReason, Error, ProtocolReason, Role, Version,
};
use portcullis_host::{Context, Failure, Instance, Listener, Port};
use support::certs::{Authority, Identity, KeyType, Leaf};
use support::component::{client_context, error, instance, is_native, server_context};
use support::peers::{
    ALL, LOCALHOST, client_config, connect_tls, echo_and_close, serve_tls, server_config,
};

/// OpenSSL's name, IANA's, the key that it needs, and the version that it is of.
const SUITES: [(&str, &str, KeyType, Version); 9] = [
    (
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        KeyType::P256,
        Version::Tls12,
    ),
    (
        "ECDHE-RSA-AES256-GCM-SHA384",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        KeyType::Rsa2048,
        Version::Tls12,
    ),
    (
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        KeyType::P256,
        Version::Tls12,
    ),
    (
        "ECDHE-RSA-CHACHA20-POLY1305",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        KeyType::Rsa2048,
        Version::Tls12,
    ),
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        KeyType::P256,
        Version::Tls12,
    ),
    (
        "ECDHE-RSA-AES128-GCM-SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        KeyType::Rsa2048,
        Version::Tls12,
    ),
    (
        "TLS_AES_256_GCM_SHA384",
        "TLS_AES_256_GCM_SHA384",
        KeyType::P256,
        Version::Tls13,
    ),
    (
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_CHACHA20_POLY1305_SHA256",
        KeyType::P256,
        Version::Tls13,
    ),
    (
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_128_GCM_SHA256",
        KeyType::P256,
        Version::Tls13,
    ),
];

fn set(tls: &mut Instance, context: &Context, list: &[&str]) -> Result<(), Failure> {
    let words: Vec<String> = list.iter().map(|word| (*word).to_owned()).collect();
    let report = context.set_cipher_list(tls, &words)?;
    assert!(report.unknown.is_empty() && report.unsupported.is_empty());
    Ok(())
}

/// Allow one version and one suite.
fn restrict(tls: &mut Instance, context: &Context, version: Version, suite: &str) {
    context.set_versions(tls, version, version).unwrap();
    set(tls, context, &[suite]).unwrap();
    assert_eq!(context.cipher_suites(tls).unwrap(), [suite]);
}

fn server(tls: &mut Instance, identity: &Identity) -> Context {
    server_context(tls, &identity.chain_pem(), &identity.key_pem())
}

#[test]
fn k11_a_client_negotiates_the_suite_that_it_was_told() {
    let authority = Authority::root("Root");
    for (name, iana, key, version) in SUITES {
        let identity = authority.issue(&Leaf::server().names(&["localhost"]).key(key));
        let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, ALL);
        let (address, peer) = serve_tls(config, |stream| {
            echo_and_close(stream).unwrap();
            stream.conn.negotiated_cipher_suite().unwrap().suite()
        });
        let mut tls = instance();
        let context = client_context(&mut tls, &authority.pem());
        restrict(&mut tls, &context, version, name);
        let port = Port::blocking_connect(&mut tls, &context, "localhost", address.port()).unwrap();
        port.blocking_write_all(&mut tls, b"hello").unwrap();
        assert_eq!(port.blocking_read(&mut tls, 9).unwrap().unwrap(), b"hello");
        let session = port.session(&mut tls).unwrap();
        assert_eq!(session.version(&mut tls).unwrap(), Some(version));
        let suite = session.cipher_suite(&mut tls).unwrap();
        assert_eq!(suite.as_deref(), Some(iana));
        port.close(&mut tls).unwrap();
        let seen = format!("{:?}", peer.join().unwrap()).replace("TLS13_", "TLS_");
        assert_eq!(seen, iana);
    }
}

#[test]
fn k11_a_server_negotiates_the_suite_that_it_was_told() {
    let authority = Authority::root("Root");
    for (name, iana, key, version) in SUITES {
        let identity = authority.issue(&Leaf::server().names(&["localhost"]).key(key));
        let mut tls = instance();
        let context = server(&mut tls, &identity);
        restrict(&mut tls, &context, version, name);
        let listener = Listener::listen(&mut tls, &context, LOCALHOST, 0, None).unwrap();
        let number = listener.local_address(&mut tls).unwrap().port;
        let config = client_config(&authority.pem(), None, ALL);
        let client = thread::spawn(move || {
            let mut stream = connect_tls(config, "localhost", number);
            stream.write_all(b"hello").unwrap();
            stream.read_exact(&mut [0; 5]).unwrap();
            stream.conn.negotiated_cipher_suite().unwrap().suite()
        });
        let port = listener.blocking_accept(&mut tls).unwrap();
        let plaintext = port.blocking_read(&mut tls, 9).unwrap().unwrap();
        port.blocking_write_all(&mut tls, &plaintext).unwrap();
        let session = port.session(&mut tls).unwrap();
        let suite = session.cipher_suite(&mut tls).unwrap();
        assert_eq!(suite.as_deref(), Some(iana));
        let seen = format!("{:?}", client.join().unwrap()).replace("TLS13_", "TLS_");
        assert_eq!(seen, iana);
    }
}

#[test]
fn k11_without_a_suite_in_common_both_ends_say_so() {
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server().names(&["localhost"]));
    let meet = |protocol: &str, client_list: &[&str], server_list: &[&str]| {
        let mut tls = instance();
        let context = server(&mut tls, &identity);
        context.set_protocol(&mut tls, protocol).unwrap();
        set(&mut tls, &context, server_list).unwrap();
        let listener = Listener::listen(&mut tls, &context, LOCALHOST, 0, None).unwrap();
        let number = listener.local_address(&mut tls).unwrap().port;
        let serving = thread::spawn(move || {
            let port = listener.blocking_accept(&mut tls).unwrap();
            port.blocking_handshake(&mut tls)
                .map_err(|failure| failure.error().unwrap().clone())
        });
        let mut tls = instance();
        let context = client_context(&mut tls, &authority.pem());
        context.set_protocol(&mut tls, protocol).unwrap();
        set(&mut tls, &context, client_list).unwrap();
        let port = Port::blocking_connect(&mut tls, &context, "localhost", number).unwrap();
        let connected = port
            .blocking_handshake(&mut tls)
            .map_err(|failure| failure.error().unwrap().clone());
        (connected, serving.join().unwrap())
    };
    for (protocol, client, servers, common) in [
        ("tlsv12", "CHACHA20", "AES", "AES:CHACHA20"),
        (
            "tlsv13",
            "TLS_AES_128_GCM_SHA256",
            "TLS_AES_256_GCM_SHA384",
            "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256",
        ),
    ] {
        assert_eq!(meet(protocol, &[client], &[common]), (Ok(()), Ok(())));
        let (connected, served) = meet(protocol, &[client], &[servers]);
        assert_eq!(connected, Err(Error::AlertReceived(40)), "{protocol}");
        match served {
            Err(Error::Protocol(error)) => {
                assert_eq!(error.reason, ProtocolReason::NoCommonParameters);
                assert_eq!(error.alert_sent, Some(40));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn k11_lists_that_cannot_work_are_refused_by_reason_and_the_old_one_stays() {
    let mut tls = instance();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    set(&mut tls, &context, &["ECDHE", "!AES"]).unwrap();
    let before = context.cipher_suites(&mut tls).unwrap();
    for (list, reason) in [
        ("NOSUCH", ConfigurationReason::NoCipherMatch),
        ("ALL:!ALL", ConfigurationReason::NoCipherMatch),
        ("TLS_AES_128_GCM_SHA256", ConfigurationReason::NoCipherMatch),
        (
            "ALL:@SECLEVEL=3",
            ConfigurationReason::UnsupportedSecurityLevel,
        ),
        ("ALL:@NOSUCH", ConfigurationReason::Malformed),
        ("ALL:*", ConfigurationReason::Malformed),
    ] {
        match error(set(&mut tls, &context, &[list])) {
            Error::InvalidConfiguration(error) => {
                assert_eq!(error.item, ConfigurationItem::CipherList, "{list}");
                assert_eq!(error.reason, reason, "{list}");
            }
            other => panic!("{list}: {other:?}"),
        }
        assert_eq!(context.cipher_suites(&mut tls).unwrap(), before, "{list}");
    }
    set(&mut tls, &context, &["ALL"]).unwrap();
    assert_eq!(context.cipher_suites(&mut tls).unwrap().len(), 9);
}

#[test]
fn k11_words_without_effect_are_reported() {
    let mut tls = instance();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    let words = ["ECDHE", "NOSUCH", "AES256-SHA"].map(str::to_owned);
    let report = context.set_cipher_list(&mut tls, &words).unwrap();
    assert_eq!(report.unknown, ["NOSUCH"]);
    assert_eq!(report.unsupported, ["AES256-SHA"]);
}

#[test]
fn k11_versions_chosen_after_the_list_meet_it_at_the_seal() {
    let mut tls = instance();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    context.set_protocol(&mut tls, "tlsv13").unwrap();
    set(&mut tls, &context, &["TLS_AES_128_GCM_SHA256"]).unwrap();
    context.set_protocol(&mut tls, "auto").unwrap();
    match error(context.seal(&mut tls)) {
        Error::InvalidConfiguration(error) => {
            assert_eq!(error.item, ConfigurationItem::CipherList);
            assert_eq!(error.reason, ConfigurationReason::NoCipherMatch);
        }
        other => panic!("{other:?}"),
    }
    context.set_protocol(&mut tls, "tlsv13").unwrap();
    context.seal(&mut tls).unwrap();
    let suites = context.cipher_suites(&mut tls).unwrap();
    assert_eq!(suites, ["TLS_AES_128_GCM_SHA256"]);
    assert_eq!(error(set(&mut tls, &context, &["ALL"])), Error::Sealed);
}

/// Whether the processor has instructions for AES-GCM, where the host looks for them.
fn has_aes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::is_x86_feature_detected!("aes") && std::is_x86_feature_detected!("pclmulqdq");
    #[cfg(not(target_arch = "x86_64"))]
    panic!("on this processor nothing says which suite is to be first");
}

#[test]
fn without_a_list_what_is_fast_where_it_is_computed_comes_first() {
    let is_aes_first = is_native() && has_aes();
    let mut tls = instance();
    for role in [Role::Client, Role::Server] {
        let context = Context::secure(&mut tls, role).unwrap();
        for (version, with_aes, without) in [
            (
                "tlsv12",
                "ECDHE-ECDSA-AES256-GCM-SHA384",
                "ECDHE-ECDSA-CHACHA20-POLY1305",
            ),
            (
                "tlsv13",
                "TLS_AES_256_GCM_SHA384",
                "TLS_CHACHA20_POLY1305_SHA256",
            ),
        ] {
            context.set_protocol(&mut tls, version).unwrap();
            let suites = context.cipher_suites(&mut tls).unwrap();
            let first = if is_aes_first { with_aes } else { without };
            assert_eq!(suites[0], first, "{role:?} {version}");
        }
    }
}
