//! A connection in the clear that may become TLS (STARTTLS); every call waits.

use std::fmt;
use std::io::{BufRead, Error as IoError, ErrorKind, Read, Result, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::io::poll::{Pollable, poll};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};
use wasip2::sockets::tcp::TcpSocket;

use crate::connector::{self, Connected, Connector, lost};
use crate::stream::{formatted, wait};
use crate::types::{Error, NetworkOperation, Timer};
use crate::{Context, PlainTransport, TlsStream, address};

/// How much is read at once.
const PIECE: u64 = 16 * 1024;

/// A TCP connection in the clear, for protocols that change to TLS on their way: mail, databases,
/// directories. [`start_tls`](Self::start_tls) makes a [`TlsStream`] of it.
///
/// It has a buffer of its own, so read lines from it as it is (`BufRead`), and put no `BufReader`
/// around it. What the peer sent too early goes to TLS, where it fails: nobody can smuggle in plain
/// bytes as if they had been protected. A write returns when the transport has taken all of it.
/// Dropping a stream frees its socket; after a write that timed out, wasmtime 48 and 49 wait in the
/// drop until the peer has taken the part that they hold, or is gone.
///
/// ```no_run
/// use std::io::{BufRead as _, Error, Result, Write as _};
///
/// use portcullis_client::{PlainStream, TlsStream, client_context};
///
/// fn secure_mail(host: &str) -> Result<TlsStream> {
///     let mut plain = PlainStream::connect(host, 143)?;
///     let mut line = String::new();
///     plain.read_line(&mut line)?;
///     plain.write_all(b"a STARTTLS\r\n")?;
///     line.clear();
///     plain.read_line(&mut line)?;
///     if !line.starts_with("a OK") {
///         return Err(Error::other("the server offers no TLS"));
///     }
///     plain.start_tls(&client_context()?, Some(host))
/// }
/// # let _ = secure_mail;
/// ```
#[derive(Debug)]
pub struct PlainStream {
    pub(crate) link: Link,
}

/// The streams and what was read from them; nothing here waits.
pub(crate) struct Link {
    /// What was read, and how much of it has been taken.
    buffer: Vec<u8>,
    taken: usize,
    is_at_end: bool,
    pub(crate) input: InputStream,
    pub(crate) output: OutputStream,
    /// The streams are its children: it is dropped last.
    pub(crate) socket: TcpSocket,
    timeout: Option<Duration>,
}

impl PlainStream {
    /// Connect to a host (a DNS name or an IP address; that of a link has its zone, `fe80::1%2`)
    /// and TCP port. Its addresses of both families are tried in turn, the next one after a quarter
    /// of a second, and the first that answers is taken (RFC 8305). Blocks up to 30 seconds.
    ///
    /// # Errors
    /// - `InvalidInput`: the host is neither a DNS name nor an IP address, or port 0.
    /// - `NotFound`, `ConnectionRefused`, `HostUnreachable`, `PermissionDenied` and others of the
    ///   network; of several addresses, that of the last.
    /// - `TimedOut`.
    pub fn connect(host: &str, port: u16) -> Result<Self> {
        Self::connect_timeout(host, port, connector::LIMIT)
    }

    /// The same with another limit on name resolution and connecting together.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect).
    pub fn connect_timeout(host: &str, port: u16, limit: Duration) -> Result<Self> {
        let mut connector = Connector::new(host, port, limit)?;
        loop {
            if let Some(connected) = connector.turn(host)? {
                return Ok(connected.into());
            }
            let timer = subscribe_duration(nanoseconds(connector.time_left()));
            let pollables = connector.pollables();
            let all: Vec<_> = pollables.iter().chain([&timer]).collect();
            poll(&all);
        }
    }

    /// Limit each read and each write; `None`, as it is at first, is no limit. A read or write that
    /// takes longer fails with `TimedOut`.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.link.set_timeout(timeout);
    }

    /// The address of the other side. Never blocks.
    ///
    /// # Errors
    /// `NotConnected`: the connection is gone.
    pub fn peer_addr(&self) -> Result<SocketAddr> {
        address::of_peer(&self.link.socket)
    }

    /// The address of this side. Never blocks.
    ///
    /// # Errors
    /// Those of [`peer_addr`](Self::peer_addr).
    pub fn local_addr(&self) -> Result<SocketAddr> {
        address::own(&self.link.socket)
    }

    /// Speak TLS from now on, in the context's role. A client sends and verifies the name `host`; a
    /// server needs none. The stream that comes back owns the socket. Blocks until the handshake is
    /// done, up to its timer.
    ///
    /// # Errors
    /// Those of [`TlsStream::start`].
    pub fn start_tls(mut self, context: &Context, host: Option<&str>) -> Result<TlsStream> {
        self.flush()?;
        let (transport, socket) = self.link.into_parts();
        let mut stream = TlsStream::start(context, host, transport)?;
        stream.socket = Some(socket);
        Ok(stream)
    }
}

impl Link {
    /// Read more, if all that was read before has been taken; true when there is something to take,
    /// or at the end.
    pub(crate) fn fill(&mut self) -> Result<bool> {
        if self.pending().is_empty() {
            return self.read_more();
        }
        Ok(true)
    }

    /// Read more behind what was not taken; false when there is nothing yet.
    pub(crate) fn read_more(&mut self) -> Result<bool> {
        if self.is_at_end {
            return Ok(true);
        }
        match self.input.read(PIECE) {
            Ok(bytes) if bytes.is_empty() => return Ok(false),
            Ok(bytes) => {
                self.buffer.drain(..self.taken);
                self.taken = 0;
                self.buffer.extend(bytes);
            }
            Err(StreamError::Closed) => self.is_at_end = true,
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(lost(NetworkOperation::Read, &error.to_debug_string()));
            }
        }
        Ok(true)
    }

    /// Whether the peer has said all that it will.
    #[cfg(feature = "wstd")]
    pub(crate) fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// What was read and not taken.
    pub(crate) fn pending(&self) -> &[u8] {
        self.buffer.get(self.taken..).unwrap_or_default()
    }

    pub(crate) fn take(&mut self, length: usize) {
        self.taken = self.taken.saturating_add(length).min(self.buffer.len());
    }

    pub(crate) fn take_into(&mut self, mut buffer: &mut [u8]) -> Result<usize> {
        let length = buffer.write(self.pending())?;
        self.take(length);
        Ok(length)
    }

    /// Write what there is room for; `None` if there is no room now.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<Option<usize>> {
        let room = self.output.check_write().map_err(unwritten)?;
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let front = bytes.get(..room).unwrap_or(bytes);
        if front.is_empty() {
            return Ok(bytes.is_empty().then_some(0));
        }
        self.output.write(front).map_err(unwritten)?;
        Ok(Some(front.len()))
    }

    /// Begin to flush; it is done when [`is_writable`](Self::is_writable) says so.
    pub(crate) fn flush(&self) -> Result<()> {
        self.output.flush().map_err(unwritten)
    }

    pub(crate) fn is_writable(&self) -> Result<bool> {
        Ok(self.output.check_write().map_err(unwritten)? > 0)
    }

    pub(crate) fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.timeout
            .and_then(|timeout| Instant::now().checked_add(timeout))
    }

    /// The streams for TLS, with what was read and not taken, and the socket.
    pub(crate) fn into_parts(self) -> (PlainTransport, TcpSocket) {
        let transport = PlainTransport {
            already_read: self.pending().to_vec(),
            input: self.input,
            output: self.output,
        };
        (transport, self.socket)
    }
}

impl From<Connected> for PlainStream {
    fn from(connected: Connected) -> Self {
        let link = connected.into();
        Self { link }
    }
}

impl From<Connected> for Link {
    fn from(connected: Connected) -> Self {
        Self {
            buffer: Vec::new(),
            taken: 0,
            is_at_end: false,
            input: connected.input,
            output: connected.output,
            socket: connected.socket,
            timeout: None,
        }
    }
}

/// Shows how much was read and not taken, and not what.
impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Link")
            .field("pending", &self.pending().len())
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

impl Read for PlainStream {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.fill_buf()?;
        self.link.take_into(buffer)
    }
}

impl BufRead for PlainStream {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        let deadline = self.link.deadline();
        while !self.link.fill()? {
            wait_until(&self.link.input.subscribe(), deadline, Timer::Read)?;
        }
        Ok(self.link.pending())
    }

    fn consume(&mut self, length: usize) {
        self.link.take(length);
    }
}

impl Write for PlainStream {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let deadline = self.link.deadline();
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.link.write(rest)? {
                Some(written) => rest = rest.get(written..).unwrap_or_default(),
                None => wait_until(&self.link.output.subscribe(), deadline, Timer::Write)?,
            }
        }
        self.flush()?;
        Ok(bytes.len())
    }

    /// One write, however many parts a `write!` has.
    fn write_fmt(&mut self, arguments: fmt::Arguments<'_>) -> Result<()> {
        self.write_all(formatted(arguments)?.as_bytes())
    }

    fn flush(&mut self) -> Result<()> {
        let deadline = self.link.deadline();
        self.link.flush()?;
        while !self.link.is_writable()? {
            wait_until(&self.link.output.subscribe(), deadline, Timer::Write)?;
        }
        Ok(())
    }
}

fn wait_until(ready: &Pollable, deadline: Option<Instant>, timer: Timer) -> Result<()> {
    wait(ready, time_left(deadline, timer)?);
    Ok(())
}

/// The milliseconds to the deadline, rounded up; a failure if it has passed.
pub(crate) fn time_left(deadline: Option<Instant>, timer: Timer) -> Result<Option<u64>> {
    let Some(deadline) = deadline else {
        return Ok(None);
    };
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Error::Timeout(timer).into());
    }
    let milliseconds = left.as_micros().div_ceil(1000);
    Ok(Some(u64::try_from(milliseconds).unwrap_or(u64::MAX)))
}

fn unwritten(error: StreamError) -> IoError {
    match error {
        StreamError::Closed => ErrorKind::BrokenPipe.into(),
        StreamError::LastOperationFailed(error) => {
            lost(NetworkOperation::Write, &error.to_debug_string())
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
