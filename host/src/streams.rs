//! How output streams end.

use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::p2::{DynOutputStream, OutputStream};

/// Lets guests drop an output stream without waiting. WASI must be in the linker already, of either
/// kind.
///
/// wasmtime's own destructor of an output stream waits until everything that was written has been
/// sent: as long as the peer of the connection likes, and all of the guest waits with it, or in a
/// synchronous store the thread. The component does not drop a stream of its own sockets before that
/// is over. Streams that it got by `port.start` it does, and so does a guest with sockets of its own:
/// with this destructor neither waits. What the host had still to send is then lost.
///
/// Shadowing is off in the linker afterwards ([`Linker::allow_shadowing`]).
///
/// # Errors
/// When the linker is of another kind than wasmtime's.
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
