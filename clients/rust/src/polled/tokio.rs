//! tokio's traits. The halves of `tokio::io::split` may be in two tasks.

use std::io::Result;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{AsyncPlainStream, AsyncTlsStream};

/// Reads as [`TlsStream`](crate::TlsStream) does.
impl AsyncRead for AsyncTlsStream {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let plaintext = ready!(self.get_mut().poll_plaintext(task, buffer.remaining()))?;
        buffer.put_slice(&plaintext);
        Poll::Ready(Ok(()))
    }
}

/// `poll_shutdown` says by close_notify that nothing more will be written.
impl AsyncWrite for AsyncTlsStream {
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

impl AsyncRead for AsyncPlainStream {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let length = ready!(self.get_mut().poll_into(task, buffer.initialize_unfilled()))?;
        buffer.advance(length);
        Poll::Ready(Ok(()))
    }
}

/// `poll_shutdown` says that nothing more will be written.
impl AsyncWrite for AsyncPlainStream {
    fn poll_write(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.get_mut().poll_put(task, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Result<()>> {
        self.get_mut().poll_flushed(task)
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Result<()>> {
        self.get_mut().poll_output_closed(task)
    }
}
