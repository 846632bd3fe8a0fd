//! The streams of a connection's ciphertext, and buffers for them.

use std::future::{Future, pending};

use futures_util::future::LocalBoxFuture;
use wit_bindgen::{StreamReader, StreamResult, StreamWriter};

use crate::engine::Engine;
use crate::error::Error;

/// The first buffer of a stream; an idle connection keeps it.
const LEAST: usize = 16 * 1024;
/// The largest one: four records and a little, as much as a session takes at once.
pub(super) const MOST: usize = 128 * 1024;

/// How a stream ended.
type Ended = LocalBoxFuture<'static, Result<(), Error>>;

/// What the bytes of a connection pass, seen from the connection.
pub(super) struct Ends {
    /// The ciphertext of the peer.
    pub(super) from_peer: Incoming,
    /// Ciphertext for the peer.
    pub(super) to_peer: Outgoing,
}

/// What comes from the peer.
pub(super) struct Incoming {
    stream: StreamReader<u8>,
    ended: Ended,
    /// What was read, of which the connection has taken the front.
    read: Vec<u8>,
    taken: usize,
    /// Nothing more comes.
    is_over: bool,
}

/// What goes to the peer.
pub(super) struct Outgoing {
    pub(super) stream: StreamWriter<u8>,
    ended: Ended,
}

impl Incoming {
    pub(super) fn new(
        stream: StreamReader<u8>,
        ended: impl Future<Output = Result<(), Error>> + 'static,
    ) -> Self {
        Self {
            stream,
            ended: Box::pin(ended),
            read: Vec::new(),
            taken: 0,
            is_over: false,
        }
    }

    /// Whether something was read that the connection has not taken.
    pub(super) fn has_rest(&self) -> bool {
        self.taken < self.read.len()
    }

    fn rest(&self) -> &[u8] {
        self.read.get(self.taken..).unwrap_or_default()
    }

    /// Has the connection take what was read; whether it took any.
    pub(super) fn feed(&mut self, engine: &mut Engine) -> bool {
        let taken = engine.put_ciphertext(self.rest());
        self.taken = self.taken.saturating_add(taken);
        taken > 0
    }

    /// Reads what comes next, after all was taken; false if nothing will.
    pub(super) async fn fetch(&mut self) -> bool {
        if self.is_over {
            return false;
        }
        let buffer = emptied(std::mem::take(&mut self.read));
        let (status, read) = self.stream.read(buffer).await;
        self.is_over = !matches!(status, StreamResult::Complete(_));
        (self.read, self.taken) = (read, 0);
        true
    }

    /// Copies to the caller what no connection takes any more, as long as he reads.
    pub(super) async fn copy(&mut self, mut to_caller: StreamWriter<u8>) -> Result<(), Error> {
        loop {
            let rest = self.rest().to_vec();
            self.taken = self.read.len();
            if !rest.is_empty() && !write_all(&mut to_caller, rest).await {
                return Ok(());
            }
            if !self.fetch().await {
                return self.end().await;
            }
        }
    }

    /// How the stream ended, once.
    pub(super) async fn end(&mut self) -> Result<(), Error> {
        std::mem::replace(&mut self.ended, Box::pin(pending())).await
    }
}

impl Outgoing {
    pub(super) fn new(
        stream: StreamWriter<u8>,
        ended: impl Future<Output = Result<(), Error>> + 'static,
    ) -> Self {
        let ended = Box::pin(ended);
        Self { stream, ended }
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// The peer takes no more.
    pub(super) async fn write_all(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        if write_all(&mut self.stream, bytes).await {
            return Ok(());
        }
        let ended = std::mem::replace(&mut self.ended, Box::pin(pending()));
        Err(ended.await.err().unwrap_or(Error::Closed))
    }

    /// Copies what the caller sends, to the end.
    pub(super) async fn copy(&mut self, mut from_caller: StreamReader<u8>) -> Result<(), Error> {
        loop {
            let (status, read) = from_caller.read(emptied(Vec::new())).await;
            if !read.is_empty() {
                self.write_all(read).await?;
            }
            if !matches!(status, StreamResult::Complete(_)) {
                return Ok(());
            }
        }
    }
}

/// Writes all of it; false if nobody reads it any more.
pub(super) async fn write_all(to: &mut StreamWriter<u8>, bytes: Vec<u8>) -> bool {
    let (mut status, mut rest) = to.write(bytes).await;
    while rest.remaining() > 0 {
        if !matches!(status, StreamResult::Complete(_)) {
            return false;
        }
        (status, rest) = to.write_buf(rest).await;
    }
    true
}

/// The buffer for the next read: twice as large after one that was filled.
pub(super) fn emptied(mut buffer: Vec<u8>) -> Vec<u8> {
    let is_full = buffer.len() == buffer.capacity();
    buffer.clear();
    if is_full && buffer.capacity() < MOST {
        buffer.reserve(buffer.capacity().saturating_mul(2).max(LEAST));
    }
    buffer
}
