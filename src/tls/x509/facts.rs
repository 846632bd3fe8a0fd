//! What a certificate says, as those who ask for it want it. Nothing is decided by it, so what cannot be
//! read is left out or shown as it stands, where a verification would refuse it.

use rustls::pki_types::ServerName;

use super::certificate::Certificate;
use super::der::{OID, Reader};
use super::distinguished_name::to_text;
use super::names::{Name, ip_address};
use super::refusal::arcs;
use super::text::{escaped, hexadecimal};
use portcullis_provider::hash::{Fingerprint, sha256};

/// The names of the bits of a key usage, in their order (RFC 5280 §4.2.1.3).
const KEY_USAGES: [&str; 9] = [
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
];

impl Certificate<'_> {
    /// The subject's Name as text (RFC 4514).
    pub(crate) fn subject_text(&self) -> String {
        to_text(self.subject())
    }

    /// The issuer's Name as text.
    pub(crate) fn issuer_text(&self) -> String {
        to_text(self.issuer())
    }

    /// The contents of the INTEGER.
    pub(crate) fn serial_number(&self) -> Vec<u8> {
        self.serial_number.to_vec()
    }

    /// The first and the last second, from the beginning of 1970.
    pub(crate) fn validity(&self) -> (i64, i64) {
        self.validity
    }

    /// The DNS names of the subjectAltName.
    pub(crate) fn dns_names(&self) -> Vec<String> {
        self.names_as(|name| match name {
            Name::Dns(bytes) => Some(escaped(bytes)),
            _ => None,
        })
    }

    /// The IP addresses of the subjectAltName.
    pub(crate) fn ip_addresses(&self) -> Vec<String> {
        self.names_as(|name| match name {
            Name::Address(bytes) => {
                let address = ServerName::IpAddress(ip_address(bytes)?);
                Some(address.to_str().into_owned())
            }
            _ => None,
        })
    }

    /// The mail addresses of the subjectAltName.
    pub(crate) fn email_addresses(&self) -> Vec<String> {
        self.names_as(|name| match name {
            Name::Email(bytes) => Some(escaped(bytes)),
            _ => None,
        })
    }

    /// The URIs of the subjectAltName.
    pub(crate) fn uris(&self) -> Vec<String> {
        self.names_as(|name| match name {
            Name::Uri(bytes) => Some(escaped(bytes)),
            _ => None,
        })
    }

    fn names_as(&self, text: impl Fn(Name<'_>) -> Option<String>) -> Vec<String> {
        self.readable_names().into_iter().filter_map(text).collect()
    }

    /// What its key may do, by the names of RFC 5280.
    pub(crate) fn key_usage(&self) -> Option<Vec<String>> {
        let flags = self.extensions.key_usage?;
        let named = KEY_USAGES.iter().enumerate();
        let allowed = named.filter(|(place, _)| flags & (0x8000 >> place) != 0);
        Some(allowed.map(|(_, name)| (*name).to_owned()).collect())
    }

    /// What it is for, by OIDs.
    pub(crate) fn extended_key_usage(&self) -> Option<Vec<String>> {
        let mut list = Reader::new(self.extensions.extended_key_usage?);
        let mut purposes = Vec::new();
        while let Ok((tag, contents)) = list.any() {
            if tag == OID {
                purposes.push(oid_text(contents));
            }
        }
        Some(purposes)
    }

    /// The OID of the algorithm that it is signed by.
    pub(crate) fn signature_algorithm_text(&self) -> String {
        let mut identifier = Reader::new(self.signature_algorithm());
        oid_text(identifier.expect(OID).unwrap_or_default())
    }

    /// The SHA-256 of its DER.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        sha256(self.der())
    }
}

/// The dotted form; of what has none, `#` and hexadecimal digits.
fn oid_text(oid: &[u8]) -> String {
    arcs(oid).unwrap_or_else(|| hexadecimal(oid))
}
