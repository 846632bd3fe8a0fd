//! The skin for WASI 0.2: listeners and ports over wasi:sockets, wasi:io and wasi:clocks.

mod clock;
mod listener;
mod net;
mod port;
mod remains;
