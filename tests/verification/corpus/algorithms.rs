//! Keys and signatures: of each kind and size, weak and strong.

use super::{Case, Corpus};
use crate::certificate::{Chain, Draft, NAME};
use crate::key::{Algorithm, Hash, KEYS, Key, curve, info, null, pss};
use crate::x509::{dns, oid, sequence, tlv};

pub(super) fn add(corpus: &mut Corpus) {
    issuers(corpus);
    own_keys(corpus);
    rsa(corpus);
}

/// A chain whose authority has this key.
fn by(key: &Key) -> Chain {
    let mut chain = Chain::new();
    chain.middle.key = key.clone();
    chain
}

/// The authority's key and how it signs.
fn issuers(corpus: &mut Corpus) {
    let (p384, p521, ed25519) = (Key::p384(), Key::p521(), Key::ed25519());
    let (rsa, p256) = (&KEYS.rsa, &KEYS.middle);
    let (one, three) = (Key::rsa_of_nobody(2048, &[1]), Key::rsa(2048, 3));
    let (short, shorter) = (Key::rsa(1024, 65_537), Key::rsa(1536, 65_537));
    let odd = Key::rsa(2049, 65_537);
    for (name, key, algorithm) in [
        ("p256-sha1", p256, Algorithm::Ecdsa(Hash::Sha1)),
        ("p256-sha224", p256, Algorithm::Ecdsa(Hash::Sha224)),
        ("p256-sha384", p256, Algorithm::Ecdsa(Hash::Sha384)),
        ("p256-sha512", p256, Algorithm::Ecdsa(Hash::Sha512)),
        ("p384-sha1", &p384, Algorithm::Ecdsa(Hash::Sha1)),
        ("p384-sha256", &p384, Algorithm::Ecdsa(Hash::Sha256)),
        ("p384-sha384", &p384, Algorithm::Ecdsa(Hash::Sha384)),
        ("p384-sha512", &p384, Algorithm::Ecdsa(Hash::Sha512)),
        ("p521-sha256", &p521, Algorithm::Ecdsa(Hash::Sha256)),
        ("p521-sha384", &p521, Algorithm::Ecdsa(Hash::Sha384)),
        ("p521-sha512", &p521, Algorithm::Ecdsa(Hash::Sha512)),
        ("ed25519", &ed25519, Algorithm::Ed25519),
        ("rsa-md5", rsa, Algorithm::Pkcs1(Hash::Md5)),
        ("rsa-sha1", rsa, Algorithm::Pkcs1(Hash::Sha1)),
        ("rsa-sha224", rsa, Algorithm::Pkcs1(Hash::Sha224)),
        ("rsa-sha256", rsa, Algorithm::Pkcs1(Hash::Sha256)),
        ("rsa-sha384", rsa, Algorithm::Pkcs1(Hash::Sha384)),
        ("rsa-sha512", rsa, Algorithm::Pkcs1(Hash::Sha512)),
        ("rsa-pss-sha1", rsa, Algorithm::Pss(Hash::Sha1, 20)),
        ("rsa-pss-sha256", rsa, Algorithm::Pss(Hash::Sha256, 32)),
        ("rsa-pss-sha384", rsa, Algorithm::Pss(Hash::Sha384, 48)),
        ("rsa-pss-sha512", rsa, Algorithm::Pss(Hash::Sha512, 64)),
        ("rsa-pss-salt-20", rsa, Algorithm::Pss(Hash::Sha256, 20)),
        ("rsa-pss-salt-0", rsa, Algorithm::Pss(Hash::Sha256, 0)),
        ("rsa-pss-salt-64", rsa, Algorithm::Pss(Hash::Sha256, 64)),
        ("rsa-1024", &short, Algorithm::Pkcs1(Hash::Sha256)),
        ("rsa-1536", &shorter, Algorithm::Pkcs1(Hash::Sha256)),
        ("rsa-2049", &odd, Algorithm::Pkcs1(Hash::Sha256)),
        ("rsa-exponent-3", &three, Algorithm::Pkcs1(Hash::Sha256)),
        ("rsa-exponent-1", &one, Algorithm::Pkcs1(Hash::Sha256)),
    ] {
        let mut chain = by(key);
        chain.leaf.algorithm = Some(algorithm);
        corpus.add(chain.case(format!("signed/{name}")));
    }
    // The key and the algorithm are of different kinds.
    for (name, key, identifier) in [
        (
            "p256-as-rsa",
            p256,
            Algorithm::Pkcs1(Hash::Sha256).identifier(),
        ),
        (
            "rsa-as-p256",
            rsa,
            Algorithm::Ecdsa(Hash::Sha256).identifier(),
        ),
        ("p256-as-ed25519", p256, Algorithm::Ed25519.identifier()),
        (
            "rsa-sha256-as-sha384",
            rsa,
            Algorithm::Pkcs1(Hash::Sha384).identifier(),
        ),
        ("rsa-as-pss", rsa, pss(Hash::Sha256, Hash::Sha256, 32)),
        (
            "rsa-null-absent",
            rsa,
            sequence(&[oid("1.2.840.113549.1.1.11")]),
        ),
        (
            "rsa-parameters",
            rsa,
            sequence(&[oid("1.2.840.113549.1.1.11"), tlv(2, &[1])]),
        ),
        (
            "ed25519-with-null",
            &ed25519,
            sequence(&[oid("1.3.101.112"), null()]),
        ),
    ] {
        let mut chain = by(key);
        chain.leaf.identifier = [Some(identifier.clone()), Some(identifier)];
        corpus.add(chain.case(format!("signed/mismatch/{name}")));
    }
    // PSS parameters in other forms.
    for (name, identifier) in [
        ("absent", sequence(&[oid("1.2.840.113549.1.1.10")])),
        (
            "empty",
            sequence(&[oid("1.2.840.113549.1.1.10"), sequence(&[])]),
        ),
        ("null", sequence(&[oid("1.2.840.113549.1.1.10"), null()])),
        ("mask-of-sha1", pss(Hash::Sha256, Hash::Sha1, 32)),
        ("mask-of-sha384", pss(Hash::Sha256, Hash::Sha384, 32)),
        ("trailer-explicit", {
            let parameters = pss(Hash::Sha256, Hash::Sha256, 32);
            let at = parameters
                .windows(2)
                .position(|part| part == [0xa0, 0x0f])
                .unwrap();
            let inner = [&parameters[at..], &tlv(0xa3, &tlv(2, &[1]))].concat();
            sequence(&[oid("1.2.840.113549.1.1.10"), tlv(0x30, &inner)])
        }),
        ("trailer-2", {
            let parameters = pss(Hash::Sha256, Hash::Sha256, 32);
            let at = parameters
                .windows(2)
                .position(|part| part == [0xa0, 0x0f])
                .unwrap();
            let inner = [&parameters[at..], &tlv(0xa3, &tlv(2, &[2]))].concat();
            sequence(&[oid("1.2.840.113549.1.1.10"), tlv(0x30, &inner)])
        }),
    ] {
        let mut chain = by(rsa);
        chain.leaf.algorithm = Some(Algorithm::Pss(Hash::Sha256, 32));
        chain.leaf.identifier = [Some(identifier.clone()), Some(identifier)];
        corpus.add(chain.case(format!("signed/pss/{name}")));
    }
    // A key for PSS alone, with parameters and without.
    let modulus = sequence(&[tlv(2, &rsa.rsa_modulus()), tlv(2, &[1, 0, 1])]);
    for (name, algorithm) in [
        (
            "key-without-parameters",
            sequence(&[oid("1.2.840.113549.1.1.10")]),
        ),
        ("key-with-parameters", pss(Hash::Sha256, Hash::Sha256, 32)),
    ] {
        let mut chain = by(&rsa.with_info(info(&algorithm, &modulus)));
        chain.leaf.algorithm = Some(Algorithm::Pss(Hash::Sha256, 32));
        corpus.add(chain.case(format!("signed/pss/{name}")));
    }
}

/// The peer's own key.
fn own_keys(corpus: &mut Corpus) {
    let point = |x: &str, y: &str| {
        let digits = format!("{x}{y}");
        let bytes = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
        std::iter::once(4).chain(bytes).collect::<Vec<u8>>()
    };
    // The base points, which everybody holds the key of.
    let p192 = point(
        "188da80eb03090f67cbf20eb43a18800f4ff0afd82ff1012",
        "07192b95ffc8da78631011ed6b24cdd573f977a11e794811",
    );
    let p224 = point(
        "b70e0cbd6bb4bf7f321390b94a03c1d356c21122343280d6115c1d21",
        "bd376388b5f723fb4c22dfe6cd4375a05a07476444d5819985007e34",
    );
    let k256 = point(
        "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8",
    );
    let brainpool = point(
        "8bd2aeb9cb7e57cb2c4b482ffc81b7afb9de27e1e3bd23c23a4453bd9ace3262",
        "547ef835c3dac4fd97f8461a14611dc9c27745132ded8e545c1d54c72f046997",
    );
    let rsa = |bits: usize| Key::rsa_of_nobody(bits, &[1, 0, 1]);
    let modulus = KEYS.rsa.rsa_modulus();
    let rsa_with = |parameters: Option<Vec<u8>>, parts: &[Vec<u8>]| {
        let mut algorithm = vec![oid("1.2.840.113549.1.1.1")];
        algorithm.extend(parameters);
        Key::of_info(info(&sequence(&algorithm), &sequence(parts)))
    };
    let exponent = || tlv(2, &[1, 0, 1]);
    let rsa_info = KEYS.rsa.info.clone();
    for (name, key) in [
        ("p384", Key::p384()),
        ("p521", Key::p521()),
        ("ed25519", Key::ed25519()),
        ("rsa-2048", KEYS.rsa.clone()),
        ("rsa-3072", rsa(3072)),
        ("rsa-4096", rsa(4096)),
        ("rsa-8192", rsa(8192)),
        ("rsa-8200", rsa(8200)),
        ("rsa-16384", rsa(16_384)),
        ("rsa-512", rsa(512)),
        ("rsa-1024", rsa(1024)),
        ("rsa-2040", rsa(2040)),
        ("rsa-2047", rsa(2047)),
        ("rsa-exponent-1", Key::rsa_of_nobody(2048, &[1])),
        ("rsa-exponent-2", Key::rsa_of_nobody(2048, &[2])),
        ("rsa-exponent-3", Key::rsa_of_nobody(2048, &[3])),
        ("rsa-exponent-negative", Key::rsa_of_nobody(2048, &[0x81])),
        ("rsa-exponent-0", Key::rsa_of_nobody(2048, &[0])),
        (
            "rsa-exponent-of-34-bits",
            Key::rsa_of_nobody(2048, &[2, 0, 0, 0, 1]),
        ),
        (
            "rsa-exponent-of-64-bits",
            Key::rsa_of_nobody(2048, &[0x7f, 0, 0, 0, 0, 0, 0, 1]),
        ),
        (
            "rsa-modulus-negative",
            rsa_with(Some(null()), &[tlv(2, &modulus[1..]), exponent()]),
        ),
        (
            "rsa-modulus-even",
            rsa_with(
                Some(null()),
                &[tlv(2, &[&modulus[..256], &[0]].concat()), exponent()],
            ),
        ),
        (
            "rsa-modulus-0",
            rsa_with(Some(null()), &[tlv(2, &[0]), exponent()]),
        ),
        (
            "rsa-exponent-absent",
            rsa_with(Some(null()), &[tlv(2, &modulus)]),
        ),
        (
            "rsa-third-number",
            rsa_with(Some(null()), &[tlv(2, &modulus), exponent(), exponent()]),
        ),
        (
            "rsa-null-absent",
            rsa_with(None, &[tlv(2, &modulus), exponent()]),
        ),
        (
            "rsa-pss",
            KEYS.rsa.with_info({
                let parts = sequence(&[tlv(2, &modulus), exponent()]);
                info(&sequence(&[oid("1.2.840.113549.1.1.10")]), &parts)
            }),
        ),
        (
            "rsa-trailing",
            Key::of_info({
                let mut broken = rsa_info;
                let last = broken.len() - 1;
                broken[last] = 2;
                broken
            }),
        ),
        (
            "p192",
            Key::of_info(info(&curve("1.2.840.10045.3.1.1"), &p192)),
        ),
        ("p224", Key::of_info(info(&curve("1.3.132.0.33"), &p224))),
        (
            "secp256k1",
            Key::of_info(info(&curve("1.3.132.0.10"), &k256)),
        ),
        (
            "brainpool-p256",
            Key::of_info(info(&curve("1.3.36.3.3.2.8.1.1.7"), &brainpool)),
        ),
        (
            "curve-unknown",
            Key::of_info(info(&curve("1.2.3.4"), &k256)),
        ),
        (
            "p256-of-another-curve",
            Key::of_info(info(&curve(crate::key::P256), &k256)),
        ),
        (
            "ed25519-short",
            Key::of_info(info(&sequence(&[oid("1.3.101.112")]), &[1; 31])),
        ),
        (
            "ed25519-small-order",
            Key::of_info(info(&sequence(&[oid("1.3.101.112")]), &[0; 32])),
        ),
        (
            "ed448",
            Key::of_info(info(&sequence(&[oid("1.3.101.113")]), &[9; 57])),
        ),
        (
            "x25519",
            Key::of_info(info(&sequence(&[oid("1.3.101.110")]), &[9; 32])),
        ),
        (
            "unknown",
            Key::of_info(info(&sequence(&[oid("1.2.3.4")]), &[9; 32])),
        ),
    ] {
        let mut chain = Chain::new();
        chain.leaf.key = key;
        corpus.add(chain.case(format!("own-key/{name}")));
    }
}

/// A chain of RSA alone.
fn rsa(corpus: &mut Corpus) {
    let mut chain = Chain::new();
    for draft in [&mut chain.root, &mut chain.middle, &mut chain.leaf] {
        draft.key = KEYS.rsa.clone();
    }
    corpus.add(chain.case("plain/rsa"));
    // The root is weak, or what it is signed with; only its key counts.
    for (name, key, algorithm) in [
        ("sha1", &KEYS.rsa, Algorithm::Pkcs1(Hash::Sha1)),
        ("md5", &KEYS.rsa, Algorithm::Pkcs1(Hash::Md5)),
        (
            "rsa-1024",
            &Key::rsa(1024, 65_537),
            Algorithm::Pkcs1(Hash::Sha256),
        ),
    ] {
        let mut root = Draft::authority("Root", "Root", key);
        root.algorithm = Some(algorithm);
        let root = root.issued_by(key);
        let middle = Draft::authority("Root", "Authority", &KEYS.middle).issued_by(key);
        let leaf = Draft::server("Authority", &[dns(NAME)]).issued_by(&KEYS.middle);
        corpus.add(Case::new(
            format!("signed/root/{name}"),
            vec![leaf, middle],
            root,
            &KEYS.leaf,
        ));
    }
}

/// P-256 by its parameters in place of its name (RFC 3279 §2.3.5), as the curve ball of 2020 had it.
pub(super) fn explicit_p256() -> Vec<u8> {
    let hex = |digits: &str| -> Vec<u8> {
        (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect()
    };
    let prime = hex("00ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    let a = hex("ffffffff00000001000000000000000000000000fffffffffffffffffffffffc");
    let b = hex("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b");
    let base = hex(
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
         4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
    );
    let order = hex("00ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    let parameters = sequence(&[
        tlv(2, &[1]),
        sequence(&[oid("1.2.840.10045.1.1"), tlv(2, &prime)]),
        sequence(&[tlv(4, &a), tlv(4, &b)]),
        tlv(4, &base),
        tlv(2, &order),
        tlv(2, &[1]),
    ]);
    sequence(&[oid("1.2.840.10045.2.1"), parameters])
}
