//! Accepting connections, one after the other.

use std::io::Result;
use std::net::SocketAddr;

use crate::bindings::portcullis::tls::listener::Listener;
use crate::{Context, TlsStream, address};

/// A listening TCP socket whose connections speak TLS as servers. Dropping it frees the socket and
/// leaves accepted streams alone.
///
/// A component has one thread: with `accept`, a client is served before the next is accepted. To
/// serve many at once, use `accept_async` and a task for each (feature `wstd`), or poll the ports
/// as the example `echo-server` does.
#[derive(Debug)]
pub struct TlsListener {
    listener: Listener,
}

impl TlsListener {
    /// Listen on a local address; port 0 picks a free one. The context is a server's, holds a
    /// certificate chain with its key, and is sealed by it. Blocks for bind and listen only.
    ///
    /// # Errors
    /// - `InvalidInput`: a client's context, or one that cannot work.
    /// - `AddrInUse`, `AddrNotAvailable`, `PermissionDenied`.
    pub fn listen(context: &Context, address: SocketAddr) -> Result<Self> {
        let ip = address::text(address);
        let listener = Listener::listen(context, &ip, address.port(), None)?;
        Ok(Self { listener })
    }

    /// The listener underneath: for its calls that never block, and to change the context.
    pub fn listener(&self) -> &Listener {
        &self.listener
    }

    /// The address that it listens on. Never blocks.
    ///
    /// # Errors
    /// `BrokenPipe`: the listener underneath has been closed.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        address::parsed(&self.listener.local_address()?)
    }

    /// Take the next connection. Blocks without limit for one to come, and not for its handshake:
    /// that runs with the stream's first read or write, which may fail as
    /// [`TlsStream::connect`] may.
    ///
    /// # Errors
    /// Those of the network; trying again may help.
    pub fn accept(&self) -> Result<TlsStream> {
        Ok(self.listener.blocking_accept()?.into())
    }

    /// The connections as they come, without end; each step is an [`accept`](Self::accept).
    pub fn incoming(&self) -> impl Iterator<Item = Result<TlsStream>> {
        std::iter::repeat_with(|| self.accept())
    }
}
