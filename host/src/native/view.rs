//! What the functions of the interface work with: the store's WASI context, its table of resources, and
//! what belongs to all of its guests.

use std::fmt;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::clocks::WasiClocksView as _;
use wasmtime_wasi::p2::bindings::clocks::wall_clock;
use wasmtime_wasi::{WasiCtxView, WasiView};

use super::leftover::Leftover;
use super::wall_clock::WallClock;
use crate::link::TlsView;

/// What belongs to a store.
#[derive(Default)]
pub(crate) struct Own {
    /// The directory that `set-default-authority-directory` chose.
    pub(super) authority_directory: Option<String>,
    pub(super) clock: Arc<WallClock>,
    /// Handles whose pollables the guest has not dropped yet.
    pub(super) leftovers: Vec<Leftover>,
    /// How many connections were given up and have bytes that their peers do not take.
    pub(super) lingering: Arc<AtomicUsize>,
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Own").finish_non_exhaustive()
    }
}

/// A store's data, as long as a call lasts.
pub struct View<'a>(&'a mut dyn TlsView);

impl<'a> View<'a> {
    /// Begins a call.
    pub(super) fn of(data: &'a mut dyn TlsView) -> Self {
        let mut view = Self(data);
        // A clock that cannot be read stands still.
        if let Ok(now) = wall_clock::Host::now(&mut view.clocks()) {
            view.own().clock.set(now.seconds);
        }
        view
    }

    pub(super) fn table(&mut self) -> &mut ResourceTable {
        self.0.ctx().table
    }

    pub(super) fn own(&mut self) -> &mut Own {
        self.0.tls().native()
    }
}

impl WasiView for View<'_> {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.0.ctx()
    }
}

/// Names [`View`] for the bindings.
pub(super) struct Native;

impl HasData for Native {
    type Data<'a> = View<'a>;
}

/// The same resource, for a function that takes it as its own.
pub(super) fn same<T: 'static>(resource: &Resource<T>) -> Resource<T> {
    Resource::new_borrow(resource.rep())
}

/// A lock, whatever happened to those who had it before: a store is used by one call at a time.
pub(super) fn lock<T: ?Sized>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
