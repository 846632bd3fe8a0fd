//! ML-KEM-768 (FIPS 203), with randomness from the caller. It knows nothing of TLS.

use std::ops::IndexMut as _;

use libcrux_ml_kem::mlkem768::{
    self, MlKem768Ciphertext, MlKem768PrivateKey, MlKem768PublicKey, decapsulate,
    generate_key_pair, validate_public_key,
};
use zeroize::{Zeroize as _, Zeroizing};

/// Bytes of an encapsulation key, which the client sends.
pub(super) const ENCAPSULATION_KEY_LENGTH: usize = 1184;

/// Bytes of a ciphertext, which the server sends.
pub(super) const CIPHERTEXT_LENGTH: usize = 1088;

/// Bytes of d and z, which a key pair is made of.
pub(super) const SEED_LENGTH: usize = 64;

/// Bytes of m, which a ciphertext is made of.
pub(super) const RANDOMNESS_LENGTH: usize = 32;

/// The secret that both sides share.
pub(super) type Secret = Zeroizing<[u8; 32]>;

/// The secret half of a key pair; zeroized when dropped.
pub(super) struct DecapsulationKey(Box<MlKem768PrivateKey>);

impl DecapsulationKey {
    /// Makes a key pair from d and z.
    pub(super) fn generate(seed: &[u8; SEED_LENGTH]) -> (Self, [u8; ENCAPSULATION_KEY_LENGTH]) {
        let (secret, public) = generate_key_pair(*seed).into_parts();
        (Self(Box::new(secret)), public.into())
    }

    /// The secret in the ciphertext. A ciphertext that was not made for this key gives a different
    /// secret, as FIPS 203 requires, so that there is no error to learn from.
    pub(super) fn decapsulate(&self, ciphertext: &[u8; CIPHERTEXT_LENGTH]) -> Secret {
        Zeroizing::new(decapsulate(&self.0, &MlKem768Ciphertext::from(ciphertext)))
    }
}

impl Drop for DecapsulationKey {
    fn drop(&mut self) {
        self.0.index_mut(0..).zeroize();
    }
}

/// A ciphertext for the holder of the key, and the secret in it; `None` if the key is not valid,
/// because a coefficient is not below the modulus (FIPS 203 §7.2).
pub(super) fn encapsulate(
    key: &[u8; ENCAPSULATION_KEY_LENGTH],
    randomness: &[u8; RANDOMNESS_LENGTH],
) -> Option<([u8; CIPHERTEXT_LENGTH], Secret)> {
    let key = MlKem768PublicKey::from(key);
    if !validate_public_key(&key) {
        return None;
    }
    let (ciphertext, secret) = mlkem768::encapsulate(&key, *randomness);
    Some((ciphertext.into(), Zeroizing::new(secret)))
}
