//! The host's resources for a connection, and how they are freed.

use wasi::io::streams::{InputStream, OutputStream};
use wasi::sockets::tcp::{ShutdownType, TcpSocket};

/// The host's resources for a connection.
pub(super) struct Parts {
    // The fields are dropped in this order: streams are children of their socket.
    pub(super) input: InputStream,
    pub(super) output: OutputStream,
    pub(super) socket: Option<TcpSocket>,
}

impl Parts {
    /// Whether the host destroys the connection without waiting. Without a socket there is no
    /// choice but to free it: the socket is the caller's, who could not drop it while a child of it
    /// is kept.
    pub(super) fn is_freed_at_once(&self) -> bool {
        self.socket.is_none() || !matches!(self.output.check_write(), Ok(0))
    }

    pub(super) fn end(&self) {
        if let Some(socket) = &self.socket {
            // Fails only where there is nothing left to end.
            let _ = socket.shutdown(ShutdownType::Both);
        }
    }

    /// Doubles the send buffer, so that the system can take a write that is under way and see to
    /// the rest by itself: twice the room, if the system grants it, is more than one write. A
    /// buffer of more than `GRANTED` bytes has grown by itself past what the system grants on
    /// request, and would shrink.
    pub(super) fn make_room(&self) {
        const GRANTED: u64 = 200 * 1024;
        if let Some(socket) = &self.socket
            && let Ok(size) = socket.send_buffer_size()
            && size <= GRANTED
        {
            let _ = socket.set_send_buffer_size(size.saturating_mul(2));
        }
    }
}
