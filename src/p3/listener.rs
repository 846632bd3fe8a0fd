//! The resource `listener` of `portcullis:tls-async`.

use std::cell::RefCell;
use std::sync::Arc;

use wit_bindgen::StreamReader;

use super::net;
use super::port::Port;
use crate::endpoint::Host;
use crate::error::{Error, NetworkCode, NetworkError, NetworkOperation};
use crate::resources::bindings::exports::portcullis::tls::context::ContextBorrow;
use crate::resources::bindings::exports::portcullis::tls::types::{Address, Error as WitError};
use crate::resources::bindings::exports::portcullis::tls_async::listener::{
    Guest, GuestListener, Listener as ListenerHandle,
};
use crate::resources::bindings::exports::portcullis::tls_async::port::Port as PortHandle;
use crate::resources::bindings::wasi::sockets0_3_0::types::TcpSocket;
use crate::resources::component::Component;
use crate::resources::context::Context;
use crate::tls::Config;

/// A listening socket.
pub(crate) struct Listener {
    config: Arc<Config>,
    socket: TcpSocket,
    /// None while an accept waits for it.
    accepted: RefCell<Option<StreamReader<TcpSocket>>>,
}

/// The connections of a listener, which has them back when the call ends or is cancelled.
struct Accepted<'a> {
    listener: &'a Listener,
    connections: Option<StreamReader<TcpSocket>>,
}

impl<'a> Accepted<'a> {
    fn of(listener: &'a Listener) -> Option<Self> {
        let connections = Some(listener.accepted.take()?);
        Some(Self {
            listener,
            connections,
        })
    }

    async fn next(&mut self) -> Option<TcpSocket> {
        self.connections.as_mut()?.next().await
    }
}

impl Drop for Accepted<'_> {
    fn drop(&mut self) {
        self.listener.accepted.replace(self.connections.take());
    }
}

impl Guest for Component {
    type Listener = Listener;
}

impl GuestListener for Listener {
    async fn listen(
        context: ContextBorrow<'_>,
        host: String,
        port: u16,
    ) -> Result<ListenerHandle, WitError> {
        let config = context.get::<Context>().server_config()?;
        let socket = net::bind(&Host::parse(&host)?, port).await?;
        let fail = |code| Error::Network(net::failure(NetworkOperation::Listen, code, ""));
        let accepted = socket.listen().map_err(fail)?;
        Ok(ListenerHandle::new(Self {
            config,
            socket,
            accepted: RefCell::new(Some(accepted)),
        }))
    }

    async fn accept(&self) -> Result<PortHandle, WitError> {
        let Some(mut accepted) = Accepted::of(self) else {
            return Err(Error::InvalidArgument(
                "another call of accept waits for the next connection".to_owned(),
            )
            .into());
        };
        let socket = accepted.next().await;
        drop(accepted);
        let socket = socket.ok_or_else(|| {
            Error::Network(NetworkError {
                operation: NetworkOperation::Accept,
                code: NetworkCode::Other,
                detail: Some("the host takes no more connections".to_owned()),
            })
        })?;
        Ok(PortHandle::new(Port::over(&self.config, None, &socket)?))
    }

    fn local_address(&self) -> Result<Address, WitError> {
        let fail = |code| Error::Network(net::failure(NetworkOperation::Other, code, ""));
        Ok(net::from_wasi(self.socket.get_local_address().map_err(fail)?).into())
    }
}
