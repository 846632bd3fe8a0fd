//! What a ClientHello says (RFC 8446 §4.1.2), for whoever chooses by it. It is not verified here: what
//! rustls refuses, it refuses when it is given the same bytes.

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
        let mut reader = Reader(message);
        let mut hello = Self {
            legacy_version: reader.number()?,
            ..Self::default()
        };
        // The random bytes; the session ID.
        reader.take(32)?;
        reader.short_list()?;
        hello.cipher_suites = numbers(reader.list()?)?;
        // The methods of compression.
        reader.short_list()?;
        if reader.0.is_empty() {
            return Some(hello);
        }
        let mut extensions = Reader(reader.list()?);
        while !extensions.0.is_empty() {
            let kind = extensions.number()?;
            let contents = extensions.list()?;
            hello.extensions.push(kind);
            hello.take(kind, contents)?;
        }
        reader.0.is_empty().then_some(hello)
    }

    fn take(&mut self, kind: u16, contents: &[u8]) -> Option<()> {
        let mut reader = Reader(contents);
        match kind {
            extension::SERVER_NAME => {
                let mut names = Reader(reader.list()?);
                while !names.0.is_empty() {
                    let is_host = names.take(1)? == [0];
                    let name = names.list()?;
                    if is_host && self.server_name.is_none() {
                        self.server_name = String::from_utf8(name.to_vec()).ok();
                    }
                }
            }
            extension::ALPN => {
                let mut names = Reader(reader.list()?);
                while !names.0.is_empty() {
                    self.alpn.push(names.short_list()?.to_vec());
                }
            }
            extension::SUPPORTED_VERSIONS => self.versions = numbers(reader.short_list()?)?,
            extension::SUPPORTED_GROUPS => self.groups = numbers(reader.list()?)?,
            extension::SIGNATURE_ALGORITHMS => self.signature_schemes = numbers(reader.list()?)?,
            _ => {}
        }
        Some(())
    }
}

/// The bytes that are left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        match self.take(2)? {
            [high, low] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }

    /// The bytes after a length of two bytes.
    fn list(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::from(length))
    }

    /// The bytes after a length of one byte.
    fn short_list(&mut self) -> Option<&'a [u8]> {
        match self.take(1)? {
            [length] => self.take(usize::from(*length)),
            _ => None,
        }
    }
}

fn numbers(bytes: &[u8]) -> Option<Vec<u16>> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let all = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
    rest.is_empty().then(|| all.collect())
}
