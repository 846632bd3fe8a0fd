//! A transport in memory, as a port takes it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi_io::bytes::Bytes;

/// How much the output takes at once.
const ROOM: usize = 64 * 1024;

/// What is on its way to and from a port. Clones are the same pipe.
#[derive(Clone, Default)]
pub(crate) struct Pipe(Arc<Mutex<Ways>>);

#[derive(Default)]
struct Ways {
    to_port: VecDeque<u8>,
    from_port: VecDeque<u8>,
    has_ended: bool,
}

impl Pipe {
    fn ways(&self) -> MutexGuard<'_, Ways> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts ciphertext for the port to read.
    pub(crate) fn put(&self, ciphertext: &[u8]) {
        self.ways().to_port.extend(ciphertext);
    }

    /// Nothing more comes for the port.
    pub(crate) fn put_end(&self) {
        self.ways().has_ended = true;
    }

    /// Takes up to so many bytes of what the port has written.
    pub(crate) fn take(&self, limit: usize) -> Vec<u8> {
        let from_port = &mut self.ways().from_port;
        let count = limit.min(from_port.len());
        from_port.drain(..count).collect()
    }
}

#[async_trait]
impl Pollable for Pipe {
    async fn ready(&mut self) {
        let is_ready = {
            let ways = self.ways();
            ways.has_ended || !ways.to_port.is_empty()
        };
        if !is_ready {
            // What is put is put between two looks, so that nobody has to be woken.
            std::future::pending().await
        }
    }
}

impl InputStream for Pipe {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let mut ways = self.ways();
        let count = size.min(ways.to_port.len());
        if count == 0 && ways.has_ended {
            return Err(StreamError::Closed);
        }
        Ok(ways.to_port.drain(..count).collect())
    }
}

/// The end that a port writes to, which takes everything at once.
pub(crate) struct Output(pub(crate) Pipe);

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl OutputStream for Output {
    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(ROOM)
    }

    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.ways().from_port.extend(bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }
}
