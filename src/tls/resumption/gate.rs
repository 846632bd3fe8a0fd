//! What a session has to pass, when it comes back, to be resumed.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::time_provider::TimeProvider;
use zeroize::Zeroizing;

use crate::tls::fields::Fields;
use crate::tls::verify::ClientVerifier;

/// How many seconds the clock of another instance may be ahead.
const SKEW: u64 = 60;

/// Lets sessions through that are not too old, and whose clients would still be verified.
pub(super) struct Gate {
    pub(super) clock: Arc<dyn TimeProvider>,
    /// In seconds.
    pub(super) lifetime: u32,
    /// `None` if clients are not asked for certificates.
    pub(super) verifier: Option<Arc<ClientVerifier>>,
}

impl Gate {
    /// The session with the time before it. None without a clock: its age could never be told.
    pub(super) fn stamp(&self, session: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let made = self.clock.current_time()?.as_secs().to_be_bytes();
        // Growing would leave copies of the secret behind.
        let length = made.len() + session.len();
        let mut stamped = Zeroizing::new(Vec::with_capacity(length));
        stamped.extend_from_slice(&made);
        stamped.extend_from_slice(session);
        Some(stamped)
    }

    /// The session, if it may be resumed now. What fails here is met by a full handshake, in which
    /// the client shows its certificate again.
    pub(super) fn pass<'a>(&self, stamped: &'a [u8]) -> Option<&'a [u8]> {
        let (made, session) = stamped.split_first_chunk()?;
        let made = u64::from_be_bytes(*made);
        let now = self.clock.current_time()?;
        let is_old = made.saturating_add(self.lifetime.into()) < now.as_secs();
        if is_old || made > now.as_secs().saturating_add(SKEW) {
            return None;
        }
        if let Some(verifier) = &self.verifier
            && !verifier.permits(&client_chain(session)?, now)
        {
            return None;
        }
        Some(session)
    }
}

/// The client's certificates in a session as rustls 0.23 writes it: name in SNI, version, suite,
/// secret, extended master secret, chain, and more. None of anything else, which then is not
/// resumed.
fn client_chain(session: &[u8]) -> Option<Vec<CertificateDer<'_>>> {
    let mut rest = Fields(session);
    if rest.flag()? {
        rest.field(1)?;
    }
    // Version and suite.
    rest.take(4)?;
    rest.field(1)?;
    rest.flag()?;
    let mut chain = Vec::new();
    if rest.flag()? {
        let mut certificates = Fields(rest.field(3)?);
        while !certificates.is_empty() {
            chain.push(CertificateDer::from(certificates.field(3)?));
        }
    }
    Some(chain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_cannot_be_read_has_no_chain() {
        // A name, TLS 1.3, a suite, a secret of two bytes, no certificates.
        let session = b"\x01\x01a\x03\x04\x13\x03\x02ss\x01\x00";
        assert_eq!(client_chain(session), Some(Vec::new()));
        for length in 0..session.len() {
            assert_eq!(client_chain(&session[..length]), None);
        }
        let with_one = b"\x00\x03\x03\xcc\xa9\x02ss\x01\x01\x00\x00\x05\x00\x00\x02cc";
        let chain = client_chain(with_one).unwrap();
        assert_eq!(chain, [CertificateDer::from(&b"cc"[..])]);
        assert_eq!(client_chain(b"\x02"), None);
    }
}
