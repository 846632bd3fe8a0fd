//! A public key as certificates carry it, and the signatures that it verifies.

use std::borrow::Cow;

use rustls::pki_types::SignatureVerificationAlgorithm;

use super::der::{BIT_STRING, Malformed, Reader, SEQUENCE, bytes_of_bits, encoded, only};
use super::refusal::Refusal;
use portcullis_provider::hash::{Fingerprint, sha256};
use portcullis_provider::refused_rsa_size;

/// The algorithms that verify signatures.
pub(crate) type Algorithms = [&'static dyn SignatureVerificationAlgorithm];

/// The parts of a SubjectPublicKeyInfo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey<'a> {
    /// The contents of the AlgorithmIdentifier.
    pub(super) algorithm: Cow<'a, [u8]>,
    /// The key itself, as its algorithm has it.
    pub(super) key: Cow<'a, [u8]>,
}

impl<'a> PublicKey<'a> {
    /// Takes the contents of a SubjectPublicKeyInfo.
    pub(super) fn parse(contents: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(contents);
        let algorithm = reader.expect(SEQUENCE)?;
        let key = bytes_of_bits(reader.expect(BIT_STRING)?)?;
        reader.end()?;
        Ok(Self {
            algorithm: Cow::Borrowed(algorithm),
            key: Cow::Borrowed(key),
        })
    }

    /// Takes a SubjectPublicKeyInfo.
    pub(crate) fn of_info(der: &'a [u8]) -> Result<Self, Malformed> {
        Self::parse(only(der, SEQUENCE)?)
    }

    /// The SubjectPublicKeyInfo, to the byte that which was read: DER has one form for each value.
    pub(crate) fn to_info(&self) -> Vec<u8> {
        let algorithm = encoded(SEQUENCE, &[&self.algorithm]);
        let key = encoded(BIT_STRING, &[&[0], &self.key]);
        encoded(SEQUENCE, &[&algorithm, &key])
    }

    /// The SHA-256 of the SubjectPublicKeyInfo, by which keys are pinned (RFC 7469 §2.4).
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        sha256(&self.to_info())
    }

    pub(super) fn into_owned(self) -> PublicKey<'static> {
        PublicKey {
            algorithm: Cow::Owned(self.algorithm.into_owned()),
            key: Cow::Owned(self.key.into_owned()),
        }
    }

    /// Refuses RSA keys of a size that every check of a signature refuses.
    pub(super) fn check_size(&self) -> Result<(), Refusal> {
        match refused_rsa_size(&self.algorithm, &self.key) {
            Some(bits) => Err(Refusal::KeySize(bits)),
            None => Ok(()),
        }
    }

    /// Verifies a signature. `signature_algorithm` is the contents of its AlgorithmIdentifier.
    pub(super) fn verify(
        &self,
        algorithms: &Algorithms,
        signature_algorithm: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Refusal> {
        let mut is_known = false;
        for algorithm in algorithms {
            if *algorithm.signature_alg_id() != *signature_algorithm {
                continue;
            }
            is_known = true;
            if *algorithm.public_key_alg_id() == *self.algorithm {
                self.check_size()?;
                return algorithm
                    .verify_signature(&self.key, message, signature)
                    .map_err(|_| Refusal::Signature);
            }
        }
        let identifier = if is_known {
            self.algorithm.as_ref()
        } else {
            signature_algorithm
        };
        Err(Refusal::unsupported(identifier))
    }

    /// Verifies a signature of a handshake with the algorithm of its scheme that fits the key: in
    /// TLS 1.2 a scheme stands for several algorithms, one for each kind of key.
    pub(crate) fn verify_handshake(
        &self,
        algorithms: &Algorithms,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Refusal> {
        let fitting = algorithms
            .iter()
            .find(|algorithm| *algorithm.public_key_alg_id() == *self.algorithm)
            .ok_or_else(|| Refusal::unsupported(&self.algorithm))?;
        self.check_size()?;
        fitting
            .verify_signature(&self.key, message, signature)
            .map_err(|_| Refusal::HandshakeSignature)
    }
}

#[cfg(test)]
#[test]
fn a_key_is_written_as_it_was_read() {
    for root in webpki_roots::TLS_SERVER_ROOTS {
        let info = encoded(SEQUENCE, &[&root.subject_public_key_info]);
        let key = PublicKey::of_info(&info).map(|key| key.to_info());
        assert_eq!(key, Ok(info));
    }
}
