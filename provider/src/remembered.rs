//! Signatures in certificates that were found valid before. A client meets the same chain at each
//! connection to a server, and its signatures are most of what it costs to verify.
//!
//! A signature that is valid stays so, whatever becomes of the certificate: validity, names, purposes
//! and the chain itself are looked at each time. Everything that goes in here is public.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use rustls::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};
use sha2::{Digest, Sha256};

/// An algorithm that verifies a signature once.
#[derive(Debug)]
pub(super) struct Remembered(pub(super) &'static dyn SignatureVerificationAlgorithm);

/// How many signatures are remembered; the oldest is forgotten first.
const KEPT: usize = 128;

/// What [`Remembered::name`] says of them.
static VALID: Mutex<VecDeque<[u8; 32]>> = Mutex::new(VecDeque::new());

impl Remembered {
    /// One name for one algorithm, key, message and signature: each part is preceded by its length,
    /// so that no byte of one can pass for a byte of the next.
    fn name(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> [u8; 32] {
        let (of_key, of_signature) = (self.0.public_key_alg_id(), self.0.signature_alg_id());
        let parts: [&[u8]; 5] = [&of_key, &of_signature, public_key, message, signature];
        let mut name = Sha256::new();
        for part in parts {
            name.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            name.update(part);
        }
        name.finalize().into()
    }
}

impl SignatureVerificationAlgorithm for Remembered {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let name = self.name(public_key, message, signature);
        let valid = || VALID.lock().unwrap_or_else(PoisonError::into_inner);
        if valid().contains(&name) {
            return Ok(());
        }
        self.0.verify_signature(public_key, message, signature)?;
        let mut valid = valid();
        if valid.len() >= KEPT {
            valid.pop_front();
        }
        valid.push_back(name);
        Ok(())
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.0.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.0.signature_alg_id()
    }
}
