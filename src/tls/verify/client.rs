//! The verification of clients, by servers.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::handshake::handshake_signatures;
use super::{Roots, Verify};
use crate::tls::x509::Purpose;

/// Verifies clients.
#[derive(Debug)]
pub(crate) struct ClientVerifier {
    pub(crate) roots: Roots,
    pub(crate) verify: Verify,
    /// The authorities that are suggested to clients.
    pub(crate) suggested: Vec<DistinguishedName>,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
    /// The schemes that the handshake may be signed with.
    pub(crate) schemes: Arc<[SignatureScheme]>,
}

impl ClientVerifier {
    /// Makes all checks, whatever the mode does with the result.
    pub(super) fn check(
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

    /// Whether a client that once presented this chain, or none, may resume its session now.
    pub(crate) fn permits(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> bool {
        match (self.verify, chain.split_first()) {
            // Whoever asks for the result is told what holds at that moment.
            (Verify::Deferred, _) => true,
            (_, Some((end_entity, rest))) => self.check(end_entity, rest, now).is_ok(),
            (verify, None) => verify == Verify::Optional,
        }
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
