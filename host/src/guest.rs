//! The compiled component, from which instances are made.

use std::fmt;
use std::path::Path;
use std::sync::OnceLock;

use wasmtime::component::Component;
use wasmtime::{Config, Engine, Store};

#[cfg(unix)]
use crate::cache::Cache;
use crate::epoch;
use crate::exports::Linked;
use crate::instance::{FUEL, Instance};
use crate::interrupt::Ends;
use crate::options::Options;
use crate::state::{self, State};

/// The component that was built with this crate, in the flavour for engines with wide arithmetic.
pub const EMBEDDED: &[u8] = include_bytes!(env!("PORTCULLIS_WASM"));

/// The component for programs of WASI 0.3, in the same flavour.
pub const EMBEDDED_P3: &[u8] = include_bytes!(env!("PORTCULLIS_P3_WASM"));

/// A compiled component, ready to be instantiated. Clones share the compiled code; instances share
/// nothing, and each may live on a thread of its own.
#[derive(Clone)]
pub struct Guest {
    linked: Linked,
    kind: Kind,
}

/// What the code of an engine is compiled for, beside its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing.
    Plain,
    /// It counts what it executes.
    Metered,
    /// It looks whether it is to end.
    Interruptible,
}

impl Kind {
    /// Fails if the code would not see what may end it.
    pub(crate) fn require(self, ends: &Ends) -> wasmtime::Result<()> {
        if ends.is_none() || self == Self::Interruptible {
            return Ok(());
        }
        Err(wasmtime::Error::msg(
            "an interrupt or a deadline is for what was made by `interruptible`; make it so, or leave \
             them out of the options",
        ))
    }
}

impl Guest {
    /// The component that was built with this crate. It is compiled once per process at most, and
    /// once per machine if the cache directory (`PORTCULLIS_CACHE_DIR`, else the user's) can be
    /// used, which is so on Unix alone.
    ///
    /// # Errors
    /// When it is not a component, or does not fit this host.
    pub fn embedded() -> wasmtime::Result<Self> {
        static GUEST: OnceLock<Guest> = OnceLock::new();
        if let Some(guest) = GUEST.get() {
            return Ok(guest.clone());
        }
        let guest = Self::from_bytes(EMBEDDED)?;
        Ok(GUEST.get_or_init(|| guest).clone())
    }

    /// A component in memory, in the binary format. With the feature `native`, one that imports
    /// `portcullis:tls` itself, and so stands before it, is given the host's own form of it.
    ///
    /// # Errors
    /// When it is no component, or its imports or exports do not fit this host.
    pub fn from_bytes(component: &[u8]) -> wasmtime::Result<Self> {
        Self::of_kind(Kind::Plain, component)
    }

    /// Like [`from_bytes`](Self::from_bytes), but compiled so that instances count what they
    /// execute ([`Instance::fuel_spent`]), which makes them slower.
    ///
    /// # Errors
    /// Those of [`from_bytes`](Self::from_bytes).
    pub fn metered(component: &[u8]) -> wasmtime::Result<Self> {
        Self::of_kind(Kind::Metered, component)
    }

    /// Like [`from_bytes`](Self::from_bytes), but compiled so that instances can be ended wherever they
    /// are ([`Options::interrupt`], [`Options::deadline`]), which makes them a little slower. A thread of
    /// its own lets their time go on, a hundred times a second, for as long as the guest or an instance
    /// is there. The embedded component is [`EMBEDDED`].
    ///
    /// # Errors
    /// Those of [`from_bytes`](Self::from_bytes), and when the machine has no thread left.
    pub fn interruptible(component: &[u8]) -> wasmtime::Result<Self> {
        Self::of_kind(Kind::Interruptible, component)
    }

    fn of_kind(kind: Kind, component: &[u8]) -> wasmtime::Result<Self> {
        let engine = engine(kind)?;
        let mut linker = state::linker(&engine)?;
        if kind == Kind::Interruptible {
            epoch::add_to_linker(&mut linker)?;
        }
        let component = compile(&engine, component)?;
        #[cfg(feature = "native")]
        if imports_tls(&component) {
            crate::native::add_to_linker_sync(&mut linker)?;
        }
        let linked = Linked::new(linker.instantiate_pre(&component)?)?;
        if kind == Kind::Interruptible {
            epoch::tick(&engine)?;
        }
        Ok(Self { linked, kind })
    }

    /// A component in a file.
    ///
    /// # Errors
    /// Those of [`from_bytes`](Self::from_bytes), and when the file cannot be read.
    pub fn from_file(path: impl AsRef<Path>) -> wasmtime::Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|error| {
            wasmtime::Error::from(error).context(format!("{} cannot be read", path.display()))
        })?;
        Self::from_bytes(&bytes)
    }

    /// A fresh instance: it shares nothing with any other.
    ///
    /// # Errors
    /// When a directory of the options cannot be opened, the machine has no memory left, the options
    /// have an interrupt or a deadline and this guest was not made by
    /// [`interruptible`](Self::interruptible), or one of them has ended the instance already
    /// ([`Interrupted`](crate::Interrupted)).
    pub fn instantiate(&self, options: Options) -> wasmtime::Result<Instance> {
        let (memory, ends) = (options.memory_limit(), options.ends());
        self.kind.require(&ends)?;
        ends.check()?;
        let state = State::new(options.into_wasi()?, memory, ends);
        let mut store = Store::new(self.linked.engine(), state);
        if self.kind == Kind::Interruptible {
            epoch::watch(&mut store);
        }
        store.limiter(|state| &mut state.memory);
        // This fails in an engine that does not meter fuel; its instances need none.
        let _ = store.set_fuel(FUEL);
        let exports = self.linked.instantiate(&mut store)?;
        Ok(Instance { store, exports })
    }
}

/// Whether a component imports interfaces of ours.
#[cfg(feature = "native")]
fn imports_tls(component: &Component) -> bool {
    let ty = component.component_type();
    let mut imports = ty.imports(component.engine());
    imports.any(|(name, _)| name.starts_with("portcullis:tls/"))
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest").finish_non_exhaustive()
    }
}

/// The engine for all components.
pub(crate) fn engine(kind: Kind) -> wasmtime::Result<Engine> {
    let mut config = config(kind);
    // Without it, calls cost what they cost in an engine that has no async ABI.
    config.concurrency_support(false);
    Engine::new(&config)
}

/// The engine for programs of WASI 0.3, which has the async ABI as well.
pub(crate) fn concurrent_engine(kind: Kind) -> wasmtime::Result<Engine> {
    Engine::new(&config(kind))
}

/// It allows wide arithmetic, which wasmtime 48 leaves off.
fn config(kind: Kind) -> Config {
    let mut config = Config::new();
    config
        .wasm_wide_arithmetic(true)
        .consume_fuel(kind == Kind::Metered)
        .epoch_interruption(kind == Kind::Interruptible);
    config
}

/// Compiles a component, or takes its compiled form from this user's cache.
pub(crate) fn compile(engine: &Engine, component: &[u8]) -> wasmtime::Result<Component> {
    // Compiled code runs as it stands, so nobody but this user may be able to write to the cache.
    // Owners and modes show that on Unix only: on other systems, each process compiles.
    #[cfg(unix)]
    if let Some(cache) = Cache::of_user() {
        return cache.component(engine, component);
    }
    Component::new(engine, component)
}
