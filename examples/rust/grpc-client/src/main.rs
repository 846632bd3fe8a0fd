//! Asks a gRPC server how it is, by tonic (`grpc.health.v1.Health`): `grpc-client HOST PORT SERVICE`. It
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
