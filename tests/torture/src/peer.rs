//! The peer: rustls with ring, and an application that keeps to a plan.

use std::io::{Read as _, Write as _};

use anyhow::Result;
use rustls::Connection;

use crate::pattern::{self, Check};
use crate::setup::Plan;
use crate::wire::{Label, Middle, Taken};

/// The peer's end of a connection.
pub(crate) struct Peer {
    connection: Connection,
    plan: Plan,
    sent: usize,
    pub(crate) received: Check,
    has_closed: bool,
    /// The other end has sent close_notify.
    has_been_closed: bool,
    /// How it failed, if it did.
    pub(crate) failure: Option<String>,
    is_gone: bool,
}

impl Peer {
    pub(crate) fn new(connection: Connection, plan: Plan) -> Self {
        Self {
            connection,
            plan,
            sent: 0,
            received: Check::new(pattern::OURS),
            has_closed: false,
            has_been_closed: false,
            failure: None,
            is_gone: false,
        }
    }

    /// A client of a server that sends back what it gets.
    pub(crate) fn of_echo(connection: Connection, plan: Plan) -> Self {
        Self {
            received: Check::new(pattern::THEIRS),
            ..Self::new(connection, plan)
        }
    }

    /// Whether it has sent and received everything, and both ends have closed.
    pub(crate) fn is_content(&self) -> bool {
        self.failure.is_none()
            && self.has_closed
            && self.has_been_closed
            && self.received.count == self.plan.to_receive
    }

    /// Does what can be done; returns whether that was anything.
    pub(crate) fn turn(&mut self, middle: &mut Middle) -> Result<bool> {
        if self.is_gone {
            return Ok(false);
        }
        let mut has_moved = self.send(middle)?;
        match middle.to_peer.take(usize::MAX) {
            Taken::Nothing => {}
            Taken::Bytes(bytes) => {
                has_moved = true;
                if let Err(error) = self.receive(&bytes) {
                    self.failure = Some(error.to_string());
                    self.send(middle)?;
                    self.leave(middle);
                    return Ok(true);
                }
            }
            ended @ (Taken::End | Taken::Reset) => {
                if !self.has_been_closed {
                    self.failure = Some(format!("{ended:?}"));
                    self.leave(middle);
                    return Ok(true);
                }
            }
        }
        has_moved |= self.talk(middle)?;
        if self.has_closed && self.has_been_closed {
            self.leave(middle);
            has_moved = true;
        }
        Ok(has_moved)
    }

    fn receive(&mut self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() && !self.has_been_closed {
            self.connection.read_tls(&mut rest)?;
            let state = self.connection.process_new_packets()?;
            let mut plaintext = vec![0; state.plaintext_bytes_to_read()];
            self.connection.reader().read_exact(&mut plaintext)?;
            self.received.add(&plaintext);
            self.has_been_closed |= state.peer_has_closed();
        }
        Ok(())
    }

    /// Writes the next chunk, or closes.
    fn talk(&mut self, middle: &mut Middle) -> Result<bool> {
        let has_all = self.received.count >= self.plan.to_receive;
        if self.connection.is_handshaking() || self.has_closed || (self.plan.waits && !has_all) {
            return Ok(false);
        }
        if self.sent < self.plan.to_send {
            let end = self.plan.to_send.min(self.sent + self.plan.chunk);
            let chunk = pattern::bytes(pattern::THEIRS, self.sent..end);
            self.connection.writer().write_all(&chunk)?;
            self.sent = end;
        } else if has_all || self.has_been_closed {
            self.connection.send_close_notify();
            self.has_closed = true;
        } else {
            return Ok(false);
        }
        self.send(middle)
    }

    fn send(&mut self, middle: &mut Middle) -> Result<bool> {
        let mut ciphertext = Vec::new();
        while self.connection.wants_write() {
            self.connection.write_tls(&mut ciphertext)?;
        }
        let label = Label {
            data: self.sent,
            is_close: self.has_closed,
        };
        middle.to_us.put(&ciphertext, label);
        Ok(!ciphertext.is_empty())
    }

    fn leave(&mut self, middle: &mut Middle) {
        self.is_gone = true;
        middle.to_us.end();
    }
}
