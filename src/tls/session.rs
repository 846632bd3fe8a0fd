//! One connection as a state machine over rustls.

use std::cell::OnceCell;
use std::io::{BufRead as _, Write as _};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::time_provider::TimeProvider;
use rustls::{
    ClientConnection, Connection, ProtocolVersion, ServerConnection, SupportedCipherSuite,
};

use super::config::{Config, Side, Truncation, Version};
use super::error::{CertificateError, CertificateReason, Error};
use super::facts::Facts;
use super::group::NamedGroup;
use super::opening::{ALERT, Look, Opening};
use super::records::{Boundary, Work};
use super::verifier::{DeferredCheck, Verify};

/// The most plaintext in a record (RFC 8446 §5.1).
const RECORD: usize = 16 * 1024;

/// The most that is handed to rustls at once: it takes no more than one full record (RFC 8446 §5.2).
const RUSTLS_READ: usize = 5 + RECORD + 2048;

/// Where a session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Entered at creation; leaves to `Open` or `Failed`.
    Handshaking,
    /// Both directions; leaves to `WriteClosed`, `ReadClosed` or `Failed`.
    Open,
    /// We sent close_notify, reading goes on; leaves to `Closed` or `Failed`.
    WriteClosed,
    /// The peer sent close_notify, or its end without is tolerated; writing goes on; leaves to
    /// `Closed` or `Failed`.
    ReadClosed,
    /// Terminal: closed both ways.
    Closed,
    /// Terminal: every later call returns this error.
    Failed(Error),
}

/// What a read found.
#[derive(Debug, PartialEq, Eq)]
pub enum Plaintext {
    /// At least one byte.
    Bytes(Vec<u8>),
    /// Nothing yet.
    Pending,
    /// The peer sent close_notify, or its end without is tolerated; it stays so.
    End,
}

/// One connection. Its methods stand in four groups: facts; what came from the network; what the
/// application wants; what goes to the network. It does no I/O and knows no time but the
/// certificate's.
pub struct Session {
    state: State,
    connection: Connection,
    check: PeerCheck,
    /// Its result, once somebody has asked: later ones are told the same.
    verified: OnceCell<Result<(), CertificateError>>,
    opening: Opening,
    truncation: Truncation,
    /// Where the trust roots come from, in words.
    searched: Arc<str>,
    /// The transport ended without close_notify after the handshake.
    is_truncated: bool,
    /// What rustls wanted to send when it failed: an alert, if anything.
    last_words: Vec<u8>,
    /// How many bytes of ciphertext `write` makes before they are polled.
    batch: usize,
    /// How many it has made.
    waiting: usize,
    /// Plaintext that arrived and was not yet read.
    readable: usize,
    /// Where in a record the peer's ciphertext stands.
    boundary: Boundary,
}

/// How `verify_result` is answered.
enum PeerCheck {
    /// The handshake fails without; so a certificate that is there has passed.
    InHandshake,
    /// Nothing is asked for.
    Never,
    /// The handshake goes on regardless, so the check is made when its result is asked for.
    OnDemand(DeferredCheck, Arc<dyn TimeProvider>),
}

impl Session {
    /// A session in the role of the configuration; a client is told the host that it talks to.
    pub fn new(config: &Arc<Config>, host: Option<&str>) -> Result<Self, Error> {
        let made = |error: rustls::Error| Error::from_rustls(error, None);
        let (mut connection, check) = match &config.side {
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
                let client = ClientConnection::new(parameters.rustls, parameters.connection_name);
                (Connection::from(client.map_err(made)?), check)
            }
            Side::Server(side) => {
                let check = match &side.verifier {
                    None => PeerCheck::Never,
                    Some(verifier) if verifier.verify == Verify::Deferred => PeerCheck::OnDemand(
                        DeferredCheck::OfClient(Arc::clone(verifier)),
                        Arc::clone(&side.clock),
                    ),
                    Some(_) => PeerCheck::InHandshake,
                };
                let server = ServerConnection::new(Arc::clone(&side.rustls)).map_err(made)?;
                (Connection::from(server), check)
            }
        };
        // `write` keeps the bound, so that it can be told beforehand.
        connection.set_buffer_limit(None);
        Ok(Self {
            state: State::Handshaking,
            connection,
            check,
            verified: OnceCell::new(),
            opening: Opening::new(),
            truncation: config.truncation,
            searched: Arc::clone(&config.searched),
            is_truncated: false,
            last_words: Vec::new(),
            batch: 4 * RECORD,
            waiting: 0,
            readable: 0,
            boundary: Boundary::default(),
        })
    }

    /// Let this many bytes of ciphertext wait for the transport: as many as it takes best at once, so
    /// that one call carries several records while a slow peer costs no more than this.
    pub fn set_batch(&mut self, bytes: usize) {
        self.batch = bytes;
    }

    // Facts.

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether ciphertext of the peer's is of any use now: not while plaintext is to be fetched
    /// first, nor after the end.
    #[must_use]
    pub fn wants_ciphertext(&self) -> bool {
        matches!(
            self.state,
            State::Handshaking | State::Open | State::WriteClosed
        ) && self.connection.wants_read()
    }

    /// Whether `read` would return something other than `Pending`.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.readable > 0
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
        room.saturating_sub(room.div_ceil(RECORD + overhead) * overhead)
    }

    /// What protection adds to a record: header, tag, and by version and suite the type of what is
    /// inside (RFC 8446 §5.2) or the nonce (RFC 5288 §3).
    fn overhead(&self) -> usize {
        match self.connection.negotiated_cipher_suite() {
            Some(SupportedCipherSuite::Tls12(suite)) => {
                5 + 16 + suite.aead_alg.key_block_shape().explicit_nonce_len
            }
            Some(SupportedCipherSuite::Tls13(_)) | None => 5 + 16 + 1,
        }
    }

    /// Whether there is ciphertext to send.
    #[must_use]
    pub fn has_ciphertext(&self) -> bool {
        !self.last_words.is_empty() || self.connection.wants_write()
    }

    /// Whether what is to be sent when the handshake has just been done are session tickets alone: all
    /// else of a server's has left before the client's last flight, in TLS 1.3 (RFC 8446 §2).
    #[must_use]
    pub fn has_tickets(&self) -> bool {
        let is_server = matches!(self.connection, Connection::Server(_));
        is_server && self.version() == Some(Version::Tls13) && self.connection.wants_write()
    }

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

    /// The peer's certificates, its own first, once the handshake is done.
    #[must_use]
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        match self.connection.peer_certificates() {
            Some(chain) if self.is_established() => chain,
            _ => &[],
        }
    }

    /// Whether the peer presented a certificate that passed what the configuration asks for; if not,
    /// why.
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

    /// After a handshake in which it was asked for.
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
                // The handshake went on.
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

    fn is_established(&self) -> bool {
        !self.connection.is_handshaking()
    }

    // From the network.

    /// Take ciphertext of the peer's; how much was taken. Less than all means that plaintext is to
    /// be fetched first, or that the rest is of no use any more.
    ///
    /// # Errors
    /// The session has failed, now or before; its last ciphertext may hold an alert for the peer.
    pub fn handle_ciphertext(&mut self, ciphertext: &[u8]) -> Result<usize, Error> {
        self.handle_records(ciphertext, &mut Work::unlimited())
    }

    /// The same as far as there is work left for it.
    ///
    /// # Errors
    /// Those of `handle_ciphertext`.
    pub fn handle_records(&mut self, ciphertext: &[u8], work: &mut Work) -> Result<usize, Error> {
        if let State::Failed(error) = &self.state {
            return Err(error.clone());
        }
        let kept = match self.opening.look(ciphertext) {
            Look::Tls(kept) => kept,
            Look::Open => return Ok(ciphertext.len()),
            Look::Strange(error, last_words) => {
                self.last_words = last_words;
                return Err(self.fail(error));
            }
        };
        self.feed(&mut kept.as_slice(), work)?;
        let mut rest = ciphertext;
        self.feed(&mut rest, work)?;
        Ok(ciphertext.len() - rest.len())
    }

    /// The transport ended.
    ///
    /// # Errors
    /// `Truncated`: close_notify is missing, in the handshake or where that is not tolerated. What
    /// was read before can still be fetched.
    pub fn handle_eof(&mut self) -> Result<(), Error> {
        self.handle_end(Error::Truncated)
    }

    /// The same, where a failure of the transport is known that an end without close_notify is a
    /// part of.
    ///
    /// # Errors
    /// That failure, where `handle_eof` has `Truncated`.
    pub fn handle_end(&mut self, failure: Error) -> Result<(), Error> {
        match (&self.state, self.truncation) {
            (State::ReadClosed | State::Closed, _) => Ok(()),
            (State::Failed(error), _) => Err(error.clone()),
            (State::Handshaking, _) => {
                let error = self.opening.at_end(failure);
                Err(self.fail(error))
            }
            (State::Open | State::WriteClosed, Truncation::Refused) => {
                self.is_truncated = true;
                Err(self.fail(failure))
            }
            (State::Open, Truncation::Tolerated) => {
                self.is_truncated = true;
                self.state = State::ReadClosed;
                Ok(())
            }
            (State::WriteClosed, Truncation::Tolerated) => {
                self.is_truncated = true;
                self.state = State::Closed;
                Ok(())
            }
        }
    }

    // From the application.

    /// Fetch up to `limit` bytes of plaintext. What arrived before the end or a failure comes first.
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
            // An error stands for "nothing here"; what that means is for the state to say.
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

    /// Protect as much of the plaintext as there is room for; how much that was. Nothing is
    /// protected before the handshake is done.
    ///
    /// # Errors
    /// `Closed` after `close`; the session's failure.
    pub fn write(&mut self, plaintext: &[u8]) -> Result<usize, Error> {
        match &self.state {
            State::Handshaking => Ok(0),
            State::Open | State::ReadClosed => {
                let taken = plaintext.get(..self.room()).unwrap_or(plaintext);
                match self.connection.writer().write(taken) {
                    Ok(written) => {
                        self.waiting += written + written.div_ceil(RECORD) * self.overhead();
                        Ok(written)
                    }
                    Err(error) => Err(self.fail(Error::Other(Some(error.to_string())))),
                }
            }
            State::WriteClosed | State::Closed => Err(Error::Closed),
            State::Failed(error) => Err(error.clone()),
        }
    }

    /// Put close_notify behind what was written, once. In `Handshaking` there is nothing to close.
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

    /// An unknown authority, with where it was looked for.
    fn with_places(&self, error: Error) -> Error {
        match error {
            Error::Certificate(refused)
                if refused.reason == CertificateReason::UnknownAuthority =>
            {
                Error::Certificate(CertificateError {
                    detail: Some(self.searched.to_string()),
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
        while self.connection.wants_write() {
            // Writing to memory does not fail.
            if !matches!(self.connection.write_tls(ciphertext), Ok(written) if written > 0) {
                return;
            }
        }
    }

    /// Hand as much to rustls as it takes.
    fn feed(&mut self, rest: &mut &[u8], work: &mut Work) -> Result<(), Error> {
        while !rest.is_empty() && self.wants_ciphertext() && !work.is_spent() {
            let front = rest.get(..RUSTLS_READ).unwrap_or(rest);
            let (length, _) = self.boundary.clone().pass(front, work.records());
            let mut unread = front.get(..length).unwrap_or(front);
            let taken = match self.connection.read_tls(&mut unread) {
                Ok(0) => break,
                Ok(taken) => taken,
                Err(error) => return Err(self.fail(Error::from_read(&error))),
            };
            let (_, records) = self
                .boundary
                .pass(front.get(..taken).unwrap_or(front), usize::MAX);
            *rest = rest.get(taken..).unwrap_or_default();
            self.process()?;
            work.count(records, taken, self.readable);
        }
        Ok(())
    }

    fn process(&mut self) -> Result<(), Error> {
        match self.connection.process_new_packets() {
            Ok(io) => {
                let peer_has_closed = io.peer_has_closed();
                self.readable = io.plaintext_bytes_to_read();
                self.state = std::mem::replace(&mut self.state, State::Closed)
                    .after_records(self.connection.is_handshaking(), peer_has_closed);
                match &self.state {
                    State::Failed(error) => Err(error.clone()),
                    _ => Ok(()),
                }
            }
            Err(error) => {
                let mut last_words = Vec::new();
                self.poll_ciphertext(&mut last_words);
                let error = Error::from_rustls(error, readable_alert(&last_words));
                self.last_words = last_words;
                Err(self.fail(error))
            }
        }
    }
}

impl State {
    /// The state after records were processed without failure.
    fn after_records(self, is_handshaking: bool, peer_has_closed: bool) -> Self {
        match (self, peer_has_closed) {
            (Self::Handshaking, true) if is_handshaking => Self::Failed(Error::Closed),
            (Self::Handshaking, false) if is_handshaking => Self::Handshaking,
            (Self::Handshaking | Self::Open, true) => Self::ReadClosed,
            (Self::Handshaking | Self::Open, false) => Self::Open,
            (Self::WriteClosed, true) => Self::Closed,
            (same, _) => same,
        }
    }
}

/// The number of the alert, if that is what the record holds and it is not encrypted.
fn readable_alert(record: &[u8]) -> Option<u8> {
    match record {
        [ALERT, 3, _, 0, 2, _level, number] => Some(*number),
        _ => None,
    }
}
