//! How code that runs or waits in a store comes to see that it is to end.

use std::thread;
use std::time::Duration;

use wasmtime::component::{Linker, LinkerInstance, Resource};
use wasmtime::{Engine, Store, StoreContextMut, UpdateDeadline};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};
use wasmtime_wasi::runtime::in_tokio;
use wasmtime_wasi_io::bindings::wasi::io::poll::{self, HostPollable};
use wasmtime_wasi_io::bindings::wasi::io::streams::{self, HostInputStream, HostOutputStream};

use crate::state::State;

/// How often code that runs looks.
const TICK: Duration = Duration::from_millis(10);

/// Has the code of a store look at what may end it.
pub(crate) fn watch(store: &mut Store<State>) {
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|store| {
        store.data().ends.check()?;
        Ok(UpdateDeadline::Continue(1))
    });
}

/// Lets the engine's time go on for as long as there is the engine. To let it go on only when an
/// instance is to end would not do: a store that looks at that very moment, for another's sake, would
/// miss it.
///
/// # Errors
/// When the machine has no thread left.
pub(crate) fn tick(engine: &Engine) -> wasmtime::Result<()> {
    let engine = engine.weak();
    thread::Builder::new()
        .name("portcullis-tick".to_owned())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(TICK);
            }
        })?;
    Ok(())
}

/// Has the functions that wait end with the store's work, in place of those of synchronous WASI.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let defined = linker
        .instance("wasi:io/poll@0.2.12")
        .and_then(|mut poll| define_poll(&mut poll))
        .and_then(|()| linker.instance("wasi:io/streams@0.2.12"))
        .and_then(|mut streams| define_streams(&mut streams));
    linker.allow_shadowing(false);
    defined
}

fn define_poll(poll: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    poll.func_wrap(
        "poll",
        |mut store: StoreContextMut<'_, State>, (all,): (Vec<Resource<DynPollable>>,)| {
            let State { table, ends, .. } = store.data_mut();
            Ok((in_tokio(ends.before(poll::Host::poll(table, all)))??,))
        },
    )?;
    poll.func_wrap(
        "[method]pollable.block",
        |mut store: StoreContextMut<'_, State>, (one,): (Resource<DynPollable>,)| {
            let State { table, ends, .. } = store.data_mut();
            in_tokio(ends.before(HostPollable::block(table, one)))?
        },
    )
}

/// Defines a method of a stream that waits.
macro_rules! define {
    ($streams:ident, $name:literal, $of:ident.$method:ident($($argument:ident: $type:ty),*)) => {
        $streams.func_wrap(
            $name,
            |mut store: StoreContextMut<'_, State>, ($($argument,)*): ($($type,)*)| {
                let State { table, ends, .. } = store.data_mut();
                let done = in_tokio(ends.before($of::$method(table, $($argument),*)))?;
                Ok((match done {
                    Ok(value) => Ok(value),
                    Err(error) => Err(streams::Host::convert_stream_error(table, error)?),
                },))
            },
        )
    };
}

fn define_streams(streams: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    type Input = Resource<DynInputStream>;
    type Output = Resource<DynOutputStream>;
    define!(
        streams,
        "[method]input-stream.blocking-read",
        HostInputStream.blocking_read(stream: Input, length: u64)
    )?;
    define!(
        streams,
        "[method]input-stream.blocking-skip",
        HostInputStream.blocking_skip(stream: Input, length: u64)
    )?;
    define!(
        streams,
        "[method]output-stream.blocking-write-and-flush",
        HostOutputStream.blocking_write_and_flush(stream: Output, bytes: Vec<u8>)
    )?;
    define!(
        streams,
        "[method]output-stream.blocking-flush",
        HostOutputStream.blocking_flush(stream: Output)
    )?;
    define!(
        streams,
        "[method]output-stream.blocking-write-zeroes-and-flush",
        HostOutputStream.blocking_write_zeroes_and_flush(stream: Output, length: u64)
    )?;
    define!(
        streams,
        "[method]output-stream.blocking-splice",
        HostOutputStream.blocking_splice(to: Output, from: Input, length: u64)
    )
}
