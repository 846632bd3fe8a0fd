//! Fetches pages over one connection of HTTP/2, by hyper: `http2-client HOST PORT PATH...`. It trusts
//! whom `SSL_CERT_FILE` and `SSL_CERT_DIR` name, else the web roots. The answers come out in the
//! order of the paths.

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
