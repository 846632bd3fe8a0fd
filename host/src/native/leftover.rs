//! Handles that have to outlive what they were for: a pollable that the guest has is a child of one, and
//! a table of resources lets nobody delete a parent before its children.

use wasmtime::component::{Resource, ResourceTable, ResourceTableError};
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::ResolveAddressStream;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, TcpSocket};

/// A handle that is kept for its pollables.
pub(super) enum Leftover {
    Input(u32),
    Output(u32),
    Resolver(u32),
    Socket(u32),
}

impl Leftover {
    pub(super) fn input(stream: &Resource<DynInputStream>) -> Self {
        Self::Input(stream.rep())
    }

    pub(super) fn output(stream: &Resource<DynOutputStream>) -> Self {
        Self::Output(stream.rep())
    }

    pub(super) fn resolver(stream: &Resource<ResolveAddressStream>) -> Self {
        Self::Resolver(stream.rep())
    }

    /// Deletes it, unless there are pollables of it.
    pub(super) fn is_freed(&self, table: &mut ResourceTable) -> bool {
        fn delete<T: 'static>(table: &mut ResourceTable, rep: u32) -> bool {
            let deleted = table.delete(Resource::<T>::new_own(rep));
            !matches!(deleted, Err(ResourceTableError::HasChildren))
        }
        match *self {
            Self::Input(rep) => delete::<DynInputStream>(table, rep),
            Self::Output(rep) => delete::<DynOutputStream>(table, rep),
            Self::Resolver(rep) => delete::<ResolveAddressStream>(table, rep),
            Self::Socket(rep) => delete::<TcpSocket>(table, rep),
        }
    }
}
