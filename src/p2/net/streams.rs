//! An established connection: two streams, and the socket that they belong to if it is ours.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use wasi::io::poll::Pollable;
use wasi::io::streams::{InputStream, OutputStream, StreamError};
use wasi::sockets::network::IpAddressFamily;
use wasi::sockets::tcp::TcpSocket;

use super::address::from_wasi;
use super::failure::{lost_writing, told};
use super::park;
use super::parts::Parts;
use crate::error::{NetworkError, NetworkOperation};
use crate::p2::clock::turn;
use crate::pump::{Received, Transport, Wait};

/// The most bytes that TCP sends in one segment on the loopback interface, over IPv4. The part of a
/// write beyond it is a short segment, and TCP sends no other short segment, such as the end of a
/// message, before the peer has acknowledged the first (RFC 9293 §3.7.4), which may take 40 ms (RFC
/// 1122 §4.2.3.2). WASI has no `TCP_NODELAY`. On other networks segments are shorter by far, and
/// peers acknowledge every second one at once.
const SEGMENT_V4: usize = 65_483;

/// The same over IPv6.
const SEGMENT_V6: usize = 65_464;

/// A duplex transport over two streams, and the socket that they belong to if it is ours. Dropping
/// it never waits.
pub(crate) struct Streams {
    parts: Rc<Parts>,
    /// The size of one segment of the socket's family.
    write_size: usize,
    /// A flush was asked for, and check-write has not said that it is done.
    is_flushing: bool,
    /// There was room at the last look, and nothing was written since.
    had_room: bool,
}

impl Drop for Streams {
    fn drop(&mut self) {
        park::leave(Rc::clone(&self.parts));
    }
}

impl Streams {
    pub(crate) fn new(input: InputStream, output: OutputStream, socket: Option<TcpSocket>) -> Self {
        let family = socket.as_ref().map(TcpSocket::address_family);
        Self {
            parts: Rc::new(Parts {
                input,
                output,
                socket,
                is_aborted: Cell::new(false),
            }),
            write_size: match family {
                Some(IpAddressFamily::Ipv6) => SEGMENT_V6,
                Some(IpAddressFamily::Ipv4) | None => SEGMENT_V4,
            },
            is_flushing: false,
            had_room: true,
        }
    }

    /// The pollable is a child of a stream, and must be dropped before it.
    pub(crate) fn pollable(&self, wait: Wait) -> Option<Pollable> {
        match wait {
            Wait::Input => Some(self.parts.input.subscribe()),
            Wait::Output => Some(self.parts.output.subscribe()),
            Wait::Both | Wait::Nothing => None,
        }
    }

    /// The streams, unless the socket is ours.
    pub(crate) fn into_plain(self) -> Option<(InputStream, OutputStream)> {
        let parts = Rc::clone(&self.parts);
        // Without a socket there is nothing to end or to park, so this lets go of its handle.
        drop(self);
        let parts = Rc::into_inner(parts)?;
        parts
            .socket
            .is_none()
            .then_some((parts.input, parts.output))
    }

    /// Whether the socket is ours.
    pub(crate) fn has_socket(&self) -> bool {
        self.parts.socket.is_some()
    }

    pub(crate) fn local_address(&self) -> Option<SocketAddr> {
        self.parts
            .socket
            .as_ref()
            .and_then(|socket| socket.local_address().ok())
            .map(from_wasi)
    }

    pub(crate) fn remote_address(&self) -> Option<SocketAddr> {
        self.parts
            .socket
            .as_ref()
            .and_then(|socket| socket.remote_address().ok())
            .map(from_wasi)
    }
}

impl Transport for Streams {
    fn read(&mut self, limit: usize) -> Result<Received, NetworkError> {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        match self.parts.input.read(limit) {
            // In wasi:io no bytes mean "nothing yet", and the end is an error.
            Ok(bytes) if bytes.is_empty() => Ok(Received::Pending),
            Ok(bytes) => Ok(Received::Bytes(bytes)),
            Err(StreamError::Closed) => Ok(Received::Eof),
            Err(StreamError::LastOperationFailed(cause)) => {
                Err(NetworkError::lost(NetworkOperation::Read, told(&cause)))
            }
        }
    }

    fn write_size(&self) -> usize {
        self.write_size
    }

    fn write(&mut self, ciphertext: &[u8]) -> Result<usize, NetworkError> {
        let room = self.check_write()?.min(ciphertext.len());
        let Some(taken) = ciphertext.get(..room) else {
            return Ok(0);
        };
        if taken.is_empty() {
            return Ok(0);
        }
        self.had_room = false;
        self.parts.output.write(taken).map_err(lost_writing)?;
        self.is_flushing = false;
        if taken.len() == ciphertext.len() {
            self.parts.output.flush().map_err(lost_writing)?;
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

    fn abort(&mut self) {
        self.parts.abort();
    }
}

impl Streams {
    fn check_write(&mut self) -> Result<usize, NetworkError> {
        let look = || self.parts.output.check_write().map_err(lost_writing);
        let mut room = look()?;
        if room == 0 && self.had_room {
            // There is room still, but the host's task may have used up its budget. An alert is sent
            // now or never, so the host gets its turn.
            turn(&self.parts.output.subscribe());
            room = look()?;
        }
        self.had_room = room > 0;
        Ok(usize::try_from(room).unwrap_or(usize::MAX))
    }
}
