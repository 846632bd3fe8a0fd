//! Certificate chains.

use portcullis::tls::{ConfigurationReason, KeyKind, Role, Settings};

use super::support::certs::{Authority, Leaf, pem};
use super::support::pair::server_settings;
use super::support::{openssl, require_tool};
use super::{presented, reason};

#[test]
fn k1_the_chain_that_is_loaded_last_is_presented() {
    let authority = Authority::root("Root");
    let (one, two) = (
        authority.issue(&Leaf::server()),
        authority
            .intermediate("Intermediate")
            .issue(&Leaf::server()),
    );
    let mut server = server_settings(&one);
    assert_eq!(
        presented(&authority, &server),
        vec![one.certificate_der().to_vec()]
    );
    server
        .load_identity(two.chain_pem().as_bytes(), two.key_der(), None)
        .unwrap();
    let chain = presented(&authority, &server);
    assert_eq!(chain.len(), 2);
    assert_eq!(chain[0], two.certificate_der());
    assert_eq!(chain[1], two.chain[1].as_ref());
}

#[test]
fn k1_every_label_of_a_certificate_is_read_and_every_other_block_is_skipped() {
    let authority = Authority::root("Root");
    let identity = authority
        .intermediate("Intermediate")
        .issue(&Leaf::server());
    let [own, intermediate] = &identity.chain[..] else {
        panic!("two certificates");
    };
    // As openssl x509 -trustout writes it: the certificate, then what it is trusted for.
    let trusted = [intermediate.as_ref(), &[0x30, 3, 0x0c, 1, b'x']].concat();
    for (first, second) in [
        (pem("CERTIFICATE", own), pem("CERTIFICATE", intermediate)),
        (
            pem("X509 CERTIFICATE", own),
            pem("TRUSTED CERTIFICATE", &trusted),
        ),
    ] {
        let parts = [
            "subject=CN = Leaf\n",
            &first,
            &identity.key_pem(),
            "some text\n",
            &pem("X509 CRL", b"none"),
            &second,
        ];
        let file = parts.concat().replace('\n', "\r\n");
        let mut server = Settings::secure(Role::Server);
        server.load_certificate_chain(file.as_bytes()).unwrap();
        server
            .load_private_key(file.as_bytes(), KeyKind::Any, None)
            .unwrap();
        let chain = presented(&authority, &server);
        assert_eq!(chain, [own.to_vec(), intermediate.to_vec()]);
    }
}

#[test]
fn k1_a_trusted_certificate_of_openssl_is_a_certificate() {
    if !require_tool("openssl") {
        return;
    }
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    let arguments = ["x509", "-trustout", "-addtrust", "serverAuth"];
    let trusted = openssl(&arguments, identity.certificate_pem().as_bytes());
    assert!(trusted.starts_with(b"-----BEGIN TRUSTED CERTIFICATE"));
    let mut server = Settings::secure(Role::Server);
    server
        .load_identity(&trusted, identity.key_der(), None)
        .unwrap();
    let chain = presented(&authority, &server);
    assert_eq!(chain, [identity.certificate_der()]);
}

#[test]
fn k1_a_root_of_version_1_may_end_a_chain_and_may_not_begin_it() {
    if !require_tool("openssl") {
        return;
    }
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    let key = identity.key_pem();
    let version_1 = version_1_certificate(key.as_bytes());
    let mut server = Settings::secure(Role::Server);
    let own = identity.certificate_pem();
    let ends = [own.as_bytes(), &version_1].concat();
    server.load_certificate_chain(&ends).unwrap();
    server
        .load_private_key(key.as_bytes(), KeyKind::Any, None)
        .unwrap();
    assert_eq!(presented(&authority, &server).len(), 2);
    let begins = server.load_certificate_chain(&version_1);
    assert_eq!(reason(begins), ConfigurationReason::Malformed);
}

/// `openssl x509 -req` signs without extensions, and so makes a certificate of version 1.
fn version_1_certificate(key: &[u8]) -> Vec<u8> {
    let folder = crate::support::folder::Folder::new();
    let key = folder.put("key.pem", key);
    let request = openssl(&["req", "-new", "-key", &key, "-subj", "/CN=Old root"], b"");
    openssl(&["x509", "-req", "-signkey", &key], &request)
}

#[test]
fn k2_a_chain_that_is_refused_leaves_the_old_one() {
    let authority = Authority::root("Root");
    let (own, other) = (
        authority.issue(&Leaf::server()),
        authority.issue(&Leaf::server()),
    );
    let mut server = server_settings(&own);
    let broken = own.certificate_pem() + &pem("CERTIFICATE", b"0\x03abc");
    for (input, expected) in [
        (&b""[..], ConfigurationReason::Empty),
        (b"nothing", ConfigurationReason::Malformed),
        (other.key_der(), ConfigurationReason::Malformed),
        (own.key_pem().as_bytes(), ConfigurationReason::NoCertificate),
        (broken.as_bytes(), ConfigurationReason::Malformed),
        (other.certificate_der(), ConfigurationReason::KeyMismatch),
    ] {
        assert_eq!(reason(server.load_certificate_chain(input)), expected);
        let identity = server.load_identity(input, own.key_der(), None);
        assert_eq!(reason(identity), expected);
        assert_eq!(presented(&authority, &server), [own.certificate_der()]);
    }
}
