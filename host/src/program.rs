//! Command components (`wasi:cli/command`) of the embedder, with `portcullis:tls` for those that
//! import it.

use std::fmt;

use wasmtime::{Engine, Store};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p2::bindings::sync::CommandPre;
use wasmtime_wasi::p3::bindings::CommandPre as ConcurrentPre;

use crate::epoch;
use crate::guest::{self, EMBEDDED, Kind};
use crate::link::add_to_linker_sync;
use crate::options::Options;
use crate::plug::{self, Needs};
use crate::state::{self, State};

/// A compiled command component, ready to run.
#[derive(Clone)]
pub struct Program {
    command: Command,
    engine: Engine,
    kind: Kind,
}

#[derive(Clone)]
enum Command {
    /// Of WASI 0.2.
    Sync(CommandPre<State>),
    /// Of WASI 0.3.
    Concurrent(ConcurrentPre<State>),
}

/// What serves a program's imports of `portcullis:tls`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Component,
    #[cfg(feature = "native")]
    Native,
}

impl Program {
    /// A component in memory, in the binary format, or a core module as [`compose`](crate::compose)
    /// takes it. Its imports of `portcullis:tls` are linked with the component that was built with
    /// this crate: bytes pass between the two faster than in a composed component. A program of WASI
    /// 0.3 is composed with it, for streams pass there without a copy.
    ///
    /// # Errors
    /// When it is no component, imports what this host does not have, or is no command.
    pub fn from_bytes(program: &[u8]) -> wasmtime::Result<Self> {
        Self::of_kind(Kind::Plain, Form::Component, program)
    }

    /// Like [`from_bytes`](Self::from_bytes), but its imports of `portcullis:tls` are the host's own
    /// form of it ([`native`](crate::native)): faster, and without a component between the keys and what
    /// peers send. A program of WASI 0.3, for which there is no such form, is refused.
    ///
    /// # Errors
    /// Those of [`from_bytes`](Self::from_bytes), and for a program of WASI 0.3.
    #[cfg(feature = "native")]
    pub fn native(program: &[u8]) -> wasmtime::Result<Self> {
        Self::of_kind(Kind::Plain, Form::Native, program)
    }

    /// Like [`from_bytes`](Self::from_bytes), but compiled so that it can be ended wherever it is
    /// ([`Options::interrupt`], [`Options::deadline`]), as
    /// [`Guest::interruptible`](crate::Guest::interruptible) does with the component alone.
    ///
    /// # Errors
    /// Those of [`from_bytes`](Self::from_bytes), and when the machine has no thread left.
    pub fn interruptible(program: &[u8]) -> wasmtime::Result<Self> {
        let program = Self::of_kind(Kind::Interruptible, Form::Component, program)?;
        epoch::tick(&program.engine)?;
        Ok(program)
    }

    fn of_kind(kind: Kind, form: Form, program: &[u8]) -> wasmtime::Result<Self> {
        let program = plug::as_component(program)?;
        let needs = Needs::of(&program)?;
        #[cfg(feature = "native")]
        if form == Form::Native && (needs.is_concurrent || needs.p3) {
            return Err(wasmtime::Error::msg(
                "the host has no form of its own of portcullis:tls-async and wasi:tls; run it without \
                 --native, by the component",
            ));
        }
        if needs.is_concurrent {
            return Self::concurrent(kind, &program, &needs);
        }
        let engine = guest::engine(kind)?;
        let program = guest::compile(&engine, &program)?;
        let mut linker = state::linker(&engine)?;
        if kind == Kind::Interruptible {
            epoch::add_to_linker(&mut linker)?;
        }
        if needs.tls {
            match form {
                Form::Component => {
                    add_to_linker_sync(&mut linker, &guest::compile(&engine, EMBEDDED)?)?;
                }
                #[cfg(feature = "native")]
                Form::Native => crate::native::add_to_linker_sync(&mut linker)?,
            }
        }
        Ok(Self {
            command: Command::Sync(CommandPre::new(linker.instantiate_pre(&program)?)?),
            engine,
            kind,
        })
    }

    fn concurrent(kind: Kind, program: &[u8], needs: &Needs) -> wasmtime::Result<Self> {
        let engine = guest::concurrent_engine(kind)?;
        let program = if needs.tls {
            let composed = plug::compose(program, needs.embedded())?;
            guest::compile(&engine, &composed)?
        } else {
            guest::compile(&engine, program)?
        };
        let linker = state::concurrent_linker(&engine)?;
        let command = ConcurrentPre::new(linker.instantiate_pre(&program)?)?;
        Ok(Self {
            command: Command::Concurrent(command),
            engine,
            kind,
        })
    }

    /// Run it in an instance of its own, with the standard streams of this process, and say whether
    /// it ended well. The first argument is its name. Blocks until it ends; not to be called within
    /// an asynchronous runtime.
    ///
    /// # Errors
    /// When a directory of the options cannot be opened, when the component traps, when it is ended by
    /// the options ([`Interrupted`](crate::Interrupted), to be found by `downcast_ref`), and when the
    /// options have an interrupt or a deadline and it was not made by
    /// [`interruptible`](Self::interruptible).
    pub fn run<'a>(
        &self,
        options: Options,
        arguments: impl IntoIterator<Item = &'a String>,
        environment: &[(String, String)],
    ) -> wasmtime::Result<bool> {
        let (memory, ends) = (options.memory_limit(), options.ends());
        self.kind.require(&ends)?;
        ends.check()?;
        let mut wasi = options.into_builder()?;
        wasi.inherit_stdio().envs(environment);
        for argument in arguments {
            wasi.arg(argument);
        }
        let mut store = Store::new(&self.engine, State::new(wasi.build(), memory, ends.clone()));
        store.limiter(|state| &mut state.memory);
        if self.kind == Kind::Interruptible {
            epoch::watch(&mut store);
        }
        let ended = match &self.command {
            Command::Sync(command) => {
                let command = command.instantiate(&mut store)?;
                command.wasi_cli_run().call_run(&mut store)
            }
            Command::Concurrent(command) => {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                runtime.block_on(ends.before(run_concurrent(command, &mut store)))?
            }
        };
        match ended {
            Ok(outcome) => Ok(outcome.is_ok()),
            Err(error) => match error.downcast_ref::<I32Exit>() {
                Some(I32Exit(status)) => Ok(*status == 0),
                None => Err(error),
            },
        }
    }
}

async fn run_concurrent(
    command: &ConcurrentPre<State>,
    store: &mut Store<State>,
) -> wasmtime::Result<Result<(), ()>> {
    let command = command.instantiate_async(&mut *store).await?;
    store
        .run_concurrent(async |store| command.wasi_cli_run().call_run(store).await)
        .await?
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").finish_non_exhaustive()
    }
}
