//! The checks of the peer's certificate. This is the only code that may say "verified".

mod anchors;
mod client;
mod handshake;
pub(crate) mod revocations;
pub(crate) mod roots;
mod server;

use std::sync::Arc;

use rustls::Error;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

pub(crate) use anchors::Roots;
pub(crate) use client::ClientVerifier;
pub(crate) use server::{NameCheck, ServerVerifier};

/// Which checks the peer's certificate has to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// All checks, and there must be a certificate.
    Required,
    /// For a client, the same as `Deferred`. For a server, all checks if there is a certificate.
    Optional,
    /// All checks, and the handshake goes on whatever they find; the caller can ask for the result.
    Deferred,
    /// No checks.
    Unverified,
}

/// The checks of a handshake that goes on whatever they find.
pub(crate) enum DeferredCheck {
    /// The checks that a client makes.
    OfServer(Arc<ServerVerifier>, ServerName<'static>),
    /// The checks that a server makes.
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
