//! What is under test, as the exchange with the runner sees it: the sans-IO engine, whoever runs it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::Result;

use crate::setup::Setup;

/// How many seconds the clock of what is under test is ahead of the system's.
pub(crate) type Ahead = Arc<AtomicU64>;

/// Why an operation did not succeed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Ciphertext of the peer's has to be put first.
    WantRead,
    /// Ciphertext has to be taken first.
    WantWrite,
    /// A context has to be chosen first.
    WantContext,
    /// The connection, or a configuration, has failed.
    Failed(Failed),
    /// A trap, or something that must never be.
    Broken(String),
}

impl Fault {
    /// A connection is used that is not there.
    pub(crate) fn not_started() -> Self {
        Self::Broken("no connection was started".to_owned())
    }
}

/// A typed error, and its line for people.
#[derive(Debug)]
pub(crate) struct Failed {
    /// The case of the WIT variant `error`, and what tells its instances apart: `protocol/bad-record`.
    pub(crate) name: String,
    pub(crate) explanation: String,
}

impl fmt::Display for Failed {
    /// The name stands between colons, as BoringSSL's do, so that none is found in another.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ":{}: {}", self.name, self.explanation)
    }
}

/// What a handshake has agreed on.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The version by its number.
    pub(crate) version: Option<u16>,
    pub(crate) cipher_suite: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) signature_scheme: Option<String>,
    pub(crate) own_certificates: Vec<Vec<u8>>,
    pub(crate) alpn: Option<String>,
    pub(crate) server_name: Option<String>,
    pub(crate) is_resumed: Option<bool>,
    pub(crate) was_retried: Option<bool>,
    pub(crate) peer_certificates: Vec<Vec<u8>>,
    pub(crate) is_verified: bool,
    pub(crate) was_early_data_accepted: Option<bool>,
}

/// What a client has said first.
#[derive(Debug)]
pub(crate) struct Hello {
    pub(crate) server_name: Option<String>,
    pub(crate) alpn: Vec<Vec<u8>>,
}

/// TLS whose ciphertext the caller moves. One connection after the other is made with the setup that was
/// given last; operations concern the connection that was started last.
pub(crate) trait Machine {
    /// Seals a context. Sessions are shared by the connections that are made with it.
    fn configure(&mut self, setup: &Setup) -> Result<(), Fault>;

    /// Begins a connection.
    fn start(&mut self, host: Option<&str>) -> Result<(), Fault>;

    /// Puts ciphertext of the peer's; returns how much was taken from the front.
    fn put(&mut self, ciphertext: &[u8]) -> Result<usize, Fault>;

    /// Says that the peer sends nothing more.
    fn put_end(&mut self) -> Result<(), Fault>;

    /// Takes up to so many bytes for the peer.
    fn take(&mut self, limit: usize) -> Result<Vec<u8>, Fault>;

    /// Whether an operation that wants to read is worth another call without more of the peer's: a port
    /// does a bounded part of its work in each.
    fn is_ready(&mut self) -> Result<bool, Fault>;

    /// What the client has said, after `WantContext`.
    fn hello(&mut self) -> Result<Option<Hello>, Fault>;

    /// Goes on with the context, after `WantContext`.
    fn choose(&mut self) -> Result<(), Fault>;

    /// Refuses the client by an alert, after `WantContext`.
    fn refuse(&mut self, alert: u8) -> Result<(), Fault>;

    /// Ok when the handshake is done.
    fn handshake(&mut self) -> Result<(), Fault>;

    /// Reads plaintext; `None` is the end.
    fn read(&mut self, limit: usize) -> Result<Option<Vec<u8>>, Fault>;

    /// Writes plaintext; returns how much was taken from the front.
    fn write(&mut self, plaintext: &[u8]) -> Result<usize, Fault>;

    /// Writes what a client may send before the handshake is done; returns how much that was.
    fn write_early(&mut self, plaintext: &[u8]) -> Result<usize, Fault>;

    /// Reads what a client has sent before the handshake was done; `None` is the end of it.
    fn read_early(&mut self, limit: usize) -> Result<Option<Vec<u8>>, Fault>;

    /// Takes new keys for what is sent; returns whether there is a function for it.
    fn update_keys(&mut self) -> Result<bool, Fault>;

    /// Sends close_notify.
    fn close_output(&mut self) -> Result<(), Fault>;

    /// What the handshake has agreed on.
    fn facts(&mut self) -> Result<Facts, Fault>;

    /// Keying material (RFC 5705, RFC 8446 section 7.5).
    fn export(
        &mut self,
        label: &str,
        context: Option<&[u8]>,
        length: usize,
    ) -> Result<Vec<u8>, Fault>;

    /// The lines of the key log that have come since the last call.
    fn key_log(&mut self) -> Result<Vec<String>, Fault>;
}
