//! A connection behind `std::io::Read` and `Write`: every call waits.

use std::io::{Read, Result, Write};

use crate::types::Role;
use crate::{Context, PlainTransport, Port};

/// A TLS connection. Reads and writes block; `Read` and `Write` are there for `&TlsStream` too, so
/// that a `BufReader` can hold one reference, and what writes another.
///
/// A read returns 0 when the peer has sent close_notify. A connection that ends without it fails
/// with `UnexpectedEof`, and with [`Truncated`](crate::types::Error::Truncated) inside: what was
/// read may have been cut short by an attacker. A read that runs into the `read` timer fails with
/// `TimedOut` and may be repeated; every other failure is final.
///
/// A write returns when the transport has taken all of it, so nothing waits for a `flush`. Use a
/// `BufWriter` for many small writes. Dropping a stream frees its socket and sends nothing: call
/// [`close`](Self::close), or the peer sees a truncated connection.
#[derive(Debug)]
pub struct TlsStream {
    port: Port,
}

impl TlsStream {
    /// Connect to a host (a DNS name or an IP address) and TCP port, trust the built-in web roots,
    /// and verify that the certificate has the host's name. Blocks until the handshake is done, up
    /// to the timers of 30 seconds for connecting and 120 for that.
    ///
    /// # Errors
    /// - `InvalidInput`: the host is neither a DNS name nor an IP address, or port 0.
    /// - `NotFound`, `ConnectionRefused`, `HostUnreachable`, `PermissionDenied` and others of the
    ///   network.
    /// - `TimedOut`: of the handshake.
    /// - `InvalidData`: the peer or its certificate was refused, or it refused us.
    /// - `UnexpectedEof`: it hung up in the handshake.
    pub fn connect(host: &str, port: u16) -> Result<Self> {
        Self::connect_with(&Context::secure(Role::Client), host, port)
    }

    /// The same with a context of your own, which is sealed by it. Blocks up to the context's
    /// connect and handshake timers.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect), and `InvalidInput` for a context that is a server's or
    /// cannot work.
    pub fn connect_with(context: &Context, host: &str, port: u16) -> Result<Self> {
        Self::after_handshake(Port::blocking_connect(context, host, port)?)
    }

    /// Speak TLS from now on, in the context's role, on a connection that is there already
    /// (STARTTLS). A client sends and verifies the name `host`. If the streams belong to a socket,
    /// that has to outlive this stream. Blocks until the handshake is done, up to its timer.
    ///
    /// # Errors
    /// Those of the handshake as for [`connect`](Self::connect), and `InvalidInput`: a client
    /// without a host, or a context that cannot work.
    pub fn start(context: &Context, host: Option<&str>, transport: PlainTransport) -> Result<Self> {
        Self::after_handshake(Port::start(context, host, transport)?)
    }

    fn after_handshake(port: Port) -> Result<Self> {
        port.blocking_handshake()?;
        Ok(Self { port })
    }

    /// The port underneath: for its facts (`version`, `peer_certificates`, `local_address`), its
    /// timers (`set_timeout`), and its calls that never block.
    pub fn port(&self) -> &Port {
        &self.port
    }

    /// The port underneath, for good.
    pub fn into_port(self) -> Port {
        self.port
    }

    /// Say by close_notify that nothing more will be written, and go on reading. Blocks up to the
    /// shutdown timer, for the peer to take what was written.
    ///
    /// # Errors
    /// `TimedOut` and those of the network: the peer may not have got it.
    pub fn close_output(&self) -> Result<()> {
        // Blocks, and leaves nothing for the next line to wait for.
        self.port.blocking_write_all(&[])?;
        Ok(self.port.close_output()?)
    }

    /// Say by close_notify that nothing more will be written, and free the socket. Closing twice is
    /// harmless. Blocks up to the shutdown timer, and not for the peer's reply.
    ///
    /// # Errors
    /// - `TimedOut` and those of the network: the peer may not have got it.
    /// - The failure of a stream that has failed before.
    pub fn close(&self) -> Result<()> {
        Ok(self.port.close()?)
    }
}

/// A port that was connected, started or accepted elsewhere. Its handshake runs with the first
/// read or write, if it has not been run.
impl From<Port> for TlsStream {
    fn from(port: Port) -> Self {
        Self { port }
    }
}

impl Read for &TlsStream {
    fn read(&mut self, mut buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        match self.port.blocking_read(length(buffer))? {
            Some(plaintext) => buffer.write(&plaintext),
            None => Ok(0),
        }
    }
}

impl Write for &TlsStream {
    fn write(&mut self, plaintext: &[u8]) -> Result<usize> {
        self.port.blocking_write_all(plaintext)?;
        Ok(plaintext.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.port.blocking_write_all(&[])?)
    }
}

impl Read for TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for TlsStream {
    fn write(&mut self, plaintext: &[u8]) -> Result<usize> {
        (&*self).write(plaintext)
    }

    fn flush(&mut self) -> Result<()> {
        (&*self).flush()
    }
}

/// The length of a slice, as the component takes it.
pub(crate) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
