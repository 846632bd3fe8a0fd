//! The resource `engine`.

use std::sync::{Arc, Mutex};

use portcullis::error::Error;
use portcullis::tls::{Facts, View as Seen, Viewed};
use wasmtime::Result as Trappable;
use wasmtime::component::Resource;

use super::bindings::portcullis::tls::engine::{Host, HostEngine};
use super::client_hello::ClientHello;
use super::context::Context;
use super::conv::{number, read_length};
use super::fault::Fault;
use super::session::Session;
use super::view::{View, lock};

/// One connection whose ciphertext the caller moves. It is shared with its sessions, which may outlive
/// it.
pub struct Engine(Arc<Mutex<State>>);

enum State {
    /// Leaves to `Dropped`.
    Running(Box<portcullis::engine::Engine>),
    /// Terminal; the facts of the session stay known.
    Dropped(Box<Facts>),
}

impl Viewed for State {
    fn view(&self) -> Seen<'_> {
        match self {
            Self::Running(engine) => Seen::Live(engine.session()),
            Self::Dropped(facts) => Seen::Kept(facts),
        }
    }
}

type This = Resource<Engine>;

impl View<'_> {
    /// Runs an operation. The engine is there as long as its handle is.
    fn operate_engine<T>(
        &mut self,
        this: &This,
        operation: impl FnOnce(&mut portcullis::engine::Engine) -> T,
    ) -> Result<T, Fault> {
        match &mut *lock(&self.table().get(this)?.0) {
            State::Running(engine) => Ok(operation(engine)),
            State::Dropped(_) => Err(Error::Closed.into()),
        }
    }

    /// The same for an operation that never fails; the fault can only be one of the guest's.
    fn ask_engine<T>(
        &mut self,
        this: &This,
        operation: impl FnOnce(&mut portcullis::engine::Engine) -> T,
    ) -> Trappable<Option<T>> {
        Ok(Fault::settle(self.operate_engine(this, operation))?.ok())
    }
}

impl Host for View<'_> {}

impl HostEngine for View<'_> {
    fn start(&mut self, context: Resource<Context>, host: Option<String>) -> Result<This, Fault> {
        let config = self.config(&context)?;
        let engine = portcullis::engine::Engine::new(&config, host.as_deref())?;
        let state = State::Running(Box::new(engine));
        Ok(self.table().push(Engine(Arc::new(Mutex::new(state))))?)
    }

    fn put_ciphertext(&mut self, this: This, ciphertext: Vec<u8>) -> Trappable<u64> {
        let taken = self.ask_engine(&this, |engine| engine.put_ciphertext(&ciphertext))?;
        Ok(number(taken.unwrap_or(0)))
    }

    fn put_end(&mut self, this: This) -> Trappable<()> {
        self.ask_engine(&this, portcullis::engine::Engine::put_end)
            .map(|_| ())
    }

    fn take_ciphertext(&mut self, this: This, limit: u64) -> Trappable<Vec<u8>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let taken = self.ask_engine(&this, |engine| engine.take_ciphertext(limit))?;
        Ok(taken.unwrap_or_default())
    }

    fn has_ciphertext(&mut self, this: This) -> Trappable<bool> {
        let has = self.ask_engine(&this, |engine| engine.has_ciphertext())?;
        Ok(has.unwrap_or(false))
    }

    fn client_hello(&mut self, this: This) -> Trappable<Option<Resource<ClientHello>>> {
        let hello = self.ask_engine(&this, |engine| engine.session().client_hello().cloned())?;
        match hello.flatten() {
            Some(hello) => Ok(Some(self.table().push(hello)?)),
            None => Ok(None),
        }
    }

    fn set_context(&mut self, this: This, context: Resource<Context>) -> Result<(), Fault> {
        let config = self.config(&context)?;
        Ok(self.operate_engine(&this, |engine| engine.choose(&config))??)
    }

    fn refuse(&mut self, this: This, alert: u8) -> Result<(), Fault> {
        Ok(self.operate_engine(&this, |engine| engine.refuse(alert))??)
    }

    fn handshake(&mut self, this: This) -> Result<(), Fault> {
        Ok(self.operate_engine(&this, portcullis::engine::Engine::handshake)??)
    }

    fn read(&mut self, this: This, length: u64) -> Result<Option<Vec<u8>>, Fault> {
        let length = read_length(length)?;
        Ok(self.operate_engine(&this, |engine| engine.read(length))??)
    }

    fn write(&mut self, this: This, plaintext: Vec<u8>) -> Result<u64, Fault> {
        let written = self.operate_engine(&this, |engine| engine.write(&plaintext))??;
        Ok(number(written))
    }

    fn write_early_data(&mut self, this: This, plaintext: Vec<u8>) -> Result<u64, Fault> {
        let written = self.operate_engine(&this, |engine| engine.write_early(&plaintext))??;
        Ok(number(written))
    }

    fn read_early_data(&mut self, this: This, length: u64) -> Result<Option<Vec<u8>>, Fault> {
        let length = read_length(length)?;
        Ok(self.operate_engine(&this, |engine| engine.read_early(length))??)
    }

    fn close_output(&mut self, this: This) -> Result<(), Fault> {
        Ok(self.operate_engine(&this, portcullis::engine::Engine::close_output)??)
    }

    fn session(&mut self, this: This) -> Trappable<Resource<Session>> {
        let state = Arc::clone(&self.table().get(&this)?.0);
        Ok(self.table().push(Session::of(state))?)
    }

    fn drop(&mut self, this: This) -> Trappable<()> {
        let Engine(state) = self.table().delete(this)?;
        // No session is left to ask for the facts, and finding them may take a verification.
        let is_seen = Arc::strong_count(&state) > 1;
        let mut state = lock(&state);
        let facts = match &*state {
            State::Running(engine) if is_seen => engine.session().facts(),
            _ => Facts::default(),
        };
        *state = State::Dropped(Box::new(facts));
        Ok(())
    }
}
