//! What the core says of a chain: a handshake in memory with a peer that sends it, right or wrong, and
//! proves that it holds the key if somebody does.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use portcullis::error::{Error, ProtocolReason};
use portcullis::tls::{Role, Session, Settings, State, Verify, Version};
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::time_provider::TimeProvider;
use rustls::{
    ClientConfig, ClientConnection, Connection, DigitallySignedStruct, ServerConfig,
    ServerConnection, SignatureAlgorithm, SignatureScheme,
};

use crate::corpus::{Case, Purpose};
use crate::key::{Algorithm, Key};

/// What comes of a chain.
#[derive(Clone, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    /// Why it is refused: the reason of the typed error, as `wit/types.wit` has it.
    Refused(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted"),
            Self::Refused(reason) => f.write_str(reason),
        }
    }
}

/// A scheme that nobody offers. The core looks at it when the chain is verified, and refuses it with an
/// error that no chain gives.
const NOT_OFFERED: SignatureScheme = SignatureScheme::Unknown(0xfefe);

/// What the core says of a case.
pub fn judge(case: &Case) -> Verdict {
    if let Some((scheme, algorithm)) = case.key.as_ref().and_then(Key::scheme) {
        return outcome(
            case,
            Proof {
                scheme,
                made: case.key.clone().map(|key| (key, algorithm)),
            },
        );
    }
    // Nobody holds the key. If the chain is good, what is left to see is whether the core would take a
    // proof by a key of this kind at all: it says so before it finds that the proof is none.
    let not_offered = Proof {
        scheme: NOT_OFFERED,
        made: None,
    };
    let verdict = outcome(case, not_offered);
    if verdict != refused("signature-scheme") {
        return verdict;
    }
    for scheme in [
        SignatureScheme::RSA_PSS_SHA256,
        SignatureScheme::ECDSA_NISTP256_SHA256,
        SignatureScheme::ECDSA_NISTP384_SHA384,
        SignatureScheme::ECDSA_NISTP521_SHA512,
        SignatureScheme::ED25519,
    ] {
        if outcome(case, Proof { scheme, made: None }) == refused("bad-signature") {
            return Verdict::Accepted;
        }
    }
    refused("unsupported-algorithm")
}

fn refused(reason: &str) -> Verdict {
    Verdict::Refused(reason.to_owned())
}

/// What is sent as proof that the peer holds the key.
#[derive(Clone)]
struct Proof {
    scheme: SignatureScheme,
    made: Option<(Key, Algorithm)>,
}

fn outcome(case: &Case, proof: Proof) -> Verdict {
    let settings = match settings(case) {
        Ok(settings) => settings,
        Err(error) => return named(&error),
    };
    let host = match &case.purpose {
        Purpose::Server(host) => Some(host.as_str()),
        Purpose::Client => None,
    };
    let config = Arc::new(settings.seal().unwrap());
    let mut ours = match Session::new(&config, host) {
        Ok(session) => session,
        Err(error) => return named(&error),
    };
    let mut peer = peer(case, proof);
    let mut to_ours = Vec::new();
    loop {
        let (mut has_moved, mut to_peer) = (false, Vec::new());
        ours.poll_ciphertext(&mut to_peer);
        let mut sent = to_peer.as_slice();
        while !sent.is_empty() {
            has_moved = true;
            peer.read_tls(&mut sent).unwrap();
            // It may be told why, and has nothing to add.
            if peer.process_new_packets().is_err() {
                break;
            }
        }
        while peer.wants_write() {
            peer.write_tls(&mut to_ours).unwrap();
        }
        // It takes what its buffers have room for.
        let mut sent = to_ours.as_slice();
        while let Ok(count @ 1..) = ours.handle_ciphertext(sent) {
            has_moved = true;
            sent = &sent[count..];
        }
        to_ours = sent.to_vec();
        match ours.state() {
            State::Open => return Verdict::Accepted,
            State::Failed(error) => return named(error),
            _ => assert!(has_moved, "{}: the handshake stands still", case.name),
        }
    }
}

/// Ours, which judges: a client of a server, or a server of a client.
fn settings(case: &Case) -> Result<Settings, Error> {
    let mut settings = match case.purpose {
        Purpose::Server(_) => Settings::secure(Role::Client),
        Purpose::Client => {
            let mut settings = Settings::secure(Role::Server);
            let own = crate::certs::Authority::root("Ours").issue(&crate::certs::Leaf::server());
            let (chain, key) = (own.chain_pem(), own.key_pem());
            settings.load_identity(chain.as_bytes(), key.as_bytes(), None)?;
            settings.set_verify(Verify::Required);
            settings
        }
    };
    settings.set_versions(Version::Tls13, Version::Tls13)?;
    settings.set_clock(Arc::new(Clock(case.time)));
    for root in &case.roots {
        settings.add_trust_roots(root)?;
    }
    Ok(settings)
}

#[derive(Debug)]
struct Clock(u64);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0)))
    }
}

/// The name of an error.
fn named(error: &Error) -> Verdict {
    let words = match error {
        Error::Certificate(error) => format!("{:?}", error.reason),
        // rustls refuses what it offered nobody to use.
        Error::Protocol(error) if error.reason == ProtocolReason::IllegalParameter => {
            "SignatureScheme".to_owned()
        }
        Error::Protocol(error) => format!("{:?}", error.reason),
        Error::Configuration(error) => format!("Root{:?}", error.reason),
        Error::InvalidArgument(_) => "InvalidArgument".to_owned(),
        other => format!("{other:?}"),
    };
    let mut kebab = String::new();
    for letter in words.chars() {
        if letter.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    Verdict::Refused(kebab)
}

/// rustls, which sends the chain.
fn peer(case: &Case, proof: Proof) -> Connection {
    let chain = case.chain.iter().cloned().map(CertificateDer::from);
    let identity = Identity(Arc::new(CertifiedKey::new(
        chain.collect(),
        Arc::new(proof),
    )));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = &[&rustls::version::TLS13];
    match case.purpose {
        Purpose::Server(_) => {
            let config = ServerConfig::builder_with_provider(provider);
            let config = config.with_protocol_versions(versions).unwrap();
            let config = config.with_no_client_auth();
            let config = config.with_cert_resolver(Arc::new(identity));
            ServerConnection::new(Arc::new(config)).unwrap().into()
        }
        Purpose::Client => {
            let config = ClientConfig::builder_with_provider(provider);
            let config = config.with_protocol_versions(versions).unwrap();
            let config = config.dangerous();
            let config = config.with_custom_certificate_verifier(Arc::new(Anybody));
            let config = config.with_client_cert_resolver(Arc::new(identity));
            let name = ServerName::try_from("server.test").unwrap();
            ClientConnection::new(Arc::new(config), name)
                .unwrap()
                .into()
        }
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.scheme)
    }
}

impl SigningKey for Proof {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        Some(Box::new(self.clone()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for Proof {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        Ok(match &self.made {
            Some((key, algorithm)) => key.sign(*algorithm, message),
            None => vec![0x30, 6, 2, 1, 1, 2, 1, 1],
        })
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

#[derive(Debug)]
struct Identity(Arc<CertifiedKey>);

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Verifies nothing: ours is what is asked here.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
