//! The skin for WASI 0.2: the resources of `wit/` over the core, wasi:sockets, wasi:filesystem and
//! wasi:clocks.

mod bindings;
mod certificate;
mod client_hello;
#[cfg(feature = "sockets")]
mod clock;
mod component;
mod context;
mod conv;
mod engine;
mod environment;
mod fs;
mod key_log;
#[cfg(feature = "sockets")]
mod listener;
#[cfg(feature = "sockets")]
mod net;
#[cfg(feature = "sockets")]
mod port;
#[cfg(feature = "sockets")]
mod remains;
mod session;
