//! The verification of servers, by clients.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use super::handshake::handshake_signatures;
use super::{Roots, Verify};
use crate::tls::x509::Purpose;

/// Which name a server's certificate must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NameCheck {
    /// The name that the connection was made with.
    Connection,
    /// This name.
    Fixed(ServerName<'static>),
    /// Any name.
    Unverified,
}

/// Verifies servers.
#[derive(Clone, Debug)]
pub(crate) struct ServerVerifier {
    pub(crate) roots: Roots,
    pub(crate) verify: Verify,
    pub(crate) name: NameCheck,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
    /// The schemes that the handshake may be signed with.
    pub(crate) schemes: Arc<[SignatureScheme]>,
}

impl ServerVerifier {
    /// Makes all checks of this verifier, whatever its mode does with the result.
    pub(super) fn check(
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
