//! The resource `engine`.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::bindings::exports::portcullis::tls::client_hello::ClientHello as HelloHandle;
use super::bindings::exports::portcullis::tls::context::ContextBorrow;
use super::bindings::exports::portcullis::tls::engine::{
    Engine as EngineHandle, Guest, GuestEngine, Session as SessionHandle,
};
use super::bindings::exports::portcullis::tls::types::Error as WitError;
use super::client_hello::Hello;
use super::component::Component;
use super::context::Context;
use super::conv::{number, read_length};
use super::session::SessionOf;
use crate::engine::Engine;
use crate::error::Error;
use crate::memory::{wipe_stack, wiping};
use crate::tls::{Config, Facts, View, Viewed};

/// One connection whose ciphertext the caller moves.
pub(crate) struct EngineOfContext {
    /// Shared with the engine's sessions, which may outlive it.
    state: Rc<RefCell<State>>,
}

enum State {
    /// Leaves to `Dropped`.
    Running(Box<Engine>),
    /// Terminal; the facts of the session stay known.
    Dropped(Box<Facts>),
}

impl EngineOfContext {
    pub(crate) fn new(config: &Arc<Config>, host: Option<&str>) -> Result<Self, Error> {
        let state = State::Running(Box::new(Engine::new(config, host)?));
        Ok(Self {
            state: Rc::new(RefCell::new(state)),
        })
    }

    /// Its session, which may outlive it.
    pub(crate) fn session(&self) -> SessionHandle {
        SessionHandle::new(SessionOf::new(self.state.clone()))
    }

    /// Runs an operation. The engine is there as long as its handle is.
    pub(crate) fn operate<T>(&self, operation: impl FnOnce(&mut Engine) -> T) -> Result<T, Error> {
        match &mut *self.state.borrow_mut() {
            State::Running(engine) => {
                let has_secrets = engine.session().is_handshaking();
                Ok(wiping(has_secrets, || operation(engine)))
            }
            State::Dropped(_) => Err(Error::Closed),
        }
    }
}

impl Viewed for State {
    fn view(&self) -> View<'_> {
        match self {
            Self::Running(engine) => View::Live(engine.session()),
            Self::Dropped(facts) => View::Kept(facts),
        }
    }
}

impl Drop for EngineOfContext {
    fn drop(&mut self) {
        // No session is left to ask for the facts, and finding them may take a verification.
        let facts = match Rc::strong_count(&self.state) {
            1 => Ok(Facts::default()),
            _ => self.operate(|engine| engine.session().facts()),
        };
        *self.state.borrow_mut() = State::Dropped(Box::new(facts.unwrap_or_default()));
        wipe_stack();
    }
}

impl Guest for Component {
    type Engine = EngineOfContext;
}

impl GuestEngine for EngineOfContext {
    fn start(context: ContextBorrow<'_>, host: Option<String>) -> Result<EngineHandle, WitError> {
        let config = context.get::<Context>().config()?;
        Ok(EngineHandle::new(Self::new(&config, host.as_deref())?))
    }

    fn put_ciphertext(&self, ciphertext: Vec<u8>) -> u64 {
        let taken = self.operate(|engine| engine.put_ciphertext(&ciphertext));
        number(taken.unwrap_or(0))
    }

    fn put_end(&self) {
        let _ = self.operate(Engine::put_end);
    }

    fn take_ciphertext(&self, limit: u64) -> Vec<u8> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let taken = self.operate(|engine| engine.take_ciphertext(limit));
        taken.unwrap_or_default()
    }

    fn has_ciphertext(&self) -> bool {
        self.operate(|engine| engine.has_ciphertext())
            .unwrap_or(false)
    }

    fn client_hello(&self) -> Option<HelloHandle> {
        let hello = self.operate(|engine| engine.session().client_hello().cloned());
        hello.ok()?.map(|hello| HelloHandle::new(Hello(hello)))
    }

    fn set_context(&self, context: ContextBorrow<'_>) -> Result<(), WitError> {
        let config = context.get::<Context>().config()?;
        Ok(self.operate(|engine| engine.choose(&config))??)
    }

    fn refuse(&self, alert: u8) -> Result<(), WitError> {
        Ok(self.operate(|engine| engine.refuse(alert))??)
    }

    fn handshake(&self) -> Result<(), WitError> {
        Ok(self.operate(Engine::handshake)??)
    }

    fn read(&self, length: u64) -> Result<Option<Vec<u8>>, WitError> {
        let length = read_length(length)?;
        Ok(self.operate(|engine| engine.read(length))??)
    }

    fn write(&self, plaintext: Vec<u8>) -> Result<u64, WitError> {
        Ok(number(self.operate(|engine| engine.write(&plaintext))??))
    }

    fn write_early_data(&self, plaintext: Vec<u8>) -> Result<u64, WitError> {
        let written = self.operate(|engine| engine.write_early(&plaintext))??;
        Ok(number(written))
    }

    fn read_early_data(&self, length: u64) -> Result<Option<Vec<u8>>, WitError> {
        let length = read_length(length)?;
        Ok(self.operate(|engine| engine.read_early(length))??)
    }

    fn close_output(&self) -> Result<(), WitError> {
        Ok(self.operate(Engine::close_output)??)
    }

    fn session(&self) -> SessionHandle {
        Self::session(self)
    }
}
