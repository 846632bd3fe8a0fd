//! What the two sides of the demonstration say to each other.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use portcullis_host::{Failure, Instance, Listener, Port};

use crate::exit::{Exit, Result, Status};
use crate::facts::Facts;

/// No step takes this long. With this limit, the demonstration ends even if it fails.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);
pub(crate) const HELLO: &str = "Hello through the gate.";

/// What one side saw: the facts of its connection, or why there is none.
pub(crate) type Seen = std::result::Result<Facts, Failure>;

/// Waits for a client, but not for ever.
pub(crate) fn accept(tls: &mut Instance, listener: Listener) -> Seen {
    let arrival = listener.subscribe(tls)?;
    tls.poll(&[&arrival], Some(LIMIT))?;
    arrival.drop(tls)?;
    let port = listener.accept(tls)?;
    listener.drop(tls)?;
    answer(tls, port)
}

/// Echoes what the client says.
pub(crate) fn answer(tls: &mut Instance, port: Port) -> Seen {
    port.blocking_handshake(tls)?;
    let facts = Facts::of(tls, &port, None)?;
    while let Some(plaintext) = port.blocking_read(tls, 4096)? {
        port.blocking_write_all(tls, &plaintext)?;
    }
    port.close(tls)?;
    port.drop(tls)?;
    Ok(facts)
}

/// Says hello, and expects it back.
pub(crate) fn ask(tls: &mut Instance, port: Port) -> Seen {
    port.blocking_handshake(tls)?;
    let facts = Facts::of(tls, &port, None)?;
    port.blocking_write_all(tls, HELLO.as_bytes())?;
    port.close_output(tls)?;
    let mut heard = Vec::new();
    while let Some(plaintext) = port.blocking_read(tls, 4096)? {
        heard.extend(plaintext);
    }
    port.close(tls)?;
    port.drop(tls)?;
    if heard == HELLO.as_bytes() {
        return Ok(facts);
    }
    Err(Failure::Trap(wasmtime::Error::msg(
        "the echo is not what was said",
    )))
}

/// Sends a line in the clear.
pub(crate) fn say(stream: &mut TcpStream, line: &str) -> Result<()> {
    stream
        .write_all(format!("{line}\r\n").as_bytes())
        .map_err(network)
}

/// Reads a line in the clear. Its sender then waits for the peer, so no byte of TLS can follow the
/// line in the buffer.
pub(crate) fn hear(stream: &TcpStream, expected: &str) -> Result<()> {
    stream.set_read_timeout(Some(LIMIT)).map_err(network)?;
    let mut line = String::new();
    BufReader::new(stream)
        .read_line(&mut line)
        .map_err(network)?;
    if line.trim_end() == expected {
        return Ok(());
    }
    Err(unexpected(format_args!("{line:?} for {expected:?}")))
}

/// The failure of a demonstration that did not go as shown.
pub(crate) fn unexpected(what: impl fmt::Display) -> Exit {
    Exit::new(
        Status::Tls,
        format_args!("the demonstration went wrong: {what}"),
    )
}

pub(crate) fn network(error: io::Error) -> Exit {
    Exit::new(Status::Network, format_args!("loopback: {error}"))
}
