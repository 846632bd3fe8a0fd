//! An established connection: two streams, and the socket that they belong to if it is ours.

use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use portcullis::error::{NetworkError, NetworkOperation};
use portcullis::pump::{Received, Transport, Wait};
use tokio::sync::Mutex;
use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::sockets::tcp::HostTcpSocket;
use wasmtime_wasi::p2::{
    DynFuture, DynInputStream, DynOutputStream, DynPollable, InputStream, OutputStream, Pollable,
    StreamError, StreamResult, TcpSocket, subscribe,
};
use wasmtime_wasi::runtime::with_ambient_tokio_runtime;
use wasmtime_wasi::sockets::WasiSocketsView as _;
use wasmtime_wasi_io::bytes::Bytes;

use super::super::fault::Fault;
use super::super::leftover::Leftover;
use super::super::view::{View, same};
use super::failure::{lost_writing, told};

/// The most bytes that TCP sends in one segment on the loopback interface, over IPv4; the component
/// says why this matters (`src/p2/net/streams.rs`).
const SEGMENT_V4: usize = 65_483;

/// The same over IPv6.
const SEGMENT_V6: usize = 65_464;

/// One stream, shared with the pollables of it, which may outlive it. `None` once it is given up. No
/// pollable is looked at while an operation of the same store goes on.
struct Half<S>(Arc<Mutex<Option<S>>>);

impl<S> Half<S> {
    fn new(stream: S) -> Self {
        Self(Arc::new(Mutex::new(Some(stream))))
    }

    fn another(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// Runs something with the stream, if it is there.
    fn with<T>(&self, run: impl FnOnce(&mut S) -> T) -> Option<T> {
        self.0.try_lock().ok()?.as_mut().map(run)
    }

    fn take(&self) -> Option<S> {
        self.0.try_lock().ok()?.take()
    }
}

#[async_trait]
impl Pollable for Half<DynInputStream> {
    async fn ready(&mut self) {
        if let Some(stream) = &mut *self.0.lock().await {
            stream.ready().await;
        }
    }
}

#[async_trait]
impl Pollable for Half<DynOutputStream> {
    async fn ready(&mut self) {
        if let Some(stream) = &mut *self.0.lock().await {
            stream.ready().await;
        }
    }
}

/// In the caller's table, in the place of the stream that it has handed over.
impl InputStream for Half<DynInputStream> {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.with(|stream| stream.read(size))
            .unwrap_or(Err(StreamError::Closed))
    }
}

impl OutputStream for Half<DynOutputStream> {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.with(|stream| stream.write(bytes))
            .unwrap_or(Err(StreamError::Closed))
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.with(|stream| stream.flush())
            .unwrap_or(Err(StreamError::Closed))
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.with(|stream| stream.check_write())
            .unwrap_or(Err(StreamError::Closed))
    }
}

/// The resources of a caller's streams. They stay in the table, because there may be pollables of them.
pub(in crate::native) struct Slots {
    input: Resource<DynInputStream>,
    output: Resource<DynOutputStream>,
}

/// A duplex transport over two streams, and the socket that they belong to if it is ours. Dropping it
/// never waits.
pub(in crate::native) struct Streams {
    input: Half<DynInputStream>,
    output: Half<DynOutputStream>,
    /// Kept open as long as the streams.
    socket: Option<TcpSocket>,
    is_ours: bool,
    local: Option<SocketAddr>,
    remote: Option<SocketAddr>,
    /// A flush was asked for, and check-write has not said that it is done.
    is_flushing: bool,
    lingering: Arc<AtomicUsize>,
}

impl View<'_> {
    /// A connection of ours, which leaves the table.
    pub(super) fn streams(
        &mut self,
        socket: Resource<TcpSocket>,
        input: Resource<DynInputStream>,
        output: Resource<DynOutputStream>,
    ) -> Option<Streams> {
        let local = HostTcpSocket::local_address(&mut self.sockets(), same(&socket));
        let remote = HostTcpSocket::remote_address(&mut self.sockets(), same(&socket));
        let input = self.table().delete(input).ok();
        let output = self.table().delete(output).ok();
        let socket = self.take_socket(socket);
        Some(Streams {
            input: Half::new(input?),
            output: Half::new(output?),
            socket,
            is_ours: true,
            local: local.ok().map(SocketAddr::from),
            remote: remote.ok().map(SocketAddr::from),
            is_flushing: false,
            lingering: Arc::clone(&self.own().lingering),
        })
    }

    /// The streams of a caller's connection.
    pub(in crate::native) fn streams_of_caller(
        &mut self,
        input: Resource<DynInputStream>,
        output: Resource<DynOutputStream>,
    ) -> Result<(Streams, Slots), Fault> {
        let table = self.table();
        let closed_input: DynInputStream = Box::new(Half(Arc::default()));
        let closed_output: DynOutputStream = Box::new(Half(Arc::default()));
        let theirs = mem::replace(table.get_mut(&input)?, closed_input);
        let input_half = Half::new(theirs);
        let theirs = mem::replace(table.get_mut(&output)?, closed_output);
        let output_half = Half::new(theirs);
        *table.get_mut(&input)? = Box::new(input_half.another());
        *table.get_mut(&output)? = Box::new(output_half.another());
        let streams = Streams {
            input: input_half,
            output: output_half,
            socket: None,
            is_ours: false,
            local: None,
            remote: None,
            is_flushing: false,
            lingering: Arc::clone(&self.own().lingering),
        };
        Ok((streams, Slots { input, output }))
    }

    /// Gives a caller its streams back.
    pub(in crate::native) fn give_back(
        &mut self,
        streams: &Streams,
        slots: Slots,
    ) -> Result<(Resource<DynInputStream>, Resource<DynOutputStream>), Fault> {
        if let Some(input) = streams.input.take() {
            *self.table().get_mut(&slots.input)? = input;
        }
        if let Some(output) = streams.output.take() {
            *self.table().get_mut(&slots.output)? = output;
        }
        Ok((slots.input, slots.output))
    }

    /// Frees the places of a caller's streams.
    pub(in crate::native) fn release_slots(&mut self, slots: &Slots) {
        self.release(Leftover::input(&slots.input));
        self.release(Leftover::output(&slots.output));
    }
}

impl Streams {
    /// A pollable, which may outlive the connection.
    pub(in crate::native) fn pollable(
        &self,
        view: &mut View<'_>,
        wait: Wait,
    ) -> wasmtime::Result<Option<Resource<DynPollable>>> {
        let table = view.table();
        Ok(match wait {
            Wait::Input => {
                let half = table.push(self.input.another())?;
                Some(subscribe(table, half)?)
            }
            Wait::Output => {
                let half = table.push(self.output.another())?;
                Some(subscribe(table, half)?)
            }
            Wait::Both | Wait::Nothing => None,
        })
    }

    /// Ends when one of the directions is worth another try.
    pub(in crate::native) fn readiness(&self, wait: Wait) -> Vec<DynFuture<'static>> {
        let (mut input, mut output) = (self.input.another(), self.output.another());
        let input: DynFuture<'static> = Box::pin(async move { input.ready().await });
        let output: DynFuture<'static> = Box::pin(async move { output.ready().await });
        match wait {
            Wait::Input => vec![input],
            Wait::Output => vec![output],
            Wait::Both => vec![input, output],
            Wait::Nothing => Vec::new(),
        }
    }

    /// Whether the socket is ours.
    pub(in crate::native) fn has_socket(&self) -> bool {
        self.is_ours
    }

    /// Whether the connection was given up.
    pub(in crate::native) fn is_over(&self) -> bool {
        self.input.with(|_| ()).is_none()
    }

    pub(in crate::native) fn local_address(&self) -> Option<SocketAddr> {
        self.local
    }

    pub(in crate::native) fn remote_address(&self) -> Option<SocketAddr> {
        self.remote
    }
}

impl Transport for Streams {
    fn read(&mut self, limit: usize) -> Result<Received, NetworkError> {
        match self.input.with(|stream| stream.read(limit)) {
            // In wasi:io no bytes mean "nothing yet", and the end is an error.
            Some(Ok(bytes)) if bytes.is_empty() => Ok(Received::Pending),
            Some(Ok(bytes)) => Ok(Received::Bytes(bytes.into())),
            Some(Err(StreamError::Closed)) | None => Ok(Received::Eof),
            Some(Err(StreamError::LastOperationFailed(cause) | StreamError::Trap(cause))) => {
                Err(NetworkError::lost(NetworkOperation::Read, told(&cause)))
            }
        }
    }

    fn write_size(&self) -> usize {
        match self.local {
            Some(SocketAddr::V6(_)) => SEGMENT_V6,
            Some(SocketAddr::V4(_)) | None => SEGMENT_V4,
        }
    }

    fn write(&mut self, ciphertext: &[u8]) -> Result<usize, NetworkError> {
        let room = self.check_write()?.min(ciphertext.len());
        let Some(taken) = ciphertext.get(..room).filter(|taken| !taken.is_empty()) else {
            return Ok(0);
        };
        self.output_do(|stream| stream.write(Bytes::copy_from_slice(taken)))?;
        self.is_flushing = false;
        if taken.len() == ciphertext.len() {
            self.output_do(|stream| stream.flush())?;
            self.is_flushing = true;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> Result<bool, NetworkError> {
        if self.is_flushing && self.check_write()? > 0 {
            self.is_flushing = false;
        }
        Ok(!self.is_flushing)
    }

    /// Ends both directions. What the system has not taken yet goes on its way without a caller.
    fn abort(&mut self) {
        self.input.take();
        let socket = self.socket.take();
        let Some(mut output) = self.output.take() else {
            return;
        };
        // A write that is under way is lost with its stream.
        if !matches!(output.check_write(), Ok(0)) {
            return;
        }
        let lingering = Lingering::new(&self.lingering);
        with_ambient_tokio_runtime(|| {
            tokio::spawn(async move {
                output.ready().await;
                drop((output, socket, lingering));
            });
        });
    }
}

impl Streams {
    fn check_write(&self) -> Result<usize, NetworkError> {
        self.output_do(|stream| stream.check_write())
    }

    fn output_do<T>(
        &self,
        run: impl FnOnce(&mut DynOutputStream) -> StreamResult<T>,
    ) -> Result<T, NetworkError> {
        let done = self.output.with(run);
        done.unwrap_or(Err(StreamError::Closed))
            .map_err(lost_writing)
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.abort();
    }
}

/// Counts a connection as long as its last bytes are not taken.
struct Lingering(Arc<AtomicUsize>);

impl Lingering {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
