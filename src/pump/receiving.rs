//! The way in: ciphertext from the transport to the session, as much as one call may take.

use super::{Ciphertext, Pump, READ_SIZE, Received, SHORT_READ_SIZE, Step, Transport};
use crate::error::Error;
use crate::timers::Moment;
use crate::tls::Work;

impl<T: Transport> Pump<T> {
    /// Takes ciphertext from the transport, unless there is plaintext to be fetched first.
    pub(super) fn receive(&mut self, work: &mut Work) -> Result<Step, Error> {
        if self.session.is_readable() {
            return Ok(Step::Nothing);
        }
        if work.is_spent() {
            return Ok(Step::Spent);
        }
        if self.received.is_empty() {
            let Some(transport) = &mut self.transport else {
                return Ok(Step::Nothing);
            };
            work.count_read();
            match transport.read(self.read_size) {
                Ok(Received::Bytes(bytes)) => {
                    self.read_size = if bytes.len() < SHORT_READ_SIZE {
                        SHORT_READ_SIZE
                    } else {
                        READ_SIZE
                    };
                    self.received = Ciphertext::from(bytes);
                }
                Ok(Received::Pending) => return self.found_nothing(),
                Ok(Received::Eof) => {
                    let failure = self.broken.clone().unwrap_or(Error::Truncated);
                    return match self.session.handle_end(failure) {
                        Ok(()) => Ok(Step::Moved),
                        Err(error) => Err(self.fail(error)),
                    };
                }
                Err(error) => {
                    let first = self.broken.clone();
                    return Err(self.fail(first.unwrap_or(Error::Network(error))));
                }
            }
        }
        let was_handshaking = self.session.is_handshaking();
        match self.session.handle_records(self.received.rest(), work) {
            Ok(taken) => {
                self.received.take(taken);
                if was_handshaking && !self.session.is_handshaking() {
                    self.has_tickets = self.session.has_tickets();
                    if !self.has_tickets {
                        self.session.poll_ciphertext(&mut self.unsent);
                    }
                    self.last_flight = Some(self.end_of_output());
                }
                Ok(match taken {
                    0 if work.is_spent() => Step::Spent,
                    0 => Step::Nothing,
                    _ => Step::Moved,
                })
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Called when the transport has nothing to read now. After a timer has run out there is no
    /// waiting for more, so the connection fails. Where only the output is broken, input may still
    /// come.
    fn found_nothing(&mut self) -> Result<Step, Error> {
        match self.broken.clone() {
            Some(error @ Error::Timeout(_)) => Err(self.fail(error)),
            _ => Ok(Step::Nothing),
        }
    }

    /// Fails for good: sends the alert if the transport takes it at once, and frees the transport.
    /// Returns the first failure of the session.
    pub(super) fn fail(&mut self, error: Error) -> Error {
        let error = self.session.fail(error);
        self.has_tickets = false;
        if self.broken.is_none() {
            // Whether or not the alert can be sent, the error stays the same.
            let _ = self.try_send(Moment::ZERO);
        }
        self.release();
        error
    }
}
