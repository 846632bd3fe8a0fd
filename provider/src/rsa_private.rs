//! RSA signatures (RFC 8017): the operation with the private key, and the two paddings of TLS.
//!
//! The arithmetic is in constant time. In addition the number that is raised and both exponents are blinded
//! with fresh randomness. A signature is verified before it is given away: one that was computed wrongly modulo
//! one of the primes would give the key away (Boneh, DeMillo and Lipton, 1997).

use std::fmt;

use rsa::BoxedUint;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use sha2::Digest;
use sha2::digest::Output;
use sha2::digest::const_oid::AssociatedOid;
use zeroize::Zeroizing;

use super::montgomery::{self, Modulus, Native, Number};
use super::random;

/// A private key of two primes, made ready. It is wiped when it is dropped.
pub(super) struct RsaKey {
    /// n as the blinding wants it.
    public: BoxedUint,
    n: Modulus,
    bits: usize,
    e: u64,
    p: Prime,
    q: Prime,
    /// The inverse of q modulo p.
    coefficient: Number,
}

struct Prime {
    modulus: Modulus,
    /// The prime less 1, and the private exponent modulo that, as words of which the lowest is the first.
    order: Zeroizing<Vec<u64>>,
    exponent: Zeroizing<Vec<u64>>,
}

/// Why there is no signature. All of them are faults of the machine or of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// No randomness.
    Random,
    /// The key is shorter than the padding.
    Short,
    /// The signature does not verify.
    Wrong,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Random => "no randomness",
            Self::Short => "the key is too short for the scheme",
            Self::Wrong => "the signature does not verify",
        })
    }
}

impl RsaKey {
    /// `None` for a key of another shape than the crate makes of a valid one.
    pub(super) fn new(key: &rsa::PrivateKey) -> Option<Self> {
        let [p, q] = key.primes() else {
            return None;
        };
        let coefficient = Zeroizing::new(key.crt_coefficient()?);
        Self::from_parts(
            key.n().as_ref(),
            key.e(),
            [(p.as_ref(), key.dp()?), (q.as_ref(), key.dq()?)],
            &coefficient,
        )
    }

    /// The primes with their exponents, and the inverse of the second modulo the first.
    fn from_parts(
        n: &BoxedUint,
        e: &BoxedUint,
        primes: [(&BoxedUint, &BoxedUint); 2],
        coefficient: &BoxedUint,
    ) -> Option<Self> {
        let bits = usize::try_from(n.bit_width()).ok()?;
        let [p, q] = primes.map(|(prime, exponent)| Prime::new(prime, exponent, bits.div_ceil(2)));
        let p = p?;
        let coefficient = Zeroizing::new(coefficient.to_be_bytes());
        Some(Self {
            public: n.clone(),
            n: Modulus::new(&n.to_be_bytes(), bits)?,
            bits,
            e: *to_words(&e.to_be_bytes(), 1).first()?,
            coefficient: montgomery::number::<Native>(&coefficient, p.modulus.blocks()),
            p,
            q: q?,
        })
    }

    /// Signs with PKCS #1 v1.5 (RFC 8017 §8.2.1).
    pub(super) fn sign_pkcs1<D: Digest + AssociatedOid>(
        &self,
        message: &[u8],
    ) -> Result<Vec<u8>, Fault> {
        let digest = D::digest(message);
        let oid = D::OID.as_bytes();
        let byte = |length: usize| u8::try_from(length).map_err(|_| Fault::Short);
        let [oid_length, length] = [byte(oid.len())?, byte(digest.len())?];
        // `DigestInfo` (appendix A.2.4), the parameters null.
        let header = [
            &[
                0x30,
                oid_length + length + 8,
                0x30,
                oid_length + 4,
                6,
                oid_length,
            ],
            oid,
            &[5, 0, 4, length],
        ]
        .concat();
        // At least eight bytes of padding (§9.2).
        let padding = self.length().checked_sub(header.len() + digest.len() + 3);
        let padding = padding.filter(|length| *length >= 8).ok_or(Fault::Short)?;
        let encoded = [&[0, 1], &*vec![0xff; padding], &[0], &header, &digest].concat();
        self.apply(&encoded)
    }

    /// Signs with PSS (RFC 8017 §8.1.1); the salt is as long as the hash (RFC 8446 §4.2.3).
    pub(super) fn sign_pss<D: Digest>(&self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut salt = Output::<D>::default();
        random::fill(&mut salt).map_err(|_| Fault::Random)?;
        self.apply(&encode_pss::<D>(self.bits - 1, message, &salt)?)
    }

    /// The length of a signature.
    fn length(&self) -> usize {
        self.bits.div_ceil(8)
    }

    /// RSASP1 (RFC 8017 §5.2.1) of an encoded message, which is less than n.
    fn apply(&self, encoded: &[u8]) -> Result<Vec<u8>, Fault> {
        let n = &self.n;
        let work = &mut n.work();
        let message = montgomery::number::<Native>(encoded, n.blocks());
        let (factor, inverse) = self.blinding()?;
        // (m r^e)^d is m^d r.
        let mut factor = n.enter(work, &factor);
        n.raise(work, &mut factor, self.e);
        let blinded = n.product(work, &message, &factor);
        let power = self.power(&blinded)?;
        let inverse = n.enter(work, &inverse);
        let mut signature = n.product(work, &power, &inverse);
        n.reduce_once(&mut signature);

        let mut check = n.enter(work, &signature);
        n.raise(work, &mut check, self.e);
        if *n.leave(work, &check) != *message {
            return Err(Fault::Wrong);
        }
        Ok(montgomery::bytes::<Native>(&signature, self.length()).to_vec())
    }

    /// A random number below n, and its inverse modulo n.
    fn blinding(&self) -> Result<(Number, Number), Fault> {
        let mut bytes = Zeroizing::new(vec![0; self.length()]);
        loop {
            random::fill(&mut bytes).map_err(|_| Fault::Random)?;
            if let Some(first) = bytes.first_mut() {
                *first &= 0xff >> (8 * self.length() - self.bits);
            }
            let factor = BoxedUint::from_be_slice(&bytes, self.public.bits_precision());
            let Ok(factor) = factor.map(Zeroizing::new) else {
                return Err(Fault::Short);
            };
            let odd = self.public.to_odd().into_option().ok_or(Fault::Wrong)?;
            let inverse: Option<BoxedUint> = factor.invert_odd_mod(&odd).into_option();
            // What is not less than n, or has a factor in common with it, is drawn again.
            if let Some(inverse) = inverse.map(Zeroizing::new)
                && *factor < self.public
            {
                let number = |of: &BoxedUint| {
                    let bytes = Zeroizing::new(of.to_be_bytes());
                    montgomery::number::<Native>(&bytes, self.n.blocks())
                };
                return Ok((number(&factor), number(&inverse)));
            }
        }
    }

    /// A number that is less than twice n, to the power of the private exponent, by way of both primes
    /// (RFC 8017 §5.1.2, step 2 b).
    fn power(&self, number: &[[u64; 9]]) -> Result<Number, Fault> {
        let (p, q) = (&self.p.modulus, &self.q.modulus);
        let work = &mut q.work();
        let by_q = self.q.power(number)?;
        let by_q = q.leave(work, &by_q);
        let by_p = self.p.power(number)?;
        let difference = p.difference(&by_p, &p.enter(work, &by_q));
        // One factor is in Montgomery form, so the product is not.
        let mut quotient = p.product(work, &difference, &self.coefficient);
        p.reduce_once(&mut quotient);
        Ok(work.multiply_add(&quotient, q.value(), &by_q))
    }
}

impl Prime {
    fn new(prime: &BoxedUint, exponent: &BoxedUint, bits: usize) -> Option<Self> {
        let bytes = |number: &BoxedUint| Zeroizing::new(number.to_be_bytes());
        let words = bits.div_ceil(64);
        let mut order = to_words(&bytes(prime), words);
        // The prime is odd.
        *order.first_mut()? &= !1;
        Some(Self {
            modulus: Modulus::new(&bytes(prime), bits)?,
            order,
            exponent: to_words(&bytes(exponent), words),
        })
    }

    /// The power of a number, in Montgomery form modulo the prime.
    fn power(&self, number: &[[u64; 9]]) -> Result<Number, Fault> {
        let work = &mut self.modulus.work();
        let residue = self.modulus.enter_long(work, number);
        Ok(self
            .modulus
            .power(work, &residue, &self.blinded_exponent()?))
    }

    /// The exponent plus a random multiple of the prime less 1, to whose power everything is 1.
    fn blinded_exponent(&self) -> Result<Zeroizing<Vec<u64>>, Fault> {
        let random = random::secret::<8>().map_err(|_| Fault::Random)?;
        let factor = Zeroizing::new(u64::from_le_bytes(*random));
        let mut blinded = Zeroizing::new(Vec::with_capacity(self.exponent.len() + 1));
        let mut carry = 0;
        for (order, exponent) in self.order.iter().zip(&*self.exponent) {
            let word;
            (word, carry) = factor.carrying_mul_add(*order, *exponent, carry);
            blinded.push(word);
        }
        blinded.push(carry);
        Ok(blinded)
    }
}

/// So many words, the lowest first, from the bytes of a big-endian integer.
fn to_words(bytes: &[u8], count: usize) -> Zeroizing<Vec<u64>> {
    let mut words = Zeroizing::new(vec![0; count]);
    for (word, chunk) in words.iter_mut().zip(bytes.rchunks(8)) {
        for byte in chunk {
            *word = *word << 8 | u64::from(*byte);
        }
    }
    words
}

/// EMSA-PSS-ENCODE (RFC 8017 §9.1.1) into so many bits.
fn encode_pss<D: Digest>(bits: usize, message: &[u8], salt: &[u8]) -> Result<Vec<u8>, Fault> {
    let hash = D::new()
        .chain_update([0; 8])
        .chain_update(D::digest(message))
        .chain_update(salt)
        .finalize();
    let length = bits.div_ceil(8);
    let padding = length.checked_sub(hash.len() + salt.len() + 2);
    let padding = padding.ok_or(Fault::Short)?;
    let mut encoded = [&*vec![0; padding], &[1], salt].concat();
    // MGF1 (appendix B.2.1).
    for (counter, chunk) in (0_u32..).zip(encoded.chunks_mut(hash.len())) {
        let mask = D::new()
            .chain_update(&hash)
            .chain_update(counter.to_be_bytes())
            .finalize();
        for (byte, mask) in chunk.iter_mut().zip(mask) {
            *byte ^= mask;
        }
    }
    if let Some(first) = encoded.first_mut() {
        *first &= 0xff >> (8 * length - bits);
    }
    encoded.extend_from_slice(&hash);
    encoded.push(0xbc);
    Ok(encoded)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use sha2::Sha256;

    use super::*;

    /// Each part of the key, wrong in a bit, would let a signature out that gives the key away.
    #[test]
    fn signature_that_was_computed_wrongly_is_not_given_away() {
        let key = rsa::PrivateKey::new(&mut getrandom::SysRng, 2048).unwrap();
        let [p, q] = key.primes() else { unreachable!() };
        let (dp, dq) = (key.dp().unwrap(), key.dq().unwrap());
        let coefficient = key.crt_coefficient().unwrap();
        let sign = |[dp, dq, coefficient]: [&BoxedUint; 3]| {
            let primes = [(p.as_ref(), dp), (q.as_ref(), dq)];
            let key = RsaKey::from_parts(key.n().as_ref(), key.e(), primes, coefficient);
            key.unwrap().sign_pkcs1::<Sha256>(b"message")
        };
        let wrong = |number: &BoxedUint| number.wrapping_sub(BoxedUint::one());
        assert!(sign([dp, dq, &coefficient]).is_ok());
        for parts in [
            [&wrong(dp), dq, &coefficient],
            [dp, &wrong(dq), &coefficient],
            [dp, dq, &wrong(&coefficient)],
        ] {
            assert_eq!(sign(parts), Err(Fault::Wrong));
        }
    }

    #[test]
    fn padding_that_does_not_fit_is_refused() {
        // RFC 8017 §9.1.1, step 3.
        let fits = |bits| encode_pss::<Sha256>(bits, b"message", &[7; 32]);
        assert_eq!(fits(8 * (32 + 32 + 2) - 7).unwrap().len(), 66);
        assert_eq!(fits(8 * (32 + 32 + 1)), Err(Fault::Short));
    }
}
