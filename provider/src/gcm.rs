//! AES in Galois/Counter Mode (NIST SP 800-38D) with nonces of 96 bits.

use super::aead::{Aead, Nonce, Refused, Tag, is_equal};
use super::aes::{Aes, Aes128, Aes256, BATCH, RoundKeys, SECTION, States};
use super::ghash::GHash;
use super::key_stream::xor;
use super::lanes::Lanes;

/// A key.
pub(super) struct Gcm<const KEYS: usize> {
    aes: Aes<KEYS>,
    hash: GHash,
}

/// AES-128-GCM.
pub(super) type Aes128Gcm = Gcm<11>;

/// AES-256-GCM.
pub(super) type Aes256Gcm = Gcm<15>;

impl Aes128Gcm {
    pub(super) fn new(key: &[u8; 16]) -> Self {
        Self::with(Aes128::new(key))
    }
}

impl Aes256Gcm {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self::with(Aes256::new(key))
    }
}

impl<const KEYS: usize> Gcm<KEYS> {
    fn with(aes: Aes<KEYS>) -> Self {
        // §6.4: the hash key is the encryption of a block of zeros. With a nonce of zeros, the
        // block of counter 0 is that block.
        let mut states = States::new();
        aes.unpack().encrypt_first(&[0; 12], &mut states);
        let [h, ..] = *states.blocks();
        Self {
            aes,
            hash: GHash::new(h),
        }
    }
}

impl<const KEYS: usize> Aead for Gcm<KEYS> {
    fn seal(&self, nonce: &Nonce, aad: &[u8], in_out: &mut [u8]) -> Result<Tag, Refused> {
        let lengths = lengths(aad, in_out)?;
        let keys = self.aes.unpack();
        let mut message = Message::new(&keys, nonce);
        message.apply(in_out);
        Ok(message.tag(self.hash.hash(aad, in_out, &lengths)))
    }

    fn open(&self, nonce: &Nonce, aad: &[u8], in_out: &mut [u8], tag: &Tag) -> Result<(), Refused> {
        let lengths = lengths(aad, in_out)?;
        let keys = self.aes.unpack();
        let mut message = Message::new(&keys, nonce);
        if !is_equal(&message.tag(self.hash.hash(aad, in_out, &lengths)), tag) {
            return Err(Refused);
        }
        message.apply(in_out);
        Ok(())
    }
}

/// The key stream of one message.
struct Message<'a, const KEYS: usize> {
    keys: &'a RoundKeys<KEYS>,
    nonce: &'a Nonce,
    states: States,
    /// The encryption of counter 1, which hides the hash.
    mask: Lanes,
}

impl<'a, const KEYS: usize> Message<'a, KEYS> {
    #[inline(always)]
    fn new(keys: &'a RoundKeys<KEYS>, nonce: &'a Nonce) -> Self {
        let mut states = States::new();
        keys.encrypt_first(nonce, &mut states);
        let [_, mask, ..] = *states.blocks();
        Self {
            keys,
            nonce,
            states,
            mask,
        }
    }

    /// XORs the key stream onto the text, once.
    fn apply(&mut self, text: &mut [u8]) {
        // The text begins with counter 2 (§7.1).
        let (head, body) = text.split_at_mut(text.len().min(16 * (BATCH - 2)));
        let [_, _, first @ ..] = self.states.blocks();
        xor(head, first);
        let rest_of_section = 16 * BATCH * (SECTION - 1);
        let (near, far) = body.split_at_mut(body.len().min(rest_of_section));
        if !near.is_empty() {
            self.apply_section(0, near, 1);
        }
        for (text, number) in far.chunks_mut(16 * BATCH * SECTION).zip(1..) {
            self.apply_section(number, text, 0);
        }
    }

    /// The same for a text within a section, from this batch on.
    fn apply_section(&mut self, number: u32, text: &mut [u8], first: u8) {
        let section = self.keys.section(self.nonce, number, &mut self.states);
        for (chunk, batch) in text.chunks_mut(16 * BATCH).zip(first..) {
            self.keys.encrypt(&section, batch, &mut self.states);
            xor(chunk, self.states.blocks());
        }
    }

    fn tag(&self, hash: Lanes) -> Tag {
        (hash ^ self.mask).to_bytes()
    }
}

/// The lengths in bits, as they are hashed. Refuses a text longer than the counter can number
/// (§5.2.1.1), and associated data of that length, which does not occur.
fn lengths(aad: &[u8], text: &[u8]) -> Result<[u8; 16], Refused> {
    const LIMIT: u64 = (1 << 36) - 32;
    let length = |bytes: &[u8]| u64::try_from(bytes.len()).map_err(|_| Refused);
    let (aad, text) = (length(aad)?, length(text)?);
    if aad > LIMIT || text > LIMIT {
        return Err(Refused);
    }
    Ok((u128::from(8 * aad) << 64 | u128::from(8 * text)).to_be_bytes())
}
