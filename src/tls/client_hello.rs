//! What a ClientHello says (RFC 8446 §4.1.2), for whoever chooses by it. It is not verified here: what
//! rustls refuses, it refuses when it is given the same bytes.

use super::fields::Fields;

/// The types of the extensions that are looked into.
mod extension {
    pub(super) const SERVER_NAME: u16 = 0;
    pub(super) const SUPPORTED_GROUPS: u16 = 10;
    pub(super) const SIGNATURE_ALGORITHMS: u16 = 13;
    pub(super) const ALPN: u16 = 16;
    pub(super) const SUPPORTED_VERSIONS: u16 = 43;
}

/// A ClientHello. Numbers are those of IANA's registries and of RFC 8701, in the order in which they
/// were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// The server's name in SNI (RFC 6066 §3).
    pub server_name: Option<String>,
    /// Application protocols (RFC 7301).
    pub alpn: Vec<Vec<u8>>,
    /// The version in the head, which TLS 1.3 keeps at that of TLS 1.2.
    pub legacy_version: u16,
    /// The versions that are offered (RFC 8446 §4.2.1); empty without that extension.
    pub versions: Vec<u16>,
    /// Cipher suites.
    pub cipher_suites: Vec<u16>,
    /// Key exchange groups (RFC 8446 §4.2.7).
    pub groups: Vec<u16>,
    /// Signature schemes (RFC 8446 §4.2.3).
    pub signature_schemes: Vec<u16>,
    /// The types of all extensions.
    pub extensions: Vec<u16>,
}

impl ClientHello {
    /// Reads the message without its header; `None` if it is none.
    pub(super) fn parse(message: &[u8]) -> Option<Self> {
        let mut reader = Fields(message);
        let mut hello = Self {
            legacy_version: reader.number()?,
            ..Self::default()
        };
        // The random bytes; the session ID.
        reader.take(32)?;
        reader.field(1)?;
        hello.cipher_suites = numbers(reader.field(2)?)?;
        // The methods of compression.
        reader.field(1)?;
        if reader.is_empty() {
            return Some(hello);
        }
        let mut extensions = Fields(reader.field(2)?);
        while !extensions.is_empty() {
            let kind = extensions.number()?;
            let contents = extensions.field(2)?;
            hello.extensions.push(kind);
            hello.take(kind, contents)?;
        }
        reader.is_empty().then_some(hello)
    }

    fn take(&mut self, kind: u16, contents: &[u8]) -> Option<()> {
        let mut reader = Fields(contents);
        match kind {
            extension::SERVER_NAME => {
                let mut names = Fields(reader.field(2)?);
                while !names.is_empty() {
                    let is_host = names.take(1)? == [0];
                    let name = names.field(2)?;
                    if is_host && self.server_name.is_none() {
                        self.server_name = String::from_utf8(name.to_vec()).ok();
                    }
                }
            }
            extension::ALPN => {
                let mut names = Fields(reader.field(2)?);
                while !names.is_empty() {
                    self.alpn.push(names.field(1)?.to_vec());
                }
            }
            extension::SUPPORTED_VERSIONS => self.versions = numbers(reader.field(1)?)?,
            extension::SUPPORTED_GROUPS => self.groups = numbers(reader.field(2)?)?,
            extension::SIGNATURE_ALGORITHMS => self.signature_schemes = numbers(reader.field(2)?)?,
            _ => {}
        }
        Some(())
    }
}

fn numbers(bytes: &[u8]) -> Option<Vec<u16>> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let all = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
    rest.is_empty().then(|| all.collect())
}
