//! A client of TLS for hosts that are no systems, such as browsers: a module of `wasm32-unknown-unknown` without
//! `wasm-bindgen`. Its host gives it a pipe of messages, as a WebSocket is, randomness and the time.
//!
//! What the host gives goes through a buffer: it asks for one by `buffer`, fills it, and calls. One connection
//! at a time.

#![cfg(all(target_family = "wasm", target_os = "unknown"))]

mod host;

use std::cell::RefCell;
use std::fmt::Display;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, WriteTraffic};
use rustls::{ClientConfig, RootCertStore};

/// A failure is a line for people.
type Result<T> = std::result::Result<T, String>;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static CONNECTION: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

/// rustls without its feature `std` keeps no bytes, so they are kept here.
struct Connection {
    tls: UnbufferedClientConnection,
    /// What has arrived and was not read.
    received: Vec<u8>,
    /// What is to be sent as soon as the handshake is over.
    plaintext: Vec<u8>,
    is_ending: bool,
}

/// The clock of the host, for the validity of certificates.
#[derive(Debug)]
struct Clock;

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let time = Duration::try_from_secs_f64(host::now() / 1000.0).ok()?;
        Some(UnixTime::since_unix_epoch(time))
    }
}

/// A buffer of that length, for what is given next.
fn buffer(length: usize) -> *mut u8 {
    BUFFER.with_borrow_mut(|buffer| {
        *buffer = vec![0; length];
        buffer.as_mut_ptr()
    })
}

/// Begins a connection. The buffer has the server's name, a zero, and the trusted authorities as PEM.
fn open() -> Result<()> {
    let given = BUFFER.take();
    let mut parts = given.splitn(2, |byte| *byte == 0);
    let (name, authorities) = (parts.next(), parts.next());
    let name = String::from_utf8(name.unwrap_or_default().to_vec()).map_err(text)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authorities.unwrap_or_default()) {
        roots.add(certificate.map_err(text)?).map_err(text)?;
    }
    let provider = portcullis_provider::crypto_provider();
    let config = ClientConfig::builder_with_details(provider, Arc::new(Clock))
        .with_safe_default_protocol_versions()
        .map_err(text)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name).map_err(text)?;
    let tls = UnbufferedClientConnection::new(Arc::new(config), name).map_err(text)?;
    CONNECTION.set(Some(Connection {
        tls,
        received: Vec::new(),
        plaintext: Vec::new(),
        is_ending: false,
    }));
    with_connection(|_| ())
}

/// Takes a message of the pipe, which the buffer has.
fn receive() -> Result<()> {
    let mut message = BUFFER.take();
    with_connection(|connection| connection.received.append(&mut message))
}

/// Sends the buffer as plaintext, as soon as the handshake is over.
fn write() -> Result<()> {
    let mut plaintext = BUFFER.take();
    with_connection(|connection| connection.plaintext.append(&mut plaintext))
}

/// Says that nothing more will be written.
fn close() -> Result<()> {
    with_connection(|connection| connection.is_ending = true)
}

/// Gives the connection something, then has it do what it can.
fn with_connection(give: impl FnOnce(&mut Connection)) -> Result<()> {
    CONNECTION.with_borrow_mut(|connection| {
        let connection = connection.as_mut().ok_or("there is no connection")?;
        give(connection);
        connection.go_on()
    })
}

impl Connection {
    /// Reads what has arrived and sends what there is to send. The alert that tells the peer of a failure
    /// is sent by the call that comes after it.
    fn go_on(&mut self) -> Result<()> {
        let mut message = Vec::new();
        let mut failure = None;
        let mut has_ended = false;
        loop {
            let status = self.tls.process_tls_records(&mut self.received);
            let mut read = status.discard;
            let mut is_waiting = false;
            match status.state {
                Ok(ConnectionState::EncodeTlsData(mut state)) => {
                    encode(&mut message, |to| state.encode(to))?;
                }
                Ok(ConnectionState::TransmitTlsData(state)) => {
                    host::send(message.as_ptr(), message.len());
                    message.clear();
                    state.done();
                }
                Ok(ConnectionState::WriteTraffic(mut state)) => {
                    let plaintext = mem::take(&mut self.plaintext);
                    let is_ending = mem::take(&mut self.is_ending);
                    write_to(&mut message, &mut state, &plaintext, is_ending)?;
                    is_waiting = true;
                }
                Ok(ConnectionState::ReadTraffic(mut state)) => {
                    while let Some(record) = state.next_record() {
                        let record = record.map_err(text)?;
                        read += record.discard;
                        host::plaintext(record.payload.as_ptr(), record.payload.len());
                    }
                }
                Ok(ConnectionState::PeerClosed) => {
                    has_ended = true;
                    self.is_ending = true;
                }
                // What else there is needs more of the peer, or is over.
                Ok(_) => is_waiting = true,
                Err(error) if failure.is_none() => failure = Some(text(error)),
                Err(_) => is_waiting = true,
            }
            self.received.drain(..read);
            if is_waiting {
                break;
            }
        }
        if !message.is_empty() {
            host::send(message.as_ptr(), message.len());
        }
        if has_ended {
            host::ended();
        }
        failure.map_or(Ok(()), Err)
    }
}

/// Appends records with the plaintext, and close_notify behind it.
fn write_to(
    message: &mut Vec<u8>,
    state: &mut WriteTraffic<'_, ClientConnectionData>,
    plaintext: &[u8],
    is_ending: bool,
) -> Result<()> {
    if !plaintext.is_empty() {
        encode(message, |to| state.encrypt(plaintext, to))?;
    }
    if is_ending {
        encode(message, |to| state.queue_close_notify(to))?;
    }
    Ok(())
}

/// What says how much room it needs.
trait Needs: Display {
    fn length(&self) -> Option<usize>;
}

impl Needs for EncodeError {
    fn length(&self) -> Option<usize> {
        match self {
            Self::InsufficientSize(error) => Some(error.required_size),
            Self::AlreadyEncoded => None,
        }
    }
}

impl Needs for EncryptError {
    fn length(&self) -> Option<usize> {
        match self {
            Self::InsufficientSize(error) => Some(error.required_size),
            Self::EncryptExhausted => None,
        }
    }
}

/// Appends to the message what a call makes; the first time it is asked how long that is.
fn encode<E: Needs>(
    message: &mut Vec<u8>,
    mut make: impl FnMut(&mut [u8]) -> std::result::Result<usize, E>,
) -> Result<()> {
    let before = message.len();
    let mut length = 0;
    loop {
        message.resize(before + length, 0);
        let (_, to) = message.split_at_mut(before);
        match make(to) {
            Ok(made) => {
                message.truncate(before + made);
                return Ok(());
            }
            Err(error) => match error.length() {
                Some(needed) if needed > length => length = needed,
                _ => return Err(text(error)),
            },
        }
    }
}

/// A line for people: without `std`, rustls' errors are no `std::error::Error`.
fn text(error: impl Display) -> String {
    error.to_string()
}

/// Tells the host why a call has failed. Whether it has succeeded.
fn told(outcome: Result<()>) -> bool {
    if let Err(reason) = &outcome {
        host::failed(reason.as_ptr(), reason.len());
    }
    outcome.is_ok()
}
