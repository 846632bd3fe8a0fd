//! The proof that the peer holds the key of its certificate.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::CertificateDer;
use rustls::{DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};

use crate::tls::x509::{self, Refusal};

/// The three methods that the traits of rustls for both verifiers share. Both ask in the same way
/// for the proof that the peer holds its key.
macro_rules! handshake_signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            $crate::tls::verify::handshake::verify_in_tls12(
                message,
                certificate,
                signature,
                &self.algorithms,
            )
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            $crate::tls::verify::handshake::verify_in_tls13(
                message,
                certificate,
                signature,
                &self.algorithms,
            )
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.algorithms.supported_schemes()
        }
    };
}
pub(super) use handshake_signatures;

/// Verifies the proof that the peer holds its key. It is asked for even where nothing else is: in
/// the certificate nothing has to be right but the key.
pub(super) fn verify_in_tls12(
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

/// The same for TLS 1.3, where a scheme is for one kind of key, and PKCS #1 v1.5 is for
/// certificates only (RFC 8446 §4.2.3).
pub(super) fn verify_in_tls13(
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
