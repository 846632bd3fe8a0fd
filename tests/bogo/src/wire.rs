//! The connection to the runner: moves the ciphertext between the socket and what is under test.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, TcpStream};

use crate::machine::{Fault, Machine};
use crate::options::Options;

/// How much is read from the socket at once.
const CHUNK: usize = 16 * 1024;

/// A connection to the runner.
pub(crate) struct Wire<'a> {
    pub(crate) tls: &'a mut dyn Machine,
    socket: TcpStream,
    /// What has come from the runner and was not put yet.
    pending: Vec<u8>,
    has_ended: bool,
    /// Nothing of what was put last was taken.
    is_stuck: bool,
    /// What there is to send is kept back.
    is_held: bool,
}

impl<'a> Wire<'a> {
    /// Connects, and says which shim this is.
    pub(crate) fn connect(options: &Options, tls: &'a mut dyn Machine) -> io::Result<Self> {
        let mut socket = match options.is_ipv6 {
            true => TcpStream::connect((Ipv6Addr::LOCALHOST, options.port)),
            false => TcpStream::connect((Ipv4Addr::LOCALHOST, options.port)),
        }?;
        socket.set_nodelay(true)?;
        socket.write_all(&options.shim_id.to_le_bytes())?;
        Ok(Self {
            tls,
            socket,
            pending: Vec::new(),
            has_ended: false,
            is_stuck: false,
            is_held: false,
        })
    }

    /// Calls the operation until it is done or fails, moving ciphertext as it asks for, and sends what it
    /// has left to send.
    pub(crate) fn until<T>(
        &mut self,
        mut operation: impl FnMut(&mut dyn Machine) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        loop {
            match operation(self.tls) {
                Err(Fault::WantWrite) if self.is_held => self.receive()?,
                Err(Fault::WantWrite) => self.send()?,
                Err(Fault::WantRead) => {
                    // A port has written it by itself, and wants an answer.
                    self.send()?;
                    if !self.tls.is_ready()? {
                        self.receive()?;
                    }
                }
                outcome => {
                    self.send()?;
                    return outcome;
                }
            }
        }
    }

    /// Writes all.
    pub(crate) fn write_all(&mut self, mut plaintext: &[u8]) -> Result<(), Fault> {
        while !plaintext.is_empty() {
            let written = self.until(|tls| tls.write(plaintext))?;
            plaintext = plaintext.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// Writes all before the handshake is done; returns whether that can be.
    pub(crate) fn write_early(&mut self, mut plaintext: &[u8]) -> Result<bool, Fault> {
        while !plaintext.is_empty() {
            match self.tls.write(plaintext) {
                Err(Fault::WantWrite) => self.send()?,
                Err(Fault::WantRead) => return Ok(false),
                written => plaintext = plaintext.get(written?..).unwrap_or_default(),
            }
        }
        self.send()?;
        Ok(true)
    }

    /// Writes, sends the first byte of the ciphertext, and keeps the rest back until it is released.
    pub(crate) fn write_and_hold(&mut self, plaintext: &[u8]) -> Result<(), Fault> {
        self.send()?;
        self.tls.write(plaintext)?;
        let first = self.tls.take(1)?;
        self.is_held = true;
        self.give(&first);
        Ok(())
    }

    /// Sends what was kept back.
    pub(crate) fn release(&mut self) -> Result<(), Fault> {
        self.is_held = false;
        self.send()
    }

    /// Ends this direction, after an alert or a close_notify, and waits until the runner has ended its
    /// own: a socket that is closed with something unread in it resets the connection, and the alert
    /// with it.
    pub(crate) fn close(&mut self) {
        self.is_held = false;
        let _ = self.send();
        let _ = self.socket.shutdown(Shutdown::Write);
        let mut ignored = [0; CHUNK];
        while matches!(self.socket.read(&mut ignored), Ok(count) if count > 0) {}
    }

    /// Sends what there is to send, unless it is kept back.
    pub(crate) fn send(&mut self) -> Result<(), Fault> {
        while !self.is_held {
            let ciphertext = self.tls.take(CHUNK)?;
            if ciphertext.is_empty() {
                break;
            }
            self.give(&ciphertext);
        }
        Ok(())
    }

    /// What the runner does not take it does not want; what it has sent before says why.
    fn give(&mut self, ciphertext: &[u8]) {
        let _ = self.socket.write_all(ciphertext);
    }

    fn receive(&mut self) -> Result<(), Fault> {
        if self.pending.is_empty() {
            if self.has_ended {
                return Err(Fault::Broken("it waits for more after the end".to_owned()));
            }
            let mut chunk = vec![0; CHUNK];
            // A reset is an end too.
            let count = self.socket.read(&mut chunk).unwrap_or(0);
            chunk.truncate(count);
            self.pending = chunk;
            if count == 0 {
                self.has_ended = true;
                return self.tls.put_end();
            }
        }
        let taken = self.tls.put(&self.pending)?;
        self.pending.drain(..taken);
        // The next operation may tell a failure, but it cannot want more again.
        if taken == 0 && self.is_stuck {
            return Err(Fault::Broken("it wants more and takes nothing".to_owned()));
        }
        self.is_stuck = taken == 0;
        Ok(())
    }
}
