//! A connection behind `std::io::Read` and `Write`: every call waits.

use std::fmt;
use std::io::{Error as IoError, IoSlice, Read, Result, Write};
use std::net::SocketAddr;

use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::io::poll::{Pollable, poll};
use wasip2::sockets::tcp::TcpSocket;

use crate::types::{Address, Error};
use crate::words::{MANY, length};
use crate::{Context, PlainTransport, Port, Session, address, trust, words};

/// How much of several buffers is put together for one write.
const TOGETHER: usize = 64 * 1024;

/// A TLS connection. Reads and writes block; `Read` and `Write` are there for `&TlsStream` too, so
/// that a `BufReader` can hold one reference, and a writer another.
///
/// A read returns 0 when the peer has sent close_notify. A connection that ends without it fails
/// with `UnexpectedEof`, and with [`Truncated`](crate::types::Error::Truncated) inside: what was
/// read may have been cut short by an attacker. A read that runs into the `read` timer fails with
/// `TimedOut` and may be repeated; every other failure is final.
///
/// A write returns when the transport has taken all of it, so nothing waits for a `flush`, and
/// nothing is lost with a stream that is dropped. Each write is a record, and so is each `write!`,
/// however many parts it has. Several small ones in a row, before the peer answers, cost up to 40
/// ms of the network's patience: put a [`BufWriter`](std::io::BufWriter) around the stream, and
/// flush it before you read.
///
/// Dropping a stream frees its socket and sends nothing: call [`close`](Self::close), or the peer
/// sees a truncated connection.
#[derive(Debug)]
pub struct TlsStream {
    pub(crate) port: Port,
    /// One handle for all calls of `session`.
    pub(crate) session: Session,
    /// The socket of a connection that began in the clear. The port's streams are its children: it
    /// is dropped after the port.
    pub(crate) socket: Option<TcpSocket>,
}

impl TlsStream {
    /// Connect to a host (a DNS name or an IP address) and TCP port, trust whom the environment
    /// names, else the built-in web roots, see [`client_context`](crate::client_context), and
    /// verify that the certificate has the host's name. Blocks until the handshake is done, up to
    /// the timers: 30 seconds for connecting, and 120 for the handshake.
    ///
    /// # Errors
    /// - `InvalidInput`: the host is neither a DNS name nor an IP address, or port 0.
    /// - `NotFound`, `ConnectionRefused`, `HostUnreachable`, `PermissionDenied` and others of the
    ///   network.
    /// - `TimedOut`: of connecting or the handshake.
    /// - `InvalidData`: the peer or its certificate was refused, or it refused us.
    /// - `UnexpectedEof`: it hung up in the handshake.
    /// - Those of [`trust_environment`](crate::trust_environment).
    pub fn connect(host: &str, port: u16) -> Result<Self> {
        let (context, sources) = trust::client()?;
        let connected = Port::blocking_connect(&context, host, port).and_then(|port| {
            port.blocking_handshake()?;
            Ok(port.into())
        });
        connected.map_err(|failure| failure.searched(&sources).into())
    }

    /// The same with a context of your own, which is sealed by it. Blocks up to the context's
    /// connect and handshake timers.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect) but the environment's, and `InvalidInput` for a context
    /// that is a server's or cannot work.
    pub fn connect_with(context: &Context, host: &str, port: u16) -> Result<Self> {
        Self::after_handshake(Port::blocking_connect(context, host, port)?)
    }

    /// Speak TLS from now on, in the context's role, on a connection that is there already
    /// (STARTTLS). A client sends and verifies the name `host`. If the streams belong to a socket,
    /// that has to outlive this stream; [`PlainStream`](crate::PlainStream) takes care of it.
    /// Blocks until the handshake is done, up to its timer.
    ///
    /// # Errors
    /// Those of the handshake as for [`connect`](Self::connect), and `InvalidInput`: a client
    /// without a host, or a context that cannot work.
    pub fn start(context: &Context, host: Option<&str>, transport: PlainTransport) -> Result<Self> {
        Self::after_handshake(Port::start(context, host, transport)?)
    }

    fn after_handshake(port: Port) -> Result<Self> {
        port.blocking_handshake()?;
        Ok(port.into())
    }

    /// Run the handshake, if it has not been run: an accepted stream would run it with the first
    /// read or write. Blocks up to its timer.
    ///
    /// # Errors
    /// Those of the handshake as for [`connect`](Self::connect).
    pub fn handshake(&self) -> Result<()> {
        Ok(self.port.blocking_handshake()?)
    }

    /// What the handshake has agreed on: version, cipher suite, group, the peer's certificates, and
    /// whether they passed. It tells the same after [`close`](Self::close) and after a failure;
    /// `stream.port().session()` makes another handle, which outlives the stream. Never blocks.
    ///
    /// ```no_run
    /// # fn main() -> std::io::Result<()> {
    /// let stream = portcullis_client::TlsStream::connect("example.com", 443)?;
    /// let session = stream.session();
    /// println!("{:?}, {:?}", session.version(), session.group());
    /// // With `Verify::Required`, which a client's context asks for, it has passed by now.
    /// session.verify_result()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The port underneath: for its timers (`set_timeout`), and its calls that never block.
    pub fn port(&self) -> &Port {
        &self.port
    }

    /// The port underneath, for good. The socket of a stream that began as a
    /// [`PlainStream`](crate::PlainStream) is then freed with the program only, for it has to
    /// outlive the port: keep the stream, or make an `AsyncTlsStream` of it by `into`.
    pub fn into_port(self) -> Port {
        std::mem::forget(self.socket);
        self.port
    }

    /// The address of the other side. Never blocks.
    ///
    /// # Errors
    /// `NotConnected`: after [`close`](Self::close), or the transport is none of this crate's.
    pub fn peer_addr(&self) -> Result<SocketAddr> {
        match &self.socket {
            Some(socket) => address::of_peer(socket),
            None => socket_address(self.port.remote_address()),
        }
    }

    /// The address of this side. Never blocks.
    ///
    /// # Errors
    /// Those of [`peer_addr`](Self::peer_addr).
    pub fn local_addr(&self) -> Result<SocketAddr> {
        match &self.socket {
            Some(socket) => address::own(socket),
            None => socket_address(self.port.local_address()),
        }
    }

    /// Say by close_notify that nothing more will be written, and go on reading. Runs the handshake
    /// if it has not been run; doing it twice is harmless. Blocks up to the shutdown timer, for the
    /// peer to take what was written.
    ///
    /// # Errors
    /// - `TimedOut` and those of the network: the peer may not have got it.
    /// - `BrokenPipe`: after [`close`](Self::close).
    /// - The failure of a stream that has failed before.
    pub fn close_output(&self) -> Result<()> {
        loop {
            let ready = match self.port.close_output() {
                Err(Error::WantConnect | Error::WantRead) => self.port.subscribe(),
                Err(Error::WantWrite) => self.port.subscribe_write(),
                result => return Ok(result?),
            };
            wait(&ready, self.port.time_left());
        }
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
        Self {
            session: port.session(),
            port,
            socket: None,
        }
    }
}

impl Read for &TlsStream {
    fn read(&mut self, mut buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let length = length(buffer);
        if buffer.len() < MANY {
            return match self.port.blocking_read(length)? {
                Some(plaintext) => buffer.write(&plaintext),
                None => Ok(0),
            };
        }
        let plaintext = self.port.blocking_read_words(length)?;
        Ok(plaintext.map_or(0, |plaintext| words::fill(buffer, &plaintext)))
    }
}

impl Write for &TlsStream {
    fn write(&mut self, plaintext: &[u8]) -> Result<usize> {
        words::write_all(&self.port, plaintext)?;
        Ok(plaintext.len())
    }

    /// One write of all that fits, for small pieces sent one after the other would wait for each
    /// other on the network.
    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> Result<usize> {
        let mut filled = buffers
            .iter()
            .filter(|buffer| !buffer.is_empty())
            .peekable();
        let Some(first) = filled.next() else {
            return Ok(0);
        };
        if filled.peek().is_none() || first.len() >= TOGETHER {
            return self.write(first);
        }
        let mut together = first.to_vec();
        for buffer in filled {
            let room = TOGETHER.saturating_sub(together.len());
            together.extend_from_slice(buffer.get(..room).unwrap_or(buffer));
        }
        self.write(&together)
    }

    /// One write, however many parts a `write!` has.
    fn write_fmt(&mut self, arguments: fmt::Arguments<'_>) -> Result<()> {
        match arguments.as_str() {
            Some(text) => self.write_all(text.as_bytes()),
            None => self.write_all(formatted(arguments)?.as_bytes()),
        }
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

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> Result<usize> {
        (&*self).write_vectored(buffers)
    }

    fn write_fmt(&mut self, arguments: fmt::Arguments<'_>) -> Result<()> {
        (&*self).write_fmt(arguments)
    }

    fn flush(&mut self) -> Result<()> {
        (&*self).flush()
    }
}

/// The text of a `write!`, in one piece.
pub(crate) fn formatted(arguments: fmt::Arguments<'_>) -> Result<String> {
    let mut text = String::new();
    match fmt::Write::write_fmt(&mut text, arguments) {
        Ok(()) => Ok(text),
        Err(_) => Err(IoError::other(
            "a value that was to be written cannot be formatted",
        )),
    }
}

/// Wait until it is ready, or for so many milliseconds.
pub(crate) fn wait(ready: &Pollable, milliseconds: Option<u64>) {
    match milliseconds {
        None => ready.block(),
        Some(milliseconds) => {
            let timer = subscribe_duration(milliseconds.saturating_mul(1_000_000));
            // The operation itself finds out which of the two it was.
            poll(&[ready, &timer]);
        }
    }
}

fn socket_address(address: Option<Address>) -> Result<SocketAddr> {
    address::parsed(&address.ok_or(std::io::ErrorKind::NotConnected)?)
}
