//! The host's resources for a connection, and how they are freed.

use std::cell::Cell;

use wasi::io::streams::{InputStream, OutputStream};
use wasi::sockets::tcp::{ShutdownType, TcpSocket};

/// The host's resources for a connection.
pub(super) struct Parts {
    // The fields are dropped in this order: streams are children of their socket.
    pub(super) input: InputStream,
    pub(super) output: OutputStream,
    pub(super) socket: Option<TcpSocket>,
    pub(super) is_aborted: Cell<bool>,
}

impl Parts {
    /// Whether the host destroys the connection without waiting. Without a socket there is no
    /// choice but to free it: the socket is the caller's, who could not drop it while a child of it
    /// is kept.
    ///
    /// The answer may be no although nothing waits, and yes the moment before: a host on tokio says so
    /// when its task has used up its budget.
    pub(super) fn is_freed_at_once(&self) -> bool {
        self.socket.is_none() || !matches!(self.output.check_write(), Ok(0))
    }

    /// Ends both directions, as soon as a write that is under way is done.
    pub(super) fn abort(&self) {
        if self.is_aborted.replace(true) {
            return;
        }
        if let Some(socket) = &self.socket {
            // Fails only where there is nothing left to end.
            let _ = socket.shutdown(ShutdownType::Both);
        }
        if !self.is_freed_at_once() {
            self.make_room();
        }
    }

    /// Doubles the send buffer, so that the system can take a write that is under way and see to
    /// the rest by itself: twice the room, if the system grants it, is more than one write. A
    /// buffer of more than `GRANTED` bytes has grown by itself past what the system grants on
    /// request, and would shrink.
    fn make_room(&self) {
        const GRANTED: u64 = 200 * 1024;
        if let Some(socket) = &self.socket
            && let Ok(size) = socket.send_buffer_size()
            && size <= GRANTED
        {
            let _ = socket.set_send_buffer_size(size.saturating_mul(2));
        }
    }
}
