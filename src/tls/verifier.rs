//! What is asked of the peer's certificate; the only code that may say "verified".

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};

use super::provider::refused_rsa_size;

/// Which checks the peer's certificate has to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// All; it must be there.
    Required,
    /// Client: all, but the handshake goes on without. Server: all, if there is one.
    Optional,
    /// None.
    Unverified,
}

/// The certificates that are trusted to vouch for others and for themselves.
#[derive(Clone, Debug)]
pub(crate) struct Roots {
    pub(crate) anchors: Arc<RootCertStore>,
    /// The trust roots as they were given. A peer that presents one of these is accepted whatever
    /// its CA flag says: `openssl req -x509` makes such certificates, and webpki refuses them.
    pub(crate) whole: Arc<BTreeSet<Vec<u8>>>,
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
    pub(crate) fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        connection_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &self.roots.anchors,
            intermediates,
            now,
            self.algorithms.all,
        )
        .or_else(|error| self.roots.accept_own(end_entity, error))
        .and_then(|()| refuse_weak_key(end_entity))
        .map_err(|error| weak_key_instead(intermediates, error))?;
        match &self.name {
            NameCheck::Connection => verify_server_name(&certificate, connection_name),
            NameCheck::Fixed(name) => verify_server_name(&certificate, name),
            NameCheck::Unverified => Ok(()),
        }
        .map_err(readable_names)
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

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Verifies clients; webpki's verifier, with our rule about trust roots added.
#[derive(Debug)]
pub(crate) struct ClientVerifier {
    pub(crate) inner: Arc<dyn ClientCertVerifier>,
    pub(crate) roots: Roots,
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.inner
            .verify_client_cert(end_entity, intermediates, now)
            .map(|_| ())
            .or_else(|error| self.roots.accept_own(end_entity, error))
            .and_then(|()| refuse_weak_key(end_entity))
            .map_err(|error| weak_key_instead(intermediates, error))?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

impl Roots {
    /// Overrule webpki where it refuses a trust root in person for being a CA. It does so after it
    /// has checked the validity, so that an expired one is still refused. A self-signed CA that is
    /// no trust root is what it is, an unknown authority.
    fn accept_own(&self, end_entity: &CertificateDer<'_>, error: Error) -> Result<(), Error> {
        if !is_ca_as_end_entity(&error) {
            return Err(error);
        }
        if self.whole.contains(end_entity.as_ref()) {
            return Ok(());
        }
        match webpki::EndEntityCert::try_from(end_entity) {
            Ok(certificate) if certificate.issuer() == certificate.subject() => {
                Err(CertificateError::UnknownIssuer.into())
            }
            _ => Err(error),
        }
    }
}

/// An RSA key whose size the provider refuses.
#[derive(Debug)]
pub(crate) struct WeakKey {
    bits: usize,
}

impl fmt::Display for WeakKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an RSA key of {} bits", self.bits)
    }
}

impl std::error::Error for WeakKey {}

fn refuse_weak_key(certificate: &CertificateDer<'_>) -> Result<(), Error> {
    let spki = webpki::EndEntityCert::try_from(certificate)
        .map(|certificate| certificate.subject_public_key_info());
    match spki.ok().and_then(|spki| refused_rsa_size(&spki)) {
        Some(bits) => {
            let cause = OtherError(Arc::new(WeakKey { bits }));
            Err(CertificateError::Other(cause).into())
        }
        None => Ok(()),
    }
}

/// A signature that cannot be checked for the size of the authority's key looks to webpki like one
/// that is wrong: an accusation that the peer does not deserve.
fn weak_key_instead(authorities: &[CertificateDer<'_>], error: Error) -> Error {
    if error != Error::InvalidCertificate(CertificateError::BadSignature) {
        return error;
    }
    let weak = authorities.iter().map(refuse_weak_key);
    weak.filter_map(Result::err).next().unwrap_or(error)
}

fn is_ca_as_end_entity(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) = error else {
        return false;
    };
    matches!(
        cause.downcast_ref::<webpki::Error>(),
        Some(webpki::Error::CaUsedAsEndEntity)
    )
}

/// webpki lists names as `DnsName("a.example")` and `IpAddress(127.0.0.1)`; people want the inside.
fn readable_names(error: Error) -> Error {
    let Error::InvalidCertificate(CertificateError::NotValidForNameContext {
        expected,
        presented,
    }) = error
    else {
        return error;
    };
    let presented = presented
        .iter()
        .map(|name| inside(name).to_owned())
        .collect();
    CertificateError::NotValidForNameContext {
        expected,
        presented,
    }
    .into()
}

fn inside(name: &str) -> &str {
    name.split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .map_or(name, |inner| inner.trim_matches('"'))
}
