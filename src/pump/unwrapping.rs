//! The way out of TLS: both sides close it in order, and the transport goes on in the clear.

use super::{Ciphertext, Pump, Step, Transport};
use crate::error::Error;
use crate::timers::{Condition, Moment};
use crate::tls::{State, Work};

impl<T: Transport> Pump<T> {
    /// Send close_notify, wait for the peer's, and give the transport back with the bytes that were
    /// read from it behind that.
    pub fn unwrap(&mut self, now: Moment) -> Result<(T, Vec<u8>), Error> {
        self.begin_output(now)?;
        self.check_read()?;
        self.session.close();
        self.has_tickets = false;
        self.push(Condition::Closing, now)?;
        let mut work = Work::of_a_call();
        while !matches!(self.session.state(), State::Closed) {
            if !matches!(self.receive(&mut work)?, Step::Moved) {
                self.timers.start(Condition::Unwrapping, now);
                return Err(Error::WantRead);
            }
            self.check_read()?;
        }
        self.timers.stop(Condition::Unwrapping);
        if self.session.is_truncated() {
            return Err(Error::Truncated);
        }
        let received = std::mem::replace(&mut self.received, Ciphertext::from(Vec::new()));
        let transport = self.transport.take().ok_or(Error::Closed)?;
        Ok((transport, received.rest().to_vec()))
    }

    /// Plaintext is the caller's to read, and would be lost.
    fn check_read(&mut self) -> Result<(), Error> {
        if !self.session.has_plaintext() {
            return Ok(());
        }
        self.timers.stop(Condition::Unwrapping);
        Err(Error::InvalidArgument(
            "unwrap before all plaintext is read; read to the end first".to_owned(),
        ))
    }
}
