//! Applies a key stream to a text, for both kinds of cipher.

use super::lanes::Lanes;

/// XORs the key stream onto a text, which is not longer than the key stream.
pub(super) fn xor(text: &mut [u8], key_stream: &[Lanes]) {
    let (blocks, rest) = text.as_chunks_mut();
    let mut key_stream = key_stream.iter();
    for (block, key) in blocks.iter_mut().zip(key_stream.by_ref()) {
        *block = (Lanes::from_bytes(block) ^ *key).to_bytes();
    }
    if let Some(key) = key_stream.next() {
        for (byte, key) in rest.iter_mut().zip(key.to_bytes()) {
            *byte ^= key;
        }
    }
}
