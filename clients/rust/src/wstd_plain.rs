//! A connection in the clear behind wstd's `AsyncRead` and `AsyncWrite`: its waits are shared with
//! the other tasks.

use std::future::poll_fn;
use std::io::{Error as IoError, ErrorKind, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use wasip2::io::poll::Pollable;
use wstd::future::FutureExt as _;
use wstd::io::{AsyncRead, AsyncWrite};
use wstd::runtime::AsyncPollable;

use crate::connector::{self, Connector};
use crate::plain::{Link, time_left};
#[cfg(feature = "tokio")]
use crate::polled::Polls;
use crate::types::{Error, Timer};
use crate::{AsyncTlsStream, Context, PlainListener, PlainStream, address};

/// A [`PlainStream`] on wstd's reactor: a TCP connection in the clear that
/// [`start_tls`](Self::start_tls) makes an [`AsyncTlsStream`] of. It has a buffer of its own; read
/// lines by [`read_line`](Self::read_line).
#[derive(Debug)]
pub struct AsyncPlainStream {
    /// What polls wait for.
    #[cfg(feature = "tokio")]
    pub(crate) polls: Polls,
    pub(crate) link: Link,
}

impl AsyncPlainStream {
    /// As [`PlainStream::connect`], and waits on the reactor.
    ///
    /// # Errors
    /// The same.
    pub async fn connect(host: &str, port: u16) -> Result<Self> {
        Self::connect_timeout(host, port, connector::LIMIT).await
    }

    /// As [`PlainStream::connect_timeout`], and waits on the reactor.
    ///
    /// # Errors
    /// The same.
    pub async fn connect_timeout(host: &str, port: u16, limit: Duration) -> Result<Self> {
        let mut connector = Connector::new(host, port, limit)?;
        loop {
            if let Some(connected) = connector.turn(host)? {
                return Ok(Self::over(connected.into()));
            }
            let pollables = connector.pollables();
            // The connector itself finds out which of the two it was.
            let _ = any(pollables).timeout(timer(connector.time_left())).await;
        }
    }

    fn over(link: Link) -> Self {
        Self {
            #[cfg(feature = "tokio")]
            polls: Polls::default(),
            link,
        }
    }

    /// Limit each read and each write; see [`PlainStream::set_timeout`].
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.link.set_timeout(timeout);
    }

    /// The address of the other side. Never waits.
    ///
    /// # Errors
    /// `NotConnected`: the connection is gone.
    pub fn peer_addr(&self) -> Result<SocketAddr> {
        address::of_peer(&self.link.socket)
    }

    /// The address of this side. Never waits.
    ///
    /// # Errors
    /// Those of [`peer_addr`](Self::peer_addr).
    pub fn local_addr(&self) -> Result<SocketAddr> {
        address::own(&self.link.socket)
    }

    /// Read up to the end of a line, and put it after what the text holds already; 0 at the end of
    /// the connection. The beginning of a line stays in the stream until its end is there, also
    /// when this future is dropped or fails. A peer that ends no line fills the memory: limit how
    /// long it may take.
    ///
    /// # Errors
    /// - `InvalidData`: the line is not UTF-8.
    /// - `TimedOut` and those of the network.
    pub async fn read_line(&mut self, text: &mut String) -> Result<usize> {
        let mut searched = 0;
        let length = loop {
            let pending = self.link.pending();
            let mut rest = pending.iter().skip(searched);
            if let Some(end) = rest.position(|byte| *byte == b'\n') {
                break searched.saturating_add(end).saturating_add(1);
            }
            searched = pending.len();
            if self.link.is_at_end() {
                break searched;
            }
            self.read_more().await?;
        };
        let line = self.link.pending().get(..length).unwrap_or_default();
        let line = str::from_utf8(line).map(|line| text.push_str(line));
        self.link.take(length);
        line.map_err(|_| IoError::new(ErrorKind::InvalidData, "the line is not UTF-8"))?;
        Ok(length)
    }

    /// As [`PlainStream::start_tls`], and waits on the reactor.
    ///
    /// # Errors
    /// The same.
    pub async fn start_tls(
        mut self,
        context: &Context,
        host: Option<&str>,
    ) -> Result<AsyncTlsStream> {
        self.flush().await?;
        #[cfg(feature = "tokio")]
        drop(self.polls);
        let (transport, socket) = self.link.into_parts();
        // The socket goes after the port, also where this future is dropped in between.
        let mut stream = AsyncTlsStream::start(context, host, transport).await?;
        stream.socket = Some(socket);
        Ok(stream)
    }

    /// Wait until there is something to take, or the end.
    async fn fill(&mut self) -> Result<()> {
        match self.link.pending() {
            [] => self.read_more().await,
            _ => Ok(()),
        }
    }

    /// Wait until there is more than there was, or the end.
    async fn read_more(&mut self) -> Result<()> {
        let deadline = self.link.deadline();
        while !self.link.read_more()? {
            wait(self.link.input.subscribe(), deadline, Timer::Read).await?;
        }
        Ok(())
    }
}

impl PlainListener {
    /// As [`accept`](Self::accept), and waits on the reactor.
    ///
    /// # Errors
    /// The same.
    pub async fn accept_async(&self) -> Result<AsyncPlainStream> {
        loop {
            if let Some(connected) = self.take()? {
                return Ok(AsyncPlainStream::over(connected.into()));
            }
            AsyncPollable::new(self.subscribe()).wait_for().await;
        }
    }
}

/// The same connection on wstd's reactor, with what was read and not taken.
impl From<PlainStream> for AsyncPlainStream {
    fn from(stream: PlainStream) -> Self {
        Self::over(stream.link)
    }
}

impl AsyncRead for AsyncPlainStream {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.fill().await?;
        self.link.take_into(buffer)
    }
}

impl AsyncWrite for AsyncPlainStream {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let deadline = self.link.deadline();
        loop {
            match self.link.write(bytes)? {
                Some(written) => return Ok(written),
                None => wait(self.link.output.subscribe(), deadline, Timer::Write).await?,
            }
        }
    }

    async fn flush(&mut self) -> Result<()> {
        let deadline = self.link.deadline();
        self.link.flush()?;
        while !self.link.is_writable()? {
            wait(self.link.output.subscribe(), deadline, Timer::Write).await?;
        }
        Ok(())
    }
}

/// Wait until it is ready; it fails if that takes longer than to the deadline.
pub(crate) async fn wait(ready: Pollable, deadline: Option<Instant>, of: Timer) -> Result<()> {
    let left = time_left(deadline, of)?;
    // Dropped with the future, and so before the stream whose child it is.
    let ready = AsyncPollable::new(ready);
    match left {
        None => ready.wait_for().await,
        Some(left) => {
            let left = timer(Duration::from_millis(left));
            let waited = ready.wait_for().timeout(left).await;
            waited.map_err(|_| Error::Timeout(of))?;
        }
    }
    Ok(())
}

/// Wait until one of them is ready.
async fn any(pollables: Vec<Pollable>) {
    let mut waits: Vec<_> = pollables
        .into_iter()
        .map(|pollable| AsyncPollable::new(pollable).wait_for())
        .collect();
    poll_fn(|task| {
        // Each wait has to be polled, for each is to wake the task.
        let ready = waits
            .iter_mut()
            .filter_map(|wait| match Pin::new(wait).poll(task) {
                Poll::Ready(()) => Some(()),
                Poll::Pending => None,
            });
        match ready.count() {
            0 => Poll::Pending,
            _ => Poll::Ready(()),
        }
    })
    .await;
}

fn timer(duration: Duration) -> wstd::time::Duration {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    wstd::time::Duration::from_nanos(nanoseconds)
}
