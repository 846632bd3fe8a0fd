//! TLS as a component. A consumer imports `portcullis:tls/{context, listener, port}`; this crate,
//! built for `wasm32-wasip2`, exports them.
//!
//! ```text
//!  p2, p3      the skins for WASI 0.2 and 0.3: listeners and ports over its sockets and clock
//!   |
//!  resources   what every form of the component has: contexts, sessions, engines
//!   |
//!  addresses   those of WASI's sockets, which both skins convert
//!  pump        joins one session to one transport
//!  engine      one session for callers who move its ciphertext themselves
//!  race        in which order the addresses of a host are tried
//!  timers      the timers of a connection; the caller passes the moment
//!  endpoint    names and addresses of hosts, as people write them
//!  files       trust roots in files that variables name
//!  conversions between the core's types and those of bindings
//!  words       plaintext as lists of 64-bit words, which cross to other components fast
//!  memory      zeroes what was given back: the component's allocator, and its stack
//!   |
//!  tls         one connection as bytes in and bytes out, and its settings ---> portcullis-provider,
//!   |                                                                          the cryptography
//!  error       what can fail, and its line for people
//! ```
//!
//! Each room uses the rooms below it, and never one above (`tests/contract/layers.rs`). All but
//! the upper three know nothing of WASI: they are the native build, which the tests of the core run
//! (`tests/session.rs`, `tests/pump.rs`).

#[cfg(all(target_os = "wasi", any(feature = "sockets", feature = "p3")))]
mod addresses;
mod conversions;
pub mod endpoint;
pub mod engine;
pub mod error;
pub mod files;
pub mod memory;
#[cfg(all(target_os = "wasi", feature = "sockets"))]
mod p2;
#[cfg(all(target_os = "wasi", feature = "p3"))]
mod p3;
pub mod pump;
pub mod race;
#[cfg(target_os = "wasi")]
mod resources;
pub mod timers;
pub mod tls;
pub mod words;

#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: memory::Wiping = memory::Wiping;
