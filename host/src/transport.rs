//! Connections of the host, handed to the component for STARTTLS.

use std::io;
use std::mem;
use std::net;
use std::pin::pin;
use std::sync::Arc;

use tokio::net::TcpStream;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamError, StreamResult,
};
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, poll_noop, spawn, with_ambient_tokio_runtime};
use wasmtime_wasi_io::bytes::{Bytes, BytesMut};

use crate::failure::Failure;
use crate::instance::Instance;
use crate::port_types::PlainTransport;

/// How many bytes one read or write moves at most: four TLS records.
const CHUNK: usize = 64 * 1024;

impl Instance {
    /// Turns a TCP connection of the host into a transport for [`Port::start`](crate::Port::start),
    /// with the bytes that were already read from it. The port owns the connection, and closes it.
    ///
    /// # Errors
    /// When the socket cannot be made non-blocking.
    pub fn transport(
        &mut self,
        connection: net::TcpStream,
        already_read: Vec<u8>,
    ) -> Result<PlainTransport, Failure> {
        let socket = asynchronous(connection).map_err(wasmtime::Error::from)?;
        let input = SocketInput {
            socket: socket.clone(),
            ended: false,
        };
        let output = SocketOutput {
            socket,
            state: Sending::Idle,
        };
        self.transport_of(Box::new(input), Box::new(output), already_read)
    }

    /// Like [`transport`](Self::transport), for streams of the embedder's own making.
    ///
    /// # Errors
    /// When the instance's table of resources is full.
    pub fn transport_of(
        &mut self,
        input: DynInputStream,
        output: DynOutputStream,
        already_read: Vec<u8>,
    ) -> Result<PlainTransport, Failure> {
        let table = &mut self.store.data_mut().table;
        let input = table.push(input).map_err(wasmtime::Error::from)?;
        let output = table.push(output).map_err(wasmtime::Error::from)?;
        Ok(PlainTransport {
            input,
            output,
            already_read,
        })
    }

    /// Takes a transport that [`Port::unwrap`](crate::Port::unwrap) has returned out of the instance:
    /// its streams, and the bytes that were read too far. The pollables of the port must have been
    /// dropped.
    ///
    /// # Errors
    /// When it belongs to another instance, or a pollable is left.
    pub fn take_transport(
        &mut self,
        transport: PlainTransport,
    ) -> Result<(DynInputStream, DynOutputStream, Vec<u8>), Failure> {
        let table = &mut self.store.data_mut().table;
        let input = table.delete(transport.input);
        let output = table.delete(transport.output);
        Ok((
            input.map_err(wasmtime::Error::from)?,
            output.map_err(wasmtime::Error::from)?,
            transport.already_read,
        ))
    }
}

fn asynchronous(connection: net::TcpStream) -> io::Result<Arc<TcpStream>> {
    connection.set_nonblocking(true)?;
    with_ambient_tokio_runtime(|| TcpStream::from_std(connection)).map(Arc::new)
}

struct SocketInput {
    socket: Arc<TcpStream>,
    ended: bool,
}

#[async_trait]
impl Pollable for SocketInput {
    async fn ready(&mut self) {
        if !self.ended {
            // A failure shows at the next read.
            let _ = self.socket.readable().await;
        }
    }
}

impl InputStream for SocketInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if self.ended {
            return Err(StreamError::Closed);
        }
        if size == 0 {
            return Ok(Bytes::new());
        }
        let mut ciphertext = BytesMut::zeroed(size.min(CHUNK));
        match self.socket.try_read(&mut ciphertext) {
            Ok(0) => {
                self.ended = true;
                Err(StreamError::Closed)
            }
            Ok(count) => {
                ciphertext.truncate(count);
                Ok(ciphertext.freeze())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Bytes::new()),
            Err(error) => {
                self.ended = true;
                Err(StreamError::LastOperationFailed(error.into()))
            }
        }
    }
}

/// Writes what the socket takes at once, and sends the rest in the background, so that the rest
/// leaves even if the component only reads from then on.
struct SocketOutput {
    socket: Arc<TcpStream>,
    state: Sending,
}

enum Sending {
    /// The socket has taken everything.
    Idle,
    /// A task sends the rest of a write.
    Busy(AbortOnDropJoinHandle<io::Result<()>>),
    /// Sending failed, and the failure has not been reported.
    Failed(io::Error),
    /// Sending failed, and the failure has been reported.
    Closed,
}

impl SocketOutput {
    /// Reports a failure once.
    fn check(&mut self) -> StreamResult<()> {
        match mem::replace(&mut self.state, Sending::Closed) {
            Sending::Failed(error) => Err(StreamError::LastOperationFailed(error.into())),
            Sending::Closed => Err(StreamError::Closed),
            state @ (Sending::Idle | Sending::Busy(_)) => {
                self.state = state;
                Ok(())
            }
        }
    }
}

#[async_trait]
impl Pollable for SocketOutput {
    async fn ready(&mut self) {
        if let Sending::Busy(rest) = &mut self.state {
            self.state = match rest.await {
                Ok(()) => Sending::Idle,
                Err(error) => Sending::Failed(error),
            };
        }
        if let Sending::Idle = self.state {
            // A failure shows at the next write.
            let _ = self.socket.writable().await;
        }
    }
}

impl OutputStream for SocketOutput {
    fn check_write(&mut self) -> StreamResult<usize> {
        poll_noop(pin!(self.ready()));
        self.check()?;
        Ok(if let Sending::Idle = self.state {
            CHUNK
        } else {
            0
        })
    }

    fn write(&mut self, mut bytes: Bytes) -> StreamResult<()> {
        self.check()?;
        if let Sending::Busy(_) = self.state {
            return Err(StreamError::trap("write before the last one was taken"));
        }
        while !bytes.is_empty() {
            match self.socket.try_write(&bytes) {
                Ok(count) => drop(bytes.split_to(count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    self.state = Sending::Failed(error);
                    return self.check();
                }
            }
        }
        if !bytes.is_empty() {
            let socket = self.socket.clone();
            self.state = Sending::Busy(spawn(async move { send_all(&socket, bytes).await }));
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.check()
    }
}

async fn send_all(socket: &TcpStream, mut bytes: Bytes) -> io::Result<()> {
    while !bytes.is_empty() {
        socket.writable().await?;
        match socket.try_write(&bytes) {
            Ok(count) => drop(bytes.split_to(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
