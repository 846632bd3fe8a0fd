//! Private keys that are not encrypted.

use portcullis::error::ConfigurationReason;
use portcullis::tls::{KeyKind, Role, Settings};

use super::support::certs::{Authority, KeyType, Leaf, pem};
use super::support::pair::server_settings;
use super::support::pkcs12::{der, integer};
use super::support::{openssl, require_tool};
use super::{key_refusal, load_key, presented, reason, with_key};

const KINDS: [KeyKind; 4] = [KeyKind::Any, KeyKind::Ec, KeyKind::Ed25519, KeyKind::Rsa];

fn kind_of(key: KeyType) -> KeyKind {
    match key {
        KeyType::P256 | KeyType::P384 => KeyKind::Ec,
        KeyType::Ed25519 => KeyKind::Ed25519,
        KeyType::Rsa2048 | KeyType::Rsa1024 => KeyKind::Rsa,
    }
}

/// A key that OpenSSL makes.
fn generate(options: &str) -> Vec<u8> {
    let arguments = ["genpkey", "-algorithm"].into_iter();
    openssl(
        &arguments.chain(options.split(' ')).collect::<Vec<_>>(),
        b"",
    )
}

const P521: &str = "EC -pkeyopt ec_paramgen_curve:P-521";

#[test]
fn k3_the_first_rsa_key_is_taken_and_keys_of_other_types_are_skipped() {
    if !require_tool("openssl") {
        return;
    }
    let authority = Authority::root("Root");
    let rsa = authority.issue(&Leaf::server().key(KeyType::Rsa2048));
    let other = authority.issue(&Leaf::server());
    let pkcs1 = openssl(&["pkey", "-traditional"], rsa.key_pem().as_bytes());
    let before = [
        other.key_pem().into_bytes(),
        generate("ED448"),
        generate(P521),
        openssl(&["ec", "-aes128", "-passout", "pass:x"], &generate(P521)),
        dsa_key(),
    ]
    .concat();
    for key in [rsa.key_pem().as_bytes(), &pkcs1] {
        let file = [&before, key, other.key_pem().as_bytes()].concat();
        let mut server = Settings::secure(Role::Server);
        server
            .load_certificate_chain(rsa.chain_pem().as_bytes())
            .unwrap();
        server.load_private_key(&file, KeyKind::Rsa, None).unwrap();
        assert_eq!(presented(&authority, &server), [rsa.certificate_der()]);
    }
    // What is wrong with keys that were not asked for is not told.
    let none = load_key(&before, KeyKind::Rsa, None);
    assert_eq!(reason(none), ConfigurationReason::NoPrivateKey);
}

#[test]
fn k3_chain_and_key_are_found_in_one_file_in_any_order() {
    let authority = Authority::root("Root");
    let identity = authority
        .intermediate("Intermediate")
        .issue(&Leaf::server());
    let (own, key) = (identity.certificate_pem(), identity.key_pem());
    let next = pem("CERTIFICATE", &identity.chain[1]);
    for file in [
        [&key, &own, &next],
        [&own, &key, &next],
        [&own, &next, &key],
    ] {
        let file = file.map(String::as_str).concat();
        let mut server = Settings::secure(Role::Server);
        server
            .load_identity(file.as_bytes(), file.as_bytes(), None)
            .unwrap();
        assert_eq!(presented(&authority, &server).len(), 2);
    }
}

#[test]
fn k4_dsa_and_dh_are_refused_whatever_the_source_and_the_cure_is_told() {
    let key = Authority::root("Root").issue(&Leaf::server());
    assert_eq!(load_key(key.key_der(), KeyKind::Any, None), Ok(()));
    for kind in [KeyKind::Dsa, KeyKind::Dh] {
        for input in [key.key_der(), b""] {
            let (reason, line) = key_refusal(load_key(input, kind, None));
            assert_eq!(reason, ConfigurationReason::UnsupportedKeyType);
            assert!(line.contains("P-256"), "{line}");
        }
    }
}

/// A DSA key by its shape, as OpenSSL writes it without PKCS #8, which takes seconds to make real
/// parameters.
fn dsa_key() -> Vec<u8> {
    pem("DSA PRIVATE KEY", &dsa_der()).into_bytes()
}

fn dsa_der() -> Vec<u8> {
    let number = integer(0x0102_0304_0506_0708);
    der(
        0x30,
        &[&integer(0), &number, &number, &number, &number, &number],
    )
}

#[test]
fn k5_each_encoding_is_taken_as_its_kind_and_refused_as_any_other() {
    if !require_tool("openssl") {
        return;
    }
    let authority = Authority::root("Root");
    for key in KeyType::SUPPORTED {
        let identity = authority.issue(&Leaf::server().key(key));
        let pem = identity.key_pem();
        let mut encodings = vec![pem.clone().into_bytes(), identity.key_der().to_vec()];
        // Ed25519 has no form but PKCS #8.
        if key != KeyType::Ed25519 {
            let arguments = ["pkey", "-traditional"];
            encodings.push(openssl(&arguments, pem.as_bytes()));
            let der = [&arguments[..], &["-outform", "DER"]].concat();
            encodings.push(openssl(&der, pem.as_bytes()));
        }
        for encoding in encodings {
            let server = with_key(&identity, &encoding, None).unwrap();
            assert_eq!(presented(&authority, &server), [identity.certificate_der()]);
            for kind in KINDS {
                let loaded = load_key(&encoding, kind, None);
                if kind == KeyKind::Any || kind == kind_of(key) {
                    assert_eq!(loaded, Ok(()), "{key:?} as {kind:?}");
                } else {
                    assert_eq!(reason(loaded), ConfigurationReason::NoPrivateKey);
                }
            }
        }
    }
}

#[test]
fn k5_ec_parameters_before_a_key_are_skipped() {
    if !require_tool("openssl") {
        return;
    }
    for curve in ["prime256v1", "secp384r1"] {
        let key = openssl(&["ecparam", "-genkey", "-name", curve], b"");
        assert!(key.starts_with(b"-----BEGIN EC PARAMETERS"));
        for kind in [KeyKind::Any, KeyKind::Ec] {
            assert_eq!(load_key(&key, kind, None), Ok(()));
        }
    }
}

#[test]
fn k5_types_and_sizes_that_no_suite_uses_are_refused_and_the_cure_is_told() {
    if !require_tool("openssl") {
        return;
    }
    let good = generate("EC -pkeyopt ec_paramgen_curve:P-256");
    assert_eq!(load_key(&good, KeyKind::Any, None), Ok(()));
    for (key, what, kind) in [
        (generate("ED448"), "Ed448", None),
        (generate("X25519"), "X25519", None),
        (generate("DH -pkeyopt group:ffdhe2048"), "DH keys", None),
        (dsa_key(), "DSA", None),
        (dsa_der(), "DSA", None),
        (generate(P521), "P-521", Some(KeyKind::Ec)),
        (
            openssl(&["ec"], &generate(P521)),
            "P-521",
            Some(KeyKind::Ec),
        ),
        (
            generate("RSA -pkeyopt rsa_keygen_bits:1024"),
            "1024 bits",
            Some(KeyKind::Rsa),
        ),
        (
            generate("RSA-PSS -pkeyopt rsa_keygen_bits:2048"),
            "PSS",
            Some(KeyKind::Rsa),
        ),
        (
            generate("RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_primes:3"),
            "two primes",
            Some(KeyKind::Rsa),
        ),
    ] {
        for asked in KINDS {
            let (reason, line) = key_refusal(load_key(&key, asked, None));
            if asked == KeyKind::Any || Some(asked) == kind {
                assert_eq!(reason, ConfigurationReason::UnsupportedKeyType, "{what}");
                assert!(line.contains(what) && line.contains("use RSA of"), "{line}");
            } else {
                assert_eq!(reason, ConfigurationReason::NoPrivateKey, "{what}");
            }
        }
    }
}

#[test]
fn k5_a_key_of_openssh_is_refused_and_the_way_to_convert_it_is_told() {
    let key = pem("OPENSSH PRIVATE KEY", b"openssh-key-v1\0");
    let (reason, line) = key_refusal(load_key(key.as_bytes(), KeyKind::Any, None));
    assert_eq!(reason, ConfigurationReason::UnsupportedKeyType);
    assert!(line.contains("ssh-keygen -p -m PKCS8"), "{line}");
    let good = Authority::root("Root").issue(&Leaf::server());
    let both = key + &good.key_pem();
    assert_eq!(load_key(both.as_bytes(), KeyKind::Any, None), Ok(()));
}

#[test]
fn k5_a_large_rsa_key_is_refused_before_it_is_computed_with() {
    let modulus = vec![0x7f; 1 << 20];
    let (long, one) = (der(2, &[&modulus]), integer(1));
    let numbers = [
        &integer(0)[..],
        &long,
        &integer(65537),
        &long,
        &long,
        &one,
        &one,
        &one,
        &one,
    ];
    let (reason, line) = key_refusal(load_key(&der(0x30, &numbers), KeyKind::Rsa, None));
    assert_eq!(reason, ConfigurationReason::UnsupportedKeyType);
    assert!(line.contains("8388607 bits"), "{line}");
}

#[test]
fn k5_a_key_that_is_broken_is_malformed_and_not_of_an_unsupported_type() {
    let authority = Authority::root("Root");
    for key in KeyType::SUPPORTED {
        let identity = authority.issue(&Leaf::server().key(key));
        let good = identity.key_der();
        assert_eq!(load_key(good, KeyKind::Any, None), Ok(()));
        let broken = [&good[..1], &[good[1] ^ 0x81], &good[2..]].concat();
        let cut = pem("PRIVATE KEY", &good[..good.len() - 1]);
        for input in [&broken, cut.as_bytes(), b"-----BEGIN PRIVATE KEY-----\n"] {
            let (reason, _) = key_refusal(load_key(input, KeyKind::Any, None));
            assert_eq!(reason, ConfigurationReason::Malformed, "{key:?}");
        }
    }
}

#[test]
fn k5_an_ec_key_without_zeros_or_with_too_many_before_it_is_the_same_key() {
    let authority = Authority::root("Root");
    // One of 256 begins with a zero.
    let (identity, scalar) = loop {
        let identity = authority.issue(&Leaf::server());
        let key = identity.key_der();
        let header = [2, 1, 1, 4, 32];
        let at = key.windows(5).position(|part| part == header).unwrap() + 5;
        let scalar = key[at..at + 32].to_vec();
        if scalar[0] == 0 {
            break (identity, scalar);
        }
    };
    let curve = der(6, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]]);
    for private in [&scalar[..], &scalar[1..], &[&[0, 0][..], &scalar].concat()] {
        let parameters = der(0xa0, &[&curve]);
        let key = der(0x30, &[&integer(1), &der(4, &[private]), &parameters]);
        for file in [key.clone(), pem("EC PRIVATE KEY", &key).into_bytes()] {
            let server = with_key(&identity, &file, None).unwrap();
            assert_eq!(presented(&authority, &server), [identity.certificate_der()]);
        }
    }
    let long = [&[1, 0][..], &scalar].concat();
    let key = der(
        0x30,
        &[&integer(1), &der(4, &[&long]), &der(0xa0, &[&curve])],
    );
    assert_eq!(
        reason(load_key(&key, KeyKind::Any, None)),
        ConfigurationReason::Malformed
    );
}

#[test]
fn k5_a_byte_of_a_key_that_is_flipped_never_gives_another_key() {
    let authority = Authority::root("Root");
    for key in [KeyType::P256, KeyType::Ed25519] {
        let identity = authority.issue(&Leaf::server().key(key));
        let good = identity.key_der();
        for at in 0..good.len() {
            for bits in [0x01, 0x80, 0xff] {
                let mut flipped = good.to_vec();
                flipped[at] ^= bits;
                if let Ok(server) = with_key(&identity, &flipped, None) {
                    // The flip is in a part that does not count.
                    assert_eq!(presented(&authority, &server), [identity.certificate_der()]);
                }
            }
        }
    }
}

#[test]
fn k7_a_key_that_is_refused_leaves_the_old_one() {
    let authority = Authority::root("Root");
    let (own, other) = (
        authority.issue(&Leaf::server()),
        authority.issue(&Leaf::server()),
    );
    let mut server = server_settings(&own);
    for (input, expected) in [
        (&b""[..], ConfigurationReason::Empty),
        (b"nothing", ConfigurationReason::Malformed),
        (own.certificate_der(), ConfigurationReason::NoPrivateKey),
        (
            own.chain_pem().as_bytes(),
            ConfigurationReason::NoPrivateKey,
        ),
        (other.key_der(), ConfigurationReason::KeyMismatch),
    ] {
        let key = server.load_private_key(input, KeyKind::Any, None);
        assert_eq!(reason(key), expected);
        let identity = server.load_identity(own.certificate_der(), input, None);
        assert_eq!(reason(identity), expected);
        assert_eq!(presented(&authority, &server), [own.certificate_der()]);
    }
}
