//! SHA-256 and SHA-384 (FIPS 180-4) for transcripts, and SHA-256 of certificates and keys.

use std::marker::PhantomData;

use rustls::crypto::hash;
use sha2::Digest;

/// SHA-256.
pub static SHA256: &dyn hash::Hash = &Sha::<sha2::Sha256> {
    algorithm: hash::HashAlgorithm::SHA256,
    digest: PhantomData,
};

/// The SHA-256 of a certificate or a key.
pub type Fingerprint = [u8; 32];

/// The SHA-256 of these bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Fingerprint {
    sha2::Sha256::digest(bytes).into()
}

/// SHA-384.
pub static SHA384: &dyn hash::Hash = &Sha::<sha2::Sha384> {
    algorithm: hash::HashAlgorithm::SHA384,
    digest: PhantomData,
};

struct Sha<D> {
    algorithm: hash::HashAlgorithm,
    digest: PhantomData<fn() -> D>,
}

impl<D: Digest + Clone + Send + Sync + 'static> hash::Hash for Sha<D> {
    fn start(&self) -> Box<dyn hash::Context> {
        Box::new(Transcript(D::new()))
    }

    fn hash(&self, data: &[u8]) -> hash::Output {
        hash::Output::new(&D::digest(data))
    }

    fn output_len(&self) -> usize {
        <D as Digest>::output_size()
    }

    fn algorithm(&self) -> hash::HashAlgorithm {
        self.algorithm
    }
}

struct Transcript<D>(D);

impl<D: Digest + Clone + Send + Sync + 'static> hash::Context for Transcript<D> {
    fn fork_finish(&self) -> hash::Output {
        hash::Output::new(&self.0.clone().finalize())
    }

    fn fork(&self) -> Box<dyn hash::Context> {
        Box::new(Self(self.0.clone()))
    }

    fn finish(self: Box<Self>) -> hash::Output {
        hash::Output::new(&self.0.finalize())
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
}
