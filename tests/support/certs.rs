//! Certificates and keys, made anew for every run.

use std::sync::OnceLock;

use base64ct::{Base64, Encoding as _};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SignatureAlgorithm, date_time_ymd,
};
use rsa::pkcs1::EncodeRsaPublicKey as _;
use rsa::pkcs8::EncodePrivateKey as _;
use rustls::pki_types::CertificateDer;

/// The name that leaves have unless they are given others.
pub const NAME: &str = "server.test";

/// The algorithm of a key, and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    P256,
    P384,
    Ed25519,
    Rsa2048,
    /// Too short for anybody; only an authority can issue a certificate for it.
    Rsa1024,
}

impl KeyType {
    /// The types that the component supports.
    pub const SUPPORTED: [Self; 4] = [Self::P256, Self::P384, Self::Ed25519, Self::Rsa2048];
}

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// From 2020 to 2049.
    Current,
    /// In 2020.
    Expired,
    /// In 2049.
    NotYet,
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    Server,
    Client,
    /// No extended key usage, which allows all.
    Any,
    /// An extended key usage that is neither server nor client.
    CodeSigning,
}

/// The contents of a certificate to be made.
#[derive(Clone, Debug)]
pub struct Leaf {
    pub key: KeyType,
    /// DNS names and IP addresses, as subjectAltName.
    pub names: Vec<String>,
    pub validity: Validity,
    pub usage: Usage,
    pub is_ca: bool,
    /// An extension that must be understood and that nobody knows.
    pub is_strange: bool,
}

impl Leaf {
    /// For a server called `NAME`.
    pub fn server() -> Self {
        Self {
            key: KeyType::P256,
            names: vec![NAME.to_owned()],
            validity: Validity::Current,
            usage: Usage::Server,
            is_ca: false,
            is_strange: false,
        }
    }

    /// For a client.
    pub fn client() -> Self {
        Self {
            names: vec!["client.test".to_owned()],
            usage: Usage::Client,
            ..Self::server()
        }
    }

    pub fn key(self, key: KeyType) -> Self {
        Self { key, ..self }
    }

    pub fn names(self, names: &[&str]) -> Self {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Self { names, ..self }
    }

    pub fn validity(self, validity: Validity) -> Self {
        Self { validity, ..self }
    }

    pub fn usage(self, usage: Usage) -> Self {
        Self { usage, ..self }
    }

    /// Says CA:TRUE, as `openssl req -x509` does of every certificate that it makes.
    pub fn ca(self) -> Self {
        Self {
            is_ca: true,
            ..self
        }
    }

    /// Has a critical extension that nobody knows.
    pub fn strange(self) -> Self {
        Self {
            is_strange: true,
            ..self
        }
    }

    /// Signed with its own key.
    pub fn self_signed(&self) -> Identity {
        let key = Key::new(self.key);
        let certificate = self.parameters().self_signed(key.pair()).unwrap();
        Identity {
            chain: vec![certificate.der().clone()],
            pkcs8: key.pkcs8,
        }
    }

    fn parameters(&self) -> CertificateParams {
        let mut parameters = CertificateParams::new(self.names.clone()).unwrap();
        let (from, to) = match self.validity {
            Validity::Current => (2020, 2049),
            Validity::Expired => (2020, 2020),
            Validity::NotYet => (2049, 2049),
        };
        parameters.not_before = date_time_ymd(from, 1, 1);
        parameters.not_after = date_time_ymd(to, 12, 31);
        parameters
            .distinguished_name
            .push(DnType::CommonName, "Leaf");
        parameters.is_ca = if self.is_ca {
            IsCa::Ca(BasicConstraints::Unconstrained)
        } else {
            IsCa::ExplicitNoCa
        };
        parameters.extended_key_usages = match self.usage {
            Usage::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Usage::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Usage::Any => Vec::new(),
            Usage::CodeSigning => vec![ExtendedKeyUsagePurpose::CodeSigning],
        };
        if self.is_strange {
            let mut extension =
                CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
            extension.set_criticality(true);
            parameters.custom_extensions.push(extension);
        }
        parameters
    }
}

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    /// The certificates that a peer has to be given besides the leaf.
    intermediates: Vec<CertificateDer<'static>>,
}

impl Authority {
    /// Signed by itself, under this common name.
    pub fn root(name: &str) -> Self {
        Self::root_valid(name, Validity::Current)
    }

    pub fn root_valid(name: &str, validity: Validity) -> Self {
        let parameters = authority_parameters(name, validity);
        let key = KeyPair::generate().unwrap();
        Self {
            certificate: parameters.self_signed(&key).unwrap().der().clone(),
            issuer: Issuer::new(parameters, key),
            intermediates: Vec::new(),
        }
    }

    /// An authority below this one.
    pub fn intermediate(&self, name: &str) -> Self {
        self.intermediate_valid(name, Validity::Current)
    }

    pub fn intermediate_valid(&self, name: &str, validity: Validity) -> Self {
        let parameters = authority_parameters(name, validity);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        let certificate = certificate.der().clone();
        let mut intermediates = vec![certificate.clone()];
        intermediates.extend_from_slice(&self.intermediates);
        Self {
            issuer: Issuer::new(parameters, key),
            certificate,
            intermediates,
        }
    }

    /// A certificate with a new key (a shared one for RSA, which takes long to make).
    pub fn issue(&self, leaf: &Leaf) -> Identity {
        let key = Key::new(leaf.key);
        let certificate = leaf.parameters().signed_by(&key, &self.issuer).unwrap();
        let mut chain = vec![certificate.der().clone()];
        chain.extend_from_slice(&self.intermediates);
        Identity {
            chain,
            pkcs8: key.pkcs8,
        }
    }

    /// Its name as certificates and suggestions carry it.
    pub fn subject(&self) -> Vec<u8> {
        let der = CertificateDer::from(self.der());
        let anchor = webpki::anchor_from_trusted_cert(&der).unwrap();
        rustls::DistinguishedName::in_sequence(&anchor.subject)
            .as_ref()
            .to_vec()
    }

    pub fn der(&self) -> &[u8] {
        &self.certificate
    }

    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }
}

fn authority_parameters(name: &str, validity: Validity) -> CertificateParams {
    let mut parameters = Leaf {
        names: Vec::new(),
        validity,
        usage: Usage::Any,
        ..Leaf::server().ca()
    }
    .parameters();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

/// A certificate chain, the own one first and without the root, and its private key.
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pkcs8: Vec<u8>,
}

impl Identity {
    pub fn certificate_der(&self) -> &[u8] {
        &self.chain[0]
    }

    pub fn chain_der(&self) -> Vec<Vec<u8>> {
        self.chain.iter().map(|der| der.to_vec()).collect()
    }

    pub fn certificate_pem(&self) -> String {
        pem("CERTIFICATE", &self.chain[0])
    }

    pub fn chain_pem(&self) -> String {
        let blocks = self.chain.iter().map(|der| pem("CERTIFICATE", der));
        blocks.collect()
    }

    pub fn key_der(&self) -> &[u8] {
        &self.pkcs8
    }

    pub fn key_pem(&self) -> String {
        pem("PRIVATE KEY", &self.pkcs8)
    }
}

/// One PEM block (RFC 7468 §2).
pub fn pem(label: &str, der: &[u8]) -> String {
    let base64 = Base64::encode_string(der);
    let lines: Vec<_> = base64
        .as_bytes()
        .chunks(64)
        .map(|line| str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

/// A key pair. rcgen refuses one that is too short; then `pair` is `None`, and rcgen is given the
/// public half only.
struct Key {
    pkcs8: Vec<u8>,
    public: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
    pair: Option<KeyPair>,
}

impl Key {
    fn new(of: KeyType) -> Self {
        let generated = |algorithm| {
            let pair = KeyPair::generate_for(algorithm).unwrap();
            Self {
                pkcs8: pair.serialize_der(),
                public: pair.der_bytes().to_vec(),
                algorithm,
                pair: Some(pair),
            }
        };
        match of {
            KeyType::P256 => generated(&rcgen::PKCS_ECDSA_P256_SHA256),
            KeyType::P384 => generated(&rcgen::PKCS_ECDSA_P384_SHA384),
            KeyType::Ed25519 => {
                let mut key = generated(&rcgen::PKCS_ED25519);
                key.pkcs8 = ed25519_pkcs8_v1(&key.pkcs8);
                key
            }
            KeyType::Rsa2048 => {
                static KEY: OnceLock<rsa::PrivateKey> = OnceLock::new();
                let mut key = Self::rsa(KEY.get_or_init(|| rsa_key(2048)));
                let pair =
                    KeyPair::from_pkcs8_der_and_sign_algo(&key.pkcs8.clone().into(), key.algorithm);
                key.pair = Some(pair.unwrap());
                key
            }
            KeyType::Rsa1024 => {
                static KEY: OnceLock<rsa::PrivateKey> = OnceLock::new();
                Self::rsa(KEY.get_or_init(|| rsa_key(1024)))
            }
        }
    }

    fn rsa(key: &rsa::PrivateKey) -> Self {
        let public = key.as_public_key().to_pkcs1_der().unwrap();
        Self {
            pkcs8: key.to_pkcs8_der().unwrap().as_bytes().to_vec(),
            public: public.as_bytes().to_vec(),
            algorithm: &rcgen::PKCS_RSA_SHA256,
            pair: None,
        }
    }

    fn pair(&self) -> &KeyPair {
        self.pair.as_ref().expect("a key that rcgen can sign with")
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

fn rsa_key(bits: usize) -> rsa::PrivateKey {
    rsa::PrivateKey::new(&mut getrandom::SysRng, bits).unwrap()
}

/// ring writes version 2 (RFC 5958), which OpenSSL 3.0 does not read; this is version 1 of it.
fn ed25519_pkcs8_v1(version_2: &[u8]) -> Vec<u8> {
    const HEADER: [u8; 16] = [
        0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
    ];
    [&HEADER, &version_2[16..48]].concat()
}
