//! How output streams end.

use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::p2::{DynOutputStream, OutputStream};

/// Lets guests drop an output stream without waiting. WASI must be in the linker already, of either
/// kind.
///
/// wasmtime's own destructor of an output stream waits until everything that was written has been
/// sent. The peer decides how long that takes, and the whole guest waits, in a synchronous store
/// the thread too. The component drops a stream of its own sockets only when that wait is over.
/// Streams that it got by `port.start` it drops earlier, as a guest may drop streams of its own
/// sockets: with this destructor neither waits, and what the host had still to send is lost.
///
/// Shadowing is off in the linker afterwards ([`Linker::allow_shadowing`]).
///
/// # Errors
/// When the linker refuses the definition.
pub fn drop_output_streams_at_once<T: WasiView + 'static>(
    linker: &mut Linker<T>,
) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let defined = linker
        .instance("wasi:io/streams@0.2.12")
        .and_then(|mut streams| {
            streams.resource(
                "output-stream",
                ResourceType::host::<DynOutputStream>(),
                |mut store, rep| {
                    let stream: Resource<Box<dyn OutputStream>> = Resource::new_own(rep);
                    store.data_mut().ctx().table.delete(stream)?;
                    Ok(())
                },
            )
        });
    linker.allow_shadowing(false);
    defined
}
