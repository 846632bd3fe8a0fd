//! Certificates of any content, written byte by byte: what no library would make.

use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};
use rustls::pki_types::CertificateDer;

use super::certs::pem;

/// A value of DER.
pub fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let bytes = length.to_be_bytes();
    let digits = &bytes[bytes.iter().position(|byte| *byte != 0).unwrap_or(7)..];
    let mut der = vec![tag];
    if length < 0x80 {
        der.push(length as u8);
    } else {
        der.push(0x80 | digits.len() as u8);
        der.extend_from_slice(digits);
    }
    der.extend_from_slice(contents);
    der
}

pub fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// An OID of the dotted form.
pub fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut contents = Vec::new();
    for arc in std::iter::once(arcs[0] * 40 + arcs[1]).chain(arcs[2..].iter().copied()) {
        let mut digits = vec![(arc & 0x7f) as u8];
        let mut rest = arc >> 7;
        while rest > 0 {
            digits.push(0x80 | (rest & 0x7f) as u8);
            rest >>= 7;
        }
        contents.extend(digits.iter().rev());
    }
    tlv(6, &contents)
}

/// A Name of attributes: the last arc below 2.5.4, the tag of the text, and the text.
pub fn name(attributes: &[(u8, u8, &str)]) -> Vec<u8> {
    let parts: Vec<_> = attributes
        .iter()
        .map(|(kind, tag, text)| {
            let kind = oid(&format!("2.5.4.{kind}"));
            tlv(0x31, &sequence(&[kind, tlv(*tag, text.as_bytes())]))
        })
        .collect();
    sequence(&parts)
}

/// A Name of a common name.
pub fn common_name(text: &str) -> Vec<u8> {
    name(&[(3, 12, text)])
}

pub fn extension(dotted: &str, is_critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![oid(dotted)];
    if is_critical {
        parts.push(tlv(1, &[0xff]));
    }
    parts.push(tlv(4, value));
    sequence(&parts)
}

/// CA:TRUE, with a path length or without.
pub fn authority(path_length: Option<u8>) -> Vec<u8> {
    let mut parts = vec![tlv(1, &[0xff])];
    parts.extend(path_length.map(|length| tlv(2, &[length])));
    extension("2.5.29.19", true, &sequence(&parts))
}

/// CA:FALSE.
pub fn no_authority() -> Vec<u8> {
    extension("2.5.29.19", true, &sequence(&[]))
}

/// The bits of the first byte, digitalSignature the highest; keyCertSign is 4.
pub fn key_usage(bits: u8) -> Vec<u8> {
    extension("2.5.29.15", true, &tlv(3, &[0, bits]))
}

pub fn extended_key_usage(dotted: &[&str]) -> Vec<u8> {
    let oids: Vec<_> = dotted.iter().map(|dotted| oid(dotted)).collect();
    extension("2.5.29.37", false, &sequence(&oids))
}

pub const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
pub const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";

/// A GeneralName that is a DNS name.
pub fn dns(text: &str) -> Vec<u8> {
    tlv(0x82, text.as_bytes())
}

/// A GeneralName that is a directory name.
pub fn directory(name: &[u8]) -> Vec<u8> {
    tlv(0xa4, name)
}

pub fn alternative_names(names: &[Vec<u8>]) -> Vec<u8> {
    extension("2.5.29.17", false, &sequence(names))
}

pub fn name_constraints(permitted: &[Vec<u8>], excluded: &[Vec<u8>]) -> Vec<u8> {
    let list = |tag, bases: &[Vec<u8>]| {
        let subtrees: Vec<_> = bases
            .iter()
            .map(|base| sequence(std::slice::from_ref(base)))
            .collect();
        if subtrees.is_empty() {
            Vec::new()
        } else {
            tlv(tag, &subtrees.concat())
        }
    };
    let value = sequence(&[list(0xa0, permitted), list(0xa1, excluded)]);
    extension("2.5.29.30", true, &value)
}

pub fn policies(is_critical: bool, dotted: &[&str]) -> Vec<u8> {
    let list: Vec<_> = dotted.iter().map(|one| sequence(&[oid(one)])).collect();
    extension("2.5.29.32", is_critical, &sequence(&list))
}

pub const ANY_POLICY: &str = "2.5.29.32.0";

/// requireExplicitPolicy.
pub fn require_policy(after: u8) -> Vec<u8> {
    extension("2.5.29.36", true, &sequence(&[tlv(0x80, &[after])]))
}

/// The contents of a certificate to be made.
#[derive(Clone)]
pub struct Spec {
    pub version: u8,
    pub serial: u8,
    pub subject: Vec<u8>,
    /// GeneralizedTime.
    pub validity: [&'static str; 2],
    pub extensions: Vec<Vec<u8>>,
}

impl Spec {
    pub fn new(subject: Vec<u8>, extensions: Vec<Vec<u8>>) -> Self {
        Self {
            version: 3,
            serial: 1,
            subject,
            validity: ["20200101000000Z", "20491231235959Z"],
            extensions,
        }
    }

    /// An authority that says no more than that it is one.
    pub fn authority(text: &str) -> Self {
        Self::new(common_name(text), vec![authority(None)])
    }

    /// For servers and clients called `host`.
    pub fn leaf(host: &str) -> Self {
        Self::new(common_name("Leaf"), vec![alternative_names(&[dns(host)])])
    }

    /// With these extensions besides.
    pub fn and(mut self, extensions: &[Vec<u8>]) -> Self {
        self.extensions.extend_from_slice(extensions);
        self
    }

    pub fn version(self, version: u8) -> Self {
        Self { version, ..self }
    }

    pub fn serial(self, serial: u8) -> Self {
        Self { serial, ..self }
    }

    pub fn valid(self, validity: [&'static str; 2]) -> Self {
        Self { validity, ..self }
    }

    pub fn subject(self, subject: Vec<u8>) -> Self {
        Self { subject, ..self }
    }

    /// Signed with its own key.
    pub fn self_signed(&self) -> Issued {
        let key = KeyPair::generate().unwrap();
        self.issued(
            &self.subject,
            &key,
            KeyPair::try_from(key.serialize_der()).unwrap(),
        )
    }

    /// Signed by the issuer, for a new key.
    pub fn issued_by(&self, issuer: &Issued) -> Issued {
        self.issued(&issuer.subject, &issuer.key, KeyPair::generate().unwrap())
    }

    /// Signed by the issuer, for a key that is there already.
    pub fn issued_for(&self, key: &Issued, issuer: &Issued) -> Issued {
        let key = KeyPair::try_from(key.key.serialize_der()).unwrap();
        self.issued(&issuer.subject, &issuer.key, key)
    }

    /// Signed by the issuer, for a key of any kind, of which this is the SubjectPublicKeyInfo.
    pub fn issued_for_public_key(&self, info: &[u8], issuer: &Issued) -> CertificateDer<'static> {
        CertificateDer::from(self.der(&issuer.subject, &issuer.key, info))
    }

    /// Signed by the issuer, for an RSA key of so many bits that nobody holds.
    pub fn issued_for_rsa(&self, bits: usize, issuer: &Issued) -> Issued {
        let mut modulus = vec![0; bits / 8 + 1];
        getrandom::fill(modulus.get_mut(1..).unwrap()).unwrap();
        *modulus.get_mut(1).unwrap() |= 0x80;
        *modulus.last_mut().unwrap() |= 1;
        let key = sequence(&[tlv(2, &modulus), tlv(2, &[1, 0, 1])]);
        let algorithm = sequence(&[oid("1.2.840.113549.1.1.1"), tlv(5, &[])]);
        let info = sequence(&[algorithm, tlv(3, &[&[0], key.as_slice()].concat())]);
        Issued {
            der: self.der(&issuer.subject, &issuer.key, &info),
            subject: self.subject.clone(),
            key: KeyPair::generate().unwrap(),
        }
    }

    fn issued(&self, issuer: &[u8], with: &KeyPair, key: KeyPair) -> Issued {
        Issued {
            der: self.der(issuer, with, &key.subject_public_key_info()),
            subject: self.subject.clone(),
            key,
        }
    }

    fn der(&self, issuer: &[u8], with: &KeyPair, info: &[u8]) -> Vec<u8> {
        let algorithm = sequence(&[oid("1.2.840.10045.4.3.2")]);
        let mut parts = Vec::new();
        if self.version > 1 {
            parts.push(tlv(0xa0, &tlv(2, &[self.version - 1])));
        }
        parts.extend([
            tlv(2, &[self.serial]),
            algorithm.clone(),
            issuer.to_vec(),
            sequence(&self.validity.map(|time| tlv(0x18, time.as_bytes()))),
            self.subject.clone(),
            info.to_vec(),
        ]);
        if self.version == 3 && !self.extensions.is_empty() {
            parts.push(tlv(0xa3, &sequence(&self.extensions)));
        }
        let body = sequence(&parts);
        let signature = [&[0], with.sign(&body).unwrap().as_slice()].concat();
        sequence(&[body, algorithm, tlv(3, &signature)])
    }
}

/// A certificate and its key.
pub struct Issued {
    pub der: Vec<u8>,
    subject: Vec<u8>,
    key: KeyPair,
}

impl Issued {
    pub fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from(self.der.clone())
    }

    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }

    pub fn key_pem(&self) -> String {
        pem("PRIVATE KEY", &self.key.serialize_der())
    }
}

/// The contents of a revocation list to be made.
#[derive(Clone)]
pub struct List {
    pub version: u8,
    /// The first and the last moment, which may be missing, as GeneralizedTime.
    pub times: (&'static str, Option<&'static str>),
    /// Serial numbers, each with the extensions of its entry.
    pub revoked: Vec<(u8, Vec<Vec<u8>>)>,
    pub extensions: Vec<Vec<u8>>,
}

impl List {
    /// A list of now.
    pub fn of(serials: &[u8]) -> Self {
        Self {
            version: 2,
            times: ("20200101000000Z", Some("20491231235959Z")),
            revoked: serials.iter().map(|serial| (*serial, Vec::new())).collect(),
            extensions: Vec::new(),
        }
    }

    /// With these extensions besides.
    pub fn and(mut self, extensions: &[Vec<u8>]) -> Self {
        self.extensions.extend_from_slice(extensions);
        self
    }

    /// With two entries, an extension of the list's, and one of an entry's: each part that there is.
    pub fn of_every_part() -> Self {
        let mut list = Self::of(&[3, 9]).and(&[list_place(&[place(&[uri("http://lists.test/")])])]);
        list.revoked[0].1 = vec![extension("2.5.29.21", false, &tlv(0x0a, &[1]))];
        list
    }

    /// As the list of the issuer.
    pub fn by(&self, issuer: &Issued) -> Vec<u8> {
        self.signed(&issuer.subject, &issuer.key)
    }

    /// With the name of one and the key of another.
    pub fn by_another(&self, issuer: &Issued, signer: &Issued) -> Vec<u8> {
        self.signed(&issuer.subject, &signer.key)
    }

    fn signed(&self, issuer: &[u8], with: &KeyPair) -> Vec<u8> {
        let algorithm = sequence(&[oid("1.2.840.10045.4.3.2")]);
        let time = |text: &str| tlv(0x18, text.as_bytes());
        let mut parts = Vec::new();
        if self.version > 1 {
            parts.push(tlv(2, &[self.version - 1]));
        }
        parts.extend([algorithm.clone(), issuer.to_vec(), time(self.times.0)]);
        parts.extend(self.times.1.map(time));
        let entries = self.revoked.iter().map(|(serial, extensions)| {
            let mut entry = vec![tlv(2, &[*serial]), time("20200101000000Z")];
            if !extensions.is_empty() {
                entry.push(sequence(extensions));
            }
            sequence(&entry)
        });
        let entries: Vec<_> = entries.collect();
        if !entries.is_empty() {
            parts.push(sequence(&entries));
        }
        if !self.extensions.is_empty() {
            parts.push(tlv(0xa0, &sequence(&self.extensions)));
        }
        let body = sequence(&parts);
        let signature = [&[0], with.sign(&body).unwrap().as_slice()].concat();
        sequence(&[body, algorithm, tlv(3, &signature)])
    }
}

/// IssuingDistributionPoint.
pub fn list_place(parts: &[Vec<u8>]) -> Vec<u8> {
    extension("2.5.29.28", true, &sequence(parts))
}

/// A DistributionPointName of these GeneralNames, as distribution points of lists and of certificates
/// have it.
pub fn place(names: &[Vec<u8>]) -> Vec<u8> {
    tlv(0xa0, &tlv(0xa0, &names.concat()))
}

/// The distribution points of a certificate.
pub fn distribution_points(points: &[Vec<u8>]) -> Vec<u8> {
    extension("2.5.29.31", false, &sequence(points))
}

/// A GeneralName that is a URI.
pub fn uri(text: &str) -> Vec<u8> {
    tlv(0x86, text.as_bytes())
}

/// The chain as a file, the own certificate first.
pub fn chain_pem(chain: &[&Issued]) -> String {
    chain.iter().map(|issued| issued.pem()).collect()
}
