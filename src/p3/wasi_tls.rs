//! The interfaces of `wasi:tls`: connectors between two pairs of streams.

use std::cell::RefCell;
use std::future::ready;
use std::mem;

use wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamWriter};

use super::driver::{self, Plaintext, Tell};
use super::drop_in;
use super::ends::{Ends, Incoming, Outgoing};
use super::link::Link;
use crate::error::Error;
use crate::resources::bindings::exports::wasi::tls::client::{
    Connector as ConnectorHandle, Error as ErrorHandle, Guest, GuestConnector,
};
use crate::resources::bindings::exports::wasi::tls::types::{Guest as TypesGuest, GuestError};
use crate::resources::bindings::{wit_future, wit_stream};
use crate::resources::component::Component;

/// What went wrong: the line for people, which is all that the interface can tell.
pub(crate) struct ErrorOfConnector(Error);

type Outcome = Result<(), ErrorHandle>;

/// The streams of one direction, until `connect` takes them.
struct Direction {
    from: StreamReader<u8>,
    to: StreamWriter<u8>,
    outcome: FutureWriter<Outcome>,
}

/// A connection that is set up.
#[derive(Default)]
pub(crate) struct Connector {
    sending: RefCell<Option<Direction>>,
    receiving: RefCell<Option<Direction>>,
}

impl Direction {
    fn new(from: StreamReader<u8>) -> (Self, StreamReader<u8>, FutureReader<Outcome>) {
        let (to, reader) = wit_stream::new();
        let (outcome, told) = wit_future::new(|| Err(handle(Error::Closed)));
        (Self { from, to, outcome }, reader, told)
    }

    /// Gives up a direction outside of any task, where wit-bindgen 0.61 cannot write a future, and
    /// aborts if one is dropped without a value (its issue 1456). The future is never resolved then;
    /// the streams end.
    fn give_up(self) {
        mem::forget(self.outcome);
    }
}

impl Drop for Connector {
    fn drop(&mut self) {
        let directions = [self.sending.take(), self.receiving.take()];
        directions
            .into_iter()
            .flatten()
            .for_each(Direction::give_up);
    }
}

impl TypesGuest for Component {
    type Error = ErrorOfConnector;
}

impl GuestError for ErrorOfConnector {
    fn to_debug_string(&self) -> String {
        self.0.to_string()
    }
}

impl Guest for Component {
    type Connector = Connector;
}

impl GuestConnector for Connector {
    fn new() -> Self {
        Self::default()
    }

    fn send(&self, cleartext: StreamReader<u8>) -> (StreamReader<u8>, FutureReader<Outcome>) {
        set_up(&self.sending, cleartext)
    }

    fn receive(&self, ciphertext: StreamReader<u8>) -> (StreamReader<u8>, FutureReader<Outcome>) {
        set_up(&self.receiving, ciphertext)
    }

    async fn connect(this: ConnectorHandle, server_name: String) -> Outcome {
        let this: Self = this.into_inner();
        connect(this, &server_name).await.map_err(handle)
    }
}

/// Of several calls the last one counts.
fn set_up(
    direction: &RefCell<Option<Direction>>,
    from: StreamReader<u8>,
) -> (StreamReader<u8>, FutureReader<Outcome>) {
    let (new, reader, told) = Direction::new(from);
    if let Some(old) = direction.replace(Some(new)) {
        old.give_up();
    }
    (reader, told)
}

/// Does the handshake. The connection goes on in the task of this call.
async fn connect(this: Connector, server_name: &str) -> Result<(), Error> {
    let (sending, receiving) = (this.sending.take(), this.receiving.take());
    let (Some(sending), Some(receiving)) = (sending, receiving) else {
        return Err(Error::InvalidArgument(
            "a connector is connected after `send` and `receive` were called, each once".to_owned(),
        ));
    };
    let link = drop_in::config().and_then(|config| Link::new(&config, Some(server_name)));
    let link = match link {
        Ok(link) => std::rc::Rc::new(link),
        Err(error) => {
            driver::resolve(sending.outcome, Err(handle(error.clone())));
            driver::resolve(receiving.outcome, Err(handle(error.clone())));
            return Err(error);
        }
    };
    let ends = Ends {
        from_peer: Incoming::new(receiving.from, ready(Ok(()))),
        to_peer: Outgoing::new(sending.to, ready(Ok(()))),
    };
    let plaintext = Plaintext {
        from_caller: sending.from,
        told: told_by(sending.outcome),
        to_caller: receiving.to,
        heard: told_by(receiving.outcome),
        bell: None,
    };
    driver::shake_hands(&link, ends, plaintext).await
}

fn told_by(outcome: FutureWriter<Outcome>) -> Tell {
    Box::new(|result| driver::resolve(outcome, result.map_err(handle)))
}

fn handle(error: Error) -> ErrorHandle {
    ErrorHandle::new(ErrorOfConnector(error))
}
