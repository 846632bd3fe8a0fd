//! The skin for WASI 0.2: the resources of `wit/` over the core, wasi:sockets, wasi:filesystem and
//! wasi:clocks.

mod bindings;
mod clock;
mod component;
mod context;
mod conv;
mod engine;
mod fs;
mod key_log;
mod listener;
mod net;
mod port;
mod remains;
mod session;
