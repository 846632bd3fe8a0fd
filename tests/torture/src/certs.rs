//! Certificates and keys, made anew for every run. Those of the cases have Ed25519 keys, whose signatures
//! have one length: the same byte of a handshake has the same place in every run.

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ED25519, SerialNumber, SignatureAlgorithm, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// The name of the server.
pub(crate) const NAME: &str = "localhost";

/// An authority, two leaves of it, and their keys.
pub(crate) struct Certificates {
    pub(crate) root: CertificateDer<'static>,
    pub(crate) root_pem: String,
    pub(crate) server: Identity,
    pub(crate) client: Identity,
}

/// A certificate and its key.
pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) certificate_pem: String,
    pub(crate) key_pem: String,
    key: Vec<u8>,
}

impl Identity {
    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.clone()))
    }
}

impl Certificates {
    pub(crate) fn new() -> Result<Self> {
        let authority = Authority::new("Root")?;
        Ok(Self {
            server: authority.issue(2, ExtendedKeyUsagePurpose::ServerAuth, &PKCS_ED25519)?,
            client: authority.issue(3, ExtendedKeyUsagePurpose::ClientAuth, &PKCS_ED25519)?,
            root_pem: authority.root_pem,
            root: authority.root,
        })
    }
}

/// What issues certificates.
pub(crate) struct Authority {
    pub(crate) root: CertificateDer<'static>,
    root_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Result<Self> {
        let mut parameters = parameters(name, 1, &[])?;
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate_for(&PKCS_ED25519)?;
        let root = parameters.self_signed(&key).context("the authority")?;
        Ok(Self {
            root_pem: root.pem(),
            root: root.der().clone(),
            issuer: Issuer::new(parameters, key),
        })
    }

    /// A certificate of this number for a new key, of a server.
    pub(crate) fn issue_to_server(
        &self,
        serial: u64,
        algorithm: &'static SignatureAlgorithm,
    ) -> Result<Identity> {
        self.issue(serial, ExtendedKeyUsagePurpose::ServerAuth, algorithm)
    }

    fn issue(
        &self,
        serial: u64,
        usage: ExtendedKeyUsagePurpose,
        algorithm: &'static SignatureAlgorithm,
    ) -> Result<Identity> {
        let mut parameters = parameters("Leaf", serial, &[NAME])?;
        parameters.extended_key_usages = vec![usage];
        let key = KeyPair::generate_for(algorithm)?;
        let certificate = parameters.signed_by(&key, &self.issuer).context("a leaf")?;
        Ok(Identity {
            certificate_pem: certificate.pem(),
            certificate: certificate.der().clone(),
            key_pem: key.serialize_pem(),
            key: key.serialize_der(),
        })
    }
}

fn parameters(name: &str, serial: u64, names: &[&str]) -> Result<CertificateParams> {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut parameters = CertificateParams::new(names)?;
    parameters.serial_number = Some(SerialNumber::from(serial));
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(2049, 12, 31);
    parameters.distinguished_name.push(DnType::CommonName, name);
    Ok(parameters)
}
