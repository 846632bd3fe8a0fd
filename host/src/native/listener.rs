//! The resource `listener`.

use std::sync::Arc;
use std::time::Duration;

use portcullis::endpoint::Host as Endpoint;
use portcullis::error::Error;
use portcullis::tls::Config;
use wasmtime::Result as Trappable;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;

use super::bindings::portcullis::tls::listener::{Host, HostListener};
use super::bindings::portcullis::tls::types::{Address, Error as WitError};
use super::context::Context;
use super::fault::Fault;
use super::net::Acceptor;
use super::port::Port;
use super::view::{View, same};

/// A listening socket and the configuration for the connections that it accepts; `None` once closed.
pub struct Listener(Option<Listening>);

struct Listening {
    acceptor: Arc<Acceptor>,
    config: Arc<Config>,
}

type This = Resource<Listener>;

impl View<'_> {
    fn listening(&mut self, this: &This) -> Result<(Arc<Acceptor>, Arc<Config>), Fault> {
        match &self.table().get(this)?.0 {
            Some(listening) => Ok((
                Arc::clone(&listening.acceptor),
                Arc::clone(&listening.config),
            )),
            None => Err(Error::Closed.into()),
        }
    }

    fn close_listener(&mut self, listening: Option<Listening>) {
        if let Some(acceptor) = listening.and_then(|listening| Arc::into_inner(listening.acceptor))
        {
            acceptor.close(self);
        }
    }
}

impl Host for View<'_> {}

impl HostListener for View<'_> {
    async fn listen(
        &mut self,
        context: Resource<Context>,
        ip: String,
        port: u16,
        backlog: Option<u64>,
    ) -> Result<This, Fault> {
        let config = self.server_config(&context)?;
        let Some(address) = Endpoint::parse(&ip)?.to_listen(port)? else {
            return Err(WitError::InvalidArgument(format!("{ip:?} is not an IP address")).into());
        };
        let acceptor = Acceptor::listen(self, address, backlog).await;
        let acceptor = Arc::new(acceptor.map_err(Error::Network)?);
        let listener = Listener(Some(Listening { acceptor, config }));
        Ok(self.table().push(listener)?)
    }

    fn accept(&mut self, this: This) -> Result<Resource<Port>, Fault> {
        let (acceptor, config) = self.listening(&this)?;
        let streams = acceptor.accept(self).map_err(Error::Network)?;
        let port = Port::accepted(&config, streams.ok_or(Error::WantAccept)?)?;
        Ok(self.table().push(port)?)
    }

    async fn blocking_accept(&mut self, this: This) -> Result<Resource<Port>, Fault> {
        loop {
            match self.accept(same(&this)) {
                Err(Fault::Tls(WitError::WantAccept)) => {
                    let (acceptor, _) = self.listening(&this)?;
                    acceptor.ready(self).await?;
                }
                result => return result,
            }
        }
    }

    fn accept_ready(&mut self, this: This) -> Result<bool, Fault> {
        let (acceptor, _) = self.listening(&this)?;
        Ok(acceptor.is_ready(self))
    }

    fn set_context(&mut self, this: This, context: Resource<Context>) -> Result<(), Fault> {
        let config = self.server_config(&context)?;
        match &mut self.table().get_mut(&this)?.0 {
            Some(listening) => {
                listening.config = config;
                Ok(())
            }
            None => Err(Error::Closed.into()),
        }
    }

    fn local_address(&mut self, this: This) -> Result<Address, Fault> {
        let (acceptor, _) = self.listening(&this)?;
        let address = acceptor.local_address(self).map_err(Error::Network)?;
        Ok(address.into())
    }

    fn subscribe(&mut self, this: This) -> Trappable<Resource<DynPollable>> {
        match Fault::settle(self.listening(&this))? {
            Ok((acceptor, _)) => acceptor.pollable(self),
            Err(_) => self.after(Duration::ZERO),
        }
    }

    fn close(&mut self, this: This) -> Trappable<()> {
        let listening = self.table().get_mut(&this)?.0.take();
        self.close_listener(listening);
        Ok(())
    }

    fn drop(&mut self, this: This) -> Trappable<()> {
        let Listener(listening) = self.table().delete(this)?;
        self.close_listener(listening);
        Ok(())
    }
}
