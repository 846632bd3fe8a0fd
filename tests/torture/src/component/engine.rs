//! An engine of the component, over the middle.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use portcullis_host::{Context, Engine, Failure as HostFailure, Instance};

use super::{broken, name};
use crate::machine::{Failure, Machine};
use crate::wire::{Label, Middle, Taken};

/// An engine of the component, over the middle.
pub(super) struct Engined<'a> {
    engine: Option<Engine>,
    instance: &'a mut Instance,
    middle: Rc<RefCell<Middle>>,
    /// Ciphertext for the engine, which it has not taken.
    pending: Vec<u8>,
    /// It took nothing the last time.
    is_stuck: bool,
    /// Why the instance is of no more use.
    pub(super) trap: Option<String>,
}

impl<'a> Engined<'a> {
    pub(super) fn start(
        instance: &'a mut Instance,
        context: &Context,
        host: Option<&str>,
        middle: &Rc<RefCell<Middle>>,
    ) -> Result<Self> {
        let engine = Engine::start(instance, context, host).map_err(broken)?;
        Ok(Self {
            engine: Some(engine),
            instance,
            middle: Rc::clone(middle),
            pending: Vec::new(),
            is_stuck: false,
            trap: None,
        })
    }

    fn with<T>(
        &mut self,
        call: impl FnOnce(&Engine, &mut Instance) -> Result<T, HostFailure>,
    ) -> Result<T, Failure> {
        let gone = || Failure::Typed("released".to_owned());
        let engine = self.engine.as_ref().ok_or_else(gone)?;
        call(engine, self.instance).map_err(|failure| {
            if failure.is_want() {
                return Failure::Want;
            }
            Failure::Typed(name(failure).unwrap_or_else(|trap| {
                self.trap = Some(format!("{trap:#}"));
                "trap".to_owned()
            }))
        })
    }
}

impl Machine for Engined<'_> {
    fn handshake(&mut self, _: Duration) -> Result<(), Failure> {
        self.with(Engine::handshake)
    }

    fn read(&mut self, limit: usize, _: Duration) -> Result<Option<Vec<u8>>, Failure> {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        self.with(|engine, tls| engine.read(tls, limit))
    }

    fn write(&mut self, plaintext: &[u8], _: Duration) -> Result<usize, Failure> {
        self.with(|engine, tls| engine.write(tls, plaintext))
    }

    fn flush(&mut self, _: Duration) -> Result<(), Failure> {
        Ok(())
    }

    fn close_output(&mut self, _: Duration) -> Result<(), Failure> {
        self.with(Engine::close_output)
    }

    fn is_ready(&mut self) -> bool {
        false
    }

    fn time_left(&mut self, _: Duration) -> Option<Duration> {
        None
    }

    fn has_transport(&self) -> bool {
        false
    }

    fn carry(&mut self) -> Result<bool> {
        let engine = self.engine.as_ref().context("the engine")?;
        let mut has_moved = false;
        loop {
            let taken = engine.take_ciphertext(self.instance, 64 * 1024);
            let taken = taken.map_err(broken)?;
            if taken.is_empty() {
                break;
            }
            has_moved = true;
            let to_peer = &mut self.middle.borrow_mut().to_peer;
            to_peer.put(&taken, Label::default());
        }
        if self.pending.is_empty() {
            match self.middle.borrow_mut().to_us.take_once(64 * 1024) {
                Taken::Bytes(bytes) => self.pending = bytes,
                Taken::Nothing => {}
                Taken::End | Taken::Reset => {
                    engine.put_end(self.instance).map_err(broken)?;
                    has_moved = true;
                }
            }
        }
        if !self.pending.is_empty() {
            let taken = engine.put_ciphertext(self.instance, &self.pending);
            let taken = taken.map_err(broken)?;
            self.pending.drain(..taken.min(self.pending.len()));
            // What is taken of nothing is told by the next operation: that there is plaintext, or a failure.
            has_moved |= taken > 0 || !self.is_stuck;
            self.is_stuck = taken == 0;
        }
        Ok(has_moved)
    }

    fn release(&mut self) -> Option<usize> {
        if let Some(engine) = self.engine.take()
            && let Err(failure) = engine.drop(self.instance)
        {
            self.trap = Some(failure.to_string());
        }
        self.middle.borrow_mut().to_peer.end();
        None
    }
}
