//! Fetches a page over HTTPS: `https-client HOST PORT PATH`. With `SSL_CERT_FILE` it trusts the
//! certificates of that file in place of the web roots.

use std::io::Write as _;
use std::process::ExitCode;

use bindings::portcullis::tls::context::{Context, Source};
use bindings::portcullis::tls::errors::explain;
use bindings::portcullis::tls::port::Port;
use bindings::portcullis::tls::types::{Error, Role};

mod bindings {
    wit_bindgen::generate!({ world: "client", path: "../../../wit", generate_all });
}

fn fetch(host: &str, port: u16, path: &str) -> Result<(), Error> {
    let context = Context::secure(Role::Client);
    if let Ok(file) = std::env::var("SSL_CERT_FILE") {
        context.add_trust_roots(&Source::Path(file))?;
    }
    let port = Port::blocking_connect(&context, host, port)?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
    port.blocking_write_all(request.as_bytes())?;
    while let Some(plaintext) = port.blocking_read(16 * 1024)? {
        // A reader that closes our output early has seen enough.
        let _ = std::io::stdout().write_all(&plaintext);
    }
    port.close()
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [host, port, path] = arguments.as_slice() else {
        eprintln!("usage: https-client HOST PORT PATH");
        return ExitCode::from(2);
    };
    let Ok(port) = port.parse() else {
        eprintln!("{port} is not a port; give one from 1 to 65535");
        return ExitCode::from(2);
    };
    match fetch(host, port, path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("https://{host}:{port}{path}: {}", explain(&error));
            ExitCode::FAILURE
        }
    }
}
