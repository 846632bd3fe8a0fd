//! ECDH over P-256 (SP 800-56A §5.7.1.2), in constant time.

use zeroize::Zeroizing;

use super::field;
use super::point::Affine;
use super::scalar::Scalar;
use super::{public_of, windows};

/// A private key with its public one. It is wiped when it is dropped.
pub struct AgreementKey {
    secret: Zeroizing<Scalar>,
    public: [u8; 65],
}

impl AgreementKey {
    /// `None` if the integer is not from 1 to n - 1.
    pub fn new(secret: &[u8; 32]) -> Option<Self> {
        let secret = Zeroizing::new(Scalar::secret(&field::from_bytes(secret))?);
        let public = public_of(&secret);
        Some(Self { secret, public })
    }

    /// An uncompressed point.
    pub fn public(&self) -> &[u8; 65] {
        &self.public
    }

    /// The secret shared with a peer: the x coordinate of its uncompressed point times the private key. `None`
    /// for bytes that are no point of the curve.
    pub fn shared(&self, peer: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        let peer = Affine::from_sec1(peer)?;
        let x = Zeroizing::new(windows::times_point(&self.secret, &peer));
        Some(Zeroizing::new(field::to_bytes(&x)))
    }
}
