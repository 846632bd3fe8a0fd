//! Fetches a page with rustls and `portcullis-provider`, by libraries that open their sockets through tokio: `provider-client LIBRARY HOST PORT PATH`. It trusts whom `SSL_CERT_FILE` names, else the web roots.

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
