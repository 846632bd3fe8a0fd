//! The AEAD primitives against RustCrypto's, over lengths, alignments and wrong tags.

use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;
use portcullis_provider::aead::{Nonce, Refused};
use portcullis_provider::algorithm::Algorithm;

use crate::random::Random;

/// Every length up to some batches, then lengths around the sizes of records and of groups.
fn lengths() -> impl Iterator<Item = usize> {
    let around = [1024, 2048, 4096, 8192, 16384].map(|size| size - 2..=size + 2);
    (0..=800).chain(around.into_iter().flatten())
}

#[test]
fn chacha20_poly1305_agrees_with_rustcrypto_at_every_length() {
    compare::<ChaCha20Poly1305>(Algorithm::ChaCha20Poly1305);
}

#[test]
fn aes_128_gcm_agrees_with_rustcrypto_at_every_length() {
    compare::<Aes128Gcm>(Algorithm::Aes128Gcm);
}

#[test]
fn aes_256_gcm_agrees_with_rustcrypto_at_every_length() {
    compare::<Aes256Gcm>(Algorithm::Aes256Gcm);
}

/// Seals and opens in the middle of a buffer whose other bytes must stay as they are.
fn compare<Other>(algorithm: Algorithm)
where
    Other: AeadInOut<NonceSize = U12, TagSize = U16> + KeyInit,
{
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (round, len) in lengths().enumerate() {
        let key = random.bytes(algorithm.key_len());
        let nonce: Nonce = random.bytes(12).try_into().unwrap();
        let aad = random.bytes(round % 50);
        let plain = random.bytes(len + 48);
        let text = round % 16..round % 16 + len;

        let other = Other::new_from_slice(&key).unwrap();
        let mut expected = plain.clone();
        let in_out = (&mut expected[text.clone()]).into();
        let tag = other
            .encrypt_inout_detached((&nonce).into(), &aad, in_out)
            .unwrap();

        let ours = algorithm.with_key(&key);
        let mut buffer = plain.clone();
        let sealed = ours.seal(&nonce, &aad, &mut buffer[text.clone()]).unwrap();
        assert_eq!(buffer, expected, "{algorithm:?}, {len} bytes");
        assert_eq!(sealed, *tag, "{algorithm:?}, {len} bytes");

        let mut wrong = sealed;
        wrong[round % 16] ^= 1 << (round % 8);
        let opened = ours.open(&nonce, &aad, &mut buffer[text.clone()], &wrong);
        assert_eq!(opened, Err(Refused), "{algorithm:?}, {len} bytes");
        assert_eq!(buffer, expected, "{algorithm:?}, {len} bytes: no plaintext");

        let opened = ours.open(&nonce, &aad, &mut buffer[text], &sealed);
        assert_eq!(opened, Ok(()), "{algorithm:?}, {len} bytes");
        assert_eq!(buffer, plain, "{algorithm:?}, {len} bytes");
    }
}
