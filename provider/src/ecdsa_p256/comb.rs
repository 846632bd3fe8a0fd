//! Multiples of the base point by secrets, in constant time: a comb with signed teeth.
//!
//! An odd scalar is a sum of powers of two, each added or subtracted. The powers stand in a matrix: a column
//! takes one of each 11 of them. The sums that a column can have, six teeth at a time, are kept.

use std::hint::black_box;
use std::sync::OnceLock;

use zeroize::Zeroizing;

use super::field::Words;
use super::point::{self, Add, Addend, Affine};
use super::scalar::Scalar;

const BLOCKS: usize = 4;
const TEETH: usize = 6;
const COLUMNS: usize = 11;
/// The sums of a block in which the highest power is added; the others are their opposites.
const SUMS: usize = 1 << (TEETH - 1);

/// The coordinates of the base point times a scalar, which is not 0.
///
/// What is added up are multiples of the base point by integers. In a column the first addend is odd, after
/// an even sum, and the others are even, after an odd sum: as integers they are neither equal nor opposite, nor
/// is a sum 0. Modulo n they could be, if their absolute values added up to n. But of the powers from 2^255 to
/// 2^263 the highest is added and all others are subtracted, so that sums stay below 15 * 2^252; and addends
/// stay below 2^200, but for those of the last block, which are below 2^254. The sums that these are added to
/// are below 2^255 in all columns but the last.
///
/// That leaves the last addition. Its sum is the scalar, not 0; that its parts are equal happens for one scalar
/// (`the_last_addends_are_equal_for_one_scalar`), and is seen to.
pub(super) fn times_base(scalar: &Scalar) -> (Words, Words) {
    let table = table();
    let [lowest, ..] = scalar.words();
    let is_even = black_box(lowest & 1).wrapping_sub(1);
    let odd = Zeroizing::new(scalar.negated_if(is_even));
    let powers = Zeroizing::new(powers(odd.words()));
    let addend = |block: usize, column| {
        let sums = table.as_chunks::<SUMS>().0.get(block);
        let signs = (0..TEETH).fold(0_u64, |signs, tooth| {
            let at = (block * TEETH + tooth) * COLUMNS + column;
            let word = powers.get(at / 64).copied().unwrap_or_default();
            signs | (word >> (at % 64) & 1) << tooth
        });
        let is_negative = (signs >> (TEETH - 1)).wrapping_sub(1);
        let wanted = (signs ^ is_negative) & SUMS_MASK;
        Affine::select(
            sums.map_or(&[], |sums| sums.as_slice()),
            wanted,
            is_negative.cast_signed(),
        )
    };
    let mut sum = addend(0, COLUMNS - 1).to_jacobian();
    for column in (0..COLUMNS).rev() {
        if column + 1 < COLUMNS {
            sum = sum.doubled().plus_other(&addend(0, column));
        }
        for block in 1..BLOCKS - 1 {
            sum = sum.plus_other(&addend(block, column));
        }
        let last = addend(BLOCKS - 1, column);
        sum = if column == 0 {
            sum.plus_any(&last)
        } else {
            sum.plus_other(&last)
        };
    }
    sum.negated_if(is_even.cast_signed()).to_coordinates()
}

const SUMS_MASK: u64 = (1 << (TEETH - 1)) - 1;

/// Which powers of two are added, from the lowest to 2^263, so that those less the others are the scalar,
/// which is odd: half of the scalar, and the highest.
fn powers(scalar: &Words) -> [u64; 5] {
    let [a, b, c, d] = *scalar;
    [
        a >> 1 | b << 63,
        b >> 1 | c << 63,
        c >> 1 | d << 63,
        d >> 1,
        1 << (BLOCKS * TEETH * COLUMNS - 1 - 256),
    ]
}

/// The sums of all blocks, computed at the first use, which takes as long as some signatures.
fn table() -> &'static [Affine; BLOCKS * SUMS] {
    static TABLE: OnceLock<[Affine; BLOCKS * SUMS]> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut power = Affine::base().to_jacobian();
        let mut blocks = [(); BLOCKS].map(|()| {
            // The powers of the teeth, and twice them.
            let teeth = [(); TEETH].map(|()| {
                let (single, double) = (Addend::new(power), power.doubled());
                power = (1..COLUMNS).fold(double, |power, _| power.doubled());
                (single, Addend::new(double))
            });
            block(&teeth)
        });
        let [first, ..] = &mut blocks;
        let [any, ..] = *first;
        let mut all = [any; BLOCKS * SUMS];
        for (to, from) in all.iter_mut().zip(blocks.as_flattened()) {
            *to = *from;
        }
        point::to_affine(&all)
    })
}

/// The sums of a block by the signs of all powers but the highest.
fn block(teeth: &[(Addend, Addend); TEETH]) -> [Addend; SUMS] {
    let [lower @ .., (highest, _)] = teeth;
    let all_subtracted = lower.iter().fold(highest.to_jacobian(), |sum, (tooth, _)| {
        tooth.negated().add_to(&sum)
    });
    let mut sums = [Addend::new(all_subtracted); SUMS];
    for at in 1..SUMS {
        // The same with the lowest power that is added subtracted.
        let before = sums.get(at & (at - 1));
        let lowest = usize::try_from(at.trailing_zeros()).unwrap_or_default();
        if let (Some(before), Some((_, double))) = (before, lower.get(lowest)) {
            let sum = double.add_to(&before.to_jacobian());
            if let Some(to) = sums.get_mut(at) {
                *to = Addend::new(sum);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecdsa_p256::field;

    /// What the last addition adds for a scalar, as the signs of the powers.
    fn last_signs(scalar: &Words) -> [bool; TEETH] {
        let powers = powers(scalar);
        let mut tooth = (BLOCKS - 1) * TEETH;
        [(); TEETH].map(|()| {
            let at = tooth * COLUMNS;
            tooth += 1;
            powers[at / 64] >> (at % 64) & 1 == 1
        })
    }

    /// Twice what powers of those signs add up to, plus or minus n, modulo 2^320.
    fn candidate(signs: [bool; TEETH], adds_order: bool) -> [u64; 5] {
        let mut total = [0_u64; 5];
        let mut add = |words: [u64; 5], is_added: bool| {
            // A subtraction is an addition of the complement and 1.
            let mut carry = u64::from(!is_added);
            for (to, word) in total.iter_mut().zip(words) {
                let word = if is_added { word } else { !word };
                let sum = u128::from(*to) + u128::from(word) + u128::from(carry);
                *to = u64::try_from(sum & u128::from(u64::MAX)).unwrap();
                carry = u64::try_from(sum >> 64).unwrap();
            }
        };
        for (tooth, is_added) in signs.into_iter().enumerate() {
            let at = ((BLOCKS - 1) * TEETH + tooth) * COLUMNS + 1;
            let mut power = [0; 5];
            power[at / 64] = 1 << (at % 64);
            add(power, is_added);
        }
        let [a, b, c, d] = super::super::scalar::ORDER;
        add([a, b, c, d, 0], adds_order);
        total
    }

    /// The last addition has equal parts for a scalar that is twice the second part, modulo n. The second part
    /// is one of 64, and few of the scalars that follow have it as their second part.
    #[test]
    fn the_last_addends_are_equal_for_one_scalar() {
        let mut found = Vec::new();
        for number in 0..1 << TEETH {
            let mut tooth = 0;
            let signs = [(); TEETH].map(|()| {
                tooth += 1;
                number >> (tooth - 1) & 1 == 1
            });
            for adds_order in [true, false] {
                let [a, b, c, d, top] = candidate(signs, adds_order);
                let scalar = [a, b, c, d];
                let is_scalar = top == 0 && Scalar::secret(&scalar).is_some();
                if is_scalar && a & 1 == 1 && last_signs(&scalar) == signs {
                    found.push(scalar);
                }
            }
        }
        let [only] = found.as_slice() else {
            unreachable!("{found:x?}");
        };
        let expected = "bff7feff20040080ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
        let digits = field::to_bytes(only).map(|byte| format!("{byte:02x}"));
        assert_eq!(digits.concat(), expected);
    }
}
