//! The MAC of PKCS #12 under a passphrase (RFC 7292 §4 and §B), and PBMAC1 (RFC 8018 §7.1), which
//! takes its place where a FIPS module is used (RFC 9579).

use hmac::digest::block_api::{BlockSizeUser, EagerHash};
use hmac::{Hmac, KeyInit, Mac as _};
use pkcs8::ObjectIdentifier;
use pkcs8::der::{Reader as _, asn1::AnyRef};
use pkcs8::pkcs5::pbes2::{Kdf, Pbkdf2Params, Pbkdf2Prf};
use pkcs8::spki::AlgorithmIdentifierRef;
use sha1::Sha1;
use sha2::digest::{Digest, FixedOutputReset, Output};
use sha2::{Sha224, Sha256, Sha384, Sha512};
use zeroize::{Zeroize, Zeroizing};

use super::password::{Budget, Locked, unread};

/// The `MacData` of PKCS #12 (RFC 7292 §4), with an HMAC of the passphrase.
#[derive(Debug)]
pub struct Mac<'a> {
    /// The hash of the HMAC, or PBMAC1 with its parameters.
    pub algorithm: AlgorithmIdentifierRef<'a>,
    /// The MAC.
    pub value: &'a [u8],
    /// The salt of the key derivation.
    pub salt: &'a [u8],
    /// The iterations of the key derivation.
    pub iterations: u64,
}

impl Mac<'_> {
    /// Whether this is the MAC of the contents under the passphrase. An empty passphrase is tried
    /// in both encodings that there are: as an empty string, and as no string at all.
    ///
    /// # Errors
    /// When the algorithm is not supported, or the budget does not allow it.
    pub fn verify(
        &self,
        contents: &[u8],
        passphrase: &str,
        budget: &mut Budget,
    ) -> Result<bool, Locked> {
        if self.algorithm.oid == PBMAC1 {
            let parameters = self.algorithm.parameters;
            let mac =
                Pbmac1::new(parameters.ok_or(Locked::Malformed("PBMAC1 without parameters"))?)?;
            return mac.verify(self.value, contents, passphrase, budget);
        }
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

/// PBMAC1 with PBKDF2, the only key derivation that it has (RFC 9579 §5). It has a salt and
/// iterations of its own; those of `MacData` mean nothing.
struct Pbmac1 {
    kdf: Pbkdf2Params,
    hash: Pbkdf2Prf,
    key_length: usize,
}

impl Pbmac1 {
    fn new(parameters: AnyRef<'_>) -> Result<Self, Locked> {
        let unread = |error| unread("PBMAC1", &error);
        let (kdf, hash) = parameters
            .sequence(|reader| {
                let kdf: AlgorithmIdentifierRef<'_> = reader.decode()?;
                let hash: AlgorithmIdentifierRef<'_> = reader.decode()?;
                Ok::<_, pkcs8::der::Error>((kdf, hash))
            })
            .map_err(unread)?;
        let Kdf::Pbkdf2(kdf) = Kdf::try_from(kdf).map_err(unread)? else {
            return Err(Locked::Unsupported(format!("PBMAC1 with {}", kdf.oid)));
        };
        let key_length = kdf
            .key_length
            .map(usize::from)
            .filter(|length| MAC_KEY.contains(length))
            .ok_or(Locked::Malformed("PBMAC1 with a key of no proper length"))?;
        let hash = Pbkdf2Prf::try_from(hash).map_err(unread)?;
        Ok(Self {
            kdf,
            hash,
            key_length,
        })
    }

    fn verify(
        &self,
        value: &[u8],
        contents: &[u8],
        passphrase: &str,
        budget: &mut Budget,
    ) -> Result<bool, Locked> {
        let mut key = Zeroizing::new(vec![0; self.key_length]);
        let derive = match self.kdf.prf {
            Pbkdf2Prf::HmacWithSha1 => pbkdf2::pbkdf2_hmac::<Sha1>,
            Pbkdf2Prf::HmacWithSha224 => pbkdf2::pbkdf2_hmac::<Sha224>,
            Pbkdf2Prf::HmacWithSha256 => pbkdf2::pbkdf2_hmac::<Sha256>,
            Pbkdf2Prf::HmacWithSha384 => pbkdf2::pbkdf2_hmac::<Sha384>,
            Pbkdf2Prf::HmacWithSha512 => pbkdf2::pbkdf2_hmac::<Sha512>,
            other => return Err(Locked::Unsupported(format!("PBMAC1 with {}", other.oid()))),
        };
        let is_of = match self.hash {
            Pbkdf2Prf::HmacWithSha1 => is_hmac::<Sha1>,
            Pbkdf2Prf::HmacWithSha224 => is_hmac::<Sha224>,
            Pbkdf2Prf::HmacWithSha256 => is_hmac::<Sha256>,
            Pbkdf2Prf::HmacWithSha384 => is_hmac::<Sha384>,
            Pbkdf2Prf::HmacWithSha512 => is_hmac::<Sha512>,
            other => return Err(Locked::Unsupported(format!("PBMAC1 with {}", other.oid()))),
        };
        budget.spend_iterations(self.kdf.iteration_count.into(), "PBMAC1")?;
        // The passphrase is UTF-8 here, and UTF-16 in the older MAC (RFC 9579 §3).
        derive(
            passphrase.as_bytes(),
            self.kdf.salt.as_ref(),
            self.kdf.iteration_count,
            &mut key,
        );
        Ok(is_of(&key, contents, value))
    }
}

/// Lengths in bytes of a key of PBMAC1: RFC 9579 §5 refuses shorter ones, and nobody derives a key
/// longer than the longest hash.
const MAC_KEY: std::ops::RangeInclusive<usize> = 20..=64;

/// Whether this is the HMAC of the contents.
fn is_hmac<H: EagerHash>(key: &[u8], contents: &[u8], value: &[u8]) -> bool
where
    Hmac<H>: KeyInit + hmac::Mac,
{
    // HMAC takes a key of any length (RFC 2104 §2). If it refused one, nothing would verify.
    let Ok(mut hmac) = <Hmac<H> as KeyInit>::new_from_slice(key) else {
        return false;
    };
    hmac.update(contents);
    // Compares in constant time.
    hmac.verify_slice(value).is_ok()
}

fn verify<H>(mac: &Mac<'_>, contents: &[u8], passphrase: &[u8]) -> bool
where
    H: Digest + FixedOutputReset + BlockSizeUser + EagerHash,
{
    let mut key = Output::<H>::default();
    derive::<H>(mac, passphrase, &mut key);
    let is_right = is_hmac::<H>(&key, contents, mac.value);
    key.as_mut_slice().zeroize();
    is_right
}

/// Derives a key as long as the hash, which is what its HMAC needs (RFC 7292 §B.2).
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
    // The capacity is the largest length there can be: growing would leave a copy behind, unwiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * passphrase.len() + 2));
    for unit in passphrase.encode_utf16().chain([0]) {
        bytes.extend(unit.to_be_bytes());
    }
    bytes
}

const PBMAC1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.14");
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const SHA224: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.4");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
