//! A middle that knows the keys: it opens the records of a sender, and seals others between them.

use std::sync::Arc;

use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::{AeadInOut as _, KeyInit as _};
use portcullis::tls::Version;

use crate::keys::{self, Keys, Secrets};
use crate::record::{CHANGE_CIPHER_SPEC, DATA, HANDSHAKE, parts, record};

/// The length of a tag.
const TAG: usize = 16;

/// The type of the message ServerHello, and where its random bytes are in a record's body.
const SERVER_HELLO: u8 = 2;
const RANDOM: std::ops::Range<usize> = 6..38;

/// One direction.
pub(crate) struct Sealer {
    secrets: Arc<Secrets>,
    version: Version,
    is_from_server: bool,
    epoch: Option<Epoch>,
    /// The sender protects what it sends (TLS 1.2).
    has_changed: bool,
}

/// What protects records until the next keys.
struct Epoch {
    label: String,
    /// Of the sender's records, and how many of them were opened.
    sender: Keys,
    opened: u64,
    /// Of the records for the receiver, and how many of them were sealed.
    receiver: Keys,
    sealed: u64,
    /// What the receiver's keys come from, in TLS 1.3.
    secret: Vec<u8>,
}

impl Sealer {
    pub(crate) fn new(secrets: Arc<Secrets>, version: Version, is_from_server: bool) -> Self {
        Self {
            secrets,
            version,
            is_from_server,
            epoch: None,
            has_changed: false,
        }
    }

    /// Opens a record of the sender's; none if it is not protected.
    pub(crate) fn open(&mut self, whole: &[u8]) -> Option<(u8, Vec<u8>)> {
        let (kind, body) = parts(whole)?;
        match self.version {
            Version::Tls12 => {
                if !self.has_changed {
                    self.has_changed = kind == CHANGE_CIPHER_SPEC;
                    if self.is_from_server
                        && kind == HANDSHAKE
                        && body.first() == Some(&SERVER_HELLO)
                    {
                        self.secrets.note_server_random(body.get(RANDOM)?);
                    }
                    return None;
                }
                if self.epoch.is_none() {
                    let keys = self.secrets.of_tls12(self.is_from_server)?;
                    self.epoch = Some(Epoch::new(String::new(), keys, Vec::new()));
                }
                let epoch = self.epoch.as_mut()?;
                let plain = epoch.open(|number, length| aad12(number, kind, length), body)?;
                Some((kind, plain))
            }
            Version::Tls13 if kind == DATA => {
                let mut plain = self.open13(body)?;
                let kind = plain.pop()?;
                Some((kind, plain))
            }
            Version::Tls13 => None,
        }
    }

    /// Opens with the keys there are, or with the next ones.
    fn open13(&mut self, body: &[u8]) -> Option<Vec<u8>> {
        let aad = |_, length: usize| aad13(length + TAG);
        if let Some(plain) = self.epoch.as_mut().and_then(|epoch| epoch.open(aad, body)) {
            return Some(plain);
        }
        let sender = if self.is_from_server {
            "SERVER"
        } else {
            "CLIENT"
        };
        for label in ["HANDSHAKE_TRAFFIC_SECRET", "TRAFFIC_SECRET_0"] {
            let label = format!("{sender}_{label}");
            if self
                .epoch
                .as_ref()
                .is_some_and(|epoch| epoch.label == label)
            {
                continue;
            }
            let Some(secret) = self.secrets.get(&label) else {
                continue;
            };
            let mut epoch = Epoch::new(label, Keys::of_tls13(&secret)?, secret);
            if let Some(plain) = epoch.open(aad, body) {
                self.epoch = Some(epoch);
                return Some(plain);
            }
        }
        None
    }

    /// Seals a record for the receiver.
    pub(crate) fn seal(&mut self, kind: u8, body: &[u8]) -> Option<Vec<u8>> {
        let epoch = self.epoch.as_mut()?;
        Some(match self.version {
            Version::Tls12 => {
                let sealed = epoch.seal(|number, length| aad12(number, kind, length), body)?;
                record(kind, &sealed)
            }
            Version::Tls13 => {
                let inner = [body, &[kind]].concat();
                let sealed = epoch.seal(|_, length| aad13(length + TAG), &inner)?;
                record(DATA, &sealed)
            }
        })
    }

    /// From now on the receiver has the next keys, for a KeyUpdate was sealed (RFC 8446 §4.6.3).
    pub(crate) fn update(&mut self) -> Option<()> {
        let epoch = self.epoch.as_mut()?;
        epoch.secret = keys::next(&epoch.secret)?;
        epoch.receiver = Keys::of_tls13(&epoch.secret)?;
        epoch.sealed = 0;
        Some(())
    }
}

impl Epoch {
    fn new(label: String, keys: Keys, secret: Vec<u8>) -> Self {
        Self {
            label,
            sender: keys,
            opened: 0,
            receiver: keys,
            sealed: 0,
            secret,
        }
    }

    fn open(&mut self, aad: impl Fn(u64, usize) -> Vec<u8>, body: &[u8]) -> Option<Vec<u8>> {
        let (sealed, tag) = body.split_at_checked(body.len().checked_sub(TAG)?)?;
        let tag: [u8; TAG] = tag.try_into().ok()?;
        let mut plain = sealed.to_vec();
        let aad = aad(self.opened, plain.len());
        let cipher = ChaCha20Poly1305::new_from_slice(&self.sender.key).ok()?;
        let nonce = nonce(self.sender, self.opened);
        let buffer = plain.as_mut_slice().into();
        cipher
            .decrypt_inout_detached((&nonce).into(), &aad, buffer, (&tag).into())
            .ok()?;
        self.opened += 1;
        Some(plain)
    }

    fn seal(&mut self, aad: impl Fn(u64, usize) -> Vec<u8>, body: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = body.to_vec();
        let cipher = ChaCha20Poly1305::new_from_slice(&self.receiver.key).ok()?;
        let nonce = nonce(self.receiver, self.sealed);
        let aad = aad(self.sealed, sealed.len());
        let buffer = sealed.as_mut_slice().into();
        let tag = cipher
            .encrypt_inout_detached((&nonce).into(), &aad, buffer)
            .ok()?;
        self.sealed += 1;
        sealed.extend(tag);
        Some(sealed)
    }
}

fn nonce(keys: Keys, number: u64) -> [u8; 12] {
    let mut nonce = keys.iv;
    for (byte, bits) in nonce.iter_mut().skip(4).zip(number.to_be_bytes()) {
        *byte ^= bits;
    }
    nonce
}

/// What is authenticated beside the plaintext in TLS 1.2 (RFC 5246 §6.2.3.3).
fn aad12(number: u64, kind: u8, length: usize) -> Vec<u8> {
    let mut aad = number.to_be_bytes().to_vec();
    aad.extend([kind, 3, 3]);
    aad.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    aad
}

/// The same in TLS 1.3: the header (RFC 8446 §5.2).
fn aad13(length: usize) -> Vec<u8> {
    let mut aad = vec![DATA, 3, 3];
    aad.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    aad
}
