//! One connection as a state machine over rustls.

mod binding;
mod choosing;
mod early;
mod facts;
mod greeting;
mod opening;
mod receiving;
mod records;
mod state;
mod view;

use std::cell::OnceCell;
use std::io::{BufRead as _, Write as _};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Connection, ProtocolVersion, SupportedCipherSuite};

use self::choosing::Asked;
use self::early::Early;
use self::greeting::Greeting;
use self::opening::Opening;
use self::records::Boundary;
use super::config::{Config, Side};
use super::record;
use super::verify::{DeferredCheck, Verify};
use super::version::Version;
use super::witness::Witness;
use crate::error::{CertificateError, CertificateReason, Error};

pub use facts::Facts;
use facts::PeerCheck;
pub use records::Work;
pub use state::State;
pub use view::{View, Viewed};

/// The message KeyUpdate (RFC 8446 §4.6.3).
const KEY_UPDATE: usize = 5;

/// The most that is handed to rustls at once: it takes no more than one full record (RFC 8446
/// §5.2).
const RUSTLS_READ: usize = record::HEADER + record::LONGEST + 2048;

/// What a read found.
#[derive(Debug, PartialEq, Eq)]
pub enum Plaintext {
    /// At least one byte.
    Bytes(Vec<u8>),
    /// Nothing yet.
    Pending,
    /// The peer sent close_notify, or ended without it where that is tolerated. Later reads find
    /// the same.
    End,
}

/// One connection. Its methods stand in four groups: facts; what came from the network; what the
/// application wants; what goes to the network. It does no I/O, and needs the time only to verify
/// certificates.
pub struct Session {
    state: State,
    config: Arc<Config>,
    connection: Connection,
    /// The name that a client sends in SNI.
    sent_name: Option<String>,
    check: PeerCheck,
    /// What its handshake was seen to do.
    witness: Witness,
    /// The result of the check, once it was asked for; later calls get the same.
    verified: OnceCell<Result<(), CertificateError>>,
    opening: Opening,
    /// The ClientHello as far as it has come, where the configuration depends on it.
    greeting: Option<Greeting>,
    /// What the caller is to choose a configuration by.
    asked: Option<Box<Asked>>,
    early: Early,
    /// The transport ended without close_notify after the handshake.
    is_truncated: bool,
    /// What rustls wanted to send when it failed, an alert if anything, or up to close_notify.
    last_words: Vec<u8>,
    /// close_notify is in what was or is to be sent, and nothing may follow it.
    has_ended: bool,
    /// How many bytes of ciphertext `write` makes before they are polled.
    batch: usize,
    /// How many bytes `write` has made that were not polled yet.
    waiting: usize,
    /// Plaintext that arrived and was not yet read.
    readable: usize,
    /// The position of the peer's ciphertext within a record.
    boundary: Boundary,
}

impl Session {
    /// A session in the role of the configuration. `host` is the host that a client talks to.
    pub fn new(config: &Arc<Config>, host: Option<&str>) -> Result<Self, Error> {
        let made = |error: rustls::Error| Error::from_rustls(error, None);
        let (mut connection, check, sent_name) = match &config.side {
            Side::Client(side) => {
                let parameters = side.connection(host)?;
                let check = match parameters.verifier.verify {
                    Verify::Required => PeerCheck::InHandshake,
                    Verify::Unverified => PeerCheck::Never,
                    Verify::Optional | Verify::Deferred => PeerCheck::OnDemand(
                        DeferredCheck::OfServer(
                            parameters.verifier,
                            parameters.connection_name.clone(),
                        ),
                        Arc::clone(&side.clock),
                    ),
                };
                let sent_name = match &parameters.connection_name {
                    ServerName::DnsName(name) if parameters.rustls.enable_sni => {
                        Some(name.as_ref().to_owned())
                    }
                    _ => None,
                };
                let client = ClientConnection::new(parameters.rustls, parameters.connection_name);
                (Connection::from(client.map_err(made)?), check, sent_name)
            }
            Side::Server(side) => {
                let (server, check) = choosing::server(side, &side.rustls)?;
                (server, check, None)
            }
        };
        // `write` keeps to a bound of its own, which `room` can tell beforehand.
        connection.set_buffer_limit(None);
        Ok(Self {
            state: State::Handshaking,
            config: Arc::clone(config),
            connection,
            sent_name,
            check,
            witness: Witness::default(),
            verified: OnceCell::new(),
            opening: Opening::new(),
            greeting: config.reads_hello().then(Greeting::default),
            asked: None,
            early: Early::default(),
            is_truncated: false,
            last_words: Vec::new(),
            has_ended: false,
            batch: 4 * record::LONGEST,
            waiting: 0,
            readable: 0,
            boundary: Boundary::default(),
        })
    }

    /// Lets this many bytes of ciphertext wait for the transport: the number that it takes best at
    /// once, so that one call carries several records while a slow peer costs no more than this.
    pub fn set_batch(&mut self, bytes: usize) {
        self.batch = bytes;
    }

    // Facts.

    /// The state of the session.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether the handshake is under way.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        self.state == State::Handshaking
    }

    /// Whether ciphertext of the peer's is of any use now: not while plaintext is to be fetched
    /// first, nor after the end.
    #[must_use]
    pub fn wants_ciphertext(&self) -> bool {
        matches!(
            self.state,
            State::Handshaking | State::Open | State::WriteClosed
        ) && self.asked.is_none()
            && self.connection.wants_read()
    }

    /// Whether plaintext has arrived that was not read.
    #[must_use]
    pub fn has_plaintext(&self) -> bool {
        self.readable > 0
    }

    /// Whether `read` would return something other than `Pending`.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.has_plaintext()
            || matches!(
                self.state,
                State::ReadClosed | State::Closed | State::Failed(_)
            )
    }

    /// How much plaintext `write` would take now.
    #[must_use]
    pub fn room(&self) -> usize {
        let room = self.batch.saturating_sub(self.waiting);
        let overhead = self.overhead();
        room.saturating_sub(room.div_ceil(self.config.record_size + overhead) * overhead)
    }

    /// Accounts for plaintext that was written, and for what its protection adds.
    fn count_written(&mut self, written: usize) {
        let records = written.div_ceil(self.config.record_size);
        self.waiting += written + records * self.overhead();
    }

    /// How many bytes protection adds to a record: header and tag, and depending on version and
    /// suite the inner content type (RFC 8446 §5.2) or the explicit nonce (RFC 5288 §3).
    fn overhead(&self) -> usize {
        match self.connection.negotiated_cipher_suite() {
            Some(SupportedCipherSuite::Tls12(suite)) => {
                record::HEADER + 16 + suite.aead_alg.key_block_shape().explicit_nonce_len
            }
            Some(SupportedCipherSuite::Tls13(_)) | None => record::HEADER + 16 + 1,
        }
    }

    /// Whether there is ciphertext to send.
    #[must_use]
    pub fn has_ciphertext(&self) -> bool {
        !self.last_words.is_empty() || (self.connection.wants_write() && !self.has_ended)
    }

    /// Whether there is nothing but session tickets to send, when the handshake has just been done:
    /// in TLS 1.3 everything else of a server's leaves before the client's last flight (RFC 8446
    /// §2).
    #[must_use]
    pub fn has_tickets(&self) -> bool {
        self.is_server() && self.version() == Some(Version::Tls13) && self.connection.wants_write()
    }

    // From the application.

    /// Fetch up to `limit` bytes of plaintext. What arrived before the end or a failure comes
    /// first.
    ///
    /// # Errors
    /// The session has failed, and everything that came before has been fetched.
    pub fn read(&mut self, limit: usize) -> Result<Plaintext, Error> {
        let mut plaintext = Vec::new();
        self.read_onto(&mut plaintext, limit);
        if !plaintext.is_empty() {
            return Ok(Plaintext::Bytes(plaintext));
        }
        match &self.state {
            State::Handshaking | State::Open | State::WriteClosed => Ok(Plaintext::Pending),
            State::ReadClosed | State::Closed => Ok(Plaintext::End),
            State::Failed(error) => Err(error.clone()),
        }
    }

    /// Append what arrived to `plaintext`, until that is `limit` bytes long.
    pub fn read_onto(&mut self, plaintext: &mut Vec<u8>, limit: usize) {
        let before = plaintext.len();
        let mut reader = self.connection.reader();
        while plaintext.len() < limit {
            // An error means that nothing is here; the state tells whether that is an end.
            let Ok(chunk) = reader.fill_buf() else { break };
            let Some(taken) = chunk.get(..chunk.len().min(limit - plaintext.len())) else {
                break;
            };
            if taken.is_empty() {
                break;
            }
            plaintext.extend_from_slice(taken);
            let count = taken.len();
            reader.consume(count);
        }
        let read = plaintext.len().saturating_sub(before);
        self.readable = self.readable.saturating_sub(read);
    }

    /// Whether plaintext can be written although the handshake is not done: by a server that is told
    /// to, from the ClientHello on (RFC 8446 §4.4.4).
    #[must_use]
    pub fn writes_before_finished(&self) -> bool {
        let is_permitted = match &self.config.side {
            Side::Client(_) => false,
            Side::Server(side) => side.rustls.send_half_rtt_data,
        };
        // Between the ClientHello and the flight of the server rustls never waits, unless it asks for
        // another hello; then it keeps what is written until the flight.
        is_permitted
            && !self.wants_context()
            && self.connection.protocol_version() == Some(ProtocolVersion::TLSv1_3)
    }

    /// Protect as much of the plaintext as there is room for; returns how much that was. Nothing is
    /// protected before the handshake is done, unless `writes_before_finished`.
    ///
    /// # Errors
    /// `Closed` after `close`; the session's failure.
    pub fn write(&mut self, plaintext: &[u8]) -> Result<usize, Error> {
        match &self.state {
            State::Handshaking if !self.writes_before_finished() => Ok(0),
            State::Handshaking | State::Open | State::ReadClosed => {
                let taken = plaintext.get(..self.room()).unwrap_or(plaintext);
                match self.connection.writer().write(taken) {
                    Ok(written) => {
                        self.count_written(written);
                        Ok(written)
                    }
                    Err(error) => Err(self.fail(Error::Other(Some(error.to_string())))),
                }
            }
            State::WriteClosed | State::Closed => Err(Error::Closed),
            State::Failed(error) => Err(error.clone()),
        }
    }

    /// Take new keys for what this side sends, and ask the peer for new ones (RFC 8446 §4.6.3). What
    /// asks leaves with the rest.
    ///
    /// # Errors
    /// `WantRead` before the handshake is done; `NotSupported` in TLS 1.2; those of `write`.
    pub fn update_keys(&mut self) -> Result<(), Error> {
        self.write(&[])?;
        if !self.is_established() {
            return Err(Error::WantRead);
        }
        if self.version() != Some(Version::Tls13) {
            return Err(Error::NotSupported(
                "new keys in TLS 1.2; make another connection, or use TLS 1.3".to_owned(),
            ));
        }
        if let Err(error) = self.connection.refresh_traffic_keys() {
            let error = Error::from_rustls(error, None);
            return Err(self.fail(error));
        }
        self.waiting += KEY_UPDATE + self.overhead();
        Ok(())
    }

    /// Send close_notify after what was written, once. In `Handshaking` there is nothing to close.
    pub fn close(&mut self) {
        let next = match std::mem::replace(&mut self.state, State::Closed) {
            State::Open => State::WriteClosed,
            State::ReadClosed => State::Closed,
            same => {
                self.state = same;
                return;
            }
        };
        self.connection.send_close_notify();
        self.state = next;
        let mut last_words = Vec::new();
        self.poll_ciphertext(&mut last_words);
        self.last_words = last_words;
        self.has_ended = true;
    }

    /// Fail for a reason outside the protocol: the transport, a timer. The first failure stays.
    pub fn fail(&mut self, error: Error) -> Error {
        if let State::Failed(first) = &self.state {
            return first.clone();
        }
        let error = self.with_places(error);
        self.state = State::Failed(error.clone());
        error
    }

    /// Adds to the error for an unknown authority where that authority was looked for.
    fn with_places(&self, error: Error) -> Error {
        match error {
            Error::Certificate(refused)
                if refused.reason == CertificateReason::UnknownAuthority =>
            {
                Error::Certificate(CertificateError {
                    detail: Some(self.config.searched.to_string()),
                    ..refused
                })
            }
            error => error,
        }
    }

    // To the network.

    /// Append everything that is to be sent to `ciphertext`.
    pub fn poll_ciphertext(&mut self, ciphertext: &mut Vec<u8>) {
        ciphertext.append(&mut self.last_words);
        self.waiting = 0;
        // What rustls would send behind close_notify, an alert or new keys, is no TLS any more: the
        // peer may go on in the clear there (RFC 8446 §6.1).
        let mut nowhere = Vec::new();
        let ciphertext = match self.has_ended {
            true => &mut nowhere,
            false => ciphertext,
        };
        while self.connection.wants_write() {
            // Writing to memory does not fail.
            if !matches!(self.connection.write_tls(ciphertext), Ok(written) if written > 0) {
                return;
            }
        }
    }
}
