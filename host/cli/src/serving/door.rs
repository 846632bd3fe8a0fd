//! Where connections come from: a listener of the component's, or a socket that whoever started us listens
//! on already.

use std::io;
use std::net::{self, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portcullis_host::types::Error;
use portcullis_host::{Context, Failure, Instance, Listener, Pollable, Port};
use tokio::net::{TcpListener, TcpStream};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2;
use wasmtime_wasi::runtime::{poll_noop, with_ambient_tokio_runtime};

use crate::dial::send_at_once;
use crate::exit::Result;
use crate::facts;

/// Something that listens, and the pollable that is ready when a connection waits.
pub(crate) struct Door {
    source: Source,
    pub(crate) arrivals: Pollable,
}

enum Source {
    Component(Listener),
    Inherited(Arc<Socket>),
}

/// What a door has at the moment.
pub(crate) enum Arrival {
    Nobody,
    /// A connection, with the address of its peer.
    Somebody(Port, String),
    /// The system could not accept, and why.
    Failed(String),
}

impl Door {
    pub(crate) fn of_component(tls: &mut Instance, listener: Listener) -> Result<Self> {
        let arrivals = listener.subscribe(tls)?;
        Ok(Self {
            source: Source::Component(listener),
            arrivals,
        })
    }

    /// The component gets the connections of this socket as it gets those of a STARTTLS: as streams.
    pub(crate) fn inherited(tls: &mut Instance, listener: net::TcpListener) -> Result<Self> {
        let listener = listener
            .set_nonblocking(true)
            .and_then(|()| with_ambient_tokio_runtime(|| TcpListener::from_std(listener)))
            .map_err(|error| Failure::from(wasmtime::Error::from(error)))?;
        let socket = Arc::new(Socket {
            listener,
            waiting: Mutex::default(),
        });
        let arrivals = tls.pollable(Arrivals(Arc::clone(&socket)))?;
        Ok(Self {
            source: Source::Inherited(socket),
            arrivals,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self, tls: &mut Instance) -> Result<(String, u16)> {
        Ok(match &self.source {
            Source::Component(listener) => {
                let address = listener.local_address(tls)?;
                (facts::text(&address), address.port)
            }
            Source::Inherited(socket) => match socket.listener.local_addr() {
                Ok(address) => (text(address), address.port()),
                // It was an address when it came.
                Err(error) => (error.to_string(), 0),
            },
        })
    }

    /// Takes a connection that waits; never blocks.
    pub(crate) fn accept(&self, tls: &mut Instance, context: &Context) -> Result<Arrival> {
        match &self.source {
            Source::Component(listener) => match listener.accept(tls) {
                Ok(port) => {
                    let peer = port.remote_address(tls)?;
                    let peer = peer.as_ref().map_or_else(|| "-".to_owned(), facts::text);
                    Ok(Arrival::Somebody(port, peer))
                }
                Err(failure) => match failure.error() {
                    Some(Error::WantAccept) => Ok(Arrival::Nobody),
                    Some(Error::Network(_)) => Ok(Arrival::Failed(failure.to_string())),
                    _ => Err(failure.into()),
                },
            },
            Source::Inherited(socket) => match socket.accept() {
                Some(Ok((stream, peer))) => {
                    let port = begin(tls, context, stream)?;
                    Ok(Arrival::Somebody(port, text(peer)))
                }
                // The client has gone: others may wait, and the pollable is ready if so.
                Some(Err(error)) if error.kind() == io::ErrorKind::ConnectionAborted => {
                    Ok(Arrival::Nobody)
                }
                Some(Err(error)) => Ok(Arrival::Failed(format!("accept: {error}"))),
                None => Ok(Arrival::Nobody),
            },
        }
    }

    /// Has connections that come from now on use another context, which is sealed.
    pub(crate) fn set_context(&self, tls: &mut Instance, context: &Context) -> Result<()> {
        match &self.source {
            Source::Component(listener) => Ok(listener.set_context(tls, context)?),
            // It gets the context with each connection.
            Source::Inherited(_) => Ok(()),
        }
    }

    /// Listens no more. Whoever handed a socket over may.
    pub(crate) fn close(self, tls: &mut Instance) -> std::result::Result<(), Failure> {
        self.arrivals.drop(tls)?;
        match self.source {
            Source::Component(listener) => listener.drop(tls),
            Source::Inherited(_) => Ok(()),
        }
    }
}

fn begin(tls: &mut Instance, context: &Context, stream: TcpStream) -> Result<Port> {
    let stream = stream.into_std();
    let stream = stream.map_err(|error| Failure::from(wasmtime::Error::from(error)))?;
    send_at_once(&stream);
    let transport = tls.transport(stream, Vec::new())?;
    Ok(Port::start(tls, context, None, transport)?)
}

fn text(address: SocketAddr) -> String {
    SocketAddr::new(address.ip().to_canonical(), address.port()).to_string()
}

/// A socket that was listening before us.
struct Socket {
    listener: TcpListener,
    /// What was accepted by waiting for it: tokio has no other way to wait.
    waiting: Mutex<Option<Accepted>>,
}

type Accepted = io::Result<(TcpStream, SocketAddr)>;

impl Socket {
    /// Takes a connection; none if nobody waits.
    fn accept(&self) -> Option<Accepted> {
        let waiting = self.waiting().take();
        let accept = || poll_noop(pin!(self.listener.accept()));
        // tokio registers the connection with the runtime around it.
        waiting.or_else(|| with_ambient_tokio_runtime(accept))
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Accepted>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ready when a connection waits.
struct Arrivals(Arc<Socket>);

#[async_trait]
impl p2::Pollable for Arrivals {
    async fn ready(&mut self) {
        let is_empty = self.0.waiting().is_none();
        if is_empty {
            let accepted = self.0.listener.accept().await;
            *self.0.waiting() = Some(accepted);
        }
    }
}
