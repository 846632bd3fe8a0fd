//! The keys of a connection: its peer tells the middle the secrets, as to a key log, and the middle
//! derives what protects records under ChaCha20-Poly1305 with SHA-256.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hmac::{Hmac, KeyInit as _, Mac as _};
use rustls::KeyLog;
use sha2::Sha256;

/// A key and the mask of its nonces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) key: [u8; 32],
    pub(crate) iv: [u8; 12],
}

/// What is known of the last connection.
#[derive(Debug, Default)]
pub(crate) struct Secrets(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    secrets: Vec<(String, Vec<u8>)>,
    client_random: Vec<u8>,
    server_random: Vec<u8>,
}

impl Secrets {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The secret of this name in the format of key logs.
    pub(crate) fn get(&self, label: &str) -> Option<Vec<u8>> {
        let known = self.known();
        let last = known.secrets.iter().rev().find(|(name, _)| name == label);
        last.map(|(_, secret)| secret.clone())
    }

    /// Notes the random bytes of a ServerHello.
    pub(crate) fn note_server_random(&self, random: &[u8]) {
        self.known().server_random = random.to_vec();
    }

    /// The keys of TLS 1.2, of the client or of the server (RFC 5246 §6.3, RFC 7905 §2).
    pub(crate) fn of_tls12(&self, is_server: bool) -> Option<Keys> {
        let master = self.get("CLIENT_RANDOM")?;
        let seed = {
            let known = self.known();
            [&known.server_random, known.client_random.as_slice()].concat()
        };
        let seed = [b"key expansion", seed.as_slice()].concat();
        let mut block = Vec::new();
        let mut chained = hmac(&master, &[&seed])?;
        while block.len() < 88 {
            block.extend(hmac(&master, &[&chained, &seed])?);
            chained = hmac(&master, &[&chained])?;
        }
        let (key, iv) = if is_server { (32, 76) } else { (0, 64) };
        Some(Keys {
            key: block.get(key..key + 32)?.try_into().ok()?,
            iv: block.get(iv..iv + 12)?.try_into().ok()?,
        })
    }
}

impl KeyLog for Secrets {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let mut known = self.known();
        known.client_random = client_random.to_vec();
        known.secrets.push((label.to_owned(), secret.to_vec()));
    }
}

impl Keys {
    /// The keys of a traffic secret of TLS 1.3 (RFC 8446 §7.3).
    pub(crate) fn of_tls13(secret: &[u8]) -> Option<Self> {
        Some(Self {
            key: expand(secret, "key", 32)?.try_into().ok()?,
            iv: expand(secret, "iv", 12)?.try_into().ok()?,
        })
    }
}

/// The traffic secret after this one (RFC 8446 §7.2).
pub(crate) fn next(secret: &[u8]) -> Option<Vec<u8>> {
    expand(secret, "traffic upd", 32)
}

/// HKDF-Expand-Label without a context, of one block at most (RFC 8446 §7.1).
fn expand(secret: &[u8], label: &str, length: u8) -> Option<Vec<u8>> {
    let label = format!("tls13 {label}");
    let mut info = vec![0, length, u8::try_from(label.len()).ok()?];
    info.extend(label.as_bytes());
    info.extend([0, 1]);
    let mut block = hmac(secret, &[&info])?;
    block.truncate(usize::from(length));
    Some(block)
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(mac.finalize().into_bytes().to_vec())
}
