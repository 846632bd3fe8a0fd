//! ChaCha20-Poly1305 (RFC 8439 §2.8): one pass over the text, in which the key stream of one batch
//! is made while another is authenticated.

use zeroize::Zeroizing;

use super::aead::{Aead, Nonce, Refused, Tag, is_equal};
use super::chacha20::{BATCH, ChaCha20, KeyStream};
use super::key_stream::xor;
use super::lanes::Lanes;
use super::poly1305::Poly1305;

/// A key.
pub(super) struct ChaCha20Poly1305 {
    key: Zeroizing<[u32; 8]>,
}

impl ChaCha20Poly1305 {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let mut words = Zeroizing::new([0; 8]);
        for (word, bytes) in words.iter_mut().zip(key.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        Self { key: words }
    }

    /// Starts the key stream and the authenticator, whose key is the first block; also returns the
    /// rest of the first batch.
    fn start(&self, nonce: &Nonce) -> (ChaCha20, Poly1305, [Lanes; 12]) {
        let mut stream = ChaCha20::new(&self.key, nonce);
        let [r, pad, _, _, rest @ ..] = stream.next();
        let mac = Poly1305::new(&r.to_bytes(), &pad.to_bytes());
        (stream, mac, rest)
    }

    /// XORs the key stream onto the text.
    fn apply(&self, nonce: &Nonce, text: &mut [u8]) {
        let (mut stream, _, first) = self.start(nonce);
        let (head, body) = split(text);
        xor(head, &first);
        for chunk in body.chunks_mut(BATCH) {
            xor(chunk, &stream.next());
        }
    }
}

impl Aead for ChaCha20Poly1305 {
    fn seal(&self, nonce: &Nonce, aad: &[u8], in_out: &mut [u8]) -> Result<Tag, Refused> {
        let (aad_len, text_len) = lengths(aad, in_out)?;
        let (mut stream, mut mac, first) = self.start(nonce);
        mac.padded(aad);

        let (head, body) = split(in_out);
        xor(head, &first);
        let mut waiting: &[u8] = head;
        let (chunks, tail) = body.as_chunks_mut();
        for chunk in chunks {
            let key_stream = match waiting.as_array() {
                Some(waiting) => beside(&mut stream, &mut mac, waiting),
                None => {
                    mac.padded(waiting);
                    stream.next()
                }
            };
            xor_whole(chunk, &key_stream);
            waiting = chunk;
        }
        mac.padded(waiting);
        if !tail.is_empty() {
            xor(tail, &stream.next());
            mac.padded(tail);
        }
        Ok(mac.finish(aad_len, text_len))
    }

    /// Decrypts in the pass that authenticates, and encrypts again if the tag turns out to be
    /// wrong: the caller then finds the ciphertext, never plaintext.
    fn open(&self, nonce: &Nonce, aad: &[u8], in_out: &mut [u8], tag: &Tag) -> Result<(), Refused> {
        let (aad_len, text_len) = lengths(aad, in_out)?;
        let (mut stream, mut mac, first) = self.start(nonce);
        mac.padded(aad);

        let (head, body) = split(in_out);
        mac.padded(head);
        xor(head, &first);
        let (chunks, tail) = body.as_chunks_mut();
        for chunk in chunks {
            let key_stream = beside(&mut stream, &mut mac, chunk);
            xor_whole(chunk, &key_stream);
        }
        if !tail.is_empty() {
            mac.padded(tail);
            xor(tail, &stream.next());
        }
        if is_equal(&mac.finish(aad_len, text_len), tag) {
            return Ok(());
        }
        self.apply(nonce, in_out);
        Err(Refused)
    }
}

/// The lengths in bytes; refuses a text longer than the counter can number (RFC 8439 §2.8).
fn lengths(aad: &[u8], text: &[u8]) -> Result<(u64, u64), Refused> {
    const LIMIT: u64 = 64 * 0xffff_ffff;
    let length = |bytes: &[u8]| u64::try_from(bytes.len()).map_err(|_| Refused);
    let (aad, text) = (length(aad)?, length(text)?);
    if text > LIMIT {
        return Err(Refused);
    }
    Ok((aad, text))
}

/// Splits the text into the part that the first batch of key stream covers and the rest.
fn split(text: &mut [u8]) -> (&mut [u8], &mut [u8]) {
    text.split_at_mut(text.len().min(FIRST))
}

#[inline(always)]
fn beside(stream: &mut ChaCha20, mac: &mut Poly1305, ciphertext: &[u8; BATCH]) -> KeyStream {
    let pairs = ciphertext.as_chunks().0.as_chunks().0;
    stream.next_beside(pairs, |block| mac.block(block))
}

#[inline(always)]
fn xor_whole(text: &mut [u8; BATCH], key_stream: &KeyStream) {
    for (block, key) in text.as_chunks_mut().0.iter_mut().zip(key_stream) {
        *block = (Lanes::from_bytes(block) ^ *key).to_bytes();
    }
}

const FIRST: usize = BATCH - 64;
