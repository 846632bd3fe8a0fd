//! Certificates of any content: each part can be anything.

use crate::key::{Algorithm, KEYS, Key};
use crate::x509::{
    SERVER_AUTH, alternative_names, authority, common_name, dns, extended_key_usage, key_usage,
    sequence, tlv,
};

/// The name that is asked for.
pub const NAME: &str = "server.test";

/// The contents of a certificate. Each part is a whole value of DER, or is not.
#[derive(Clone)]
pub struct Draft {
    pub version: Vec<u8>,
    pub serial: Vec<u8>,
    pub issuer: Vec<u8>,
    pub validity: Vec<u8>,
    pub subject: Vec<u8>,
    /// The key; its SubjectPublicKeyInfo stands in the certificate.
    pub key: Key,
    /// The unique identifiers.
    pub identifiers: Vec<u8>,
    pub extensions: Vec<Vec<u8>>,
    /// What stands in place of the extensions.
    pub in_place: Option<Vec<u8>>,
    /// How it is signed, if not as its issuer's key signs.
    pub algorithm: Option<Algorithm>,
    /// What stands in place of the AlgorithmIdentifier in the signed part, and of the one outside.
    pub identifier: [Option<Vec<u8>>; 2],
    /// What is done to the bytes of the signed part, of the signature (whose first byte is the number
    /// of its unused bits), and of all.
    pub on_body: fn(&mut Vec<u8>),
    pub on_signature: fn(&mut Vec<u8>),
    pub on_whole: fn(&mut Vec<u8>),
}

/// `UTCTime`.
pub fn utc(text: &str) -> Vec<u8> {
    tlv(0x17, text.as_bytes())
}

/// `GeneralizedTime`.
pub fn generalized(text: &str) -> Vec<u8> {
    tlv(0x18, text.as_bytes())
}

/// The version's number, one less than the version.
pub fn version(number: &[u8]) -> Vec<u8> {
    tlv(0xa0, &tlv(2, number))
}

impl Draft {
    /// A certificate of version 3 with these extensions.
    pub fn new(issuer: &str, subject: &str, key: &Key, extensions: Vec<Vec<u8>>) -> Self {
        Self {
            version: version(&[2]),
            serial: tlv(2, &[0x51]),
            issuer: common_name(issuer),
            validity: sequence(&[utc("200101000000Z"), utc("491231235959Z")]),
            subject: common_name(subject),
            key: key.clone(),
            identifiers: Vec::new(),
            extensions,
            in_place: None,
            algorithm: None,
            identifier: [None, None],
            on_body: |_| {},
            on_signature: |_| {},
            on_whole: |_| {},
        }
    }

    /// An authority.
    pub fn authority(issuer: &str, subject: &str, key: &Key) -> Self {
        Self::new(issuer, subject, key, vec![authority(None), key_usage(0x06)])
    }

    /// A server of these names.
    pub fn server(issuer: &str, names: &[Vec<u8>]) -> Self {
        let extensions = vec![
            key_usage(0x80),
            extended_key_usage(&[SERVER_AUTH]),
            alternative_names(names),
        ];
        Self::new(issuer, "Server", &KEYS.leaf, extensions)
    }

    /// Takes out the extensions of this OID, and puts in these.
    pub fn replace(&mut self, dotted: &str, with: Vec<Vec<u8>>) {
        let oid = crate::x509::oid(dotted);
        self.extensions
            .retain(|extension| !extension.windows(oid.len()).any(|part| part == oid));
        self.extensions.extend(with);
    }

    /// The certificate, signed with this key.
    pub fn issued_by(&self, issuer: &Key) -> Vec<u8> {
        let algorithm = self.algorithm.unwrap_or_else(|| issuer.algorithm());
        let identifier = |place: usize| {
            let other = self.identifier[place].clone();
            other.unwrap_or_else(|| algorithm.identifier())
        };
        let extensions = match &self.in_place {
            Some(other) => other.clone(),
            None if self.extensions.is_empty() => Vec::new(),
            None => tlv(0xa3, &sequence(&self.extensions)),
        };
        let mut body = sequence(&[
            self.version.clone(),
            self.serial.clone(),
            identifier(0),
            self.issuer.clone(),
            self.validity.clone(),
            self.subject.clone(),
            self.key.info.clone(),
            self.identifiers.clone(),
            extensions,
        ]);
        (self.on_body)(&mut body);
        let mut signature = [&[0], issuer.sign(algorithm, &body).as_slice()].concat();
        (self.on_signature)(&mut signature);
        let mut whole = sequence(&[body, identifier(1), tlv(3, &signature)]);
        (self.on_whole)(&mut whole);
        whole
    }
}

/// A place in a chain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum At {
    Leaf,
    Middle,
    Root,
}

impl At {
    pub const SENT: [Self; 2] = [Self::Leaf, Self::Middle];
    pub const ALL: [Self; 3] = [Self::Leaf, Self::Middle, Self::Root];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Leaf => "own",
            Self::Middle => "authority",
            Self::Root => "root",
        }
    }
}

/// A root, an authority below it, and a server below that, none of them odd.
#[derive(Clone)]
pub struct Chain {
    pub root: Draft,
    pub middle: Draft,
    pub leaf: Draft,
}

impl Chain {
    pub fn new() -> Self {
        Self {
            root: Draft::authority("Root", "Root", &KEYS.root),
            middle: Draft::authority("Root", "Authority", &KEYS.middle),
            leaf: Draft::server("Authority", &[dns(NAME)]),
        }
    }

    pub fn at(&mut self, at: At) -> &mut Draft {
        match at {
            At::Leaf => &mut self.leaf,
            At::Middle => &mut self.middle,
            At::Root => &mut self.root,
        }
    }

    /// The root, the authority and the own certificate.
    pub fn issued(&self) -> [Vec<u8>; 3] {
        [
            self.root.issued_by(&self.root.key),
            self.middle.issued_by(&self.root.key),
            self.leaf.issued_by(&self.middle.key),
        ]
    }
}
