//! The S-box of AES by lookups of half bytes in vectors, after Hamburg, "Accelerating AES with vector
//! permute instructions" (2009).
//!
//! The field of 256 elements is seen as pairs of elements of its subfield of 16: a byte in the inner
//! form is i ω + k, with i in the upper half and k in the lower one, where ω² + αω + α = 0. Its inverse
//! is (k + αi + iω) / n, where n is k² + αik + αi². With j = i + k, two expressions that need nothing but
//! inverses in the subfield give it:
//!
//! - 1 / (1/i + α/k) + j = n / (k + αi)
//! - 1 / (1/j + α/k) + i = n / (k + αi + αk)
//!
//! The inverse is linear in the inverses of these, and so tables of both give all that follows the
//! inversion. The inverse of zero is a byte with the highest bit set, as is its sum with anything but
//! its like, and whatever is looked up by such a byte is zero.

use crate::halves::{Halves, Tables};
use crate::lanes::Lanes;

/// A byte in the inner form.
#[inline(always)]
pub(super) fn to_inner(byte: Lanes) -> Lanes {
    Halves::of(byte).look_up(&tables(&INNER))
}

/// The inner form of a number below 16 in the upper half of a byte; the byte is its number sixteen
/// times.
#[inline(always)]
pub(super) fn upper_to_inner(number: u8) -> Lanes {
    Lanes::splat(u32::from_le_bytes([number; 4])).look_up(tables(&INNER).0)
}

/// The inner form of the numbers 0 to 15.
#[inline(always)]
pub(super) fn numbers_in_inner() -> Lanes {
    tables(&INNER).1
}

/// The substitute of a byte, without the constant of the S-box, as the two expressions.
#[derive(Clone, Copy)]
pub(super) struct Substitute(Halves);

impl Substitute {
    /// Of a byte in the inner form.
    #[inline(always)]
    pub(super) fn of(byte: Lanes) -> Self {
        let inverse = Lanes::from_bytes(&INVERSE);
        let Halves { upper: i, lower: k } = Halves::of(byte);
        let j = i ^ k;
        let ratio = k.look_up(Lanes::from_bytes(&RATIO));
        let first = i.look_up(inverse) ^ ratio;
        let second = j.look_up(inverse) ^ ratio;
        Self(Halves {
            upper: first.look_up(inverse) ^ j,
            lower: second.look_up(inverse) ^ i,
        })
    }

    /// In the outer form, the one of FIPS 197.
    #[inline(always)]
    pub(super) fn outer(self) -> Lanes {
        self.0.look_up(&tables(&OUTER))
    }

    /// Twice the substitute, in the inner form.
    #[inline(always)]
    pub(super) fn twice(self) -> Lanes {
        self.0.look_up(&tables(&TWICE))
    }

    /// Three times the substitute, in the inner form.
    #[inline(always)]
    pub(super) fn thrice(self) -> Lanes {
        self.0.look_up(&tables(&THRICE))
    }
}

type Table = [u8; 16];

#[inline(always)]
fn tables((upper, lower): &(Table, Table)) -> Tables {
    (Lanes::from_bytes(upper), Lanes::from_bytes(lower))
}

/// The table of a constant function of a half byte.
macro_rules! table {
    ($half:ident => $entry:expr) => {{
        let mut table = [0; 16];
        let mut rest: &mut [u8] = &mut table;
        let mut $half: u8 = 0;
        while let Some((entry, others)) = rest.split_first_mut() {
            *entry = $entry;
            rest = others;
            $half += 1;
        }
        table
    }};
}

const INVERSE: Table = table!(half => match half {
    0 => INVERSE_OF_ZERO,
    _ => in_subfield(inverse(from_subfield(half))),
});
/// α divided by each element of the subfield.
const RATIO: Table = table!(half => match half {
    0 => INVERSE_OF_ZERO,
    _ => in_subfield(product(ALPHA, inverse(from_subfield(half)))),
});
const INNER: (Table, Table) = (
    table!(half => inner(half << 4)),
    table!(half => inner(half)),
);
const OUTER: (Table, Table) = (
    table!(half => after_first(half)),
    table!(half => after_second(half)),
);
const TWICE: (Table, Table) = (
    table!(half => inner(product(2, after_first(half)))),
    table!(half => inner(product(2, after_second(half)))),
);
const THRICE: (Table, Table) = (
    table!(half => inner(product(3, after_first(half)))),
    table!(half => inner(product(3, after_second(half)))),
);

const INVERSE_OF_ZERO: u8 = 0x80;
/// A generator of the subfield, with α⁴ = α + 1.
const ALPHA: u8 = 0x5c;
const OMEGA: u8 = 0xb2;

/// What the first expression gives the substitute. Its inverse is u = (k + αi) / n, that of the second
/// t = (k + αi + αk) / n, so that k/n = (u + t) / α and i/n = (u + k/n) / α.
const fn after_first(expression: u8) -> u8 {
    let k = over_alpha(inverse(from_subfield(expression)));
    let i = over_alpha(inverse(from_subfield(expression)) ^ k);
    linear(k ^ product(ALPHA ^ OMEGA, i))
}

/// What the second expression gives the substitute.
const fn after_second(expression: u8) -> u8 {
    let k = over_alpha(inverse(from_subfield(expression)));
    let i = over_alpha(k);
    linear(k ^ product(ALPHA ^ OMEGA, i))
}

const fn over_alpha(a: u8) -> u8 {
    product(a, inverse(ALPHA))
}

/// The linear part of the S-box's affine map.
const fn linear(a: u8) -> u8 {
    a ^ a.rotate_left(1) ^ a.rotate_left(2) ^ a.rotate_left(3) ^ a.rotate_left(4)
}

/// The inner form of a byte.
const fn inner(outer: u8) -> u8 {
    let mut inner = 0;
    while product(from_subfield(inner >> 4), OMEGA) ^ from_subfield(inner & 15) != outer {
        inner += 1;
    }
    inner
}

/// The half byte of an element of the subfield.
const fn in_subfield(element: u8) -> u8 {
    let mut half = 0;
    while from_subfield(half) != element {
        half += 1;
    }
    half
}

/// The element of the subfield whose coordinates, of the powers of α, are the bits of a half byte.
const fn from_subfield(half: u8) -> u8 {
    let mut element = 0;
    let mut rest = half;
    let mut power = 1;
    while rest != 0 {
        element ^= product(power, rest & 1);
        rest >>= 1;
        power = product(power, ALPHA);
    }
    element
}

/// The inverse, and of zero zero: the power of 254.
const fn inverse(a: u8) -> u8 {
    let mut power = a;
    let mut inverse = 1;
    let mut bit = 1;
    while bit < 8 {
        power = product(power, power);
        inverse = product(inverse, power);
        bit += 1;
    }
    inverse
}

/// The product in the field (FIPS 197 §4.2). Of constants only: its time depends on them.
const fn product(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b != 0 {
        if b & 1 == 1 {
            product ^= a;
        }
        a = (a << 1) ^ if a & 0x80 == 0 { 0 } else { 0x1b };
        b >>= 1;
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_substitute() {
        for byte in 0..=255 {
            let expected = linear(inverse(byte));
            let substitute = Substitute::of(to_inner(Lanes::from_bytes(&[byte; 16])));
            assert_eq!(substitute.outer().to_bytes(), [expected; 16]);
            let twice = inner(product(2, expected));
            assert_eq!(substitute.twice().to_bytes(), [twice; 16]);
            let thrice = inner(product(3, expected));
            assert_eq!(substitute.thrice().to_bytes(), [thrice; 16]);
        }
        // FIPS 197 §5.1.1: the substitute of 0x53 is 0xed.
        assert_eq!(linear(inverse(0x53)) ^ 0x63, 0xed);
    }
}
