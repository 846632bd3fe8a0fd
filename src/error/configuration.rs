//! A configuration that was refused, and the line that tells people of it.

use std::fmt;

use super::line::Detail;

/// What was being configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the settings say it")]
pub enum ConfigurationItem {
    Alpn,
    CertificateChain,
    CertificateCompression,
    CipherList,
    ClientHello,
    EarlyData,
    EncryptedClientHello,
    ExternalSigner,
    Groups,
    IdentityNames,
    KeyLog,
    Pins,
    Pkcs12,
    PreSharedKeys,
    PrivateKey,
    RawPublicKey,
    RecordSize,
    RevocationLists,
    ServerName,
    Session,
    SignatureSchemes,
    Staple,
    SuggestedAuthorities,
    Tickets,
    Timers,
    Transparency,
    TrustRoots,
    Verification,
    Versions,
    Other,
}

/// Why a configuration was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigurationReason {
    /// The path may not be read.
    AccessDenied,
    /// A signature in it is wrong. Reserved: not returned yet.
    BadSignature,
    /// It cannot go together with something else that was set.
    Conflict,
    /// The same value is there twice.
    Duplicate,
    /// There are no bytes, or nothing is in the list.
    Empty,
    /// Encrypted in a way that is not supported.
    Encrypted,
    /// Its time is over. Reserved: not returned yet.
    Expired,
    /// The key does not belong to the certificate.
    KeyMismatch,
    /// Not parseable, or cut short.
    Malformed,
    /// Something that has to be there is not.
    Missing,
    /// Readable, without a certificate.
    NoCertificate,
    /// No suite is left for a version that is permitted.
    NoCipherMatch,
    /// Readable, without a private key of the kind asked for.
    NoPrivateKey,
    /// No group is for a version that is permitted.
    NoUsableGroup,
    /// Its time is still to come. Reserved: not returned yet.
    NotYetValid,
    /// The path does not exist, or no preopened directory leads to it.
    NotFound,
    /// The passphrase is missing.
    PassphraseMissing,
    /// The passphrase does not open the key.
    PassphraseWrong,
    /// Opening it takes more work or memory than a file may ask for.
    TooCostly,
    /// It is from an authority that is not trusted. Reserved: not returned yet.
    UnknownAuthority,
    /// A name that is not known.
    UnknownName,
    /// The path cannot be read for another reason.
    Unreadable,
    /// Readable, and of a form that is not supported.
    Unsupported,
    /// A key type or size that no suite can use.
    UnsupportedKeyType,
    /// A security level above what is checked.
    UnsupportedSecurityLevel,
    /// Something else.
    Other,
}

/// A refused configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigurationError {
    /// What was being set.
    pub item: ConfigurationItem,
    /// Why it was refused.
    pub reason: ConfigurationReason,
    /// For people.
    pub detail: Option<String>,
}

impl ConfigurationError {
    /// Whether names are set, and no file is read.
    fn is_list_of_names(&self) -> bool {
        matches!(
            self.item,
            ConfigurationItem::Alpn
                | ConfigurationItem::Groups
                | ConfigurationItem::SignatureSchemes
        )
    }
}

impl fmt::Display for ConfigurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.item {
            ConfigurationItem::CertificateChain => "certificate chain",
            ConfigurationItem::CipherList => "cipher list",
            ConfigurationItem::Groups => "groups",
            ConfigurationItem::Pkcs12 => "PKCS#12",
            ConfigurationItem::PrivateKey => "private key",
            ConfigurationItem::ServerName => "server name",
            ConfigurationItem::SuggestedAuthorities => "suggested authorities",
            ConfigurationItem::TrustRoots => "trust roots",
            ConfigurationItem::Versions => "protocol versions",
            ConfigurationItem::PreSharedKeys => "pre-shared keys",
            ConfigurationItem::RecordSize => "record size",
            ConfigurationItem::Verification => "verification",
            ConfigurationItem::Alpn => "application protocols",
            ConfigurationItem::CertificateCompression => "certificate compression",
            ConfigurationItem::ClientHello => "choice by the ClientHello",
            ConfigurationItem::EarlyData => "early data",
            ConfigurationItem::EncryptedClientHello => "Encrypted Client Hello",
            ConfigurationItem::ExternalSigner => "external signer",
            ConfigurationItem::IdentityNames => "names of identities",
            ConfigurationItem::KeyLog => "key log",
            ConfigurationItem::Pins => "pins",
            ConfigurationItem::RawPublicKey => "raw public key",
            ConfigurationItem::RevocationLists => "revocation lists",
            ConfigurationItem::Session => "session",
            ConfigurationItem::SignatureSchemes => "signature schemes",
            ConfigurationItem::Staple => "OCSP response",
            ConfigurationItem::Tickets => "session tickets",
            ConfigurationItem::Timers => "timers",
            ConfigurationItem::Transparency => "certificate transparency",
            ConfigurationItem::Other => "configuration",
        };
        let (why, cure) = match self.reason {
            ConfigurationReason::AccessDenied => (
                "the path may not be read",
                "check permissions, and the runtime's preopened directories",
            ),
            ConfigurationReason::BadSignature => (
                "a signature in it is wrong",
                "it may be forged: get it from its source again",
            ),
            ConfigurationReason::Conflict => (
                "it does not go together with something else that was set",
                "leave one of them out",
            ),
            ConfigurationReason::Duplicate => ("the same is there twice", "name it once"),
            ConfigurationReason::Expired => ("its time is over", "get a newer one"),
            ConfigurationReason::NotYetValid => (
                "its time is still to come",
                "check this machine's clock, and its dates",
            ),
            ConfigurationReason::UnknownAuthority => (
                "it is not from a trusted authority",
                "add its authority to the trust roots first",
            ),
            ConfigurationReason::UnknownName => ("a name in it is not known", "check the spelling"),
            ConfigurationReason::Other => ("it cannot work", "check it, or leave it out"),
            ConfigurationReason::Empty if self.item == ConfigurationItem::Groups => {
                ("there is none", "name one at least, x25519 for one")
            }
            ConfigurationReason::Empty if self.is_list_of_names() => {
                ("a name is missing", "give one, or leave the setting alone")
            }
            ConfigurationReason::Malformed if self.is_list_of_names() => {
                ("a name cannot be one", "give one of those that there are")
            }
            ConfigurationReason::TooCostly if self.is_list_of_names() => {
                ("there are too many names", "give fewer")
            }
            ConfigurationReason::Empty if self.item == ConfigurationItem::Tickets => {
                ("a key is missing", "give one of 32 to 80 random bytes")
            }
            ConfigurationReason::Malformed if self.item == ConfigurationItem::Tickets => {
                ("a key has a wrong length", "give 32 to 80 random bytes")
            }
            ConfigurationReason::TooCostly if self.item == ConfigurationItem::Tickets => {
                ("there are too many keys", "leave out the oldest")
            }
            ConfigurationReason::Empty => ("the input is empty", "give PEM or DER"),
            ConfigurationReason::Encrypted if self.item == ConfigurationItem::Pkcs12 => (
                "encrypted in a way that is not supported",
                "convert it with `openssl pkcs12 -legacy -in OLD -nodes -out PEM`, then `openssl \
                 pkcs12 -export -in PEM -out NEW`",
            ),
            ConfigurationReason::Encrypted => (
                "encrypted in a way that is not supported",
                "convert it with `openssl pkcs8 -topk8`",
            ),
            ConfigurationReason::KeyMismatch => (
                "certificate and private key do not belong together",
                "give the key that the certificate was made for",
            ),
            ConfigurationReason::Malformed if self.item == ConfigurationItem::CipherList => (
                "malformed",
                "write it as ciphers(1) says: words after nothing, !, - or +, then : or ,; \
                 @STRENGTH and @SECLEVEL=0 to 2",
            ),
            ConfigurationReason::Malformed if self.item == ConfigurationItem::Pkcs12 => (
                "the input cannot be parsed",
                "check that it is whole, and PKCS#12",
            ),
            ConfigurationReason::Malformed if self.item == ConfigurationItem::Pins => (
                "a pin is the SHA-256 of a public key",
                "give 32 bytes, not their digits or base64",
            ),
            ConfigurationReason::Malformed if self.item == ConfigurationItem::ServerName => (
                "malformed",
                "give a DNS name in ASCII, or an IP address where one is verified",
            ),
            ConfigurationReason::Malformed if self.item == ConfigurationItem::RecordSize => (
                "it is too short or too long",
                "give 64 to 16384 bytes of plaintext",
            ),
            ConfigurationReason::Malformed => (
                "the input cannot be parsed",
                "check that it is whole, and PEM or DER",
            ),
            ConfigurationReason::Missing if self.item == ConfigurationItem::RevocationLists => (
                "there is none",
                "add the lists of all authorities above the peers",
            ),
            ConfigurationReason::Missing => ("missing", "add it before the first use"),
            ConfigurationReason::NoCertificate => (
                "the input holds no certificate",
                "give a file with a CERTIFICATE block",
            ),
            ConfigurationReason::NoCipherMatch => (
                "it matches no cipher suite",
                "use DEFAULT, or ECDHE with AESGCM or CHACHA20, or permit TLS 1.3 alone",
            ),
            ConfigurationReason::NoPrivateKey => (
                "the input holds no private key of that kind",
                "give a file with a PRIVATE KEY block",
            ),
            ConfigurationReason::NoUsableGroup => (
                "none is for a version that is spoken",
                "add x25519, or permit TLS 1.3",
            ),
            ConfigurationReason::NotFound => (
                "the path is not there",
                "check it, and the runtime's preopened directories",
            ),
            ConfigurationReason::PassphraseMissing => ("it is encrypted", "give its passphrase"),
            ConfigurationReason::PassphraseWrong => {
                ("this passphrase does not open it", "check the passphrase")
            }
            ConfigurationReason::TooCostly
                if self.item == ConfigurationItem::SuggestedAuthorities =>
            {
                (
                    "they are too many",
                    "suggest fewer, or none: a client then chooses for itself",
                )
            }
            ConfigurationReason::TooCostly => (
                "opening it takes too much work",
                "if it is yours, write it anew with fewer iterations or certificates",
            ),
            ConfigurationReason::Unreadable => ("the path cannot be read", "give a regular file"),
            ConfigurationReason::Unsupported => {
                ("of a form that is not supported", "give it in another form")
            }
            ConfigurationReason::UnsupportedKeyType => (
                "a type or size that is not supported",
                "use RSA of 2048 bits or more, P-256, P-384 or Ed25519",
            ),
            ConfigurationReason::UnsupportedSecurityLevel => (
                "it asks for a security level that cannot be kept",
                "leave the level out or use @SECLEVEL=2, which always holds; !AES128 removes the \
                 suites of 128 bits",
            ),
        };
        write!(f, "{what}: {why}{}; {cure}", Detail(self.detail.as_deref()))
    }
}
