//! The proof that the peer holds the key of its certificate.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use rustls::{DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};

use crate::tls::signature;
use crate::tls::version::Version;
use crate::tls::witness;
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
                (&self.algorithms, &self.schemes),
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
                (&self.algorithms, &self.schemes),
            )
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.schemes.to_vec()
        }
    };
}
pub(super) use handshake_signatures;

/// The algorithms, and the schemes that are permitted.
type Permitted<'a> = (&'a WebPkiSupportedAlgorithms, &'a [SignatureScheme]);

/// Verifies the proof that the peer holds its key. It is asked for even where nothing else is: in
/// the certificate nothing has to be right but the key.
pub(super) fn verify_in_tls12(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    permitted: Permitted<'_>,
) -> Result<HandshakeSignatureValid, Error> {
    let fitting = fitting(permitted, signature.scheme, Version::Tls12)?;
    verify(message, certificate, signature, fitting)
}

/// The same for TLS 1.3, where a scheme is for one kind of key (RFC 8446 §4.2.3).
pub(super) fn verify_in_tls13(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    permitted: Permitted<'_>,
) -> Result<HandshakeSignatureValid, Error> {
    let fitting = fitting(permitted, signature.scheme, Version::Tls13)?;
    let only = fitting.get(..1).unwrap_or_default();
    verify(message, certificate, signature, only)
}

/// The algorithms of a scheme, which has to be permitted.
fn fitting(
    (algorithms, schemes): Permitted<'_>,
    scheme: SignatureScheme,
    version: Version,
) -> Result<&'static [&'static dyn SignatureVerificationAlgorithm], Error> {
    let mut mapping = algorithms.mapping.iter();
    let found = mapping.find(|(one, _)| {
        *one == scheme && schemes.contains(one) && signature::is_for(*one, version)
    });
    let (_, fitting) = found.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    Ok(fitting)
}

fn verify(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    fitting: &[&'static dyn SignatureVerificationAlgorithm],
) -> Result<HandshakeSignatureValid, Error> {
    x509::public_key_of(certificate)
        .map_err(Refusal::from)?
        .verify_handshake(fitting, message, signature.signature())?;
    witness::tell(|witness| witness.peer_scheme = Some(signature.scheme));
    Ok(HandshakeSignatureValid::assertion())
}
