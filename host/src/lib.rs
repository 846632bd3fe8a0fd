//! Runs Portcullis, TLS as a WebAssembly component, on wasmtime: for embedders that want its
//! connections from Rust, for the `portcullis` command, and for the tests.
//!
//! A [`Guest`] is the compiled component. An [`Instance`] is made from it with [`Options`], which
//! grant the network and directories that it may use: by default none. In an instance there are
//! contexts, listeners and ports, as `wit/` describes them; here they are the handles [`Context`],
//! [`Listener`] and [`Port`], whose functions take the instance.
//!
//! ```no_run
//! use portcullis_host::types::Role;
//! use portcullis_host::{Addresses, Context, Guest, Network, Options, Port};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let network = Network::none().connect(Addresses::any_on_port(443)).lookup();
//!     let mut tls = Guest::embedded()?.instantiate(Options::new().network(network))?;
//!     let context = Context::secure(&mut tls, Role::Client)?;
//!     let port = Port::blocking_connect(&mut tls, &context, "example.com", 443)?;
//!     port.blocking_write_all(&mut tls, b"GET / HTTP/1.0\r\nHost: example.com\r\n\r\n")?;
//!     while let Some(plaintext) = port.blocking_read(&mut tls, 16 * 1024)? {
//!         print!("{}", String::from_utf8_lossy(&plaintext));
//!     }
//!     Ok(port.close(&mut tls)?)
//! }
//! ```
//!
//! Everything is freed with its instance. In an instance that lives long, free each handle by its
//! `drop` when it is done with, and pollables before the port or listener that they are of.

mod bindings;
mod cache;
mod context;
mod failure;
mod guest;
mod instance;
mod listener;
mod network;
mod options;
mod poll;
mod port;
mod state;
mod transport;

pub use bindings::exports::portcullis::tls::{
    context as context_types, port as port_types, types,
};
pub use context::Context;
pub use failure::Failure;
pub use guest::{EMBEDDED, Guest};
pub use instance::Instance;
pub use listener::Listener;
pub use network::{Addresses, Block, InvalidBlock, Network};
pub use options::Options;
pub use poll::{Pollable, Signal};
pub use port::Port;
pub use wasmtime_wasi::{HostMonotonicClock, HostWallClock};
