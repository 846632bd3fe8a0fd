//! A cache of the signatures in certificates that were found valid before. A client meets the same
//! chain at each connection to a server, and most of the cost of verifying a chain is its
//! signatures.
//!
//! A valid signature stays valid, whatever becomes of the certificate: validity, names, purposes
//! and the chain itself are checked each time. All inputs of this module are public.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use rustls::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};
use sha2::{Digest, Sha256};

/// An algorithm that verifies each signature once and then takes it from the cache.
#[derive(Debug)]
pub(super) struct CachingVerifier(pub(super) &'static dyn SignatureVerificationAlgorithm);

/// How many signatures the cache holds; the oldest is removed first.
const KEPT: usize = 128;

/// The cache: the [`CachingVerifier::digest`] of each valid signature.
static VALID: Mutex<VecDeque<[u8; 32]>> = Mutex::new(VecDeque::new());

impl CachingVerifier {
    /// Identifies an algorithm, key, message and signature. Each part is preceded by its length, so
    /// that no byte of one part can pass for a byte of the next.
    fn digest(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> [u8; 32] {
        let (of_key, of_signature) = (self.0.public_key_alg_id(), self.0.signature_alg_id());
        let parts: [&[u8]; 5] = [&of_key, &of_signature, public_key, message, signature];
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().into()
    }
}

impl SignatureVerificationAlgorithm for CachingVerifier {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let digest = self.digest(public_key, message, signature);
        let valid = || VALID.lock().unwrap_or_else(PoisonError::into_inner);
        if valid().contains(&digest) {
            return Ok(());
        }
        self.0.verify_signature(public_key, message, signature)?;
        let mut valid = valid();
        if valid.len() >= KEPT {
            valid.pop_front();
        }
        valid.push_back(digest);
        Ok(())
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.0.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.0.signature_alg_id()
    }
}
