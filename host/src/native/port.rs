//! The resource `port`, and the waiting of its `blocking-` forms.
//!
//! Over 400 lines: half of them are the functions of the interface, which only convert.

mod state;

use std::future::poll_fn;
use std::mem;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use portcullis::endpoint::{Host as Endpoint, check_port};
use portcullis::error::{Error, Timer};
use portcullis::pump::{Pump, Wait};
use portcullis::timers::{Condition, Moment, Timers};
use portcullis::tls;
use portcullis::tls::{Config, Facts, Timeouts};
use portcullis::words::{Words, words};
use wasmtime::Result as Trappable;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynFuture, DynPollable};
use wasmtime_wasi_io::bindings::wasi::io::poll::{Host as _, HostPollable};

use super::bindings::portcullis::tls::port::{Host, HostPort, PlainTransport, Words as WitWords};
use super::bindings::portcullis::tls::types::{Address, Error as WitError, Timer as WitTimer};
use super::client_hello::ClientHello;
use super::context::Context;
use super::conv::{number, read_length};
use super::fault::Fault;
use super::net::{Connector, Slots, Streams};
use super::session::Session;
use super::view::{View, lock, same};
use state::{Connecting, Interest, State};

/// One connection.
pub struct Port {
    /// Shared with the port's sessions, which may outlive it.
    state: Arc<Mutex<State>>,
    /// The places of a caller's streams.
    slots: Option<Slots>,
}

impl Port {
    fn new(state: State) -> Self {
        Self {
            state: Arc::new(Mutex::new(state)),
            slots: None,
        }
    }

    /// A port on a connection that is there.
    fn connected(
        config: &Arc<Config>,
        host: Option<&str>,
        streams: Streams,
        already_read: Vec<u8>,
    ) -> Result<Self, Error> {
        let session = tls::Session::new(config, host)?;
        let pump = Pump::new(session, streams, already_read, config.timeouts());
        Ok(Self::new(State::Connected(Box::new(pump))))
    }

    /// How many of a socket and its two streams are in it.
    pub(super) fn handles(&self) -> usize {
        match &*lock(&self.state) {
            State::Connected(pump) => match pump.transport() {
                Some(streams) if streams.has_socket() && !streams.is_over() => 3,
                _ => 0,
            },
            State::Connecting(_) | State::Broken(_) | State::Closed(_) => 0,
        }
    }

    /// A server's port on an accepted connection.
    pub(super) fn accepted(config: &Arc<Config>, streams: Streams) -> Result<Self, Error> {
        Self::connected(config, None, streams, Vec::new())
    }
}

type This = Resource<Port>;

impl View<'_> {
    fn connecting(&mut self, config: &Arc<Config>, host: &str, port: u16) -> Result<This, Fault> {
        check_port(port)?;
        let host = Endpoint::parse(host)?;
        let session = tls::Session::new(config, Some(&host.name()))?;
        let now = self.now()?;
        let mut timers = Timers::new(config.timeouts());
        timers.start(Condition::Connecting, now);
        let mut state = match Connector::new(self, &host, port) {
            Ok(connector) => State::Connecting(Box::new(Connecting {
                connector,
                session,
                timers,
            })),
            Err(error @ Error::InvalidArgument(_)) => return Err(error.into()),
            Err(error) => State::Broken(error),
        };
        // The connection begins now, not with the first operation: a caller that accepts it in the
        // same store waits for the peer before it calls an operation here.
        self.advance(&mut state, now);
        Ok(self.table().push(Port::new(state))?)
    }

    fn state(&mut self, this: &This) -> Trappable<Arc<Mutex<State>>> {
        Ok(Arc::clone(&self.table().get(this)?.state))
    }

    /// Runs an operation on the connection, if there is one by now.
    fn operate<T>(
        &mut self,
        this: &This,
        operation: impl FnOnce(&mut Pump<Streams>, Moment) -> Result<T, Error>,
    ) -> Result<T, Fault> {
        let now = self.now()?;
        let state = self.state(this)?;
        let mut state = lock(&state);
        self.advance(&mut state, now);
        let result = match &mut *state {
            State::Connecting(_) => Err(Error::WantConnect),
            State::Connected(pump) => operation(pump, now),
            State::Broken(error) => Err(error.clone()),
            State::Closed(_) => Err(Error::Closed),
        };
        if result.is_err() && state.is_over() {
            self.free_slots(this)?;
        }
        Ok(result?)
    }

    /// Frees the places of a caller's streams, which are of no use any more: the caller may drop its
    /// socket, which is their parent.
    fn free_slots(&mut self, this: &This) -> Trappable<()> {
        if let Some(slots) = self.table().get_mut(this)?.slots.take() {
            self.release_slots(&slots);
        }
        Ok(())
    }

    /// Goes on with connecting, if the state is `Connecting`.
    fn advance(&mut self, state: &mut State, now: Moment) {
        let State::Connecting(connecting) = state else {
            return;
        };
        let outcome = match connecting.connector.advance(self, now) {
            Ok(Some(streams)) => Ok(streams),
            Ok(None) if !connecting.timers.has_run_out(Condition::Connecting, now) => return,
            Ok(None) => Err(Error::Timeout(Timer::Connect)),
            Err(error) => Err(Error::Network(error)),
        };
        let State::Connecting(connecting) = mem::replace(state, State::nowhere()) else {
            return;
        };
        let Connecting {
            mut connector,
            session,
            timers,
        } = *connecting;
        connector.retire(self);
        *state = match outcome {
            Ok(streams) => {
                let pump = Pump::new(session, streams, Vec::new(), timers.limits());
                State::Connected(Box::new(pump))
            }
            Err(error) => State::Broken(error),
        };
    }

    /// Enters `Closed`, and keeps the facts that `facts` takes from a session.
    fn leave(
        &mut self,
        state: &Mutex<State>,
        slots: Option<Slots>,
        facts: impl FnOnce(&tls::Session) -> Facts,
    ) {
        let mut state = lock(state);
        let facts = match &*state {
            State::Connected(pump) => facts(pump.session()),
            State::Connecting(_) | State::Broken(_) => Facts::default(),
            State::Closed(_) => return,
        };
        match mem::replace(&mut *state, State::Closed(Box::new(facts))) {
            State::Connecting(mut connecting) => connecting.connector.retire(self),
            State::Connected(_) | State::Broken(_) | State::Closed(_) => {}
        }
        if let Some(slots) = slots {
            self.release_slots(&slots);
        }
    }

    /// Repeats an operation until it returns something other than a `want-` error, and waits in
    /// between.
    async fn block<T: Send>(
        &mut self,
        this: &This,
        interest: Interest,
        mut operation: impl FnMut(&mut Pump<Streams>, Moment) -> Result<T, Error> + Send,
    ) -> Result<T, Fault> {
        loop {
            let interest = match self.operate(this, &mut operation) {
                Err(Fault::Tls(WitError::WantConnect)) => interest,
                Err(Fault::Tls(WitError::WantRead)) => Interest::Read,
                Err(Fault::Tls(WitError::WantWrite)) => Interest::Write,
                result => return result,
            };
            self.wait(this, interest).await?;
        }
    }

    /// Waits for the transport or the next timer.
    async fn wait(&mut self, this: &This, interest: Interest) -> Trappable<()> {
        let now = self.now()?;
        let state = self.state(this)?;
        let (waits, pollables, left) = {
            let mut state = lock(&state);
            let (mut waits, mut pollables) = (Vec::new(), Vec::new());
            match &*state {
                State::Connecting(connecting) => {
                    pollables = connecting.connector.pollables(self)?;
                }
                State::Connected(pump) => {
                    let wait = interest.of(pump);
                    let transport = pump.transport();
                    waits = transport.map_or_else(Vec::new, |streams| streams.readiness(wait));
                }
                State::Broken(_) | State::Closed(_) => {}
            }
            (waits, pollables, state.timer_left(now))
        };
        // Waking a little late is better than a little early: the timer has then surely run out.
        let left = left.map(|left| left.saturating_add(Duration::from_nanos(1)));
        if !pollables.is_empty() {
            return self.poll(pollables, left).await;
        }
        if !waits.is_empty() {
            first(waits, left).await;
        }
        // Else there is nothing to wait for: the next call goes on, or returns the reason why not.
        Ok(())
    }

    /// Waits for the first of the pollables, and drops them.
    async fn poll(
        &mut self,
        mut pollables: Vec<Resource<DynPollable>>,
        left: Option<Duration>,
    ) -> Trappable<()> {
        if let Some(left) = left {
            pollables.push(self.after(left)?);
        }
        let borrowed = pollables.iter().map(same).collect();
        let polled = self.table().poll(borrowed).await;
        for pollable in pollables {
            HostPollable::drop(self.table(), pollable)?;
        }
        polled.map(|_| ())
    }

    /// Fails for a port whose socket is ours, which cannot be given to a caller.
    fn require_plain(&mut self, this: &This) -> Result<(), Fault> {
        let state = self.state(this)?;
        let is_ours = match &*lock(&state) {
            State::Connected(pump) => pump.transport().is_some_and(Streams::has_socket),
            State::Connecting(_) | State::Broken(_) => true,
            State::Closed(_) => false,
        };
        match is_ours {
            true => Err(Error::NotSupported(
                "unwrap of a port that was not made by start, whose socket is the component's"
                    .to_owned(),
            )
            .into()),
            false => Ok(()),
        }
    }

    /// Leaves with what `unwrap` has returned.
    fn hand_over(
        &mut self,
        this: &This,
        (streams, already_read): (Streams, Vec<u8>),
    ) -> Result<PlainTransport, Fault> {
        let slots = self.table().get_mut(this)?.slots.take();
        let state = self.state(this)?;
        self.leave(&state, None, tls::Session::facts);
        let slots = slots.ok_or(Error::Closed)?;
        let (input, output) = self.give_back(&streams, slots)?;
        Ok(PlainTransport {
            input,
            output,
            already_read,
        })
    }

    fn subscribe_to(
        &mut self,
        this: &This,
        interest: Interest,
    ) -> Trappable<Resource<DynPollable>> {
        let now = self.now()?;
        let state = self.state(this)?;
        let pollable = match &mut *lock(&state) {
            State::Connecting(connecting) => connecting.connector.subscribe(self, now)?,
            State::Connected(pump) => match interest.one_of(interest.of(pump)) {
                Wait::Nothing => None,
                wait => match pump.share_transport(wait) {
                    Some(streams) => streams.pollable(self, wait)?,
                    None => None,
                },
            },
            State::Broken(_) | State::Closed(_) => None,
        };
        match pollable {
            Some(pollable) => Ok(pollable),
            None => self.after(Duration::ZERO),
        }
    }

    fn address(
        &mut self,
        this: &This,
        address: impl FnOnce(&Streams) -> Option<SocketAddr>,
    ) -> Trappable<Option<Address>> {
        let state = self.state(this)?;
        Ok(match &*lock(&state) {
            State::Connected(pump) => pump.transport().and_then(address).map(Address::from),
            State::Connecting(_) | State::Broken(_) | State::Closed(_) => None,
        })
    }
}

/// Waits for the first of these, or for the time to be over.
async fn first(mut waits: Vec<DynFuture<'static>>, left: Option<Duration>) {
    if let Some(left) = left {
        waits.push(Box::pin(tokio::time::sleep(left)));
    }
    poll_fn(|task| {
        let is_ready = |wait: &mut DynFuture<'static>| wait.as_mut().poll(task).is_ready();
        match waits.iter_mut().any(is_ready) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}

impl Host for View<'_> {}

impl HostPort for View<'_> {
    fn connect(
        &mut self,
        context: Resource<Context>,
        host: String,
        port: u16,
    ) -> Result<This, Fault> {
        let config = self.client_config(&context)?;
        self.connecting(&config, &host, port)
    }

    async fn blocking_connect(
        &mut self,
        context: Resource<Context>,
        host: String,
        port: u16,
    ) -> Result<This, Fault> {
        let config = self.client_config(&context)?;
        let port = self.connecting(&config, &host, port)?;
        match self.block(&port, Interest::Write, |_, _| Ok(())).await {
            Ok(()) => Ok(port),
            Err(error) => {
                HostPort::drop(self, port)?;
                Err(error)
            }
        }
    }

    fn start(
        &mut self,
        context: Resource<Context>,
        host: Option<String>,
        transport: PlainTransport,
    ) -> Result<This, Fault> {
        let PlainTransport {
            input,
            output,
            already_read,
        } = transport;
        let config = self.config(&context);
        // The streams are ours from here on, whatever comes of it.
        let (streams, slots) = self.streams_of_caller(input, output)?;
        let port = config.and_then(|config| {
            Port::connected(&config, host.as_deref(), streams, already_read).map_err(Fault::from)
        });
        match port {
            Ok(port) => {
                let slots = Some(slots);
                Ok(self.table().push(Port { slots, ..port })?)
            }
            Err(error) => {
                self.release_slots(&slots);
                Err(error)
            }
        }
    }

    fn client_hello(&mut self, this: This) -> Trappable<Option<Resource<ClientHello>>> {
        let state = self.state(&this)?;
        let hello = match &*lock(&state) {
            State::Connected(pump) => pump.session().client_hello().cloned(),
            State::Connecting(_) | State::Broken(_) | State::Closed(_) => None,
        };
        match hello {
            Some(hello) => Ok(Some(self.table().push(hello)?)),
            None => Ok(None),
        }
    }

    fn set_context(&mut self, this: This, context: Resource<Context>) -> Result<(), Fault> {
        let config = self.config(&context)?;
        self.operate(&this, |pump, _| pump.choose(&config))
    }

    fn refuse(&mut self, this: This, alert: u8) -> Result<(), Fault> {
        self.operate(&this, |pump, _| pump.refuse(alert))
    }

    fn handshake(&mut self, this: This) -> Result<(), Fault> {
        self.operate(&this, Pump::handshake)
    }

    async fn blocking_handshake(&mut self, this: This) -> Result<(), Fault> {
        self.block(&this, Interest::Read, Pump::handshake).await
    }

    fn read(&mut self, this: This, length: u64) -> Result<Option<Vec<u8>>, Fault> {
        let length = read_length(length)?;
        self.operate(&this, |pump, now| pump.read(length, now))
    }

    async fn blocking_read(&mut self, this: This, length: u64) -> Result<Option<Vec<u8>>, Fault> {
        let length = read_length(length)?;
        self.block(&this, Interest::Read, |pump, now| pump.read(length, now))
            .await
    }

    fn read_words(&mut self, this: This, length: u64) -> Result<Option<WitWords>, Fault> {
        Ok(self.read(this, length)?.map(WitWords::from))
    }

    async fn blocking_read_words(
        &mut self,
        this: This,
        length: u64,
    ) -> Result<Option<WitWords>, Fault> {
        let plaintext = self.blocking_read(this, length).await?;
        Ok(plaintext.map(WitWords::from))
    }

    fn check_write(&mut self, this: This) -> Result<u64, Fault> {
        Ok(number(self.operate(&this, Pump::check_write)?))
    }

    fn write(&mut self, this: This, plaintext: Vec<u8>) -> Result<u64, Fault> {
        let written = self.operate(&this, |pump, now| pump.write(&plaintext, now))?;
        Ok(number(written))
    }

    async fn blocking_write_all(&mut self, this: This, plaintext: Vec<u8>) -> Result<(), Fault> {
        let mut rest = plaintext.as_slice();
        loop {
            let written = self
                .block(&this, Interest::Write, |pump, now| pump.write(rest, now))
                .await?;
            rest = rest.get(written..).unwrap_or_default();
            if rest.is_empty() {
                return self.block(&this, Interest::Write, Pump::flush).await;
            }
        }
    }

    fn write_words(&mut self, this: This, plaintext: Vec<u64>, length: u64) -> Result<u64, Fault> {
        let plaintext = Words::new(plaintext, length)?;
        let mut piece = Vec::new();
        let front = plaintext.piece(0, &mut piece);
        let written = self.operate(&this, |pump, now| pump.write(front, now))?;
        Ok(number(written))
    }

    async fn blocking_write_all_words(
        &mut self,
        this: This,
        plaintext: Vec<u64>,
        length: u64,
    ) -> Result<(), Fault> {
        let plaintext = Words::new(plaintext, length)?;
        let (mut written, mut piece) = (0_usize, Vec::new());
        loop {
            let rest = plaintext.piece(written, &mut piece);
            let more = self
                .block(&this, Interest::Write, |pump, now| pump.write(rest, now))
                .await?;
            written = written.saturating_add(more);
            if written >= plaintext.length() {
                return self.block(&this, Interest::Write, Pump::flush).await;
            }
        }
    }

    fn write_early_data(&mut self, this: This, plaintext: Vec<u8>) -> Result<u64, Fault> {
        // Also before there is a connection: it leaves with the first message.
        let state = self.state(&this)?;
        let written = match &mut *lock(&state) {
            State::Connecting(connecting) => connecting.session.write_early(&plaintext),
            State::Connected(pump) => pump.write_early(&plaintext),
            State::Broken(error) => Err(error.clone()),
            State::Closed(_) => Err(Error::Closed),
        };
        Ok(number(written?))
    }

    fn read_early_data(&mut self, this: This, length: u64) -> Result<Option<Vec<u8>>, Fault> {
        let length = read_length(length)?;
        self.operate(&this, |pump, now| pump.read_early(length, now))
    }

    fn flush(&mut self, this: This) -> Result<(), Fault> {
        self.operate(&this, Pump::flush)
    }

    fn update_keys(&mut self, this: This) -> Result<(), Fault> {
        self.operate(&this, Pump::update_keys)
    }

    fn close_output(&mut self, this: This) -> Result<(), Fault> {
        self.operate(&this, Pump::close_output)
    }

    async fn close(&mut self, this: This) -> Result<(), Fault> {
        let state = self.state(&this)?;
        let is_connected = matches!(&*lock(&state), State::Connected(_));
        let result = match is_connected {
            true => {
                let shut = |pump: &mut Pump<Streams>, now| {
                    let result = pump.shutdown(now);
                    if !matches!(result, Err(Error::WantWrite)) {
                        pump.release();
                    }
                    result
                };
                self.block(&this, Interest::Write, shut).await
            }
            false => Ok(()),
        };
        let slots = self.table().get_mut(&this)?.slots.take();
        self.leave(&state, slots, tls::Session::facts);
        result
    }

    fn unwrap(&mut self, this: This) -> Result<PlainTransport, Fault> {
        self.require_plain(&this)?;
        let unwrapped = self.operate(&this, Pump::unwrap)?;
        self.hand_over(&this, unwrapped)
    }

    async fn blocking_unwrap(&mut self, this: This) -> Result<PlainTransport, Fault> {
        self.require_plain(&this)?;
        let unwrapped = self.block(&this, Interest::Read, Pump::unwrap).await?;
        self.hand_over(&this, unwrapped)
    }

    fn subscribe(&mut self, this: This) -> Trappable<Resource<DynPollable>> {
        self.subscribe_to(&this, Interest::Read)
    }

    fn subscribe_write(&mut self, this: This) -> Trappable<Resource<DynPollable>> {
        self.subscribe_to(&this, Interest::Write)
    }

    fn set_timeout(
        &mut self,
        this: This,
        timer: WitTimer,
        milliseconds: Option<u64>,
    ) -> Result<(), Fault> {
        let timer = timer.into();
        let state = self.state(&this)?;
        let set = match &mut *lock(&state) {
            State::Connecting(connecting) => connecting.timers.set_limit(timer, milliseconds),
            State::Connected(pump) => pump.set_timeout(timer, milliseconds),
            // There are no timers any more, but a timer that is not supported is still refused.
            State::Broken(_) => Timeouts::default().set(timer, milliseconds),
            State::Closed(_) => Err(Error::Closed),
        };
        Ok(set?)
    }

    fn time_left(&mut self, this: This) -> Trappable<Option<u64>> {
        let now = self.now()?;
        let state = self.state(&this)?;
        let left = lock(&state).time_left(now);
        Ok(left.and_then(|left| u64::try_from(left.as_nanos().div_ceil(1_000_000)).ok()))
    }

    fn local_address(&mut self, this: This) -> Trappable<Option<Address>> {
        self.address(&this, Streams::local_address)
    }

    fn remote_address(&mut self, this: This) -> Trappable<Option<Address>> {
        self.address(&this, Streams::remote_address)
    }

    fn session(&mut self, this: This) -> Trappable<Resource<Session>> {
        let state = self.state(&this)?;
        Ok(self.table().push(Session::of(state))?)
    }

    fn drop(&mut self, this: This) -> Trappable<()> {
        let Port { state, slots } = self.table().delete(this)?;
        if Arc::strong_count(&state) > 1 {
            self.leave(&state, slots, tls::Session::facts);
        } else {
            // No session is left to ask for the facts, and finding them may take a verification.
            self.leave(&state, slots, |_| Facts::default());
        }
        Ok(())
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
