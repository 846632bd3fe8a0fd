//! Composition: a component that imports `portcullis:tls` and the component that exports it, made
//! into one that needs nothing but WASI.

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};

/// Plugs the component into a consumer's imports of `portcullis:tls`; what `wac plug` does on the
/// command line. The result runs where the component does: [`EMBEDDED`](crate::EMBEDDED) needs an
/// engine with wide arithmetic, the baseline that `cargo xtask build` makes needs SIMD alone.
///
/// # Errors
/// When one of them is no component, or the consumer imports none of the other's interfaces.
pub fn compose(consumer: &[u8], component: &[u8]) -> wasmtime::Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let mut register = |name: &str, component: &[u8]| {
        let package = Package::from_bytes(name, None, component.to_vec(), graph.types_mut())
            .map_err(failed)?;
        graph.register_package(package).map_err(failed)
    };
    let provider = register("portcullis:tls", component)?;
    let consumer = register("portcullis:consumer", consumer)?;
    wac_graph::plug(&mut graph, vec![provider], consumer).map_err(failed)?;
    graph.encode(EncodeOptions::default()).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> wasmtime::Error {
    wasmtime::Error::msg(format!("the component cannot be composed: {error:#}"))
}
