//! The resource `port`, and the waiting of its `blocking-` forms.
//!
//! Over 400 lines: half of them are the functions of the interface, which only convert.

mod state;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use wasi::io::poll::poll;

use super::clock::{after, now};
use super::net::{Connector, Streams};
use super::remains::Remains;
use crate::endpoint::{Host, check_port};
use crate::error::{Error, Timer};
use crate::memory::{wipe_stack, wiping};
use crate::pump::{Pump, Wait};
use crate::resources::bindings::exports::portcullis::tls::client_hello::ClientHello as HelloHandle;
use crate::resources::bindings::exports::portcullis::tls::context::ContextBorrow;
use crate::resources::bindings::exports::portcullis::tls::port::{
    Guest, GuestPort, PlainTransport, Pollable, Port as PortHandle, Session as SessionHandle,
    Words as WitWords,
};
use crate::resources::bindings::exports::portcullis::tls::types::{
    Address, Error as WitError, Timer as WitTimer,
};
use crate::resources::client_hello::Hello;
use crate::resources::component::Component;
use crate::resources::context::Context;
use crate::resources::conv::{number, read_length};
use crate::resources::session::SessionOf;
use crate::timers::{Condition, Moment, Timers};
use crate::tls::{Config, Facts, Session, Timeouts};
use crate::words::{Words, words};

use state::{Connecting, Interest, State};

/// One connection.
pub(crate) struct Port {
    /// Shared with the port's sessions, which may outlive it.
    state: Rc<RefCell<State>>,
    /// Handles that are kept only because pollables that were handed out may be children of them.
    remains: RefCell<Remains>,
}

impl Port {
    /// A server's port on an accepted connection.
    pub(crate) fn accepted(config: &Arc<Config>, streams: Streams) -> Result<Self, Error> {
        Self::connected(config, None, streams, Vec::new())
    }

    fn connected(
        config: &Arc<Config>,
        host: Option<&str>,
        streams: Streams,
        already_read: Vec<u8>,
    ) -> Result<Self, Error> {
        let session = Session::new(config, host)?;
        let pump = Pump::new(session, streams, already_read, config.timeouts());
        Ok(Self::new(State::Connected(Box::new(pump))))
    }

    fn new(state: State) -> Self {
        Self {
            state: Rc::new(RefCell::new(state)),
            remains: RefCell::new(Remains::default()),
        }
    }

    fn connecting(config: &Arc<Config>, host: &str, port: u16) -> Result<Self, Error> {
        check_port(port)?;
        let host = Host::parse(host)?;
        let session = Session::new(config, Some(&host.name()))?;
        let mut timers = Timers::new(config.timeouts());
        timers.start(Condition::Connecting, now());
        let state = match Connector::new(&host, port) {
            Ok(connector) => State::Connecting(Box::new(Connecting {
                connector,
                session,
                timers,
            })),
            Err(error @ Error::InvalidArgument(_)) => return Err(error),
            Err(error) => State::Broken(error),
        };
        let port = Self::new(state);
        // The connection begins now, not with the first operation: a caller that accepts it in the
        // same instance waits for the peer before it calls an operation here.
        port.advance(&mut port.state.borrow_mut(), now());
        Ok(port)
    }

    /// Runs an operation on the connection, if there is one by now.
    fn operate<T>(
        &self,
        operation: impl FnOnce(&mut Pump<Streams>, Moment) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut state = self.state.borrow_mut();
        let now = now();
        self.advance(&mut state, now);
        match &mut *state {
            State::Connecting(_) => Err(Error::WantConnect),
            State::Connected(pump) => {
                wiping(pump.session().is_handshaking(), || operation(pump, now))
            }
            State::Broken(error) => Err(error.clone()),
            State::Closed(_) => Err(Error::Closed),
        }
    }

    /// Goes on with connecting, if the state is `Connecting`.
    fn advance(&self, state: &mut State, now: Moment) {
        let State::Connecting(connecting) = state else {
            return;
        };
        let outcome = match connecting.connector.advance(now) {
            Ok(Some(streams)) => Ok(streams),
            Ok(None) if !connecting.timers.has_run_out(Condition::Connecting, now) => return,
            Ok(None) => Err(Error::Timeout(Timer::Connect)),
            Err(error) => Err(Error::Network(error)),
        };
        let State::Connecting(connecting) = std::mem::replace(state, State::nowhere()) else {
            return;
        };
        let Connecting {
            mut connector,
            session,
            timers,
        } = *connecting;
        let is_shared = connector.is_shared();
        if is_shared {
            connector.retire();
            self.remains.borrow_mut().connector = Some(connector);
        }
        *state = match outcome {
            Ok(streams) => {
                let mut pump = Pump::new(session, streams, Vec::new(), timers.limits());
                if is_shared {
                    // Pollables that were handed out before may be children of the socket.
                    pump.share_transport(Wait::Input);
                }
                State::Connected(Box::new(pump))
            }
            Err(error) => State::Broken(error),
        };
    }

    /// Enters `Closed`. Keeps the handles that pollables may be children of, and the facts that
    /// `facts` takes from a session.
    fn leave(&self, facts: impl FnOnce(&Session) -> Facts) {
        let mut remains = self.remains.borrow_mut();
        let mut state = self.state.borrow_mut();
        let facts = match &*state {
            State::Connected(pump) => facts(pump.session()),
            State::Connecting(_) | State::Broken(_) => Facts::default(),
            State::Closed(_) => return,
        };
        match std::mem::replace(&mut *state, State::Closed(Box::new(facts))) {
            State::Connecting(mut connecting) if connecting.connector.is_shared() => {
                connecting.connector.retire();
                remains.connector = Some(connecting.connector);
            }
            State::Connected(pump) => {
                remains.streams = pump.into_shared_transport();
            }
            State::Connecting(_) | State::Broken(_) | State::Closed(_) => {}
        }
        wipe_stack();
    }

    /// Repeats an operation until it returns something other than a `want-` error, and waits in
    /// between.
    fn block<T>(
        &self,
        interest: Interest,
        mut operation: impl FnMut(&mut Pump<Streams>, Moment) -> Result<T, Error>,
    ) -> Result<T, Error> {
        loop {
            let interest = match self.operate(&mut operation) {
                Err(Error::WantConnect) => interest,
                Err(Error::WantRead) => Interest::Read,
                Err(Error::WantWrite) => Interest::Write,
                result => return result,
            };
            self.wait(interest);
        }
    }

    /// Waits for the transport or the next timer. The pollables are dropped before it returns.
    fn wait(&self, interest: Interest) {
        let (ready, left) = {
            let mut state = self.state.borrow_mut();
            (state.pollables(interest), state.timer_left(now()))
        };
        if ready.is_empty() {
            // There is nothing to wait for: the next call goes on, or returns the reason why not.
            return;
        }
        // Waking a little late is better than a little early: the timer has then surely run out.
        let timer = left.map(|left| after(left.saturating_add(Duration::from_nanos(1))));
        let all: Vec<_> = ready.iter().chain(&timer).collect();
        poll(&all);
    }

    /// Runs `unwrap`, which only the streams of a caller allow, and leaves with it.
    fn unwrap_by(
        &self,
        run: impl FnOnce() -> Result<(Streams, Vec<u8>), Error>,
    ) -> Result<PlainTransport, Error> {
        let is_ours = match &*self.state.borrow() {
            State::Connected(pump) => pump.transport().is_some_and(Streams::has_socket),
            State::Connecting(_) | State::Broken(_) => true,
            State::Closed(_) => false,
        };
        if is_ours {
            return Err(Error::NotSupported(
                "unwrap of a port that was not made by start, whose socket is the component's"
                    .to_owned(),
            ));
        }
        let (streams, already_read) = run()?;
        self.leave(Session::facts);
        let (input, output) = streams.into_plain().ok_or(Error::Closed)?;
        Ok(PlainTransport {
            input,
            output,
            already_read,
        })
    }

    fn subscribe_to(&self, interest: Interest) -> Pollable {
        let pollable = match &mut *self.state.borrow_mut() {
            State::Connecting(connecting) => connecting.connector.subscribe(now()),
            State::Connected(pump) => match interest.one_of(interest.of(pump)) {
                Wait::Nothing => None,
                wait => pump
                    .share_transport(wait)
                    .and_then(|transport| transport.pollable(wait)),
            },
            State::Broken(_) | State::Closed(_) => None,
        };
        pollable.unwrap_or_else(|| after(Duration::ZERO))
    }

    fn address(
        &self,
        address: impl FnOnce(&Streams) -> Option<std::net::SocketAddr>,
    ) -> Option<Address> {
        match &*self.state.borrow() {
            State::Connected(pump) => pump.transport().and_then(address).map(Address::from),
            State::Connecting(_) | State::Broken(_) | State::Closed(_) => None,
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        if Rc::strong_count(&self.state) > 1 {
            self.leave(Session::facts);
        } else {
            // No session is left to ask for the facts, and finding them may take a verification.
            self.leave(|_| Facts::default());
        }
        self.remains.take().keep();
    }
}

impl Guest for Component {
    type Port = Port;
}

impl GuestPort for Port {
    fn connect(
        context: ContextBorrow<'_>,
        host: String,
        port: u16,
    ) -> Result<PortHandle, WitError> {
        let config = context.get::<Context>().client_config()?;
        Ok(PortHandle::new(Self::connecting(&config, &host, port)?))
    }

    fn blocking_connect(
        context: ContextBorrow<'_>,
        host: String,
        port: u16,
    ) -> Result<PortHandle, WitError> {
        let config = context.get::<Context>().client_config()?;
        let port = Self::connecting(&config, &host, port)?;
        port.block(Interest::Write, |_, _| Ok(()))?;
        Ok(PortHandle::new(port))
    }

    fn start(
        context: ContextBorrow<'_>,
        host: Option<String>,
        transport: PlainTransport,
    ) -> Result<PortHandle, WitError> {
        let config = context.get::<Context>().config()?;
        let streams = Streams::new(transport.input, transport.output, None);
        let port = Self::connected(&config, host.as_deref(), streams, transport.already_read)?;
        Ok(PortHandle::new(port))
    }

    fn client_hello(&self) -> Option<HelloHandle> {
        match &*self.state.borrow() {
            State::Connected(pump) => pump.session().client_hello().cloned(),
            State::Connecting(_) | State::Broken(_) | State::Closed(_) => None,
        }
        .map(|hello| HelloHandle::new(Hello(hello)))
    }

    fn set_context(&self, context: ContextBorrow<'_>) -> Result<(), WitError> {
        let config = context.get::<Context>().config()?;
        Ok(self.operate(|pump, _| pump.choose(&config))?)
    }

    fn refuse(&self, alert: u8) -> Result<(), WitError> {
        Ok(self.operate(|pump, _| pump.refuse(alert))?)
    }

    fn handshake(&self) -> Result<(), WitError> {
        Ok(self.operate(Pump::handshake)?)
    }

    fn blocking_handshake(&self) -> Result<(), WitError> {
        Ok(self.block(Interest::Read, Pump::handshake)?)
    }

    fn read(&self, length: u64) -> Result<Option<Vec<u8>>, WitError> {
        let length = read_length(length)?;
        Ok(self.operate(|pump, now| pump.read(length, now))?)
    }

    fn blocking_read(&self, length: u64) -> Result<Option<Vec<u8>>, WitError> {
        let length = read_length(length)?;
        Ok(self.block(Interest::Read, |pump, now| pump.read(length, now))?)
    }

    fn read_words(&self, length: u64) -> Result<Option<WitWords>, WitError> {
        Ok(self.read(length)?.map(WitWords::from))
    }

    fn blocking_read_words(&self, length: u64) -> Result<Option<WitWords>, WitError> {
        Ok(self.blocking_read(length)?.map(WitWords::from))
    }

    fn check_write(&self) -> Result<u64, WitError> {
        let room = self.operate(Pump::check_write)?;
        Ok(number(room))
    }

    fn write(&self, plaintext: Vec<u8>) -> Result<u64, WitError> {
        let written = self.operate(|pump, now| pump.write(&plaintext, now))?;
        Ok(number(written))
    }

    fn blocking_write_all(&self, plaintext: Vec<u8>) -> Result<(), WitError> {
        let mut rest = plaintext.as_slice();
        loop {
            let written = self.block(Interest::Write, |pump, now| pump.write(rest, now))?;
            rest = rest.get(written..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(self.block(Interest::Write, Pump::flush)?);
            }
        }
    }

    fn write_words(&self, plaintext: Vec<u64>, length: u64) -> Result<u64, WitError> {
        let plaintext = Words::new(plaintext, length)?;
        let mut piece = Vec::new();
        let front = plaintext.piece(0, &mut piece);
        let written = self.operate(|pump, now| pump.write(front, now))?;
        Ok(number(written))
    }

    fn blocking_write_all_words(&self, plaintext: Vec<u64>, length: u64) -> Result<(), WitError> {
        let plaintext = Words::new(plaintext, length)?;
        let (mut written, mut piece) = (0_usize, Vec::new());
        loop {
            let rest = plaintext.piece(written, &mut piece);
            let more = self.block(Interest::Write, |pump, now| pump.write(rest, now))?;
            written = written.saturating_add(more);
            if written >= plaintext.length() {
                return Ok(self.block(Interest::Write, Pump::flush)?);
            }
        }
    }

    fn write_early_data(&self, plaintext: Vec<u8>) -> Result<u64, WitError> {
        // Also before there is a connection: it leaves with the first message.
        let written = match &mut *self.state.borrow_mut() {
            State::Connecting(connecting) => connecting.session.write_early(&plaintext),
            State::Connected(pump) => pump.write_early(&plaintext),
            State::Broken(error) => Err(error.clone()),
            State::Closed(_) => Err(Error::Closed),
        };
        Ok(number(written?))
    }

    fn read_early_data(&self, length: u64) -> Result<Option<Vec<u8>>, WitError> {
        let length = read_length(length)?;
        Ok(self.operate(|pump, now| pump.read_early(length, now))?)
    }

    fn flush(&self) -> Result<(), WitError> {
        Ok(self.operate(Pump::flush)?)
    }

    fn update_keys(&self) -> Result<(), WitError> {
        Ok(self.operate(Pump::update_keys)?)
    }

    fn close_output(&self) -> Result<(), WitError> {
        Ok(self.operate(Pump::close_output)?)
    }

    fn close(&self) -> Result<(), WitError> {
        let result = match &*self.state.borrow() {
            State::Connected(_) => None,
            State::Connecting(_) | State::Broken(_) | State::Closed(_) => Some(Ok(())),
        };
        let result = result.unwrap_or_else(|| {
            self.block(Interest::Write, |pump, now| {
                let result = pump.shutdown(now);
                if !matches!(result, Err(Error::WantWrite)) {
                    pump.release();
                }
                result
            })
        });
        self.leave(Session::facts);
        Ok(result?)
    }

    fn unwrap(&self) -> Result<PlainTransport, WitError> {
        Ok(self.unwrap_by(|| self.operate(Pump::unwrap))?)
    }

    fn blocking_unwrap(&self) -> Result<PlainTransport, WitError> {
        Ok(self.unwrap_by(|| self.block(Interest::Read, Pump::unwrap))?)
    }

    fn subscribe(&self) -> Pollable {
        self.subscribe_to(Interest::Read)
    }

    fn subscribe_write(&self) -> Pollable {
        self.subscribe_to(Interest::Write)
    }

    fn set_timeout(&self, timer: WitTimer, milliseconds: Option<u64>) -> Result<(), WitError> {
        let timer = timer.into();
        let set = match &mut *self.state.borrow_mut() {
            State::Connecting(connecting) => connecting.timers.set_limit(timer, milliseconds),
            State::Connected(pump) => pump.set_timeout(timer, milliseconds),
            // There are no timers any more, but a timer that is not supported is still refused.
            State::Broken(_) => Timeouts::default().set(timer, milliseconds),
            State::Closed(_) => Err(Error::Closed),
        };
        Ok(set?)
    }

    fn time_left(&self) -> Option<u64> {
        let left = self.state.borrow_mut().time_left(now())?;
        u64::try_from(left.as_nanos().div_ceil(1_000_000)).ok()
    }

    fn local_address(&self) -> Option<Address> {
        self.address(Streams::local_address)
    }

    fn remote_address(&self) -> Option<Address> {
        self.address(Streams::remote_address)
    }

    fn session(&self) -> SessionHandle {
        SessionHandle::new(SessionOf::new(self.state.clone()))
    }
}

impl From<Vec<u8>> for WitWords {
    fn from(plaintext: Vec<u8>) -> Self {
        Self {
            words: words(&plaintext),
            length: number(plaintext.len()),
        }
    }
}
