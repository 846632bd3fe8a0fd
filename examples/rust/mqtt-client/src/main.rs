//! Publishes a message by MQTT 3.1.1 and prints what comes back from the broker, by mqttbytes:
//! `mqtt-client HOST PORT TOPIC MESSAGE CERT KEY`, with a certificate by which the broker knows the
//! client. It trusts whom `SSL_CERT_FILE` and `SSL_CERT_DIR` name, else the web roots.

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
