//! The resource `port` of `portcullis:tls-async`.

use std::cell::{Cell, RefCell};
use std::future::ready;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use wit_bindgen::{FutureReader, StreamReader, StreamResult, StreamWriter};

use super::driver::{self, Plaintext};
use super::ends::{Ends, Incoming, Outgoing};
use super::link::{Link, Unwrapping};
use super::turns::{self, Attempt};
use super::{clock, net};
use crate::endpoint::{Host, check_port};
use crate::engine::Engine;
use crate::error::{Error, NetworkOperation, Timer};
use crate::resources::bindings::exports::portcullis::tls::client_hello::ClientHello as HelloHandle;
use crate::resources::bindings::exports::portcullis::tls::context::ContextBorrow;
use crate::resources::bindings::exports::portcullis::tls::session::Session as SessionHandle;
use crate::resources::bindings::exports::portcullis::tls::types::{Address, Error as WitError};
use crate::resources::bindings::exports::portcullis::tls_async::port::{
    Guest, GuestPort, Port as PortHandle,
};
use crate::resources::bindings::wasi::sockets0_3_0::types::TcpSocket;
use crate::resources::bindings::{wit_future, wit_stream};
use crate::resources::client_hello::Hello;
use crate::resources::component::Component;
use crate::resources::context::Context;
use crate::resources::conv::{number, read_length};
use crate::tls::{Config, State};

/// One connection, and before its handshake what it will move its ciphertext by.
pub(crate) struct Port {
    link: Rc<Link>,
    ends: RefCell<Option<Ends>>,
    /// Wakes the task of the handshake, which alone moves bytes. None before it, and while it rings.
    bell: RefCell<Option<StreamWriter<u8>>>,
    local_address: Option<SocketAddr>,
    remote_address: Option<SocketAddr>,
}

/// The bell of a port, which has it back when the call ends or is cancelled.
struct Ringing<'a> {
    port: &'a Port,
    bell: Option<StreamWriter<u8>>,
}

impl Drop for Ringing<'_> {
    fn drop(&mut self) {
        self.port.bell.replace(self.bell.take());
    }
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
            bell: RefCell::new(None),
            local_address: socket.get_local_address().ok().map(net::from_wasi),
            remote_address: socket.get_remote_address().ok().map(net::from_wasi),
        })
    }

    /// Why there is nothing to move bytes by.
    fn ended(&self) -> Error {
        self.link.failure().unwrap_or(Error::Closed)
    }

    /// Goes on with the handshake as far as the attempt needs it. To cancel it is to end the connection.
    async fn go_on(&self, attempt: Attempt<'_>) -> Result<(), Error> {
        let mut ends = self.ends.take().ok_or_else(|| self.ended())?;
        let result = turns::go_on(&self.link, &mut ends, attempt).await;
        if self.link.failure().is_none() {
            self.ends.replace(Some(ends));
        }
        result
    }

    /// Has the task of the handshake look at the connection. The bell is silent where that has ended.
    async fn ring(&self) {
        let mut ringing = Ringing {
            port: self,
            bell: self.bell.take(),
        };
        if let Some(bell) = &mut ringing.bell
            && !matches!(bell.write(vec![0]).await.0, StreamResult::Complete(_))
        {
            ringing.bell = None;
        }
    }

    /// Why TLS has not ended in order.
    fn unwrap_failure(&self) -> Error {
        let is_truncated = self.link.look(|engine| engine.session().is_truncated());
        match self.link.failure() {
            Some(failure) => failure,
            None if is_truncated == Ok(true) => Error::Truncated,
            None => Error::Closed,
        }
    }

    /// Asks the task of the handshake for the way out of TLS.
    fn ask_to_unwrap(&self, cleartext: StreamReader<u8>) -> Result<StreamReader<u8>, Error> {
        let state = self.link.look(|engine| engine.session().state().clone())?;
        let is_asked = !matches!(*self.link.unwrapping.borrow(), Unwrapping::No);
        match state {
            State::Failed(error) => Err(error),
            State::WriteClosed | State::Closed => Err(Error::Closed),
            State::Open | State::ReadClosed if !is_asked && self.bell.borrow().is_some() => {
                let (answered, answer) = wit_stream::new();
                self.link.unwrapping.replace(Unwrapping::Asked {
                    cleartext,
                    answered,
                });
                Ok(answer)
            }
            State::Handshaking | State::Open | State::ReadClosed => Err(Error::InvalidArgument(
                "unwrap before the handshake is done, or while another call waits".to_owned(),
            )),
        }
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
            bell: RefCell::new(None),
            local_address: None,
            remote_address: None,
        };
        Ok((PortHandle::new(port), for_peer))
    }

    async fn client_hello(&self) -> Result<Option<HelloHandle>, WitError> {
        self.go_on(&mut |engine| engine.client_hello().map(drop))
            .await?;
        let hello = self.link.look(Engine::client_hello)??;
        Ok(hello.map(|hello| HelloHandle::new(Hello(hello))))
    }

    fn set_context(&self, context: ContextBorrow<'_>) -> Result<(), WitError> {
        let config = context.get::<Context>().config()?;
        match self.link.look(|engine| engine.choose(&config))? {
            Err(error @ (Error::InvalidArgument(_) | Error::Configuration(_))) => Err(error.into()),
            // `handshake` tells other failures: it sends the alert.
            _ => Ok(()),
        }
    }

    async fn refuse(&self, alert: u8) -> Result<(), WitError> {
        self.link.look(|engine| engine.refuse(alert))??;
        if let Some(mut ends) = self.ends.take() {
            turns::say_farewell(&self.link, &mut ends).await;
        }
        Ok(())
    }

    fn write_early_data(&self, plaintext: Vec<u8>) -> Result<u64, WitError> {
        let written = self.link.look(|engine| engine.write_early(&plaintext))??;
        Ok(number(written))
    }

    async fn read_early_data(&self, length: u64) -> Result<Option<Vec<u8>>, WitError> {
        let length = read_length(length)?;
        if self.ends.borrow().is_none() {
            return Ok(self.link.look(|engine| engine.read_early(length))??);
        }
        let mut read = None;
        self.go_on(&mut |engine| {
            read = engine.read_early(length)?;
            Ok(())
        })
        .await?;
        Ok(read)
    }

    async fn handshake(
        &self,
        plaintext: StreamReader<u8>,
    ) -> Result<(StreamReader<u8>, FutureReader<Result<(), WitError>>), WitError> {
        if self.link.look(|engine| engine.session().leaves_choice())? {
            return Err(WitError::WantContext);
        }
        let ends = self.ends.take().ok_or_else(|| self.ended())?;
        let (to_caller, received) = wit_stream::new();
        let (outcome, told) = wit_future::new(|| Err(WitError::Closed));
        let (bell, rings) = wit_stream::new();
        self.bell.replace(Some(bell));
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
            bell: Some(rings),
        };
        driver::shake_hands(&self.link, ends, plaintext).await?;
        Ok((received, told))
    }

    async fn update_keys(&self) -> Result<(), WitError> {
        self.link.look(Engine::update_keys)??;
        self.ring().await;
        Ok(())
    }

    async fn unwrap(
        &self,
        cleartext: StreamReader<u8>,
    ) -> Result<(StreamReader<u8>, FutureReader<Result<(), WitError>>), WitError> {
        let mut answer = self.ask_to_unwrap(cleartext)?;
        self.ring().await;
        if self.bell.borrow().is_none() && self.link.is_unwrapping() {
            // A handshake that was cancelled at its end has nobody to hear it.
            return Err(Error::Closed.into());
        }
        answer.next().await;
        match self.link.unwrapping.replace(Unwrapping::Over(None)) {
            Unwrapping::Over(Some(cleartext)) => Ok(cleartext),
            _ => Err(self.unwrap_failure().into()),
        }
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
