//! The facts of a session, which can be kept when the session is gone.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::time_provider::TimeProvider;
use rustls::{Connection, HandshakeKind, ProtocolVersion};

use super::{Session, State};
use crate::error::{CertificateError, CertificateReason, Error};
use crate::tls::config::Side;
use crate::tls::group::NamedGroup;
use crate::tls::signature;
use crate::tls::verify::DeferredCheck;
use crate::tls::version::Version;

/// The facts of one connection. The functions of `Session` with the same names say what they mean.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the functions of Session say it")]
pub struct Facts {
    pub version: Option<Version>,
    pub cipher_suite: Option<String>,
    pub group: Option<&'static str>,
    pub signature_scheme: Option<&'static str>,
    pub own_signature_scheme: Option<&'static str>,
    pub own_certificates: Vec<Vec<u8>>,
    pub was_certificate_requested: Option<bool>,
    pub alpn: Option<String>,
    pub server_name: Option<String>,
    pub is_resumed: Option<bool>,
    pub was_retried: Option<bool>,
    pub was_early_data_accepted: Option<bool>,
    pub is_logged: bool,
    pub peer_certificates: Vec<Vec<u8>>,
    pub verify_result: Result<(), CertificateError>,
    pub is_truncated: bool,
}

impl Default for Facts {
    /// The facts of a connection that was never made.
    fn default() -> Self {
        Self {
            version: None,
            cipher_suite: None,
            group: None,
            signature_scheme: None,
            own_signature_scheme: None,
            own_certificates: Vec::new(),
            was_certificate_requested: None,
            alpn: None,
            server_name: None,
            is_resumed: None,
            was_retried: None,
            was_early_data_accepted: None,
            is_logged: false,
            peer_certificates: Vec::new(),
            verify_result: Err(CertificateError::not_checked("there was no handshake")),
            is_truncated: false,
        }
    }
}

/// How `verify_result` is answered.
pub(super) enum PeerCheck {
    /// The handshake fails if a check does, so a certificate that is there has passed.
    InHandshake,
    /// No verification is asked for.
    Never,
    /// The handshake goes on regardless, so the check is made when its result is asked for.
    OnDemand(DeferredCheck, Arc<dyn TimeProvider>),
}

impl Session {
    /// The negotiated version, once the handshake is done.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        match self.connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) if self.is_established() => Some(Version::Tls12),
            Some(ProtocolVersion::TLSv1_3) if self.is_established() => Some(Version::Tls13),
            _ => None,
        }
    }

    /// The IANA name of the negotiated cipher suite, once the handshake is done.
    #[must_use]
    pub fn cipher_suite(&self) -> Option<String> {
        let suite = self
            .connection
            .negotiated_cipher_suite()
            .filter(|_| self.is_established())?;
        let name = suite.suite().as_str()?;
        // rustls writes TLS13_ where IANA writes TLS_.
        Some(
            name.strip_prefix("TLS13_")
                .map_or_else(|| name.to_owned(), |n| format!("TLS_{n}")),
        )
    }

    /// The IANA name of the negotiated key exchange group, once the handshake is done.
    #[must_use]
    pub fn group(&self) -> Option<&'static str> {
        let group = self.connection.negotiated_key_exchange_group();
        NamedGroup::of(group.filter(|_| self.is_established())?).map(NamedGroup::name)
    }

    /// The IANA name of the scheme by which the peer has proved that it holds its key, once the
    /// handshake is done; none if it presented no certificate in it.
    #[must_use]
    pub fn signature_scheme(&self) -> Option<&'static str> {
        let scheme = self.witness.peer_scheme;
        scheme
            .filter(|_| self.is_established())
            .map(signature::name)
    }

    /// The same of this side.
    #[must_use]
    pub fn own_signature_scheme(&self) -> Option<&'static str> {
        let scheme = self.witness.own_scheme;
        scheme
            .filter(|_| self.is_established())
            .map(signature::name)
    }

    /// The certificates that this side has presented, its own first, once the handshake is done; none
    /// if it resumed a session.
    #[must_use]
    pub fn own_certificates(&self) -> &[CertificateDer<'static>] {
        match (&self.witness.chosen, self.own_signature_scheme()) {
            (Some(identity), Some(_)) => &identity.cert,
            _ => &[],
        }
    }

    /// Whether the server has asked for a client's certificate, once the handshake is done. Of a
    /// resumed one there is nothing to tell.
    #[must_use]
    pub fn was_certificate_requested(&self) -> Option<bool> {
        let is_resumed = self.is_resumed()?;
        let was_requested = match &self.config.side {
            Side::Client(_) => self.witness.was_asked,
            Side::Server(side) => side.verifier.is_some(),
        };
        (!is_resumed).then_some(was_requested)
    }

    /// The application protocol that was agreed on (RFC 7301), once the handshake is done; none if
    /// one side offers none.
    #[must_use]
    pub fn alpn(&self) -> Option<String> {
        let protocol = self.connection.alpn_protocol();
        let name = protocol.filter(|_| self.is_established())?;
        Some(String::from_utf8_lossy(name).into_owned())
    }

    /// The server's name in SNI (RFC 6066 §3): that which a client has sent, once the handshake is
    /// done.
    #[must_use]
    pub fn server_name(&self) -> Option<String> {
        if !self.is_established() {
            return None;
        }
        match &self.connection {
            Connection::Client(_) => self.sent_name.clone(),
            Connection::Server(server) => server.server_name().map(str::to_owned),
        }
    }

    /// Whether the handshake resumed an earlier session, once it is done (RFC 8446 §2.2, RFC 5077).
    #[must_use]
    pub fn is_resumed(&self) -> Option<bool> {
        let kind = self.handshake_kind()?;
        Some(kind == HandshakeKind::Resumed)
    }

    /// Whether the server had asked for another key share by a HelloRetryRequest, once the handshake
    /// is done (RFC 8446 §4.1.4). Of a resumed one nobody knows.
    #[must_use]
    pub fn was_retried(&self) -> Option<bool> {
        match self.handshake_kind()? {
            HandshakeKind::Full => Some(false),
            HandshakeKind::FullWithHelloRetryRequest => Some(true),
            HandshakeKind::Resumed => None,
        }
    }

    /// Whether its secrets are in a key log.
    #[must_use]
    pub fn is_logged(&self) -> bool {
        self.config.is_logged
    }

    fn handshake_kind(&self) -> Option<HandshakeKind> {
        let kind = self.connection.handshake_kind();
        kind.filter(|_| self.is_established())
    }

    /// Whether this side is the server.
    pub(super) fn is_server(&self) -> bool {
        matches!(self.connection, Connection::Server(_))
    }

    /// The peer's certificates, its own first, once the handshake is done.
    #[must_use]
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        match self.connection.peer_certificates() {
            Some(chain) if self.is_established() => chain,
            _ => &[],
        }
    }

    /// Whether the peer presented a certificate that passed what the configuration asks for; if
    /// not, why.
    ///
    /// # Errors
    /// `Missing` if there is none, `NotChecked` before the handshake is done and where nothing is
    /// asked for, and what a check has found that did not end the handshake.
    pub fn verify_result(&self) -> Result<(), CertificateError> {
        if let State::Failed(Error::Certificate(refused)) = &self.state {
            return Err(refused.clone());
        }
        if !self.is_established() {
            return Err(CertificateError::not_checked("the handshake is not done"));
        }
        if let PeerCheck::Never = self.check {
            let why = "the context asks for no verification";
            return Err(CertificateError::not_checked(why));
        }
        self.verified.get_or_init(|| self.verify_peer()).clone()
    }

    /// Called after a handshake in which verification was asked for.
    fn verify_peer(&self) -> Result<(), CertificateError> {
        let Some((end_entity, intermediates)) = self.peer_certificates().split_first() else {
            let why = "none was presented";
            return Err(CertificateError::plain(CertificateReason::Missing, why));
        };
        let PeerCheck::OnDemand(check, clock) = &self.check else {
            return Ok(());
        };
        let Some(now) = clock.current_time() else {
            let why = "the host does not tell the time";
            return Err(CertificateError::not_checked(why));
        };
        let Err(refused) = check.run(end_entity, intermediates, now) else {
            return Ok(());
        };
        match self.with_places(Error::from_rustls(refused, None)) {
            Error::Certificate(refused) => Err(CertificateError {
                // The handshake went on, so no alert was sent.
                alert_sent: None,
                ..refused
            }),
            other => Err(CertificateError::plain(
                CertificateReason::Other,
                &other.to_string(),
            )),
        }
    }

    /// All facts as they are now, for when the session is gone.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let owned = |certificate: &CertificateDer<'_>| certificate.to_vec();
        Facts {
            version: self.version(),
            cipher_suite: self.cipher_suite(),
            group: self.group(),
            signature_scheme: self.signature_scheme(),
            own_signature_scheme: self.own_signature_scheme(),
            own_certificates: self.own_certificates().iter().map(owned).collect(),
            was_certificate_requested: self.was_certificate_requested(),
            alpn: self.alpn(),
            server_name: self.server_name(),
            is_resumed: self.is_resumed(),
            was_retried: self.was_retried(),
            was_early_data_accepted: self.was_early_data_accepted(),
            is_logged: self.is_logged(),
            peer_certificates: self.peer_certificates().iter().map(owned).collect(),
            verify_result: self.verify_result(),
            is_truncated: self.is_truncated(),
        }
    }

    /// Whether the transport ended without close_notify after the handshake, tolerated or not.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    pub(super) fn is_established(&self) -> bool {
        !self.connection.is_handshaking()
    }
}
