//! `portcullis:tls` by the host itself, without the component: the component's core, compiled for this
//! machine, over the sockets, files and clocks of the guest's store, with the cryptography of aws-lc-rs.
//!
//! A guest does not notice: names, limits and errors are the component's. What the deployer chooses
//! between is isolation, where keys and what peers send stay in a component of their own, and speed,
//! where they are in the memory of the host; and it chooses for each store, by what its linker has.
//! Three things are the host's here: randomness is that of aws-lc-rs and not
//! [`Options::randomness`](crate::Options::randomness), memory is not counted by
//! [`Options::memory`](crate::Options::memory), and neither an interrupt nor a deadline ends a
//! `blocking-` function before its time.
//!
//! The functions that block wait by futures in stores whose guests are called by asynchronous
//! functions. A file is read on the calling thread.

#![expect(
    unreachable_pub,
    reason = "the bindings export the types of resources again"
)]

mod bindings;
mod certificate;
mod client_hello;
mod clock;
mod context;
mod conv;
mod engine;
mod fault;
mod files;
mod leftover;
mod listener;
mod net;
mod port;
mod provider;
mod session;
mod view;
mod wall_clock;

use std::any::Any;

use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::runtime::in_tokio;

use crate::link::TlsView;
use bindings::portcullis::tls::listener::HostListener;
use bindings::portcullis::tls::port::HostPort;
use context::Context;
use fault::Fault;
use listener::Listener;
use port::Port;
pub(crate) use view::Own;
use view::{Native, View};

/// Gives `portcullis:tls` to the guests that the linker instantiates, for stores whose guests are
/// called by the asynchronous functions: a guest that waits for its peer blocks no thread. WASI must
/// have been added by [`wasmtime_wasi::p2::add_to_linker_async`].
///
/// # Errors
/// When `portcullis:tls` is in the linker already.
pub fn add_to_linker_async<T: TlsView + 'static>(linker: &mut Linker<T>) -> Result<()> {
    macro_rules! add {
        ($($interface:ident),*) => {
            $(bindings::portcullis::tls::$interface::add_to_linker::<T, Native>(
                linker,
                |data| View::of(data),
            )?;)*
        };
    }
    add!(
        types,
        errors,
        certificate,
        context,
        defaults,
        key_log,
        client_hello,
        session,
        port,
        engine,
        listener
    );
    Ok(())
}

/// Like [`add_to_linker_async`], for stores whose guests are called by the functions that block. WASI
/// must be in the linker by [`wasmtime_wasi::p2::add_to_linker_sync`].
///
/// Shadowing is off in the linker afterwards ([`Linker::allow_shadowing`]).
///
/// # Errors
/// When `portcullis:tls` is in the linker already.
pub fn add_to_linker_sync<T: TlsView + 'static>(linker: &mut Linker<T>) -> Result<()> {
    add_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    let defined = define_blocking(linker);
    linker.allow_shadowing(false);
    defined
}

/// How many sockets and streams there are in an entry of a store's table: a port of ours has those of its
/// connection, and what else is ours has none.
pub(crate) fn handles(entry: &dyn Any) -> usize {
    let is_ours = entry.is::<bindings::portcullis::tls::certificate::Certificate>()
        || entry.is::<client_hello::ClientHello>()
        || entry.is::<Context>()
        || entry.is::<context::Log>()
        || entry.is::<engine::Engine>()
        || entry.is::<Listener>()
        || entry.is::<session::Session>();
    match entry.downcast_ref::<Port>() {
        Some(port) => port.handles(),
        None if is_ours => 0,
        None => 1,
    }
}

/// Defines the functions that wait so that the thread waits.
fn define_blocking<T: TlsView + 'static>(linker: &mut Linker<T>) -> Result<()> {
    macro_rules! blocking {
        ($instance:ident, $name:literal, $parameters:ty, |$view:ident, $values:pat_param| $call:expr) => {
            $instance.func_wrap(
                $name,
                |mut store: StoreContextMut<'_, T>, $values: $parameters| {
                    let mut view = View::of(store.data_mut());
                    let $view = &mut view;
                    Ok((Fault::settle(in_tokio($call))?,))
                },
            )?
        };
    }
    let mut port = linker.instance("portcullis:tls/port@0.2.1")?;
    blocking!(
        port,
        "[static]port.blocking-connect",
        (Resource<Context>, String, u16),
        |view, (context, host, port)| view.blocking_connect(context, host, port)
    );
    blocking!(
        port,
        "[method]port.blocking-handshake",
        (Resource<Port>,),
        |view, (this,)| view.blocking_handshake(this)
    );
    blocking!(
        port,
        "[method]port.blocking-read",
        (Resource<Port>, u64),
        |view, (this, length)| view.blocking_read(this, length)
    );
    blocking!(
        port,
        "[method]port.blocking-write-all",
        (Resource<Port>, Vec<u8>),
        |view, (this, plaintext)| view.blocking_write_all(this, plaintext)
    );
    blocking!(
        port,
        "[method]port.blocking-read-words",
        (Resource<Port>, u64),
        |view, (this, length)| view.blocking_read_words(this, length)
    );
    blocking!(
        port,
        "[method]port.blocking-write-all-words",
        (Resource<Port>, Vec<u64>, u64),
        |view, (this, plaintext, length)| view.blocking_write_all_words(this, plaintext, length)
    );
    blocking!(
        port,
        "[method]port.blocking-unwrap",
        (Resource<Port>,),
        |view, (this,)| view.blocking_unwrap(this)
    );
    blocking!(
        port,
        "[method]port.close",
        (Resource<Port>,),
        |view, (this,)| HostPort::close(view, this)
    );
    let mut listener = linker.instance("portcullis:tls/listener@0.2.1")?;
    blocking!(
        listener,
        "[static]listener.listen",
        (Resource<Context>, String, u16, Option<u64>),
        |view, (context, ip, port, backlog)| view.listen(context, ip, port, backlog)
    );
    blocking!(
        listener,
        "[method]listener.blocking-accept",
        (Resource<Listener>,),
        |view, (this,)| view.blocking_accept(this)
    );
    Ok(())
}
