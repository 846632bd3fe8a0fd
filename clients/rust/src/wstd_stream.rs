//! A connection behind wstd's `AsyncRead` and `AsyncWrite`: a call that cannot go on waits on
//! wstd's reactor, beside the other tasks.

use std::io::{Error as IoError, Result, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use wasip2::sockets::tcp::TcpSocket;
use wstd::future::FutureExt as _;
use wstd::io::{AsyncRead, AsyncWrite};
use wstd::runtime::AsyncPollable;
use wstd::time::Duration;

#[cfg(any(feature = "hyper", feature = "tokio"))]
use crate::polled::Polls;
use crate::trust;
use crate::types::Error;
use crate::waiters::{Direction, Waiters};
use crate::words::{self, MANY, length};
use crate::{Context, PlainTransport, Port, Session, TlsError, TlsListener, TlsStream};

/// How much is handed over in one write. The whole slice is copied for the component, which takes
/// about as much as this at once.
pub(crate) const WRITE_SIZE: usize = 64 * 1024;

/// A TLS connection on wstd's reactor; its futures want `wstd::runtime::block_on` around them, and
/// may be dropped at any time. `AsyncRead` and `AsyncWrite` are there for `&AsyncTlsStream` too, so
/// that one task can read while another writes.
///
/// Reads and failures are those of [`TlsStream`]. A write returns how much was
/// taken; `flush` before you wait for an answer. Dropping a stream frees its socket and sends
/// nothing: call [`close`](Self::close).
#[derive(Debug)]
pub struct AsyncTlsStream {
    /// What polls wait for.
    #[cfg(any(feature = "hyper", feature = "tokio"))]
    pub(crate) polls: Polls,
    pub(crate) port: Port,
    /// As in [`TlsStream`].
    session: Session,
    /// The tasks whose calls cannot go on.
    pub(crate) waiters: Arc<Waiters>,
    /// The handshake was seen to be done.
    is_established: AtomicBool,
    /// As in [`TlsStream`].
    pub(crate) socket: Option<TcpSocket>,
}

/// The most milliseconds that wstd can count in nanoseconds; with more it panics.
const LONGEST_WAIT: u64 = u64::MAX / 1_000_000;

impl AsyncTlsStream {
    /// As [`TlsStream::connect`], and waits on the reactor.
    ///
    /// # Errors
    /// The same.
    pub async fn connect(host: &str, port: u16) -> Result<Self> {
        let (context, sources) = trust::client()?;
        let searched = |failure: IoError| match TlsError::of(&failure) {
            Some(inside) => inside.clone().searched(&sources).into(),
            None => failure,
        };
        let connected = Self::connect_with(&context, host, port).await;
        connected.map_err(searched)
    }

    /// As [`TlsStream::connect_with`], and waits on the reactor.
    ///
    /// # Errors
    /// The same.
    pub async fn connect_with(context: &Context, host: &str, port: u16) -> Result<Self> {
        Self::after_handshake(Port::connect(context, host, port)?).await
    }

    /// As [`TlsStream::start`], and waits on the reactor.
    ///
    /// # Errors
    /// The same.
    pub async fn start(
        context: &Context,
        host: Option<&str>,
        transport: PlainTransport,
    ) -> Result<Self> {
        Self::after_handshake(Port::start(context, host, transport)?).await
    }

    async fn after_handshake(port: Port) -> Result<Self> {
        let stream = Self::from(port);
        stream.handshake().await?;
        Ok(stream)
    }

    /// As [`TlsStream::session`]. Never waits.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The port underneath: for its timers.
    pub fn port(&self) -> &Port {
        &self.port
    }

    /// Run the handshake, if it has not been run: an accepted stream would run it with the first
    /// read or write. Waits up to its timer.
    ///
    /// # Errors
    /// Those of the handshake as for [`TlsStream::connect`].
    pub async fn handshake(&self) -> Result<()> {
        self.repeat(Port::handshake).await
    }

    /// The port underneath, for good; of a stream that began as an
    /// [`AsyncPlainStream`](crate::AsyncPlainStream) see
    /// [`TlsStream::into_port`].
    pub fn into_port(self) -> Port {
        std::mem::forget(self.socket);
        self.port
    }

    /// Say by close_notify that nothing more will be written, and go on reading. Waits up to the
    /// shutdown timer, for the peer to take what was written.
    ///
    /// # Errors
    /// `TimedOut` and those of the network: the peer may not have got it.
    pub async fn close_output(&self) -> Result<()> {
        self.repeat(Port::close_output).await
    }

    /// Say by close_notify that nothing more will be written, and free the socket. Before the
    /// handshake is done there is nothing to protect and nothing is sent; closing twice is
    /// harmless. Another task that reads or writes fails with `BrokenPipe`. Waits up to the
    /// shutdown timer, and not for the peer's reply.
    ///
    /// # Errors
    /// - `TimedOut` and those of the network: the peer may not have got it.
    /// - The failure of a stream that has failed before.
    pub async fn close(&self) -> Result<()> {
        let is_open = self.session.version().is_some();
        let sent = if is_open {
            self.close_output().await
        } else {
            Ok(())
        };
        // This frees the socket whatever became of close_notify, and returns an earlier failure.
        let freed = self.port.close();
        self.waiters.call(None);
        match sent {
            Err(failure) if !matches!(TlsError::of(&failure), Some(Error::Closed)) => Err(failure),
            _ => Ok(freed?),
        }
    }

    /// Repeat an operation until its result is no `want-` error, waiting in between.
    async fn repeat<T>(
        &self,
        mut operation: impl FnMut(&Port) -> std::result::Result<T, Error>,
    ) -> Result<T> {
        loop {
            let result = operation(&self.port);
            self.tell_others(&result);
            let Some(direction) = wanted(&result) else {
                return Ok(result?);
            };
            let ready = ready(&self.port, direction);
            self.waiters.wait(direction, ready).await;
        }
    }

    /// Let other tasks try again whose pollables may never be ready after this call: it may have
    /// taken what they waited for, left data for them, or left bytes that are still to be sent
    /// while they wait.
    pub(crate) fn tell_others<T>(&self, result: &std::result::Result<T, Error>) {
        let is_new = !self.is_established.load(Ordering::Relaxed);
        if is_new && self.session.version().is_some() {
            self.is_established.store(true, Ordering::Relaxed);
            self.waiters.call(None);
        } else if result.is_ok() {
            self.waiters.call(Some(Direction::Input));
        } else if wanted(result).is_none() {
            self.waiters.call(None);
        }
    }
}

/// What an operation waits for before it can go on.
pub(crate) fn wanted<T>(result: &std::result::Result<T, Error>) -> Option<Direction> {
    match result {
        Err(Error::WantConnect | Error::WantRead) => Some(Direction::Input),
        Err(Error::WantWrite) => Some(Direction::Output),
        _ => None,
    }
}

/// Done when it is worth while to try again, which may be because a timer has run out.
pub(crate) fn ready(
    port: &Port,
    direction: Direction,
) -> impl Future<Output = ()> + Send + Sync + use<> {
    let pollable = match direction {
        Direction::Input => port.subscribe(),
        Direction::Output => port.subscribe_write(),
    };
    // The pollable is dropped before the next call, and with the future, and so before the port,
    // whose child it is.
    let pollable = AsyncPollable::new(pollable);
    // Asked for after `subscribe`, which may make it longer.
    let left = port.time_left();
    async move {
        match left {
            None => pollable.wait_for().await,
            Some(left) => {
                // The operation itself finds out which of the two it was.
                let timer = Duration::from_millis(left.min(LONGEST_WAIT));
                let _ = pollable.wait_for().timeout(timer).await;
            }
        }
    }
}

impl TlsListener {
    /// As [`accept`](Self::accept), and waits on the reactor. The handshake runs with the stream's
    /// first read or write, or with [`AsyncTlsStream::handshake`]: spawn a task for each stream,
    /// and a silent client holds up nobody.
    ///
    /// # Errors
    /// The same.
    pub async fn accept_async(&self) -> Result<AsyncTlsStream> {
        loop {
            match self.listener().accept() {
                Err(Error::WantAccept) => {
                    let pollable = AsyncPollable::new(self.listener().subscribe());
                    pollable.wait_for().await;
                }
                result => return Ok(result?.into()),
            }
        }
    }
}

/// A port that was connected, started or accepted elsewhere. Its handshake runs with the first
/// read or write, if it has not been run.
impl From<Port> for AsyncTlsStream {
    fn from(port: Port) -> Self {
        TlsStream::from(port).into()
    }
}

/// The same connection on wstd's reactor.
impl From<TlsStream> for AsyncTlsStream {
    fn from(stream: TlsStream) -> Self {
        let TlsStream {
            port,
            session,
            socket,
        } = stream;
        Self {
            #[cfg(any(feature = "hyper", feature = "tokio"))]
            polls: Polls::default(),
            port,
            session,
            waiters: Arc::default(),
            is_established: AtomicBool::new(false),
            socket,
        }
    }
}

impl AsyncRead for &AsyncTlsStream {
    async fn read(&mut self, mut buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let length = length(buffer);
        if buffer.len() < MANY {
            return match self.repeat(|port| port.read(length)).await? {
                Some(plaintext) => buffer.write(&plaintext),
                None => Ok(0),
            };
        }
        let plaintext = self.repeat(|port| port.read_words(length)).await?;
        Ok(plaintext.map_or(0, |plaintext| words::fill(buffer, &plaintext)))
    }
}

impl AsyncWrite for &AsyncTlsStream {
    async fn write(&mut self, plaintext: &[u8]) -> Result<usize> {
        let front = plaintext.get(..WRITE_SIZE).unwrap_or(plaintext);
        let written = self.repeat(|port| words::write(port, front)).await?;
        Ok(usize::try_from(written).unwrap_or(usize::MAX))
    }

    async fn flush(&mut self) -> Result<()> {
        self.repeat(Port::flush).await
    }
}

impl AsyncRead for AsyncTlsStream {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        (&*self).read(buffer).await
    }
}

impl AsyncWrite for AsyncTlsStream {
    async fn write(&mut self, plaintext: &[u8]) -> Result<usize> {
        (&*self).write(plaintext).await
    }

    async fn flush(&mut self) -> Result<()> {
        (&*self).flush().await
    }
}
