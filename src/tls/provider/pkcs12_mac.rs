//! The MAC of PKCS #12 under a passphrase (RFC 7292 §4 and §B).

use hmac::digest::block_api::{BlockSizeUser, EagerHash};
use hmac::{Hmac, KeyInit, Mac as _};
use pkcs8::ObjectIdentifier;
use pkcs8::spki::AlgorithmIdentifierRef;
use sha1::Sha1;
use sha2::digest::{Digest, FixedOutputReset, Output};
use sha2::{Sha224, Sha256, Sha384, Sha512};
use zeroize::{Zeroize, Zeroizing};

use super::password::{Budget, Locked};

/// The `MacData` of PKCS #12 (RFC 7292 §4), with an HMAC of the passphrase.
#[derive(Debug)]
pub(crate) struct Mac<'a> {
    pub(crate) algorithm: AlgorithmIdentifierRef<'a>,
    pub(crate) value: &'a [u8],
    pub(crate) salt: &'a [u8],
    pub(crate) iterations: u64,
}

impl Mac<'_> {
    /// Whether the contents are what was written under this passphrase. An empty one is taken both
    /// ways that there are: as an empty string, and as none.
    pub(crate) fn verify(
        &self,
        contents: &[u8],
        passphrase: &str,
        budget: &mut Budget,
    ) -> Result<bool, Locked> {
        let mut is_right = self.is_of(contents, &bmp_string(passphrase), budget)?;
        if !is_right && passphrase.is_empty() {
            is_right = self.is_of(contents, &[], budget)?;
        }
        Ok(is_right)
    }

    fn is_of(
        &self,
        contents: &[u8],
        passphrase: &[u8],
        budget: &mut Budget,
    ) -> Result<bool, Locked> {
        if self.algorithm.parameters.is_some_and(|any| !any.is_null()) {
            return Err(Locked::Unsupported(format!(
                "a MAC by {}",
                self.algorithm.oid
            )));
        }
        let verify = match self.algorithm.oid {
            SHA1 => verify::<Sha1>,
            SHA224 => verify::<Sha224>,
            SHA256 => verify::<Sha256>,
            SHA384 => verify::<Sha384>,
            SHA512 => verify::<Sha512>,
            other => return Err(Locked::Unsupported(format!("a MAC by {other}"))),
        };
        budget.spend_iterations(self.iterations, "a MAC")?;
        Ok(verify(self, contents, passphrase))
    }
}

fn verify<H>(mac: &Mac<'_>, contents: &[u8], passphrase: &[u8]) -> bool
where
    H: Digest + FixedOutputReset + BlockSizeUser + EagerHash,
{
    let mut key = Output::<H>::default();
    derive::<H>(mac, passphrase, &mut key);
    let hmac = Hmac::<H>::new_from_slice(&key);
    key.as_mut_slice().zeroize();
    // A key of any length will do (RFC 2104 §2); one that did not would verify nothing.
    let Ok(mut hmac) = hmac else { return false };
    hmac.update(contents);
    // Compares in constant time.
    hmac.verify_slice(mac.value).is_ok()
}

/// RFC 7292 §B.2, for as many bytes as the hash has, which is all that its HMAC needs.
fn derive<H: Digest + FixedOutputReset + BlockSizeUser>(
    mac: &Mac<'_>,
    passphrase: &[u8],
    key: &mut Output<H>,
) {
    /// The purpose: a MAC (§B.3).
    const ID: u8 = 3;
    let block = H::block_size();
    let repeated = |bytes: &[u8]| {
        let length = bytes.len().next_multiple_of(block);
        Zeroizing::new(
            bytes
                .iter()
                .copied()
                .cycle()
                .take(length)
                .collect::<Vec<_>>(),
        )
    };
    let mut hash = H::new();
    Digest::update(&mut hash, vec![ID; block]);
    Digest::update(&mut hash, repeated(mac.salt).as_slice());
    Digest::update(&mut hash, repeated(passphrase).as_slice());
    Digest::finalize_into_reset(&mut hash, key);
    for _ in 1..mac.iterations {
        Digest::update(&mut hash, key.as_slice());
        Digest::finalize_into_reset(&mut hash, key);
    }
}

/// RFC 7292 §B.1: big-endian UTF-16 with a zero at its end.
fn bmp_string(passphrase: &str) -> Zeroizing<Vec<u8>> {
    // As many as there can be, so that none are left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * passphrase.len() + 2));
    for unit in passphrase.encode_utf16().chain([0]) {
        bytes.extend(unit.to_be_bytes());
    }
    bytes
}

const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const SHA224: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.4");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
