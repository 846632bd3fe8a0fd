//! TLS as a component. A consumer imports `portcullis:tls/{context, listener, port}`; this crate,
//! built for `wasm32-wasip2`, exports them.
//!
//! ```text
//!  bindings <-- context, listener, port, session --> conv           layer 4, the resources
//!                  |         |       |
//!                  v         v       v
//!                 fs  remains, net  pump                           layer 3 WASI, layer 2
//!                      /   |  \  \   |  \
//!                     v    v   v  \  v   v
//!              endpoint  race clock '-> tls  timers                layer 2; clock 3, tls 1
//! ```
//!
//! Arrows point from user to used, and never up. Layers 1 and 2 know nothing of WASI: they alone
//! make up the native build, which is what the tests in `tests/session.rs` and `tests/pump.rs` use.

pub mod endpoint;
pub mod pump;
pub mod race;
pub mod timers;
pub mod tls;

#[cfg(target_os = "wasi")]
mod bindings;
#[cfg(target_os = "wasi")]
mod clock;
#[cfg(target_os = "wasi")]
mod component;
#[cfg(target_os = "wasi")]
mod context;
#[cfg(target_os = "wasi")]
mod conv;
#[cfg(target_os = "wasi")]
mod fs;
#[cfg(target_os = "wasi")]
mod listener;
#[cfg(target_os = "wasi")]
mod net;
#[cfg(target_os = "wasi")]
mod port;
#[cfg(target_os = "wasi")]
mod remains;
#[cfg(target_os = "wasi")]
mod session;
