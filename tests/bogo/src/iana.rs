//! The numbers by which the runner names groups, schemes and suites, and their IANA names.

use anyhow::Result;

use crate::missing::Missing;

/// The key exchange groups that there are.
const GROUPS: [(u16, &str); 5] = [
    (23, "secp256r1"),
    (24, "secp384r1"),
    (29, "x25519"),
    (4587, "SecP256r1MLKEM768"),
    (4588, "X25519MLKEM768"),
];

/// Those of the runner that are not.
const OTHER_GROUPS: [(u16, &str); 4] = [
    (21, "group secp224r1"),
    (25, "group secp521r1"),
    (514, "group MLKEM1024"),
    (0x6399, "group X25519Kyber768Draft00"),
];

/// The signature schemes that there are.
pub(crate) const SCHEMES: [(u16, &str); 10] = [
    (0x0401, "rsa_pkcs1_sha256"),
    (0x0403, "ecdsa_secp256r1_sha256"),
    (0x0501, "rsa_pkcs1_sha384"),
    (0x0503, "ecdsa_secp384r1_sha384"),
    (0x0601, "rsa_pkcs1_sha512"),
    (0x0603, "ecdsa_secp521r1_sha512"),
    (0x0804, "rsa_pss_rsae_sha256"),
    (0x0805, "rsa_pss_rsae_sha384"),
    (0x0806, "rsa_pss_rsae_sha512"),
    (0x0807, "ed25519"),
];

/// Those of the runner that are not.
const OTHER_SCHEMES: [(u16, &str); 7] = [
    (0x0201, "signatures with SHA-1"),
    (0x0203, "signatures with SHA-1"),
    (0x0420, "rsa_pkcs1_sha256_legacy (RFC 9963)"),
    (0x0904, "signatures with ML-DSA"),
    (0x0905, "signatures with ML-DSA"),
    (0x0906, "signatures with ML-DSA"),
    (0xff01, "signatures with MD5 and SHA-1"),
];

/// The cipher suites that there are.
const SUITES: [(u16, &str); 9] = [
    (0x1301, "TLS_AES_128_GCM_SHA256"),
    (0x1302, "TLS_AES_256_GCM_SHA384"),
    (0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
    (0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
];

/// The name of a group.
pub(crate) fn group(number: u16) -> Result<&'static str> {
    find(&GROUPS, &OTHER_GROUPS, "-curves", number)
}

/// The name of a signature scheme.
pub(crate) fn scheme(number: u16) -> Result<&'static str> {
    find(&SCHEMES, &OTHER_SCHEMES, "signature scheme", number)
}

/// The name of a cipher suite.
pub(crate) fn suite(number: u16) -> Result<&'static str> {
    find(&SUITES, &[], "cipher suite", number)
}

fn find(
    known: &[(u16, &'static str)],
    missing: &[(u16, &'static str)],
    what: &str,
    number: u16,
) -> Result<&'static str> {
    let name = |names: &[(u16, &'static str)]| {
        let found = names.iter().find(|(of, _)| *of == number);
        found.map(|(_, name)| *name)
    };
    match (name(known), name(missing)) {
        (Some(name), _) => Ok(name),
        (None, Some(feature)) => Err(Missing::new(what, feature).into()),
        (None, None) => anyhow::bail!("unknown {what} {number}"),
    }
}

/// The kind of key that a scheme is for.
pub(crate) fn key_of(scheme: &str) -> &str {
    match scheme.split('_').next() {
        Some("rsa") => "rsa",
        _ => scheme,
    }
}
