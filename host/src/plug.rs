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
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use crate::guest::{EMBEDDED, EMBEDDED_P3};

/// Plugs the component into a consumer's imports of `portcullis:tls`, as `wac plug` does on the
/// command line. The result runs where the component does: [`EMBEDDED`] needs an
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
            "it imports nothing of portcullis:tls, and nothing of wasi:tls@0.3; name what does (a \
             program in C links the object file of wit-bindgen too)",
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
    let ours = imports.iter().filter(|(name, _)| is_ours(name));
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

/// Whether this is the name of an interface that the component is there for.
fn is_ours(name: &str) -> bool {
    const OURS: [&str; 2] = ["portcullis:tls/", "portcullis:tls-async/"];
    // What `wasi:tls` was for WASI 0.2 has other interfaces, which we do not have.
    OURS.iter().any(|package| name.starts_with(package))
        || (name.starts_with("wasi:tls/") && name.contains("@0.3"))
}

/// What the names of a component's imports and exports tell about it.
pub(crate) struct Needs {
    /// It imports interfaces of ours.
    pub(crate) tls: bool,
    /// Some of them are those of the component for WASI 0.3.
    pub(crate) p3: bool,
    /// It is a command whose function `run` is an async one.
    pub(crate) is_concurrent: bool,
}

impl Needs {
    /// # Errors
    /// When it is no component.
    pub(crate) fn of(component: &[u8]) -> wasmtime::Result<Self> {
        let (mut imports, mut exports) = (Vec::new(), Vec::new());
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(component) {
            match payload.map_err(failed)? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        imports.push(import.map_err(failed)?.name.name);
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        exports.push(export.map_err(failed)?.name.name);
                    }
                }
                _ => {}
            }
        }
        let is_p3 = |name: &&str| is_ours(name) && !name.starts_with("portcullis:tls/");
        Ok(Self {
            tls: imports.iter().any(|name| is_ours(name)),
            p3: imports.iter().any(is_p3),
            is_concurrent: exports
                .iter()
                .any(|name| name.starts_with("wasi:cli/run@0.3")),
        })
    }

    /// The component that has what is needed.
    pub(crate) fn embedded(&self) -> &'static [u8] {
        if self.p3 { EMBEDDED_P3 } else { EMBEDDED }
    }
}

/// The component that was built with this crate and has what the consumer imports:
/// [`EMBEDDED`] or [`EMBEDDED_P3`].
///
/// # Errors
/// When the consumer is neither a component nor a core module that can be made one.
pub fn embedded_for(consumer: &[u8]) -> wasmtime::Result<&'static [u8]> {
    Ok(Needs::of(&as_component(consumer)?)?.embedded())
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
        if let Payload::ExportSection(section) = payload? {
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
