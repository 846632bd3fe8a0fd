//! Sealed configurations, which connections are made with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, IpAddr, Ipv4Addr, ServerName};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ServerConfig};

use super::by_name::ByName;
use super::names::{SendName, parse_host, parse_name};
use super::timeouts::Timeouts;
use super::verify::{ClientVerifier, NameCheck, ServerVerifier, Verify};
use crate::error::Error;

/// An end of the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Speaks first.
    Client,
    /// Answers.
    Server,
}

/// What the end of the transport means without close_notify before it (RFC 8446 §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truncation {
    /// A failure.
    Refused,
    /// The end, once the handshake is done.
    Tolerated,
}

/// A sealed configuration: what listeners and ports share.
#[derive(Debug)]
pub struct Config {
    pub(crate) side: Side,
    /// Where the trust roots come from, in words.
    pub(crate) searched: Arc<str>,
    pub(crate) truncation: Truncation,
    /// How many bytes of plaintext a record that is sent has at most.
    pub(crate) record_size: usize,
    pub(crate) timeouts: Timeouts,
    /// Whether the secrets of its connections are logged.
    pub(crate) is_logged: bool,
    pub(crate) handshakes: Handshakes,
}

/// How many handshakes were done. One that fails is in neither number.
#[derive(Debug, Default)]
pub(crate) struct Handshakes {
    full: AtomicU64,
    resumed: AtomicU64,
}

impl Handshakes {
    pub(crate) fn count(&self, is_resumed: bool) {
        let number = match is_resumed {
            true => &self.resumed,
            false => &self.full,
        };
        number.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
pub(crate) enum Side {
    Client(ClientSide),
    Server(ServerSide),
}

impl Config {
    /// The role it was made for.
    #[must_use]
    pub fn role(&self) -> Role {
        match self.side {
            Side::Client(_) => Role::Client,
            Side::Server(_) => Role::Server,
        }
    }

    pub(super) fn server(&self) -> Option<&ServerSide> {
        match &self.side {
            Side::Client(_) => None,
            Side::Server(side) => Some(side),
        }
    }

    /// How many handshakes were done that resumed nothing.
    #[must_use]
    pub fn full_handshakes(&self) -> u64 {
        self.handshakes.full.load(Ordering::Relaxed)
    }

    /// How many handshakes were done that resumed a session.
    #[must_use]
    pub fn resumed_handshakes(&self) -> u64 {
        self.handshakes.resumed.load(Ordering::Relaxed)
    }

    /// The limits that its connections keep.
    #[must_use]
    pub fn timeouts(&self) -> Timeouts {
        self.timeouts
    }
}

/// The client's half of a configuration.
#[derive(Debug)]
pub(crate) struct ClientSide {
    pub(super) rustls: Arc<ClientConfig>,
    pub(super) verifier: Arc<ServerVerifier>,
    pub(super) server_name: SendName,
    pub(crate) clock: Arc<dyn TimeProvider>,
}

/// The server's half of a configuration.
#[derive(Debug)]
pub(crate) struct ServerSide {
    pub(crate) rustls: Arc<ServerConfig>,
    /// `None` if clients are not asked for certificates.
    pub(crate) verifier: Option<Arc<ClientVerifier>>,
    /// The certificate that every connection presents; none if there are several to choose from.
    pub(crate) own: Option<CertificateDer<'static>>,
    /// Whether there is an identity to present.
    pub(super) has_identity: bool,
    /// Other configurations, by the name that a client asks for.
    pub(super) names: Arc<ByName<Arc<Config>>>,
    /// Whether the caller chooses the configuration by the ClientHello.
    pub(super) asks: bool,
    /// The same without application protocols, for clients with which none is in common; none where
    /// they are refused.
    pub(super) without_alpn: Option<Arc<ServerConfig>>,
    pub(crate) clock: Arc<dyn TimeProvider>,
}

/// What one client connection is made with.
pub(crate) struct ClientParameters {
    pub(crate) rustls: Arc<ClientConfig>,
    pub(crate) connection_name: ServerName<'static>,
    pub(crate) verifier: Arc<ServerVerifier>,
}

impl ClientSide {
    /// The parameters of a connection to the host. rustls has one name for SNI, for resumption and
    /// for its verifier. Where the name for SNI and the name to verify differ, our verifier is
    /// given the name to verify.
    pub(crate) fn connection(&self, host: Option<&str>) -> Result<ClientParameters, Error> {
        let host = host.map(parse_host).transpose()?;
        let verified = match &self.verifier.name {
            NameCheck::Fixed(name) => Some(name.clone()),
            NameCheck::Connection | NameCheck::Unverified => host.clone(),
        };
        let sent = match &self.server_name {
            SendName::Automatic => verified,
            SendName::Off => host.clone(),
            SendName::Name(name) => parse_name(name),
        };
        let checks_host = self.verifier.verify != Verify::Unverified
            && self.verifier.name == NameCheck::Connection;
        if host.is_none() && (checks_host || (sent.is_none() && self.rustls.enable_sni)) {
            return Err(Error::InvalidArgument(
                "this context verifies or sends the host's name; give the host".into(),
            ));
        }
        let Some(connection_name) = sent else {
            return Ok(self.nameless());
        };
        let mut verifier = Arc::clone(&self.verifier);
        let mut rustls = Arc::clone(&self.rustls);
        if checks_host
            && host.as_ref() != Some(&connection_name)
            && let Some(host) = host
        {
            let own = ServerVerifier {
                name: NameCheck::Fixed(host),
                ..(*self.verifier).clone()
            };
            verifier = Arc::new(own);
            let mut own = (*self.rustls).clone();
            own.dangerous()
                .set_certificate_verifier(Arc::<ServerVerifier>::clone(&verifier));
            rustls = Arc::new(own);
        }
        Ok(ClientParameters {
            rustls,
            connection_name,
            verifier,
        })
    }

    /// The parameters of a connection without a name. rustls is given an address, which SNI never
    /// sends. Resumption is off, because sessions would be stored under that address.
    fn nameless(&self) -> ClientParameters {
        let mut rustls = (*self.rustls).clone();
        rustls.resumption = Resumption::disabled();
        ClientParameters {
            rustls: Arc::new(rustls),
            connection_name: ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([0, 0, 0, 0]))),
            verifier: Arc::clone(&self.verifier),
        }
    }
}
