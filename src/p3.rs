//! The skin for WASI 0.3: ports and listeners whose functions wait, whose plaintext is a stream, and
//! the connectors of `wasi:tls`.
//!
//! Everything that moves the bytes of one connection runs in one task, the one of its handshake:
//! generated bindings cannot wake one task from another.

mod clock;
mod driver;
mod drop_in;
mod ends;
mod link;
mod listener;
mod net;
mod port;
mod turns;
mod wasi_tls;
