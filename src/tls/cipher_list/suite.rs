//! The suites of this component, and the classes of suites that cipher lists speak of.

use rustls::CipherSuite;

/// A suite of this component.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Suite {
    /// OpenSSL's name, which for TLS 1.3 is IANA's.
    pub(super) name: &'static str,
    pub(super) id: CipherSuite,
    /// Bits of the key.
    pub(super) strength: u16,
    class: Class,
}

/// The suites of TLS 1.2, in OpenSSL's order.
pub(super) static TLS12: [Suite; 6] = [
    tls12(
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        A_ECDSA,
        E_AES256_GCM,
    ),
    tls12(
        "ECDHE-RSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        A_RSA,
        E_AES256_GCM,
    ),
    tls12(
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        A_ECDSA,
        E_CHACHA20,
    ),
    tls12(
        "ECDHE-RSA-CHACHA20-POLY1305",
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        A_RSA,
        E_CHACHA20,
    ),
    tls12(
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        A_ECDSA,
        E_AES128_GCM,
    ),
    tls12(
        "ECDHE-RSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        A_RSA,
        E_AES128_GCM,
    ),
];

/// The suites of TLS 1.3, in OpenSSL's order. No class holds them: they are selected by name only.
pub(super) static TLS13: [Suite; 3] = [
    tls13(
        "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_AES_256_GCM_SHA384,
        256,
    ),
    tls13(
        "TLS_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
        256,
    ),
    tls13(
        "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_128_GCM_SHA256,
        128,
    ),
];

const fn tls12(name: &'static str, id: CipherSuite, signer: u64, cipher: u64) -> Suite {
    Suite {
        name,
        id,
        strength: if cipher == E_AES128_GCM { 128 } else { 256 },
        class: Class(K_ECDHE | signer | cipher | M_AEAD | HIGH | V_TLS12),
    }
}

const fn tls13(name: &'static str, id: CipherSuite, strength: u16) -> Suite {
    Suite {
        name,
        id,
        strength,
        class: Class(0),
    }
}

impl Suite {
    /// Whether the class holds this suite.
    pub(super) fn is_in(&self, class: Class) -> bool {
        self.class.0 != 0 && class.0 & self.class.0 == self.class.0
    }

    pub(super) fn is_called(&self, word: &str) -> bool {
        let iana = self.id.as_str().unwrap_or_default();
        word.eq_ignore_ascii_case(self.name) || word.eq_ignore_ascii_case(iana)
    }

    /// The class that its name stands for: the suite alone. OpenSSL allows any version in it, so
    /// that the name of a suite and a class of another version do not contradict each other.
    pub(super) fn own_class(&self) -> Class {
        Class(self.class.0 | VERSION)
    }
}

/// A class of suites: a bit for each value of each property that it allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class(pub(super) u64);

impl Class {
    /// Every suite.
    pub(super) const ALL: Self = Self(u64::MAX);

    /// The class of the suites that are in both.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether a property has no value left. OpenSSL ignores an item with such a class, but not one
    /// whose class merely has no suite.
    pub(super) fn is_contradiction(self) -> bool {
        PROPERTIES.iter().any(|property| self.0 & property == 0)
    }
}

/// The bits of each property.
const PROPERTIES: [u64; 6] = [EXCHANGE, SIGNER, CIPHER, MAC, STRENGTH, VERSION];

pub(super) const EXCHANGE: u64 = 0xff;
pub(super) const K_RSA: u64 = 1;
pub(super) const K_DHE: u64 = 1 << 1;
pub(super) const K_ECDHE: u64 = 1 << 2;
pub(super) const K_PSK: u64 = 1 << 3;
pub(super) const K_RSA_PSK: u64 = 1 << 4;
pub(super) const K_DHE_PSK: u64 = 1 << 5;
pub(super) const K_ECDHE_PSK: u64 = 1 << 6;
pub(super) const K_SRP: u64 = 1 << 7;

pub(super) const SIGNER: u64 = 0xff << 8;
pub(super) const A_NONE: u64 = 1 << 8;
pub(super) const A_RSA: u64 = 1 << 9;
pub(super) const A_DSS: u64 = 1 << 10;
pub(super) const A_ECDSA: u64 = 1 << 11;
pub(super) const A_PSK: u64 = 1 << 12;
pub(super) const A_SRP: u64 = 1 << 13;

pub(super) const CIPHER: u64 = 0xff_ffff << 16;
pub(super) const E_NONE: u64 = 1 << 16;
pub(super) const E_3DES: u64 = 1 << 17;
pub(super) const E_AES128_CBC: u64 = 1 << 18;
pub(super) const E_AES256_CBC: u64 = 1 << 19;
pub(super) const E_AES128_GCM: u64 = 1 << 20;
pub(super) const E_AES256_GCM: u64 = 1 << 21;
pub(super) const E_AES128_CCM: u64 = 1 << 22;
pub(super) const E_AES256_CCM: u64 = 1 << 23;
pub(super) const E_AES128_CCM8: u64 = 1 << 24;
pub(super) const E_AES256_CCM8: u64 = 1 << 25;
pub(super) const E_ARIA128: u64 = 1 << 26;
pub(super) const E_ARIA256: u64 = 1 << 27;
pub(super) const E_CAMELLIA128: u64 = 1 << 28;
pub(super) const E_CAMELLIA256: u64 = 1 << 29;
pub(super) const E_CHACHA20: u64 = 1 << 30;
pub(super) const E_AES128: u64 = E_AES128_CBC | E_AES128_GCM | E_AES128_CCM | E_AES128_CCM8;
pub(super) const E_AES256: u64 = E_AES256_CBC | E_AES256_GCM | E_AES256_CCM | E_AES256_CCM8;

pub(super) const MAC: u64 = 0xff << 40;
pub(super) const M_AEAD: u64 = 1 << 40;
pub(super) const M_MD5: u64 = 1 << 41;
pub(super) const M_SHA1: u64 = 1 << 42;
pub(super) const M_SHA256: u64 = 1 << 43;
pub(super) const M_SHA384: u64 = 1 << 44;

pub(super) const STRENGTH: u64 = 0xf << 48;
pub(super) const LOW: u64 = 1 << 48;
pub(super) const MEDIUM: u64 = 1 << 49;
pub(super) const HIGH: u64 = 1 << 50;

pub(super) const VERSION: u64 = 0xf << 52;
pub(super) const V_SSL3: u64 = 1 << 52;
pub(super) const V_TLS1: u64 = 1 << 53;
pub(super) const V_TLS12: u64 = 1 << 54;

/// The class that allows only these values of one property, and any value of the others.
pub(super) const fn only(property: u64, values: u64) -> u64 {
    !property | values
}
