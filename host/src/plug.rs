//! Composition: a component that imports `portcullis:tls` and the component that exports it, made
//! into one that needs nothing but WASI.

use std::borrow::Cow;
use std::collections::HashSet;

use wac_graph::types::{Package, SubtypeChecker, are_semver_compatible};
use wac_graph::{CompositionGraph, EncodeOptions, PackageId, PlugError};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::Parser;
use wit_component::ComponentEncoder;

/// Plugs the component into a consumer's imports of `portcullis:tls`, as `wac plug` does on the
/// command line. The result runs where the component does: [`EMBEDDED`](crate::EMBEDDED) needs an
/// engine with wide arithmetic, the baseline that `cargo xtask build` makes needs SIMD alone.
///
/// A consumer may be a core module with its WIT inside, as C compilers make it from the bindings of
/// wit-bindgen. It becomes a component first, as `wasm-tools component new` makes one with the
/// adapter of WASI 0.1.
///
/// # Errors
/// When one of the two is not a component, when the consumer imports no interface of the component,
/// or when it imports one that the component lacks or has with other types.
pub fn compose(consumer: &[u8], component: &[u8]) -> wasmtime::Result<Vec<u8>> {
    let consumer = as_component(consumer)?;
    let mut graph = CompositionGraph::new();
    let mut register = |name: &str, component: &[u8]| {
        let package = Package::from_bytes(name, None, component.to_vec(), graph.types_mut())
            .map_err(failed)?;
        graph.register_package(package).map_err(failed)
    };
    let provider = register("portcullis:tls", component)?;
    let consumer = register("portcullis:consumer", &consumer)?;
    if let Some(misfit) = misfit(&graph, provider, consumer) {
        return Err(failed(misfit));
    }
    wac_graph::plug(&mut graph, vec![provider], consumer).map_err(|error| match error {
        PlugError::NoPlugHappened => wasmtime::Error::msg(
            "it imports nothing of portcullis:tls; name what does (a program in C links the object \
             file of wit-bindgen too)",
        ),
        error => failed(error),
    })?;
    graph.encode(EncodeOptions::default()).map_err(failed)
}

/// Why the component does not serve an interface of `portcullis:tls` that the consumer imports;
/// none if it serves all. Plugging would leave such an import open, and the result would run
/// nowhere.
fn misfit(graph: &CompositionGraph, provider: PackageId, consumer: PackageId) -> Option<String> {
    let types = graph.types();
    let exports = &types[graph[provider].ty()].exports;
    let imports = &types[graph[consumer].ty()].imports;
    let mut cache = HashSet::new();
    let mut checker = SubtypeChecker::new(&mut cache);
    let ours = imports
        .iter()
        .filter(|(name, _)| name.starts_with("portcullis:tls/"));
    for (name, wanted) in ours {
        let serves = |export: &str| export == name || are_semver_compatible(export, name);
        let Some((_, offered)) = exports.iter().find(|(export, _)| serves(export)) else {
            return Some(format!(
                "nothing serves {name}; build the consumer against the interface of this version"
            ));
        };
        if let Err(error) = checker.is_subtype(*offered, types, *wanted, types) {
            return Some(format!("{name} has other types: {error:#}"));
        }
    }
    None
}

/// Returns a component as it is, and turns a core module into one.
pub(crate) fn as_component(binary: &[u8]) -> wasmtime::Result<Cow<'_, [u8]>> {
    Ok(if Parser::is_core_wasm(binary) {
        Cow::Owned(componentize(binary)?)
    } else {
        Cow::Borrowed(binary)
    })
}

/// Turns a core module into a component: a command if it exports `_start`, else a library.
fn componentize(module: &[u8]) -> wasmtime::Result<Vec<u8>> {
    let is_command = exports(module, "_start").map_err(failed)?;
    let adapter = if is_command {
        WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER
    } else {
        WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER
    };
    let encode = || {
        ComponentEncoder::default()
            .module(module)?
            .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter)?
            .validate(true)
            .encode()
    };
    encode().map_err(|error| {
        wasmtime::Error::msg(format!(
            "the core module cannot be made a component: {error:#}; link it with the bindings of \
             wit-bindgen, whose object file carries the WIT"
        ))
    })
}

fn exports(module: &[u8], name: &str) -> wasmparser::Result<bool> {
    for payload in Parser::new(0).parse_all(module) {
        if let wasmparser::Payload::ExportSection(section) = payload? {
            for export in section {
                if export?.name == name {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

fn failed(error: impl std::fmt::Display) -> wasmtime::Error {
    wasmtime::Error::msg(format!("the component cannot be composed: {error:#}"))
}
