//! The component's transport in memory: what it writes is kept, what arrives is handed to it.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamResult};
use wasmtime_wasi_io::bytes::{Bytes, BytesMut};

/// How many bytes a write may have.
const ROOM: usize = 1024 * 1024;

/// Both directions; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Wire(Arc<Mutex<Directions>>);

#[derive(Default)]
struct Directions {
    arriving: BytesMut,
    leaving: Vec<u8>,
}

impl Wire {
    pub(crate) fn arrive(&self, ciphertext: &[u8]) {
        self.lock().arriving.extend_from_slice(ciphertext);
    }

    pub(crate) fn leave(&self, ciphertext: &mut Vec<u8>) {
        ciphertext.clear();
        mem::swap(ciphertext, &mut self.lock().leaving);
    }

    fn lock(&self) -> MutexGuard<'_, Directions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Always ready: the ends are driven by calls that do not wait.
#[async_trait]
impl Pollable for Wire {
    async fn ready(&mut self) {}
}

impl InputStream for Wire {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let arriving = &mut self.lock().arriving;
        let size = size.min(arriving.len());
        Ok(arriving.split_to(size).freeze())
    }
}

impl OutputStream for Wire {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.lock().leaving.extend_from_slice(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(ROOM)
    }
}
