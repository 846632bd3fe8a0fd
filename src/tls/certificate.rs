//! A certificate by itself, for callers that ask what one says.

use super::names::parse_host;
use super::x509;
use super::x509::Refusal;
use crate::error::{CertificateError, Error};
use portcullis_provider::hash::Fingerprint;

/// One certificate as DER that a handshake could read.
#[derive(Clone, Debug)]
pub struct Certificate(Vec<u8>);

impl Certificate {
    /// Takes one certificate as DER.
    ///
    /// # Errors
    /// `InvalidArgument` of PEM; `Certificate` with `BadEncoding` of anything else that is no certificate.
    pub fn parse(der: Vec<u8>) -> Result<Self, Error> {
        if der.trim_ascii_start().starts_with(b"-----BEGIN") {
            return Err(Error::InvalidArgument(
                "a certificate in PEM; give the DER that its base64 stands for".to_owned(),
            ));
        }
        match x509::Certificate::parse(&der) {
            Ok(_) => Ok(Self(der)),
            Err(malformed) => Err(refused(malformed.into())),
        }
    }

    /// It was readable when it was taken, so it is now.
    fn read<T: Default>(&self, look: impl FnOnce(x509::Certificate<'_>) -> T) -> T {
        x509::Certificate::parse(&self.0)
            .map(look)
            .unwrap_or_default()
    }

    /// Its DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0
    }

    /// Whom it was made out to (RFC 4514).
    #[must_use]
    pub fn subject(&self) -> String {
        self.read(|certificate| certificate.subject_text())
    }

    /// Who made it out.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.read(|certificate| certificate.issuer_text())
    }

    /// The contents of the INTEGER.
    #[must_use]
    pub fn serial_number(&self) -> Vec<u8> {
        self.read(|certificate| certificate.serial_number())
    }

    /// The first and the last second that it is valid, from the beginning of 1970.
    #[must_use]
    pub fn validity(&self) -> (i64, i64) {
        self.read(|certificate| certificate.validity())
    }

    /// The DNS names of the subjectAltName.
    #[must_use]
    pub fn dns_names(&self) -> Vec<String> {
        self.read(|certificate| certificate.dns_names())
    }

    /// The IP addresses of the subjectAltName.
    #[must_use]
    pub fn ip_addresses(&self) -> Vec<String> {
        self.read(|certificate| certificate.ip_addresses())
    }

    /// The mail addresses of the subjectAltName.
    #[must_use]
    pub fn email_addresses(&self) -> Vec<String> {
        self.read(|certificate| certificate.email_addresses())
    }

    /// The URIs of the subjectAltName.
    #[must_use]
    pub fn uris(&self) -> Vec<String> {
        self.read(|certificate| certificate.uris())
    }

    /// What its key may do, by the names of RFC 5280; none if it does not say.
    #[must_use]
    pub fn key_usage(&self) -> Option<Vec<String>> {
        self.read(|certificate| certificate.key_usage())
    }

    /// What it is for, by OIDs; none if it does not say.
    #[must_use]
    pub fn extended_key_usage(&self) -> Option<Vec<String>> {
        self.read(|certificate| certificate.extended_key_usage())
    }

    /// Whether it says that it is an authority's.
    #[must_use]
    pub fn is_authority(&self) -> bool {
        self.read(|certificate| certificate.is_authority())
    }

    /// The OID of the algorithm that it is signed by.
    #[must_use]
    pub fn signature_algorithm(&self) -> String {
        self.read(|certificate| certificate.signature_algorithm_text())
    }

    /// The SHA-256 of its DER.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.read(|certificate| certificate.fingerprint())
    }

    /// Its SubjectPublicKeyInfo as DER.
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        self.read(|certificate| certificate.public_key().to_info())
    }

    /// The SHA-256 of its SubjectPublicKeyInfo, by which keys are pinned.
    #[must_use]
    pub fn public_key_fingerprint(&self) -> Fingerprint {
        self.read(|certificate| certificate.public_key().fingerprint())
    }

    /// Checks that it has this name, as a client's handshake does.
    ///
    /// # Errors
    /// `Certificate` with `WrongName`, or `BadEncoding` if its names cannot be read;
    /// `InvalidArgument` of what is no name.
    pub fn check_name(&self, name: &str) -> Result<(), Error> {
        let name = parse_host(name)?;
        x509::Certificate::parse(&self.0)
            .map_err(Refusal::from)
            .and_then(|certificate| certificate.check_name(&name))
            .map_err(refused)
    }
}

/// The error of a handshake that refuses a certificate, but for the alert: no peer hears of this.
fn refused(refusal: Refusal) -> Error {
    match Error::from_rustls(refusal.into(), None) {
        Error::Certificate(refused) => Error::Certificate(CertificateError {
            alert_sent: None,
            ..refused
        }),
        other => other,
    }
}
