//! What is asked of the peer's certificate; the only code that may say "verified".

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, SignatureScheme};

use super::x509::{self, Anchor, Certificate, Purpose, Refusal, Trust};

/// Which checks the peer's certificate has to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// All; it must be there.
    Required,
    /// Client: as `Deferred`. Server: all, if there is one.
    Optional,
    /// All, and the handshake goes on whatever they find; the result is kept for the caller.
    Deferred,
    /// None.
    Unverified,
}

/// The certificates that are trusted to vouch for others and for themselves.
#[derive(Clone)]
pub(crate) struct Roots {
    pub(crate) anchors: Arc<Vec<Anchor>>,
    /// The trust roots as they were given. A peer that presents one of these as its own needs no
    /// authority, and may be one: `openssl req -x509` makes such certificates.
    pub(crate) whole: Arc<BTreeSet<Vec<u8>>>,
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({})", self.anchors.len())
    }
}

/// Which name a server's certificate must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NameCheck {
    /// The one that the connection was made with.
    Connection,
    /// This one.
    Fixed(ServerName<'static>),
    /// None.
    Unverified,
}

/// Both verifiers ask for the proof that the peer holds its key, in the same way: three methods of
/// either trait of rustls.
macro_rules! handshake_signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_in_tls12(message, certificate, signature, &self.algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_in_tls13(message, certificate, signature, &self.algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.algorithms.supported_schemes()
        }
    };
}

/// Verifies servers.
#[derive(Clone, Debug)]
pub(crate) struct ServerVerifier {
    pub(crate) roots: Roots,
    pub(crate) verify: Verify,
    pub(crate) name: NameCheck,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
}

impl ServerVerifier {
    /// All checks that this verifier stands for, whatever its mode makes of the result.
    fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        connection_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let own = self.roots.verify(
            end_entity,
            intermediates,
            Purpose::Server,
            now,
            &self.algorithms,
        )?;
        match &self.name {
            NameCheck::Connection => own.check_name(connection_name)?,
            NameCheck::Fixed(name) => own.check_name(name)?,
            NameCheck::Unverified => {}
        }
        Ok(())
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.verify == Verify::Required {
            self.check(end_entity, intermediates, server_name, now)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    handshake_signatures!();
}

/// The checks of a handshake that goes on whatever they find.
pub(crate) enum DeferredCheck {
    /// By a client.
    OfServer(Arc<ServerVerifier>, ServerName<'static>),
    /// By a server.
    OfClient(Arc<ClientVerifier>),
}

impl DeferredCheck {
    pub(crate) fn run(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        match self {
            Self::OfServer(verifier, name) => verifier.check(end_entity, intermediates, name, now),
            Self::OfClient(verifier) => verifier.check(end_entity, intermediates, now),
        }
    }
}

/// Verifies clients.
#[derive(Debug)]
pub(crate) struct ClientVerifier {
    pub(crate) roots: Roots,
    pub(crate) verify: Verify,
    /// The authorities that clients are told.
    pub(crate) suggested: Vec<DistinguishedName>,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
}

impl ClientVerifier {
    /// All checks, whatever the mode makes of the result.
    fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        self.roots.verify(
            end_entity,
            intermediates,
            Purpose::Client,
            now,
            &self.algorithms,
        )?;
        Ok(())
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.verify == Verify::Required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.suggested
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.verify != Verify::Deferred {
            self.check(end_entity, intermediates, now)?;
        }
        Ok(ClientCertVerified::assertion())
    }

    handshake_signatures!();
}

impl Roots {
    /// Everything but the names.
    fn verify<'a>(
        &self,
        end_entity: &'a CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        purpose: Purpose,
        now: UnixTime,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<Certificate<'a>, Refusal> {
        let own = Certificate::parse(end_entity)?;
        let is_root = self.whole.contains(end_entity.as_ref());
        let trust = Trust {
            anchors: &self.anchors,
            purpose,
            now,
            algorithms: algorithms.all,
        };
        x509::verify(&own, intermediates, is_root, &trust)?;
        Ok(own)
    }
}

/// The proof that the peer holds its key, which is asked for whatever else is not: of the certificate
/// nothing has to be right but the key.
fn verify_in_tls12(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let (_, fitting) = algorithms
        .mapping
        .iter()
        .find(|(scheme, _)| *scheme == signature.scheme)
        .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    x509::public_key_of(certificate)
        .map_err(Refusal::from)?
        .verify_handshake(fitting, message, signature.signature())?;
    Ok(HandshakeSignatureValid::assertion())
}

/// In TLS 1.3 a scheme is for one kind of key, and PKCS #1 v1.5 is for certificates alone (RFC 8446
/// §4.2.3).
fn verify_in_tls13(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    const NOT_FOR_HANDSHAKES: [SignatureScheme; 3] = [
        SignatureScheme::RSA_PKCS1_SHA256,
        SignatureScheme::RSA_PKCS1_SHA384,
        SignatureScheme::RSA_PKCS1_SHA512,
    ];
    let only = algorithms
        .mapping
        .iter()
        .find(|(scheme, _)| *scheme == signature.scheme)
        .filter(|(scheme, _)| !NOT_FOR_HANDSHAKES.contains(scheme))
        .and_then(|(_, fitting)| fitting.get(..1))
        .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    x509::public_key_of(certificate)
        .map_err(Refusal::from)?
        .verify_handshake(only, message, signature.signature())?;
    Ok(HandshakeSignatureValid::assertion())
}
