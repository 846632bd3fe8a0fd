//! One instance: a store and the component's exports in it.

use std::any::Any;
use std::fmt;

use wasmtime::Store;
use wasmtime::component::ResourceAny;

use crate::exports::Exports;
use crate::failure::{Failure, is_want};
use crate::state::State;
use crate::types::{Error, Status};

/// The fuel of a metered instance: it never runs out.
pub(crate) const FUEL: u64 = u64::MAX;

/// A running component. Contexts, listeners and ports belong to the instance that they were made
/// in, and are to be used with no other. One thread at a time can use it, and a blocking call holds
/// it up; a server that serves many connections in one instance uses the forms that do not block,
/// and [`poll`](Self::poll).
///
/// It must not be used inside an asynchronous task, for it blocks the thread: use
/// `tokio::task::spawn_blocking` or a thread.
pub struct Instance {
    pub(crate) store: Store<State>,
    pub(crate) exports: Exports,
}

impl Instance {
    /// How many resources of the host the instance holds: sockets, streams, pollables, open files.
    /// After everything has been closed and dropped it is what it was at the start.
    pub fn resource_count(&mut self) -> usize {
        let entries = self.store.data_mut().table.iter_mut();
        entries.map(|entry| handles(&*entry)).sum()
    }

    /// How many bytes of linear memory the instance has. It grows and never shrinks.
    pub fn memory(&self) -> usize {
        self.store.data().memory.used
    }

    /// How much the instance has executed so far, in wasmtime's fuel: about one for each
    /// instruction. None unless it is of a [metered](crate::Guest::metered) guest.
    pub fn fuel_spent(&self) -> Option<u64> {
        Some(FUEL - self.store.get_fuel().ok()?)
    }

    /// The error in one line, as the component puts it (`errors.explain`).
    ///
    /// # Errors
    /// A trap.
    pub fn explain(&mut self, error: &Error) -> Result<String, Failure> {
        let Self { store, exports } = self;
        Ok(exports.errors(store)?.call_explain(store, error)?)
    }

    /// The seed's status of the error (`errors.status-of`).
    ///
    /// # Errors
    /// A trap.
    pub fn status_of(&mut self, error: &Error) -> Result<Status, Failure> {
        let Self { store, exports } = self;
        Ok(exports.errors(store)?.call_status_of(store, error)?)
    }

    /// The directory that secure contexts trust when they are given no roots; if it is none, they
    /// trust the web roots (`defaults.default-authority-directory`).
    ///
    /// # Errors
    /// A trap.
    pub fn default_authority_directory(&mut self) -> Result<Option<String>, Failure> {
        let Self { store, exports } = self;
        let defaults = exports.defaults(store)?;
        Ok(defaults.call_default_authority_directory(store)?)
    }

    /// Choose that directory for the contexts of this instance that are sealed from now on
    /// (`defaults.set-default-authority-directory`).
    ///
    /// # Errors
    /// A trap.
    pub fn set_default_authority_directory(&mut self, path: Option<&str>) -> Result<(), Failure> {
        let Self { store, exports } = self;
        let defaults = exports.defaults(store)?;
        Ok(defaults.call_set_default_authority_directory(store, path)?)
    }

    /// The result of a call, with the explanation of its error.
    pub(crate) fn settle<T>(
        &mut self,
        called: wasmtime::Result<Result<T, Error>>,
    ) -> Result<T, Failure> {
        let error = match called? {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let explanation = if is_want(&error) {
            String::new()
        } else {
            self.explain(&error)?
        };
        Err(Failure::Tls { error, explanation })
    }

    /// Runs the destructor of a resource of the component.
    pub(crate) fn drop_resource(&mut self, resource: ResourceAny) -> Result<(), Failure> {
        Ok(resource.resource_drop(&mut self.store)?)
    }
}

/// How many sockets, streams and the like there are in an entry of the table.
fn handles(entry: &dyn Any) -> usize {
    #[cfg(feature = "native")]
    return crate::native::handles(entry);
    #[cfg(not(feature = "native"))]
    {
        let _ = entry;
        1
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").finish_non_exhaustive()
    }
}

/// Calls a function of a resource, which is named like its interface; fails where wasmtime does.
macro_rules! called {
    ($instance:expr, $resource:ident.$function:ident, $($argument:expr),*) => {{
        let Instance { store, exports } = &mut *$instance;
        match exports.$resource(store) {
            Ok(interface) => interface.$resource().$function(store, $($argument),*),
            Err(error) => Err(error),
        }
    }};
}

/// Calls a function of a resource that never returns an `Error`.
macro_rules! ask {
    ($instance:expr, $resource:ident.$function:ident, $($argument:expr),*) => {{
        let called = $crate::instance::called!($instance, $resource.$function, $($argument),*);
        called.map_err(Failure::from)
    }};
}

/// Calls a function of a resource that may return an `Error`.
macro_rules! call {
    ($instance:expr, $resource:ident.$function:ident, $($argument:expr),*) => {{
        let called = $crate::instance::called!($instance, $resource.$function, $($argument),*);
        $instance.settle(called)
    }};
}

pub(crate) use {ask, call, called};

/// A number of bytes of these.
pub(crate) fn within(count: u64, bytes: &[u8]) -> usize {
    usize::try_from(count)
        .unwrap_or(usize::MAX)
        .min(bytes.len())
}
