//! Sends a command to Redis and prints the reply, by the crate redis:
//! `redis-client HOST PORT COMMAND ARGUMENT...`. The password is in `REDISCLI_AUTH`, if there is one. It
//! trusts whom `SSL_CERT_FILE` and `SSL_CERT_DIR` name, else the web roots.

use std::process::ExitCode;

#[cfg(target_family = "wasm")]
mod client;

#[cfg(target_family = "wasm")]
fn main() -> ExitCode {
    client::main()
}

#[cfg(not(target_family = "wasm"))]
fn main() -> ExitCode {
    eprintln!("this is a component: build it for wasm32-wasip2");
    ExitCode::FAILURE
}
