//! Runs Portcullis, TLS as a WebAssembly component, on wasmtime: for embedders that want its
//! connections from Rust, for the `portcullis` command, and for the tests.
//!
//! A [`Guest`] is the compiled component. An [`Instance`] is made from it with [`Options`], which
//! grant the network and directories that it may use: by default none. An instance holds contexts,
//! listeners, ports, engines and their sessions, as `wit/` describes them; here they are the handles
//! [`Context`], [`Listener`], [`Port`], [`Engine`] and [`Session`], whose functions take the instance.
//! Functions that explain errors or concern the whole instance are functions of the instance
//! ([`Instance::explain`], [`Instance::status_of`], [`Instance::set_default_authority_directory`]).
//!
//! ```
//! # use portcullis_host::{context_types::Source, Failure, Listener};
//! use portcullis_host::types::Role;
//! use portcullis_host::{Context, Guest, Network, Options, Port};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let guest = Guest::embedded()?;
//! # let key = rcgen::KeyPair::generate()?;
//! # let chain = rcgen::CertificateParams::new(["127.0.0.1".to_owned()])?.self_signed(&key)?;
//! # let source = |pem: String| Source::Bytes(pem.into_bytes());
//! # let roots = source(chain.pem());
//! # let mut server = guest.instantiate(Options::new().network(Network::loopback()))?;
//! # let context = Context::secure(&mut server, Role::Server)?;
//! # context.load_identity(&mut server, &roots, &source(key.serialize_pem()), None)?;
//! # let listener = Listener::listen(&mut server, &context, "127.0.0.1".parse()?, 0, None)?;
//! # let number = listener.local_address(&mut server)?.port;
//! # let serving = std::thread::spawn(move || -> Result<(), Failure> {
//! #     let port = listener.blocking_accept(&mut server)?;
//! #     let plaintext = port.blocking_read(&mut server, 100)?.unwrap_or_default();
//! #     port.blocking_write_all(&mut server, &plaintext)?;
//! #     port.close(&mut server)
//! # });
//! let mut tls = guest.instantiate(Options::new().network(Network::loopback()))?;
//! let context = Context::secure(&mut tls, Role::Client)?;
//! context.add_trust_roots(&mut tls, &roots)?;
//! let port = Port::blocking_connect(&mut tls, &context, "127.0.0.1", number)?;
//! port.blocking_write_all(&mut tls, b"hello")?;
//! while let Some(plaintext) = port.blocking_read(&mut tls, 16 * 1024)? {
//!     assert_eq!(plaintext, b"hello");
//! }
//! port.close(&mut tls)?;
//! # serving.join().map_err(|_| "the server failed")??;
//! # Ok(())
//! # }
//! ```
//!
//! A client of web servers needs no roots, and another grant:
//! `Network::none().connect(Addresses::any_on_port(443)).lookup()`.
//!
//! [`compose`] plugs the component into one that imports `portcullis:tls`. [`Program`] runs a
//! command that imports it without composing: it links the two. In an engine and stores of your
//! own, [`add_to_linker_sync`] and [`add_to_linker_async`] link them.
//!
//! Everything is freed with its instance. In a long-lived instance, free each handle by its `drop`
//! when it is no longer needed, and pollables before their port or listener.

mod addresses;
mod bindings;
#[cfg(unix)]
mod cache;
mod call;
mod certificate;
mod client_hello;
mod context;
mod engine;
mod epoch;
mod equality;
mod exports;
mod failure;
mod guest;
mod instance;
mod interrupt;
mod key_log;
mod link;
mod listener;
mod memory;
#[cfg(feature = "native")]
pub mod native;
mod network;
mod options;
#[doc(hidden)]
pub mod place;
mod plug;
mod poll;
mod port;
mod program;
mod session;
mod source;
mod state;
mod streams;
mod transport;

pub use addresses::{Addresses, Block, InvalidBlock};
pub use bindings::exports::portcullis::tls::{port as port_types, types};
pub use certificate::Certificate;
pub use client_hello::ClientHello;
pub use context::Context;
pub use engine::Engine;
pub use failure::Failure;
pub use guest::{EMBEDDED, EMBEDDED_P3, Guest};
pub use instance::Instance;
pub use interrupt::{Interrupt, Interrupted};
pub use key_log::KeyLog;
pub use link::{Tls, TlsView, add_to_linker_async, add_to_linker_sync};
pub use listener::Listener;
pub use memory::OutOfMemory;
pub use network::Network;
pub use options::Options;
pub use plug::{compose, embedded_for};
pub use poll::{Pollable, Signal};
pub use port::Port;
pub use program::Program;
pub use session::Session;
pub use streams::drop_output_streams_at_once;
pub use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// The types of `context.wit`.
pub mod context_types {
    pub use crate::bindings::exports::portcullis::tls::context::*;
    pub use crate::source::Source;
}

/// The code in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The code in the README of this crate compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeOfTheCrate;

/// The code in the guide compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guide/embedding.md")]
struct Embedding;

/// The code in the guide compiles.
#[cfg(all(doctest, feature = "native"))]
#[doc = include_str!("../../docs/guide/native.md")]
struct Native;
