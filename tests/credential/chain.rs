//! Certificate chains.

use portcullis::error::ConfigurationReason;
use portcullis::tls::{KeyKind, Role, Settings};

use super::support::certs::{Authority, Leaf, pem};
use super::support::pair::server_settings;
use super::support::{openssl, require_tool};
use super::{presented, reason, refusal};

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
fn p3_a_root_that_is_marked_as_not_trusted_for_tls_is_none() {
    if !require_tool("openssl") {
        return;
    }
    let root = Authority::root("Root").pem();
    let marked = |mark: [&str; 2]| {
        let arguments = ["x509", "-trustout", mark[0], mark[1]];
        let marked = openssl(&arguments, root.as_bytes());
        Settings::secure(Role::Client).add_trust_roots(&marked)
    };
    for mark in [
        ["-addtrust", "serverAuth"],
        ["-addtrust", "anyExtendedKeyUsage"],
        ["-addreject", "emailProtection"],
        ["-setalias", "x"],
    ] {
        assert_eq!(marked(mark), Ok(1), "{mark:?}");
    }
    for mark in [
        ["-addreject", "serverAuth"],
        ["-addtrust", "emailProtection"],
    ] {
        assert_eq!(reason(marked(mark)), ConfigurationReason::NoCertificate);
    }
}

#[test]
fn k1_a_certificate_of_version_1_may_end_a_chain_and_begin_it() {
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
    server.load_certificate_chain(&version_1).unwrap();
    server.seal().unwrap();
    let cut = version_1.get(..version_1.len() / 2).unwrap();
    let begins = server.load_certificate_chain(cut);
    assert_eq!(reason(begins), ConfigurationReason::Malformed);
}

#[test]
fn k1_a_chain_in_any_order_and_with_strangers_is_presented_in_order() {
    let authority = Authority::root("Root");
    let one = authority.intermediate("One");
    let identity = one.intermediate("Two").issue(&Leaf::server());
    let [own, second, first] = &identity.chain[..] else {
        panic!("three certificates");
    };
    let stranger = Authority::root("Stranger");
    let (root, stranger) = (authority.der(), stranger.der());
    for (file, expected) in [
        (vec![&own[..], second, first], vec![&own[..], second, first]),
        (vec![first, second, own], vec![own, second, first]),
        (
            vec![own, root, first, second],
            vec![own, second, first, root],
        ),
        (
            vec![own, stranger, second, first],
            vec![own, second, first, stranger],
        ),
        (
            vec![stranger, own, own, second, first, second],
            vec![own, second, first, stranger],
        ),
        (vec![own, first], vec![own, first]),
    ] {
        let file: String = file.iter().map(|der| pem("CERTIFICATE", der)).collect();
        // The key comes after the chain, before it or with it.
        let mut after = Settings::secure(Role::Server);
        after.load_certificate_chain(file.as_bytes()).unwrap();
        after
            .load_private_key(identity.key_der(), KeyKind::Any, None)
            .unwrap();
        let mut before = server_settings(&identity);
        before.load_certificate_chain(file.as_bytes()).unwrap();
        let mut with = Settings::secure(Role::Server);
        with.load_identity(file.as_bytes(), identity.key_der(), None)
            .unwrap();
        let mut besides = Settings::secure(Role::Server);
        besides
            .add_identity(file.as_bytes(), identity.key_der(), None)
            .unwrap();
        for server in [after, before, with, besides] {
            if expected.len() > 2 {
                assert_eq!(presented(&authority, &server), expected);
            } else {
                server.seal().unwrap();
            }
        }
    }
    let mut server = Settings::secure(Role::Server);
    let strangers = pem("CERTIFICATE", stranger) + &pem("CERTIFICATE", root);
    let refused = refusal(server.load_identity(strangers.as_bytes(), identity.key_der(), None));
    assert_eq!(refused.reason, ConfigurationReason::KeyMismatch);
    let detail = refused.detail.unwrap();
    assert!(detail.contains("none of the 2 certificates"), "{detail}");
}

#[test]
fn k1_a_chain_longer_than_any_is_taken_as_it_is() {
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    let own = identity.certificate_pem();
    // All certificates are the same; the time to compare each with each must not show.
    let many = authority.pem().repeat(2000);
    let mut server = Settings::secure(Role::Server);
    let file = format!("{own}{many}");
    server
        .load_identity(file.as_bytes(), identity.key_der(), None)
        .unwrap();
    let last = format!("{many}{own}");
    let refused = server.load_identity(last.as_bytes(), identity.key_der(), None);
    assert_eq!(reason(refused), ConfigurationReason::KeyMismatch);
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
