//! Both kinds of columns against the arithmetic of `crypto-bigint`, at the sizes of keys and their primes.

use rsa::BoxedUint;

use super::block::Column;
use super::{Modulus, bytes, number};

/// The sizes of primes and of keys, and some between them.
const SIZES: [usize; 10] = [1024, 1025, 1026, 1031, 1536, 2047, 2048, 3072, 4096, 8192];

/// Xorshift: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count)
            .map(|_| {
                self.0 ^= self.0 << 13;
                self.0 ^= self.0 >> 7;
                self.0 ^= self.0 << 17;
                self.0.to_le_bytes()[3]
            })
            .collect()
    }
}

/// An odd modulus of exactly so many bits, and numbers below it, with long runs of ones and zeros.
fn samples(bits: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
    let length = bits.div_ceil(8);
    let top = 0xff_u8 >> (8 * length - bits);
    let mut random = Random(bits.try_into().unwrap());
    let modulus = match bits % 3 {
        // All ones: the largest there is.
        0 => vec![0xff; length],
        1 => {
            let mut smallest = vec![0; length];
            smallest[length - 1] = 1;
            smallest
        }
        _ => random.bytes(length),
    };
    let mut modulus = modulus;
    modulus[0] = modulus[0] & top | (top / 2 + 1);
    modulus[length - 1] |= 1;
    let mut last = modulus.clone();
    last[length - 1] ^= 1;
    let mut one = vec![0; length];
    one[length - 1] = 1;
    let mut numbers = vec![vec![0; length], one, last];
    for _ in 0..4 {
        let mut number = random.bytes(length);
        number[0] &= top / 2;
        numbers.push(number);
    }
    let mut ones = vec![0xff; length];
    ones[0] = top / 2;
    numbers.push(ones);
    (modulus, numbers)
}

fn agrees<C: Column>() {
    for bits in SIZES {
        let (modulus_bytes, numbers) = samples(bits);
        let length = modulus_bytes.len();
        let precision = u32::try_from(length * 8).unwrap();
        let big = |bytes: &[u8]| BoxedUint::from_be_slice(bytes, precision).unwrap();
        let n = big(&modulus_bytes).to_odd().unwrap();
        let modulus = Modulus::<C>::new(&modulus_bytes, bits).unwrap();
        let work = &mut modulus.work();
        for a in &numbers {
            let residue = modulus.enter(work, &number::<C>(a, modulus.blocks()));
            assert_eq!(**bytes::<C>(&modulus.leave(work, &residue), length), *a);
            for b in &numbers {
                let other = modulus.enter(work, &number::<C>(b, modulus.blocks()));
                let product = modulus.product(work, &residue, &other);
                let product = bytes::<C>(&modulus.leave(work, &product), length);
                let expected = big(a).mul_mod(&big(b), n.as_nz_ref());
                assert_eq!(big(&product), expected, "{bits} bits");
                let difference = modulus.difference(&residue, &other);
                let difference = modulus.product(work, &difference, &modulus.one);
                let difference = bytes::<C>(&modulus.leave(work, &difference), length);
                let expected = big(a).sub_mod(&big(b), n.as_nz_ref());
                assert_eq!(big(&difference), expected, "{bits} bits");
                // b may have twice as many blocks, as long as it is short enough.
                let long = modulus.enter_long(work, &number::<C>(b, 2 * modulus.blocks()));
                assert_eq!(*modulus.leave(work, &long), *modulus.leave(work, &other));
            }
        }
        // Powers are few, for they take long.
        let residue = |at: usize| {
            let base: &[u8] = &numbers[at];
            number::<C>(base, modulus.blocks())
        };
        for (at, exponent) in [(2, 1_u64), (3, 3), (4, 65_537), (5, (1 << 33) - 1)] {
            let base = modulus.enter(work, &residue(at));
            let mut power = base.clone();
            modulus.raise(work, &mut power, exponent);
            let secret = modulus.power(work, &base, &[exponent]);
            let power = modulus.leave(work, &power);
            assert_eq!(*power, *modulus.leave(work, &secret), "{bits} bits");
            let expected = (1..exponent.min(3)).fold(big(&numbers[at]), |power, _| {
                power.mul_mod(&big(&numbers[at]), n.as_nz_ref())
            });
            if exponent <= 3 {
                assert_eq!(big(&bytes::<C>(&power, length)), expected);
            }
        }
    }
}

#[test]
fn wide_columns_agree_with_crypto_bigint() {
    agrees::<u128>();
}

#[test]
fn narrow_columns_agree_with_crypto_bigint() {
    agrees::<u64>();
}

#[test]
fn modulus_that_is_even_or_longer_than_was_said_is_refused() {
    let mut modulus = vec![0xff; 128];
    assert!(Modulus::<u128>::new(&modulus, 1024).is_some());
    assert!(Modulus::<u128>::new(&[vec![0; 8], modulus.clone()].concat(), 1024).is_some());
    assert!(Modulus::<u128>::new(&modulus, 1023).is_none());
    assert!(Modulus::<u128>::new(&[vec![1], modulus.clone()].concat(), 1024).is_none());
    modulus[127] = 0xfe;
    assert!(Modulus::<u128>::new(&modulus, 1024).is_none());
}
