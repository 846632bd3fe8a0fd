//! Asks a PostgreSQL server how this connection is encrypted, by tokio-postgres:
//! `postgres-client HOST PORT USER DATABASE`. The password is in `PGPASSWORD`. The log-in is bound to the
//! TLS connection (SCRAM-SHA-256-PLUS with `tls-server-end-point`), or it is refused. It trusts whom
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` name, else the web roots.

use std::process::ExitCode;

#[cfg(target_family = "wasm")]
mod bound;
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
