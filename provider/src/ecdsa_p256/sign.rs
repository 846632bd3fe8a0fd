//! Signatures of ECDSA over P-256 (FIPS 186-5 §6.4.1) with the nonces of RFC 6979, in constant time.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::comb;
use super::field::{self, Words};
use super::scalar::Scalar;

/// A private key. It is wiped when it is dropped.
pub struct SigningKey {
    secret: Zeroizing<[u8; 32]>,
    /// The same in Montgomery form.
    montgomery: Zeroizing<Words>,
}

/// The integers r and s.
pub type Signature = ([u8; 32], [u8; 32]);

impl SigningKey {
    /// `None` if the integer is not from 1 to n - 1.
    pub fn new(secret: &[u8; 32]) -> Option<Self> {
        let scalar = Zeroizing::new(Scalar::secret(&field::from_bytes(secret))?);
        Some(Self {
            secret: Zeroizing::new(*secret),
            montgomery: Zeroizing::new(scalar.to_montgomery()),
        })
    }

    /// Signs a message by its hash, SHA-256.
    pub fn sign(&self, message: &[u8]) -> Signature {
        let digest = Scalar::reduced(&field::from_bytes(&Sha256::digest(message).into()));
        let mut nonces = Nonces::new(&self.secret, &digest);
        loop {
            if let Some(signature) = self.sign_with(&digest, &nonces.next()) {
                return signature;
            }
        }
    }

    /// `None` if the nonce is not from 1 to n - 1, or r or s would be 0.
    fn sign_with(&self, digest: &Scalar, nonce: &[u8; 32]) -> Option<Signature> {
        let nonce = Zeroizing::new(Scalar::secret(&field::from_bytes(nonce))?);
        let (x, _) = comb::times_base(&nonce);
        let r = Scalar::reduced(&x);
        let inverse = Zeroizing::new(nonce.secret_inverse());
        let sum = Zeroizing::new(digest.plus(&r.times(&self.montgomery)));
        let s = sum.times(&inverse);
        // Both are public from here on.
        let (r, s) = (Scalar::nonzero(r.words())?, Scalar::nonzero(s.words())?);
        Some((field::to_bytes(r.words()), field::to_bytes(s.words())))
    }
}

/// The generator of RFC 6979 §3.2.
struct Nonces {
    key: Zeroizing<[u8; 32]>,
    value: Zeroizing<[u8; 32]>,
    is_fresh: bool,
}

impl Nonces {
    fn new(secret: &[u8; 32], digest: &Scalar) -> Self {
        let mut nonces = Self {
            key: Zeroizing::new([0; 32]),
            value: Zeroizing::new([1; 32]),
            is_fresh: true,
        };
        let digest = field::to_bytes(digest.words());
        nonces.renew(&[&[0], secret, &digest]);
        nonces.renew(&[&[1], secret, &digest]);
        nonces
    }

    fn next(&mut self) -> Zeroizing<[u8; 32]> {
        if !self.is_fresh {
            self.renew(&[&[0]]);
        }
        self.is_fresh = false;
        self.value = self.mac(&[]);
        self.value.clone()
    }

    fn renew(&mut self, parts: &[&[u8]]) {
        self.key = self.mac(parts);
        self.value = self.mac(&[]);
    }

    /// The code of the value and the parts, by the key.
    fn mac(&self, parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        // A key that is shorter than a block of the hash counts as one with zeros at its end.
        let mut block = Zeroizing::new([0; 64]);
        let (key, _) = block.split_at_mut(self.key.len());
        key.copy_from_slice(&*self.key);
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        mac.update(&*self.value);
        for part in parts {
            mac.update(part);
        }
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}
