//! The choice of a server's configuration by the ClientHello: by the name in it, or by the caller.

use std::sync::Arc;

use rustls::{Connection, ServerConfig, ServerConnection};

use super::facts::PeerCheck;
use super::greeting::Progress;
use super::opening::fatal_alert;
use super::records::Work;
use super::{Session, State};
use crate::error::{ConfigurationItem, ConfigurationReason, Error, ProtocolError, ProtocolReason};
use crate::tls::client_hello::ClientHello;
use crate::tls::config::{Config, ServerSide};
use crate::tls::verify::{DeferredCheck, Verify};

/// The alerts whose meaning has a case of its own (RFC 8446 §6.2, RFC 6066 §3, RFC 7301 §3.2).
mod alert {
    pub(super) const UNEXPECTED_MESSAGE: u8 = 10;
    pub(super) const HANDSHAKE_FAILURE: u8 = 40;
    pub(super) const PROTOCOL_VERSION: u8 = 70;
    pub(super) const INSUFFICIENT_SECURITY: u8 = 71;
    pub(super) const UNRECOGNIZED_NAME: u8 = 112;
    pub(super) const NO_APPLICATION_PROTOCOL: u8 = 120;
}

/// What the caller chooses by, and what rustls is given then.
pub(super) struct Asked {
    hello: ClientHello,
    records: Vec<u8>,
}

/// A connection of this side, with what rustls is given for its client.
pub(super) fn server(
    side: &ServerSide,
    rustls: &Arc<ServerConfig>,
) -> Result<(Connection, PeerCheck), Error> {
    let check = match &side.verifier {
        None => PeerCheck::Never,
        Some(verifier) if verifier.verify == Verify::Deferred => PeerCheck::OnDemand(
            DeferredCheck::OfClient(Arc::clone(verifier)),
            Arc::clone(&side.clock),
        ),
        Some(_) => PeerCheck::InHandshake,
    };
    let server = ServerConnection::new(Arc::clone(rustls))
        .map_err(|error| Error::from_rustls(error, None))?;
    Ok((Connection::from(server), check))
}

impl Session {
    /// Whether the handshake stands still until the caller has chosen a configuration.
    #[must_use]
    pub fn wants_context(&self) -> bool {
        self.asked.is_some() && self.state == State::Handshaking
    }

    /// Whether it does, or will when the client has said what it wants.
    #[must_use]
    pub fn leaves_choice(&self) -> bool {
        let is_open = self.greeting.is_some() || self.asked.is_some();
        is_open && self.config.asks() && self.state == State::Handshaking
    }

    /// What the client has said, while the caller is to choose by it.
    #[must_use]
    pub fn client_hello(&self) -> Option<&ClientHello> {
        let asked = self.asked.as_ref().filter(|_| self.wants_context())?;
        Some(&asked.hello)
    }

    /// Go on with this configuration.
    ///
    /// # Errors
    /// `InvalidArgument`: the session does not wait for one, or it is a client's; `Configuration`: it
    /// has no identity. These leave the session as it is. Others: the handshake has failed.
    pub fn choose(&mut self, config: &Arc<Config>) -> Result<(), Error> {
        let Some(side) = config.server() else {
            return Err(Error::InvalidArgument(
                "a client's context serves nobody; use a server's".into(),
            ));
        };
        if !side.has_identity {
            return Err(Error::refused(
                ConfigurationItem::CertificateChain,
                ConfigurationReason::Missing,
                "the context that is chosen needs one and its key",
            ));
        }
        let Asked { hello, records } = self.take_asked()?;
        self.go_on(Arc::clone(config), &hello, &records, &mut Work::unlimited())
    }

    /// Refuse the client by a fatal alert of this number (RFC 8446 §6.2). Returns what the session
    /// fails with.
    ///
    /// # Errors
    /// `InvalidArgument`: the session does not wait for a configuration, or the number is that of
    /// close_notify.
    pub fn refuse(&mut self, alert: u8) -> Result<Error, Error> {
        if alert == 0 {
            return Err(Error::InvalidArgument(
                "alert 0 is close_notify, which refuses nothing; use 112 for an unknown name"
                    .into(),
            ));
        }
        self.take_asked()?;
        Ok(self.refuse_by(alert, "the caller refused the client by its ClientHello"))
    }

    /// Collects the ClientHello, and goes on when it is complete.
    pub(super) fn greet(&mut self, rest: &mut &[u8], work: &mut Work) -> Result<(), Error> {
        let Some(greeting) = &mut self.greeting else {
            return Ok(());
        };
        let progress = greeting.take(rest);
        if progress == Progress::Pending {
            return Ok(());
        }
        let records = self.greeting.take().unwrap_or_default().into_records();
        match progress {
            Progress::Complete(hello) if self.config.asks() => {
                self.asked = Some(Box::new(Asked { hello, records }));
                Ok(())
            }
            Progress::Complete(hello) => {
                let config = self.config.for_name(&hello).unwrap_or(&self.config);
                self.go_on(Arc::clone(config), &hello, &records, work)
            }
            Progress::Pending | Progress::Strange => {
                self.feed_rustls(&mut records.as_slice(), &mut Work::unlimited())?;
                Err(self.refuse_strange())
            }
        }
    }

    /// Refuses what rustls does not: it passes over warnings before a ClientHello, and takes one that
    /// comes in more records than are collected. To go on with it would be to go on without the choice.
    fn refuse_strange(&mut self) -> Error {
        if let Some(side) = self.config.server()
            && let Ok((connection, check)) = server(side, &side.rustls)
        {
            // What rustls has answered does not leave.
            (self.connection, self.check) = (connection, check);
        }
        self.last_words = fatal_alert(alert::UNEXPECTED_MESSAGE);
        self.fail(Error::Protocol(ProtocolError {
            reason: ProtocolReason::UnexpectedMessage,
            alert_sent: Some(alert::UNEXPECTED_MESSAGE),
            detail: Some("it opens with no ClientHello that can be chosen by".to_owned()),
        }))
    }

    fn take_asked(&mut self) -> Result<Asked, Error> {
        let asked = match self.wants_context() {
            true => self.asked.take(),
            false => None,
        };
        asked.map(|asked| *asked).ok_or_else(|| {
            Error::InvalidArgument("this port does not wait for a context".to_owned())
        })
    }

    /// Begins anew with this configuration, and with the records of the ClientHello.
    fn go_on(
        &mut self,
        config: Arc<Config>,
        hello: &ClientHello,
        records: &[u8],
        work: &mut Work,
    ) -> Result<(), Error> {
        let Some(side) = config.server().filter(|side| side.has_identity) else {
            let why = "no context has the name that the client asks for";
            return Err(self.refuse_by(alert::UNRECOGNIZED_NAME, why));
        };
        let (mut connection, check) = server(side, side.for_client(hello))?;
        connection.set_buffer_limit(None);
        (self.connection, self.check) = (connection, check);
        self.config = config;
        // What one ClientHello takes is bounded.
        work.count_read();
        self.feed_rustls(&mut &*records, &mut Work::unlimited())
    }

    fn refuse_by(&mut self, alert: u8, why: &str) -> Error {
        self.last_words = fatal_alert(alert);
        self.fail(Error::Protocol(ProtocolError {
            reason: match alert {
                alert::UNRECOGNIZED_NAME => ProtocolReason::UnrecognizedName,
                alert::NO_APPLICATION_PROTOCOL => ProtocolReason::NoApplicationProtocol,
                alert::PROTOCOL_VERSION => ProtocolReason::NoCommonVersion,
                alert::HANDSHAKE_FAILURE | alert::INSUFFICIENT_SECURITY => {
                    ProtocolReason::NoCommonParameters
                }
                _ => ProtocolReason::Other,
            },
            alert_sent: Some(alert),
            detail: Some(why.to_owned()),
        }))
    }
}
