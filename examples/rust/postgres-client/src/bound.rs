//! TLS for tokio-postgres, with the channel binding that the log-in takes.

use std::future::Future;
use std::io::Result;
use std::pin::Pin;
use std::task::{Context as Task, Poll};

use portcullis_client::{AsyncPlainStream, AsyncTlsStream, Context};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// The one binding that PostgreSQL knows (RFC 5929 section 4).
const BINDING: &str = "tls-server-end-point";

/// Whom to trust, and the name that the server has to prove.
pub(crate) struct Connector {
    pub(crate) context: Context,
    pub(crate) host: String,
}

/// A connection, and what a log-in on it is bound to.
pub(crate) struct Bound {
    stream: AsyncTlsStream,
    binding: Vec<u8>,
}

impl TlsConnect<AsyncPlainStream> for Connector {
    type Stream = Bound;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Bound>>>>;

    fn connect(self, plain: AsyncPlainStream) -> Self::Future {
        Box::pin(async move {
            let stream = plain.start_tls(&self.context, Some(&self.host)).await?;
            let binding = stream.session().channel_binding(BINDING)?;
            Ok(Bound { stream, binding })
        })
    }
}

impl TlsStream for Bound {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::tls_server_end_point(self.binding.clone())
    }
}

impl AsyncRead for Bound {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Task<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(task, buffer)
    }
}

impl AsyncWrite for Bound {
    fn poll_write(self: Pin<&mut Self>, task: &mut Task<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(task, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(task)
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(task)
    }
}
