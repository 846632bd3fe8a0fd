//! The resource `port` of `portcullis:tls-async`.

use std::cell::{Cell, RefCell};
use std::future::ready;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use wit_bindgen::{FutureReader, StreamReader, StreamWriter};

use super::driver::{self, Plaintext};
use super::ends::{Ends, Incoming, Outgoing};
use super::link::Link;
use super::{clock, net};
use crate::endpoint::{Host, check_port};
use crate::error::{Error, NetworkOperation, Timer};
use crate::resources::bindings::exports::portcullis::tls::context::ContextBorrow;
use crate::resources::bindings::exports::portcullis::tls::session::Session as SessionHandle;
use crate::resources::bindings::exports::portcullis::tls::types::{Address, Error as WitError};
use crate::resources::bindings::exports::portcullis::tls_async::port::{
    Guest, GuestPort, Port as PortHandle,
};
use crate::resources::bindings::wasi::sockets0_3_0::types::TcpSocket;
use crate::resources::bindings::{wit_future, wit_stream};
use crate::resources::component::Component;
use crate::resources::context::Context;
use crate::tls::Config;

/// One connection, and before its handshake what it will move its ciphertext by.
pub(crate) struct Port {
    link: Rc<Link>,
    ends: RefCell<Option<Ends>>,
    local_address: Option<SocketAddr>,
    remote_address: Option<SocketAddr>,
}

impl Port {
    /// A port over a TCP connection.
    pub(super) fn over(
        config: &Arc<Config>,
        host: Option<&str>,
        socket: &TcpSocket,
    ) -> Result<Self, Error> {
        let link = Link::new(config, host)?;
        let (to_peer, ciphertext) = wit_stream::new();
        let sent = socket.send(ciphertext);
        let (from_peer, received) = socket.receive();
        let ended = |operation, told: FutureReader<_>| async move {
            let told: Result<(), _> = told.await;
            told.map_err(|code| Error::Network(net::failure(operation, code, "")))
        };
        Ok(Self {
            link: Rc::new(link),
            ends: RefCell::new(Some(Ends {
                from_peer: Incoming::new(from_peer, ended(NetworkOperation::Read, received)),
                to_peer: Outgoing::new(to_peer, ended(NetworkOperation::Write, sent)),
            })),
            local_address: socket.get_local_address().ok().map(net::from_wasi),
            remote_address: socket.get_remote_address().ok().map(net::from_wasi),
        })
    }
}

impl Guest for Component {
    type Port = Port;
}

impl GuestPort for Port {
    async fn connect(
        context: ContextBorrow<'_>,
        host: String,
        port: u16,
    ) -> Result<PortHandle, WitError> {
        let config = context.get::<Context>().client_config()?;
        check_port(port)?;
        let host = Host::parse(&host)?;
        let limit = config.timeouts().get(Timer::Connect);
        let connecting = pin!(net::connect(&host, port));
        let socket = match limit {
            None => connecting.await?,
            Some(limit) => {
                let end = clock::now().saturating_add(Duration::from_millis(limit));
                match select(connecting, pin!(clock::until(end))).await {
                    Either::Left((socket, _)) => socket?,
                    Either::Right(_) => return Err(Error::Timeout(Timer::Connect).into()),
                }
            }
        };
        let port = Self::over(&config, Some(&host.name()), &socket)?;
        Ok(PortHandle::new(port))
    }

    fn start(
        context: ContextBorrow<'_>,
        host: Option<String>,
        ciphertext: StreamReader<u8>,
    ) -> Result<(PortHandle, StreamReader<u8>), WitError> {
        let config = context.get::<Context>().config()?;
        let link = Link::new(&config, host.as_deref())?;
        let (to_peer, for_peer): (StreamWriter<u8>, _) = wit_stream::new();
        let ends = Ends {
            from_peer: Incoming::new(ciphertext, ready(Ok(()))),
            to_peer: Outgoing::new(to_peer, ready(Ok(()))),
        };
        let port = Self {
            link: Rc::new(link),
            ends: RefCell::new(Some(ends)),
            local_address: None,
            remote_address: None,
        };
        Ok((PortHandle::new(port), for_peer))
    }

    async fn handshake(
        &self,
        plaintext: StreamReader<u8>,
    ) -> Result<(StreamReader<u8>, FutureReader<Result<(), WitError>>), WitError> {
        let Some(ends) = self.ends.take() else {
            return Err(WitError::Closed);
        };
        let (to_caller, received) = wit_stream::new();
        let (outcome, told) = wit_future::new(|| Err(WitError::Closed));
        // Both directions tell, and the future says how the connection as a whole has ended: by the
        // first failure, or well when both have ended well.
        let outcome = Rc::new(RefCell::new(Some(outcome)));
        let is_half_over = Rc::new(Cell::new(false));
        let tell = move |result: Result<(), Error>| {
            let is_over = result.is_err() || is_half_over.replace(true);
            if let Some(outcome) = outcome.borrow_mut().take_if(|_| is_over) {
                driver::resolve(outcome, result.map_err(WitError::from));
            }
        };
        let plaintext = Plaintext {
            from_caller: plaintext,
            told: Box::new(tell.clone()),
            to_caller,
            heard: Box::new(tell),
        };
        driver::shake_hands(&self.link, ends, plaintext).await?;
        Ok((received, told))
    }

    fn session(&self) -> SessionHandle {
        self.link.session()
    }

    fn local_address(&self) -> Option<Address> {
        self.local_address.map(Address::from)
    }

    fn remote_address(&self) -> Option<Address> {
        self.remote_address.map(Address::from)
    }
}
