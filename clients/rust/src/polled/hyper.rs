//! hyper's traits. A connection is read by its task and written by the same.

use std::io::Result;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};

use crate::AsyncTlsStream;

/// Reads as [`TlsStream`](crate::TlsStream) does.
impl Read for AsyncTlsStream {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<Result<()>> {
        let plaintext = ready!(self.get_mut().poll_plaintext(task, buffer.remaining()))?;
        buffer.put_slice(&plaintext);
        Poll::Ready(Ok(()))
    }
}

/// `poll_shutdown` says by close_notify that nothing more will be written.
impl Write for AsyncTlsStream {
    fn poll_write(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        plaintext: &[u8],
    ) -> Poll<Result<usize>> {
        self.get_mut().poll_put(task, plaintext)
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Result<()>> {
        self.get_mut().poll_flushed(task)
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Result<()>> {
        self.get_mut().poll_output_closed(task)
    }
}
