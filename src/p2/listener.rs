//! The resource `listener`.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use super::clock::after;
use super::net::Acceptor;
use super::port::Port;
use crate::endpoint::Host;
use crate::error::Error;
use crate::resources::bindings::exports::portcullis::tls::context::ContextBorrow;
use crate::resources::bindings::exports::portcullis::tls::listener::{
    Guest, GuestListener, Listener as ListenerHandle, Pollable,
};
use crate::resources::bindings::exports::portcullis::tls::port::Port as PortHandle;
use crate::resources::bindings::exports::portcullis::tls::types::{Address, Error as WitError};
use crate::resources::component::Component;
use crate::resources::context::Context;
use crate::tls::Config;

/// A listening socket and the configuration for the connections that it accepts; `None` once
/// closed.
pub(crate) struct Listener {
    state: RefCell<Option<Listening>>,
}

struct Listening {
    acceptor: Acceptor,
    config: Arc<Config>,
}

impl Guest for Component {
    type Listener = Listener;
}

impl GuestListener for Listener {
    fn listen(
        context: ContextBorrow<'_>,
        ip: String,
        port: u16,
        backlog: Option<u64>,
    ) -> Result<ListenerHandle, WitError> {
        let config = context.get::<Context>().server_config()?;
        let Some(address) = Host::parse(&ip)?.to_listen(port)? else {
            return Err(WitError::InvalidArgument(format!(
                "{ip:?} is not an IP address"
            )));
        };
        let acceptor = Acceptor::listen(address, backlog).map_err(Error::Network)?;
        Ok(ListenerHandle::new(Self {
            state: RefCell::new(Some(Listening { acceptor, config })),
        }))
    }

    fn accept(&self) -> Result<PortHandle, WitError> {
        self.listening(|listening| {
            let streams = listening.acceptor.accept().map_err(Error::Network)?;
            let streams = streams.ok_or(Error::WantAccept)?;
            Port::accepted(&listening.config, streams)
        })
        .map(PortHandle::new)
    }

    fn blocking_accept(&self) -> Result<PortHandle, WitError> {
        loop {
            match self.accept() {
                Err(WitError::WantAccept) => self.subscribe().block(),
                result => return result,
            }
        }
    }

    fn accept_ready(&self) -> Result<bool, WitError> {
        self.listening(|listening| Ok(listening.acceptor.pollable().ready()))
    }

    fn set_context(&self, context: ContextBorrow<'_>) -> Result<(), WitError> {
        let config = context.get::<Context>().server_config()?;
        match &mut *self.state.borrow_mut() {
            Some(listening) => {
                listening.config = config;
                Ok(())
            }
            None => Err(WitError::Closed),
        }
    }

    fn local_address(&self) -> Result<Address, WitError> {
        self.listening(|listening| {
            listening
                .acceptor
                .local_address()
                .map(Address::from)
                .map_err(Error::Network)
        })
    }

    fn subscribe(&self) -> Pollable {
        match &*self.state.borrow() {
            Some(listening) => listening.acceptor.pollable(),
            None => after(Duration::ZERO),
        }
    }

    fn close(&self) {
        self.state.borrow_mut().take();
    }
}

impl Listener {
    fn listening<T>(
        &self,
        operation: impl FnOnce(&Listening) -> Result<T, Error>,
    ) -> Result<T, WitError> {
        match &*self.state.borrow() {
            Some(listening) => operation(listening).map_err(WitError::from),
            None => Err(WitError::Closed),
        }
    }
}
