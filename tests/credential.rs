//! Chains, keys and passphrases, as OpenSSL writes them and as nobody should.
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

#[path = "credential/chain.rs"]
mod chain;
#[path = "credential/cure.rs"]
mod cure;
#[path = "credential/dialect.rs"]
mod dialect;
#[path = "credential/encrypted.rs"]
mod encrypted;
#[path = "credential/file.rs"]
mod file;
#[path = "credential/key.rs"]
mod key;
#[path = "credential/pkcs12.rs"]
mod pkcs12;

use portcullis::error::{ConfigurationError, ConfigurationItem, ConfigurationReason, Error};
use portcullis::tls::{KeyKind, Role, Settings};
use support::certs::{Authority, Identity};
use support::pair::{Pair, client_settings, seal};

/// The passphrase of everything that has one.
const SESAME: &str = "open sesame";

/// The refusal of a configuration.
#[track_caller]
fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> ConfigurationError {
    match result {
        Err(Error::Configuration(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn reason<T: std::fmt::Debug>(result: Result<T, Error>) -> ConfigurationReason {
    refusal(result).reason
}

/// The refusal of a private key: its reason, and its line.
#[track_caller]
fn key_refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> (ConfigurationReason, String) {
    let error = refusal(result);
    assert_eq!(error.item, ConfigurationItem::PrivateKey);
    (error.reason, Error::Configuration(error).to_string())
}

fn load_key(input: &[u8], kind: KeyKind, passphrase: Option<&str>) -> Result<(), Error> {
    Settings::secure(Role::Server).load_private_key(input, kind, passphrase)
}

/// A server with the chain of the identity and this key, if they belong together.
fn with_key(identity: &Identity, key: &[u8], passphrase: Option<&str>) -> Result<Settings, Error> {
    let mut server = Settings::secure(Role::Server);
    server.load_identity(identity.chain_pem().as_bytes(), key, passphrase)?;
    Ok(server)
}

/// The chain that a client of the authority sees of the server, which proves that it has its key.
#[track_caller]
fn presented(authority: &Authority, server: &Settings) -> Vec<Vec<u8>> {
    let client = seal(&client_settings(authority.der()));
    let pair = Pair::new(&client, &seal(server)).handshake();
    let chain = pair.client.peer_certificates().iter();
    chain.map(|certificate| certificate.to_vec()).collect()
}
