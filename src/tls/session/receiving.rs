//! What came from the network: ciphertext, and its end.

use rustls::PeerIncompatible;

use super::opening::{ALERT, Look, fatal_alert};
use super::records::Work;
use super::{RUSTLS_READ, Session, State};
use crate::error::Error;
use crate::tls::config::Truncation;
use crate::tls::record;

/// How many bytes rustls has room for at any time.
const RUSTLS_BUFFER: usize = 4096;

/// The alert handshake_failure (RFC 5246 §7.2.2).
const HANDSHAKE_FAILURE: u8 = 40;

impl Session {
    /// Take ciphertext of the peer's; returns how much was taken. Less than all means that
    /// plaintext is to be fetched first, or that the rest is of no use any more.
    ///
    /// # Errors
    /// The session has failed, now or before; its last ciphertext may hold an alert for the peer.
    pub fn handle_ciphertext(&mut self, ciphertext: &[u8]) -> Result<usize, Error> {
        self.handle_records(ciphertext, &mut Work::unlimited())
    }

    /// The same, as far as there is work left in `work`.
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

    /// The same, where the transport has failed before: `failure` is then the cause of an end
    /// without close_notify.
    ///
    /// # Errors
    /// That failure, where `handle_eof` has `Truncated`.
    pub fn handle_end(&mut self, failure: Error) -> Result<(), Error> {
        match (&self.state, self.config.truncation) {
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

    /// Take as much as is of use now.
    fn feed(&mut self, rest: &mut &[u8], work: &mut Work) -> Result<(), Error> {
        self.greet(rest, work)?;
        self.feed_rustls(rest, work)
    }

    /// Hand as much to rustls as it takes.
    pub(super) fn feed_rustls(&mut self, rest: &mut &[u8], work: &mut Work) -> Result<(), Error> {
        while !rest.is_empty() && self.wants_ciphertext() && !work.is_spent() {
            let front = rest.get(..RUSTLS_READ).unwrap_or(rest);
            let (length, _) = self.boundary.clone().pass(front, work.records());
            let mut lot = front.get(..length).unwrap_or(front);
            let mut records = 0;
            while !lot.is_empty() && self.readable <= record::LONGEST && !self.has_peer_closed() {
                let (taken, ended) = self.feed_record(lot)?;
                if taken == 0 {
                    break;
                }
                lot = lot.get(taken..).unwrap_or_default();
                records += ended;
            }
            let taken = length.saturating_sub(lot.len());
            if taken == 0 {
                break;
            }
            *rest = rest.get(taken..).unwrap_or_default();
            work.count(records, taken, self.readable);
        }
        Ok(())
    }

    /// Hand rustls bytes with which one record ends at most: it drops what it holds behind the
    /// peer's close_notify, and that may belong to whoever goes on in the clear. The next record
    /// goes along but for its last byte, so that rustls keeps a buffer for long records; behind short
    /// ones the buffer would grow to twice what a connection without traffic needs. Returns how much
    /// was taken, and whether a record has ended with it, as a number.
    fn feed_record(&mut self, bytes: &[u8]) -> Result<(usize, usize), Error> {
        let mut boundary = self.boundary.clone();
        let (first, _) = boundary.pass(bytes, 1);
        let (next, next_ended) = boundary.pass(bytes.get(first..).unwrap_or_default(), 1);
        let length = match next.saturating_add(boundary.to_come()) {
            0..=RUSTLS_BUFFER => first,
            _ => first + next.saturating_sub(next_ended),
        };
        let record = bytes.get(..length).unwrap_or(bytes);
        let taken = match self.connection.read_tls(&mut &*record) {
            Ok(taken) => taken,
            Err(error) => return Err(self.fail(Error::from_read(&error))),
        };
        let passed = record.get(..taken).unwrap_or(record);
        let (_, ended) = self.boundary.pass(passed, usize::MAX);
        self.process()?;
        let is_end = self.has_peer_closed();
        Ok((if is_end { first.min(taken) } else { taken }, ended))
    }

    fn has_peer_closed(&self) -> bool {
        matches!(self.state, State::ReadClosed | State::Closed)
    }

    fn process(&mut self) -> Result<(), Error> {
        let connection = &mut self.connection;
        match self.witness.watch(|| connection.process_new_packets()) {
            Ok(io) => {
                let peer_has_closed = io.peer_has_closed();
                self.readable = io.plaintext_bytes_to_read();
                if self.is_handshaking() {
                    self.look_for_early();
                    if let Some(is_resumed) = self.is_resumed() {
                        self.config.handshakes.count(is_resumed);
                    }
                }
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
                let mut error = error;
                if self.witness.lacks_scheme && matches!(error, rustls::Error::General(_)) {
                    // A server of TLS 1.2, of which rustls says no more, and nothing to the peer.
                    error = PeerIncompatible::NoSignatureSchemesInCommon.into();
                    last_words = fatal_alert(HANDSHAKE_FAILURE);
                }
                let mut error = Error::from_rustls(error, readable_alert(&last_words));
                self.last_words = last_words;
                // Behind close_notify the alert goes nowhere.
                if let Error::Protocol(failure) = &mut error
                    && self.has_ended
                {
                    failure.alert_sent = None;
                }
                Err(self.fail(error))
            }
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
