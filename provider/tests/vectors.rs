//! Every algorithm, as the provider exposes it, against vectors that others published.
//!
//! Wycheproof sets run whole, but for what a comment beside the code leaves out. Each test asserts
//! how many vectors it ran, so that none can come to run nothing.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop; clippy.toml covers only the test functions"
)]

#[path = "vectors/aead.rs"]
mod aead;
#[path = "vectors/differential.rs"]
mod differential;
#[path = "vectors/ecdsa_p256.rs"]
mod ecdsa_p256;
#[cfg(not(target_family = "wasm"))]
#[path = "vectors/handshake.rs"]
mod handshake;
#[path = "vectors/hash.rs"]
mod hash;
#[path = "vectors/hybrid.rs"]
mod hybrid;
#[cfg(not(target_family = "wasm"))]
#[path = "vectors/key.rs"]
mod key;
#[path = "vectors/kx.rs"]
mod kx;
#[path = "vectors/random.rs"]
mod random;
#[path = "vectors/record.rs"]
mod record;
#[path = "vectors/secret.rs"]
mod secret;
#[path = "vectors/sign.rs"]
mod sign;
#[path = "vectors/verify.rs"]
mod verify;

use std::sync::Arc;

use portcullis_provider::crypto_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;
use rustls::{CipherSuite, SupportedCipherSuite};

/// Decodes hexadecimal; white space is for the reader.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn suite(name: CipherSuite) -> SupportedCipherSuite {
    let provider = crypto_provider();
    let mut suites = provider.cipher_suites.iter().copied();
    suites.find(|suite| suite.suite() == name).unwrap()
}

fn load(der: &[u8]) -> Result<Arc<dyn SigningKey>, rustls::Error> {
    let der = PrivateKeyDer::try_from(der.to_vec()).unwrap();
    crypto_provider().key_provider.load_private_key(der)
}

/// One DER element; enough for the keys that these tests build.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let len = u8::try_from(content.len()).unwrap();
    let header = if len < 128 {
        vec![tag, len]
    } else {
        vec![tag, 0x81, len]
    };
    [header, content].concat()
}
