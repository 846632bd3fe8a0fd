//! Certificates and keys, made anew for every run.

use anyhow::Result;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{self, KeySize};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256,
};
use rustls::pki_types::PrivatePkcs8KeyDer;

/// The name of every server.
pub(crate) const NAME: &str = "bench.test";

/// The type of all keys of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyType {
    P256,
    Rsa2048,
    Ed25519,
}

impl KeyType {
    pub(crate) const ALL: [Self; 3] = [Self::P256, Self::Rsa2048, Self::Ed25519];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::P256 => "p256",
            Self::Rsa2048 => "rsa2048",
            Self::Ed25519 => "ed25519",
        }
    }

    fn make(self) -> Result<KeyPair> {
        Ok(match self {
            Self::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?,
            Self::Ed25519 => KeyPair::generate_for(&PKCS_ED25519)?,
            Self::Rsa2048 => {
                // ring, which signs the certificates, makes no RSA keys.
                let key: Pkcs8V1Der<'_> = rsa::KeyPair::generate(KeySize::Rsa2048)?.as_der()?;
                let key = PrivatePkcs8KeyDer::from(key.as_ref());
                KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_RSA_SHA256)?
            }
        })
    }
}

/// A server's certificate and key, and the root that issued it, all with keys of one type.
pub(crate) struct Identity {
    pub(crate) root: String,
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Identity {
    pub(crate) fn new(key_type: KeyType) -> Result<Self> {
        let root = authority(key_type)?;
        let key = key_type.make()?;
        Ok(Self {
            chain: server()?.signed_by(&key, &root)?.pem(),
            root: root.as_ref().pem(),
            key: key.serialize_pem(),
        })
    }
}

/// Several certificates for one P-256 key, with the root that issued them, as DER.
pub(crate) struct Issued {
    pub(crate) root: Vec<u8>,
    pub(crate) certificates: Vec<Vec<u8>>,
    pub(crate) key: Vec<u8>,
}

impl Issued {
    pub(crate) fn new(count: usize) -> Result<Self> {
        let root = authority(KeyType::P256)?;
        let key = KeyType::P256.make()?;
        let certificates = (0..count).map(|_| {
            let certificate = server()?.signed_by(&key, &root)?;
            Ok(certificate.der().to_vec())
        });
        Ok(Self {
            certificates: certificates.collect::<Result<_>>()?,
            root: root.as_ref().der().to_vec(),
            key: key.serialize_der(),
        })
    }
}

fn authority(key_type: KeyType) -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut parameters = CertificateParams::default();
    parameters
        .distinguished_name
        .push(DnType::CommonName, "Bench Authority");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(CertifiedIssuer::self_signed(parameters, key_type.make()?)?)
}

/// What every server's certificate says.
fn server() -> Result<CertificateParams> {
    let mut parameters = CertificateParams::new([NAME.to_owned()])?;
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(parameters)
}
