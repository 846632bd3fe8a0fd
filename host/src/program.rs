//! Command components of the embedder's: what `wasi:cli/command` describes, as one that was composed
//! with the TLS component is.

use std::fmt;

use wasmtime::component::Component;
use wasmtime::{Engine, Store};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p2::bindings::sync::CommandPre;

use crate::cache::Cache;
use crate::guest;
use crate::options::Options;
use crate::state::{self, State};

/// A compiled command component, ready to run.
#[derive(Clone)]
pub struct Program {
    command: CommandPre<State>,
    engine: Engine,
}

impl Program {
    /// A component in memory, in the binary format; see [`compose`](crate::compose) for one that
    /// imports `portcullis:tls`.
    ///
    /// # Errors
    /// When it is no component, imports what this host does not have, or is no command.
    pub fn from_bytes(component: &[u8]) -> wasmtime::Result<Self> {
        let engine = guest::engine(false)?;
        let component = match Cache::of_user() {
            Some(cache) => cache.component(&engine, component)?,
            None => Component::new(&engine, component)?,
        };
        let linker = state::linker(&engine)?;
        Ok(Self {
            command: CommandPre::new(linker.instantiate_pre(&component)?)?,
            engine,
        })
    }

    /// Run it in an instance of its own, with the standard streams of this process, and say whether
    /// it ended well. The first argument is its name. Blocks until it ends.
    ///
    /// # Errors
    /// When a directory of the options cannot be opened, and when the component traps.
    pub fn run<'a>(
        &self,
        options: Options,
        arguments: impl IntoIterator<Item = &'a String>,
        environment: &[(String, String)],
    ) -> wasmtime::Result<bool> {
        let mut wasi = options.into_builder()?;
        wasi.inherit_stdio().envs(environment);
        for argument in arguments {
            wasi.arg(argument);
        }
        let state = State {
            wasi: wasi.build(),
            table: Default::default(),
            memory: Default::default(),
        };
        let mut store = Store::new(&self.engine, state);
        let command = self.command.instantiate(&mut store)?;
        match command.wasi_cli_run().call_run(&mut store) {
            Ok(outcome) => Ok(outcome.is_ok()),
            Err(error) => match error.downcast_ref::<I32Exit>() {
                Some(I32Exit(status)) => Ok(*status == 0),
                None => Err(error),
            },
        }
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").finish_non_exhaustive()
    }
}
