//! Two AEADs in one guest, the component's and RustCrypto's, so that nothing but their code differs.

use std::cell::RefCell;

use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::consts::{U12, U16};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use portcullis_provider::aead::{self, Aead, Nonce};
use portcullis_provider::algorithm;

use bindings::{Algorithm, Guest, Maker};

#[expect(unsafe_code, reason = "written by wit_bindgen::generate!")]
mod bindings {
    use super::Component;

    wit_bindgen::generate!({ path: "wit", world: "aead" });
    export!(Component with_types_in self);
}

struct Component;

thread_local! {
    static BENCH: RefCell<Option<Bench>> = const { RefCell::new(None) };
}

/// A key and records; sealed and opened in place by turns.
struct Bench {
    cipher: Box<dyn Cipher>,
    records: Vec<Record>,
}

struct Record {
    bytes: Vec<u8>,
    tag: aead::Tag,
}

impl Guest for Component {
    fn set_up(algorithm: Algorithm, maker: Maker, length: u32, count: u32) {
        let length = usize::try_from(length).unwrap_or(0);
        let records = (0..count).map(|_| Record {
            bytes: vec![0; length],
            tag: [0; aead::TAG_LEN],
        });
        let bench = Bench {
            cipher: cipher(algorithm, maker),
            records: records.collect(),
        };
        BENCH.set(Some(bench));
    }

    fn seal_all() -> bool {
        each(|cipher, nonce, record| {
            let tag = cipher.seal(nonce, &AAD, &mut record.bytes);
            tag.map(|tag| record.tag = tag).is_some()
        })
    }

    fn open_all() -> bool {
        each(|cipher, nonce, record| cipher.open(nonce, &AAD, &mut record.bytes, &record.tag))
    }
}

/// As long as a record's header, which is what TLS 1.3 authenticates besides.
const AAD: [u8; 5] = [23, 3, 3, 0x40, 0x11];

fn each(mut operation: impl FnMut(&dyn Cipher, &Nonce, &mut Record) -> bool) -> bool {
    BENCH.with_borrow_mut(|bench| {
        let Some(bench) = bench else { return false };
        let mut number = 0_u64;
        bench.records.iter_mut().all(|record| {
            number += 1;
            let mut nonce = Nonce::default();
            for (to, from) in nonce.iter_mut().rev().zip(number.to_le_bytes()) {
                *to = from;
            }
            operation(&*bench.cipher, &nonce, record)
        })
    })
}

/// One virtual call for a record on both sides, as rustls makes it.
trait Cipher {
    fn seal(&self, nonce: &Nonce, aad: &[u8], in_out: &mut [u8]) -> Option<aead::Tag>;
    fn open(&self, nonce: &Nonce, aad: &[u8], in_out: &mut [u8], tag: &aead::Tag) -> bool;
}

fn cipher(algorithm: Algorithm, maker: Maker) -> Box<dyn Cipher> {
    /// The longest that there is.
    const KEY: [u8; 32] = [7; 32];
    let short = KEY.first_chunk::<16>().unwrap_or(&[0; 16]);
    match (maker, algorithm) {
        (Maker::RustCrypto, Algorithm::Aes128Gcm) => Box::new(Other(Aes128Gcm::new(short.into()))),
        (Maker::RustCrypto, Algorithm::Aes256Gcm) => Box::new(Other(Aes256Gcm::new((&KEY).into()))),
        (Maker::RustCrypto, Algorithm::Chacha20Poly1305) => {
            Box::new(Other(ChaCha20Poly1305::new((&KEY).into())))
        }
        (Maker::Portcullis, Algorithm::Aes128Gcm) => {
            Box::new(Ours(algorithm::Algorithm::Aes128Gcm.with_key(short)))
        }
        (Maker::Portcullis, Algorithm::Aes256Gcm) => {
            Box::new(Ours(algorithm::Algorithm::Aes256Gcm.with_key(&KEY)))
        }
        (Maker::Portcullis, Algorithm::Chacha20Poly1305) => {
            Box::new(Ours(algorithm::Algorithm::ChaCha20Poly1305.with_key(&KEY)))
        }
    }
}

struct Ours(Box<dyn Aead>);

impl Cipher for Ours {
    fn seal(&self, nonce: &Nonce, aad: &[u8], in_out: &mut [u8]) -> Option<aead::Tag> {
        self.0.seal(nonce, aad, in_out).ok()
    }

    fn open(&self, nonce: &Nonce, aad: &[u8], in_out: &mut [u8], tag: &aead::Tag) -> bool {
        self.0.open(nonce, aad, in_out, tag).is_ok()
    }
}

struct Other<C>(C);

impl<C: AeadInOut<NonceSize = U12, TagSize = U16>> Cipher for Other<C> {
    fn seal(&self, nonce: &Nonce, aad: &[u8], in_out: &mut [u8]) -> Option<aead::Tag> {
        let tag = self
            .0
            .encrypt_inout_detached(nonce.into(), aad, in_out.into());
        tag.ok().map(Into::into)
    }

    fn open(&self, nonce: &Nonce, aad: &[u8], in_out: &mut [u8], tag: &aead::Tag) -> bool {
        let opened = self
            .0
            .decrypt_inout_detached(nonce.into(), aad, in_out.into(), tag.into());
        opened.is_ok()
    }
}
