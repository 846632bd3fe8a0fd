//! What is asked of the peer's certificate; the only code that may say "verified".

mod anchors;
mod client;
mod handshake;
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
    /// All; it must be there.
    Required,
    /// Client: as `Deferred`. Server: all, if there is one.
    Optional,
    /// All, and the handshake goes on whatever they find; the result is kept for the caller.
    Deferred,
    /// None.
    Unverified,
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
