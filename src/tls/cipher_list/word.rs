//! The vocabulary of cipher lists (ciphers(1)): which words there are, and what each stands for.

use rustls::CipherSuite;

use super::suite::*;

/// What a word of a cipher list stands for.
#[derive(Debug)]
pub(super) enum Word {
    /// A class of suites; the name of a suite of TLS 1.2 is a class of its own.
    Class(Class),
    /// A suite of TLS 1.3.
    Tls13(&'static Suite),
    /// A suite that this component does not have.
    OtherSuite,
    /// A class that OpenSSL no longer knows, as no build of it has a suite left there.
    Retired,
    /// A word that is not known.
    Unknown,
}

impl Word {
    /// Looks a word up. Case does not matter, as of OpenSSL 4.0; no two of its words differ by case
    /// only.
    pub(super) fn of(text: &str) -> Self {
        let is_text = |name: &str| name.eq_ignore_ascii_case(text);
        if let Some((_, class)) = CLASSES.iter().find(|(name, _)| is_text(name)) {
            Self::Class(Class(*class))
        } else if let Some(suite) = TLS12.iter().find(|suite| suite.is_called(text)) {
            Self::Class(suite.own_class())
        } else if let Some(suite) = TLS13.iter().find(|suite| suite.is_called(text)) {
            Self::Tls13(suite)
        } else if RETIRED.split_ascii_whitespace().any(is_text) {
            Self::Retired
        } else if is_other_suite(text) {
            Self::OtherSuite
        } else {
            Self::Unknown
        }
    }
}

/// The classes by the words that ciphers(1) has for them.
const CLASSES: [(&str, u64); 63] = [
    ("ALL", !E_NONE),
    ("COMPLEMENTOFALL", only(CIPHER, E_NONE)),
    // It holds anonymous suites too, which makes no difference: this component has neither.
    ("COMPLEMENTOFDEFAULT", only(CIPHER, E_NONE)),
    ("HIGH", only(STRENGTH, HIGH)),
    ("MEDIUM", only(STRENGTH, MEDIUM)),
    ("LOW", only(STRENGTH, LOW)),
    ("FIPS", only(CIPHER, E_AES128 | E_AES256 | E_3DES)),
    ("TLSv1.2", only(VERSION, V_TLS12)),
    ("TLSv1.0", only(VERSION, V_TLS1)),
    ("TLSv1", only(VERSION, V_TLS1)),
    ("SSLv3", only(VERSION, V_SSL3)),
    // Key exchange.
    ("kRSA", only(EXCHANGE, K_RSA)),
    ("RSA", only(EXCHANGE, K_RSA) & only(SIGNER, A_RSA)),
    ("kDHE", only(EXCHANGE, K_DHE)),
    ("kEDH", only(EXCHANGE, K_DHE)),
    ("DH", only(EXCHANGE, K_DHE)),
    ("DHE", only(EXCHANGE, K_DHE) & !A_NONE),
    ("EDH", only(EXCHANGE, K_DHE) & !A_NONE),
    ("ADH", only(EXCHANGE, K_DHE) & only(SIGNER, A_NONE)),
    ("kECDHE", only(EXCHANGE, K_ECDHE)),
    ("kEECDH", only(EXCHANGE, K_ECDHE)),
    ("ECDH", only(EXCHANGE, K_ECDHE)),
    ("ECDHE", only(EXCHANGE, K_ECDHE) & !A_NONE),
    ("EECDH", only(EXCHANGE, K_ECDHE) & !A_NONE),
    ("AECDH", only(EXCHANGE, K_ECDHE) & only(SIGNER, A_NONE)),
    ("kPSK", only(EXCHANGE, K_PSK)),
    ("kRSAPSK", only(EXCHANGE, K_RSA_PSK)),
    ("kDHEPSK", only(EXCHANGE, K_DHE_PSK)),
    ("kECDHEPSK", only(EXCHANGE, K_ECDHE_PSK)),
    (
        "PSK",
        only(EXCHANGE, K_PSK | K_RSA_PSK | K_DHE_PSK | K_ECDHE_PSK),
    ),
    ("kSRP", only(EXCHANGE, K_SRP)),
    ("SRP", only(EXCHANGE, K_SRP)),
    // Signature.
    ("aRSA", only(SIGNER, A_RSA)),
    ("aDSS", only(SIGNER, A_DSS)),
    ("DSS", only(SIGNER, A_DSS)),
    ("aECDSA", only(SIGNER, A_ECDSA)),
    ("ECDSA", only(SIGNER, A_ECDSA)),
    ("aPSK", only(SIGNER, A_PSK)),
    ("aSRP", only(SIGNER, A_SRP)),
    ("aNULL", only(SIGNER, A_NONE)),
    // Cipher.
    ("eNULL", only(CIPHER, E_NONE)),
    ("NULL", only(CIPHER, E_NONE)),
    ("AES", only(CIPHER, E_AES128 | E_AES256)),
    ("AES128", only(CIPHER, E_AES128)),
    ("AES256", only(CIPHER, E_AES256)),
    ("AESGCM", only(CIPHER, E_AES128_GCM | E_AES256_GCM)),
    (
        "AESCCM",
        only(
            CIPHER,
            E_AES128_CCM | E_AES256_CCM | E_AES128_CCM8 | E_AES256_CCM8,
        ),
    ),
    ("AESCCM8", only(CIPHER, E_AES128_CCM8 | E_AES256_CCM8)),
    ("ARIA", only(CIPHER, E_ARIA128 | E_ARIA256)),
    ("ARIAGCM", only(CIPHER, E_ARIA128 | E_ARIA256)),
    ("ARIA128", only(CIPHER, E_ARIA128)),
    ("ARIA256", only(CIPHER, E_ARIA256)),
    ("CAMELLIA", only(CIPHER, E_CAMELLIA128 | E_CAMELLIA256)),
    ("CAMELLIA128", only(CIPHER, E_CAMELLIA128)),
    ("CAMELLIA256", only(CIPHER, E_CAMELLIA256)),
    ("CHACHA20", only(CIPHER, E_CHACHA20)),
    ("3DES", only(CIPHER, E_3DES)),
    (
        "CBC",
        only(
            CIPHER,
            E_3DES | E_AES128_CBC | E_AES256_CBC | E_CAMELLIA128 | E_CAMELLIA256,
        ),
    ),
    // Message authentication. A suite with an AEAD has none, so SHA384 holds none of our suites.
    ("MD5", only(MAC, M_MD5)),
    ("SHA", only(MAC, M_SHA1)),
    ("SHA1", only(MAC, M_SHA1)),
    ("SHA256", only(MAC, M_SHA256)),
    ("SHA384", only(MAC, M_SHA384)),
];

/// Words for classes whose suites are gone, or are in few builds of OpenSSL only.
const RETIRED: &str = "SSLv2 EXP EXPORT EXPORT40 EXPORT56 kDH kDHd kDHr kECDH kECDHr DES IDEA RC2 \
    RC4 SEED GOST GOST12 GOST2012 GOST89 GOST89MAC GOST94 aGOST aGOST01 aGOST12 kGOST kGOST18";

/// Whether the word is OpenSSL's or IANA's name of a suite that is none of ours.
fn is_other_suite(word: &str) -> bool {
    let has_iana_name = |id: u16| {
        let name = CipherSuite::from(id).as_str();
        name.is_some_and(|name| {
            // rustls writes TLS13_ where IANA writes TLS_.
            let (tls13, word13) = (name.strip_prefix("TLS13_"), strip_prefix(word, "TLS_"));
            name.eq_ignore_ascii_case(word)
                || tls13
                    .zip(word13)
                    .is_some_and(|(name, word)| name.eq_ignore_ascii_case(word))
        })
    };
    if strip_prefix(word, "TLS_").is_some() {
        return IANA_BLOCKS
            .iter()
            .any(|block| (block << 8..=block << 8 | 0xff).any(has_iana_name));
    }
    OTHER_SUITES.iter().any(|(beginnings, endings)| {
        let rests = beginnings
            .iter()
            .filter_map(|beginning| strip_prefix(word, beginning));
        rests
            .flat_map(|rest| {
                endings
                    .split_ascii_whitespace()
                    .map(move |ending| (rest, ending))
            })
            .any(|(rest, ending)| rest.eq_ignore_ascii_case(ending))
    })
}

/// The text after the prefix, which may be written in any case.
pub(super) fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// The first bytes that the numbers of suites have.
const IANA_BLOCKS: [u16; 4] = [0x00, 0x13, 0xc0, 0xcc];

/// OpenSSL's names of the suites that it has or had: each beginning with each of the endings.
const OTHER_SUITES: [(&[&str], &str); 11] = [
    (
        &["", "ADH-", "DHE-DSS-", "DHE-RSA-", "DH-DSS-", "DH-RSA-"],
        "AES128-GCM-SHA256 AES128-SHA AES128-SHA256 AES256-GCM-SHA384 AES256-SHA AES256-SHA256 \
         ARIA128-GCM-SHA256 ARIA256-GCM-SHA384 CAMELLIA128-SHA CAMELLIA128-SHA256 CAMELLIA256-SHA \
         CAMELLIA256-SHA256 DES-CBC-SHA DES-CBC3-SHA SEED-SHA",
    ),
    (
        &["ECDHE-ECDSA-", "ECDHE-RSA-", "ECDH-ECDSA-", "ECDH-RSA-"],
        "AES128-GCM-SHA256 AES128-SHA AES128-SHA256 AES256-GCM-SHA384 AES256-SHA AES256-SHA384 \
         CAMELLIA128-SHA256 CAMELLIA256-SHA384 DES-CBC3-SHA NULL-SHA RC4-SHA",
    ),
    (
        &["ECDHE-", "ECDHE-ECDSA-", "ECDH-", "ECDH-ECDSA-"],
        "ARIA128-GCM-SHA256 ARIA256-GCM-SHA384",
    ),
    (
        &["", "DHE-RSA-", "ECDHE-ECDSA-", "PSK-", "DHE-PSK-"],
        "AES128-CCM AES128-CCM8 AES256-CCM AES256-CCM8",
    ),
    (
        &["PSK-", "DHE-PSK-", "ECDHE-PSK-", "RSA-PSK-"],
        "3DES-EDE-CBC-SHA AES128-CBC-SHA AES128-CBC-SHA256 AES128-GCM-SHA256 AES256-CBC-SHA \
         AES256-CBC-SHA384 AES256-GCM-SHA384 ARIA128-GCM-SHA256 ARIA256-GCM-SHA384 \
         CAMELLIA128-SHA256 CAMELLIA256-SHA384 CHACHA20-POLY1305 NULL-SHA NULL-SHA256 NULL-SHA384 \
         RC4-SHA",
    ),
    (&["DHE-RSA-"], "CHACHA20-POLY1305"),
    (
        &["SRP-", "SRP-DSS-", "SRP-RSA-"],
        "3DES-EDE-CBC-SHA AES-128-CBC-SHA AES-256-CBC-SHA",
    ),
    (
        &["AECDH-"],
        "AES128-SHA AES256-SHA DES-CBC3-SHA NULL-SHA RC4-SHA",
    ),
    (&["EDH-DSS-", "EDH-RSA-"], "DES-CBC-SHA DES-CBC3-SHA"),
    (
        &["EXP-", "EXP-ADH-", "EXP-EDH-DSS-", "EXP-EDH-RSA-"],
        "DES-CBC-SHA RC2-CBC-MD5 RC4-MD5",
    ),
    (
        &[""],
        "ADH-RC4-MD5 DHE-DSS-RC4-SHA GOST2001-GOST89-GOST89 GOST2012-GOST8912-GOST8912 \
         IDEA-CBC-SHA NULL-MD5 NULL-SHA NULL-SHA256 RC4-MD5 RC4-SHA",
    ),
];
