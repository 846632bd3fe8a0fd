//! Verification of arbitrary bytes, which is what peers may send.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, SanType,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::*;
use portcullis_provider::crypto_provider;

/// A leaf, an authority with every extension that is understood, and a root.
fn chain() -> [CertificateDer<'static>; 3] {
    let keys = [(); 3].map(|()| KeyPair::generate().unwrap());
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Constrained(3));
    root.distinguished_name.push(DnType::CommonName, "Root");
    let mut authority = root.clone();
    authority
        .distinguished_name
        .push(DnType::CommonName, "Authority");
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    authority.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let mut subject = rcgen::DistinguishedName::new();
    subject.push(DnType::CountryName, "DE");
    authority.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("test".to_owned()),
            GeneralSubtree::Rfc822Name("example.com".to_owned()),
            GeneralSubtree::DirectoryName(subject.clone()),
        ],
        excluded_subtrees: vec![GeneralSubtree::IpAddress(CidrSubnet::V4(
            [10, 0, 0, 0],
            [255, 0, 0, 0],
        ))],
    });
    // anyPolicy, and requireExplicitPolicy with inhibitPolicyMapping.
    authority.custom_extensions = vec![
        CustomExtension::from_oid_content(
            &[2, 5, 29, 32],
            vec![0x30, 8, 0x30, 6, 6, 4, 0x55, 0x1d, 0x20, 0],
        ),
        CustomExtension::from_oid_content(&[2, 5, 29, 36], vec![0x30, 6, 0x80, 1, 9, 0x81, 1, 0]),
        CustomExtension::from_oid_content(&[2, 5, 29, 54], vec![2, 1, 9]),
    ];
    let mut leaf =
        CertificateParams::new(["host.test".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    leaf.distinguished_name = subject;
    leaf.subject_alt_names
        .push(SanType::Rfc822Name("me@example.com".try_into().unwrap()));
    leaf.subject_alt_names
        .push(SanType::URI("https://host.test/".try_into().unwrap()));
    let [leaf_key, authority_key, root_key] = keys;
    let root_der = root.self_signed(&root_key).unwrap().der().clone();
    let root = Issuer::new(root, root_key);
    let authority_der = authority
        .signed_by(&authority_key, &root)
        .unwrap()
        .der()
        .clone();
    let authority = Issuer::new(authority, authority_key);
    let leaf_der = leaf.signed_by(&leaf_key, &authority).unwrap().der().clone();
    [leaf_der, authority_der, root_der]
}

/// Does everything that is done with the certificates of a peer and with a root.
fn verified(leaf: &[u8], authority: &[u8], root: &[u8]) -> Result<(), Refusal> {
    let provider = crypto_provider();
    let anchors: Vec<_> = Anchor::of_certificate(root).into_iter().collect();
    let trust = Trust {
        pins: &[],
        revocation: None,
        anchors: &anchors,
        purpose: Purpose::Server,
        now: UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000)),
        algorithms: provider.signature_verification_algorithms.all,
    };
    let _ = public_key_of(leaf).map(|key| key.verify_handshake(trust.algorithms, b"", b""));
    let own = Certificate::parse(leaf)?;
    let others = [CertificateDer::from(authority.to_vec())];
    let name = ServerName::try_from("host.test").unwrap();
    let named = own.check_name(&name);
    verify(&own, &others, false, &trust)?;
    verify(&own, &[], true, &trust)?;
    named
}

#[test]
fn no_change_of_a_byte_panics_or_is_accepted() {
    let chain = chain();
    let [leaf, authority, root] = chain.each_ref().map(|der| der.to_vec());
    assert_eq!(verified(&leaf, &authority, &root), Ok(()));
    for which in 0..2 {
        let whole = [&leaf, &authority][which];
        for at in 0..whole.len() {
            let mut variants: Vec<Vec<u8>> = vec![whole[..at].to_vec()];
            for bits in [0x01, 0x80, 0x7f, 0xff] {
                let mut flipped = whole.clone();
                flipped[at] ^= bits;
                variants.push(flipped);
            }
            for variant in variants {
                let result = match which {
                    0 => verified(&variant, &authority, &root),
                    _ => verified(&leaf, &variant, &root),
                };
                // The changed byte is signed, or part of the signature.
                assert!(result.is_err(), "{which} {at}");
            }
        }
    }
    for at in 0..root.len() {
        for bits in [0x01, 0x80, 0xff] {
            let mut flipped = root.clone();
            flipped[at] ^= bits;
            // The signature of a root is not verified, so the result may be either.
            let _ = verified(&leaf, &authority, &flipped);
            let _ = verified(&leaf, &authority, &root[..at]);
        }
    }
}
