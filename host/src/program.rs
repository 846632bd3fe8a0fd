//! Command components (`wasi:cli/command`) of the embedder, with `portcullis:tls` for those that
//! import it.

use std::fmt;

use wasmtime::component::Component;
use wasmtime::{Engine, Store};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p2::bindings::sync::CommandPre;

use crate::guest::{self, EMBEDDED};
use crate::link::add_to_linker_sync;
use crate::options::Options;
use crate::plug;
use crate::state::{self, State};

/// A compiled command component, ready to run.
#[derive(Clone)]
pub struct Program {
    command: CommandPre<State>,
    engine: Engine,
}

impl Program {
    /// A component in memory, in the binary format, or a core module as [`compose`](crate::compose)
    /// takes it. Its imports of `portcullis:tls` are linked with the component that was built with
    /// this crate: bytes pass between the two faster than in a composed component.
    ///
    /// # Errors
    /// When it is no component, imports what this host does not have, or is no command.
    pub fn from_bytes(program: &[u8]) -> wasmtime::Result<Self> {
        let engine = guest::engine(false)?;
        let program = guest::compile(&engine, &plug::as_component(program)?)?;
        let mut linker = state::linker(&engine)?;
        if imports_tls(&program) {
            add_to_linker_sync(&mut linker, &guest::compile(&engine, EMBEDDED)?)?;
        }
        Ok(Self {
            command: CommandPre::new(linker.instantiate_pre(&program)?)?,
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
        let mut store = Store::new(&self.engine, State::new(wasi.build()));
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

fn imports_tls(component: &Component) -> bool {
    component
        .component_type()
        .imports(component.engine())
        .any(|(name, _)| name.starts_with("portcullis:tls/"))
}
