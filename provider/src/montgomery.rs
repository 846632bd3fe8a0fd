//! Arithmetic modulo large odd numbers, in Montgomery form, for numbers that are secret: no condition
//! and no address depends on a value, only on sizes.
//!
//! A residue need not be less than the modulus: all that is multiplied is less than four times the
//! modulus, and all products are less than twice. `R`, the factor of Montgomery form, is at least four times
//! the modulus.

mod block;
#[cfg(test)]
mod tests;
mod work;

use std::hint::black_box;
use std::marker::PhantomData;

use block::{BLOCK, Block, Column, limb};
pub(super) use work::Work;
use zeroize::Zeroizing;

/// Limbs, the lowest first, in whole blocks.
pub(super) type Number = Zeroizing<Vec<Block>>;

/// How the limbs of this build are multiplied.
#[cfg(any(portcullis_wide, not(target_family = "wasm")))]
pub(super) type Native = u128;
#[cfg(all(target_family = "wasm", not(portcullis_wide)))]
pub(super) type Native = u64;

/// A modulus with what follows from it. It is wiped when it is dropped, for it may be a secret.
pub(super) struct Modulus<C = Native> {
    value: Number,
    /// Minus the inverse of the modulus, modulo the weight of the second limb.
    inverse: u64,
    /// 1 in Montgomery form: `R`.
    one: Number,
    /// The square of `R`.
    square: Number,
    columns: PhantomData<fn() -> C>,
}

#[expect(private_bounds, reason = "nothing outside chooses the columns")]
impl<C: Column> Modulus<C> {
    /// `bits` is how long the modulus may be, and is not secret. `None` if it is longer or even.
    pub(super) fn new(bytes: &[u8], bits: usize) -> Option<Self> {
        let block_bits = BLOCK * usize::try_from(C::BITS).ok()?;
        let value = number::<C>(bytes, (bits + 2).div_ceil(block_bits));
        let lowest = *value.as_flattened().first()?;
        let is_short = bytes.len() * 8 <= bits || {
            let spare = bits % 8;
            let surplus = bytes.len() - bits / 8;
            let (high, _) = bytes.split_at_checked(surplus)?;
            let (last, rest) = high.split_last()?;
            rest.iter().all(|byte| *byte == 0) && u32::from(*last) >> spare == 0
        };
        if lowest & 1 == 0 || !is_short {
            return None;
        }
        // Each step of Newton's iteration doubles the number of right bits. It starts with 3 right bits,
        // because an odd number is its own inverse modulo 8.
        let mut inverse = lowest;
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2_u64.wrapping_sub(lowest.wrapping_mul(inverse)));
        }
        let mut modulus = Self {
            one: zero(value.len()),
            square: zero(value.len()),
            value,
            inverse: inverse.wrapping_neg(),
            columns: PhantomData,
        };
        let mut power = zero(modulus.blocks());
        if let Some(lowest) = power.as_flattened_mut().first_mut() {
            *lowest = 1;
        }
        let exponent = modulus.blocks() * block_bits;
        for _ in 0..exponent {
            modulus.double(&mut power);
        }
        modulus.one.clone_from(&power);
        // 2 in Montgomery form, to the power that makes `R`.
        modulus.double(&mut power);
        let exponent = u64::try_from(exponent).ok()?;
        modulus.raise(&mut modulus.work(), &mut power, exponent);
        modulus.reduce_once(&mut power);
        modulus.square = power;
        Some(modulus)
    }

    /// How many blocks a residue has.
    pub(super) fn blocks(&self) -> usize {
        self.value.len()
    }

    pub(super) fn value(&self) -> &[Block] {
        &self.value
    }

    /// Room for products modulo this modulus.
    pub(super) fn work(&self) -> Work<C> {
        Work::new(2 * self.blocks())
    }

    /// The product, divided by `R`.
    pub(super) fn product(&self, work: &mut Work<C>, a: &[Block], b: &[Block]) -> Number {
        let mut product = zero(self.blocks());
        work.set_product(a, b);
        self.reduce(work, &mut product);
        product
    }

    /// Puts a number into Montgomery form. It must be less than `R`.
    pub(super) fn enter(&self, work: &mut Work<C>, number: &[Block]) -> Number {
        self.product(work, number, &self.square)
    }

    /// The same for a number of twice as many blocks, which must be less than `R` times the modulus.
    pub(super) fn enter_long(&self, work: &mut Work<C>, number: &[Block]) -> Number {
        let mut residue = zero(self.blocks());
        work.set(number);
        self.reduce(work, &mut residue);
        let residue = self.enter(work, &residue);
        self.enter(work, &residue)
    }

    /// Takes a residue out of Montgomery form. The result is less than the modulus.
    pub(super) fn leave(&self, work: &mut Work<C>, residue: &[Block]) -> Number {
        let mut number = zero(self.blocks());
        work.set(residue);
        self.reduce(work, &mut number);
        self.reduce_once(&mut number);
        number
    }

    /// Raises a residue to a power that is not secret and not 0.
    pub(super) fn raise(&self, work: &mut Work<C>, residue: &mut Number, exponent: u64) {
        let base = residue.clone();
        for bit in (0..exponent.checked_ilog2().unwrap_or_default()).rev() {
            work.set_square(residue);
            self.reduce(work, residue);
            if exponent >> bit & 1 == 1 {
                work.set_product(residue, &base);
                self.reduce(work, residue);
            }
        }
    }

    /// Raises a residue to a secret power, a number of words of which the lowest is the first.
    pub(super) fn power(&self, work: &mut Work<C>, residue: &[Block], exponent: &[u64]) -> Number {
        let blocks = self.blocks();
        let mut table = zero(blocks << WINDOW);
        let mut last = self.one.clone();
        for entry in table.chunks_exact_mut(blocks) {
            entry.copy_from_slice(&last);
            work.set_product(&last, residue);
            self.reduce(work, &mut last);
        }
        let windows = (exponent.len() * 64).div_ceil(WINDOW);
        let mut power = self.one.clone();
        let mut factor = zero(blocks);
        for window in (0..windows).rev() {
            if window + 1 < windows {
                for _ in 0..WINDOW {
                    work.set_square(&power);
                    self.reduce(work, &mut power);
                }
            }
            select(&table, digit(exponent, window), &mut factor);
            work.set_product(&power, &factor);
            self.reduce(work, &mut power);
        }
        power
    }

    /// The difference of two residues, less than four times the modulus.
    pub(super) fn difference(&self, a: &[Block], b: &[Block]) -> Number {
        let mut difference = zero(self.blocks());
        let limbs = a.as_flattened().iter().zip(b.as_flattened());
        let limbs = limbs.zip(self.value.as_flattened());
        let mut carry = 0_i64;
        for (to, ((a, b), modulus)) in difference.as_flattened_mut().iter_mut().zip(limbs) {
            let sum = carry
                .wrapping_add_unsigned(*a)
                .wrapping_sub_unsigned(*b)
                .wrapping_add_unsigned(2 * modulus);
            *to = sum.cast_unsigned() & mask::<C>();
            carry = sum >> C::BITS;
        }
        difference
    }

    /// Brings a number that is less than twice the modulus below the modulus.
    pub(super) fn reduce_once(&self, number: &mut [Block]) {
        let mut borrow = 0_i64;
        let limbs = || self.value.as_flattened().iter();
        for (limb, modulus) in number.as_flattened_mut().iter_mut().zip(limbs()) {
            let less = borrow
                .wrapping_add_unsigned(*limb)
                .wrapping_sub_unsigned(*modulus);
            *limb = less.cast_unsigned() & mask::<C>();
            borrow = less >> C::BITS;
        }
        // All ones if the modulus has to be added again.
        let again = black_box(borrow).cast_unsigned();
        let mut carry = 0;
        for (limb, modulus) in number.as_flattened_mut().iter_mut().zip(limbs()) {
            let sum = *limb + (modulus & again) + carry;
            *limb = sum & mask::<C>();
            carry = sum >> C::BITS;
        }
    }

    /// Doubles a residue that is less than the modulus, and leaves it so.
    fn double(&self, residue: &mut [Block]) {
        let mut carry = 0;
        for limb in residue.as_flattened_mut() {
            let twice = 2 * *limb + carry;
            *limb = twice & mask::<C>();
            carry = twice >> C::BITS;
        }
        self.reduce_once(residue);
    }

    /// What the columns hold, divided by `R`: less than twice the modulus if they hold less than `R` times the
    /// modulus.
    fn reduce(&self, work: &mut Work<C>, to: &mut [Block]) {
        let Some((lowest, rest)) = self.value.split_first() else {
            return;
        };
        for row in 0..self.blocks() {
            work.make_room(1, row);
            let columns = work.columns.get_mut(row..).unwrap_or_default();
            let factor = block::clear(columns, lowest, self.inverse);
            for (at, block) in rest.iter().enumerate() {
                let columns = columns.get_mut(at + 1..).unwrap_or_default();
                block::add_product(columns, &factor, block);
            }
        }
        let high = work.columns.get(self.blocks()..).unwrap_or_default();
        let mut carry = C::default();
        for (limb_of_result, column) in to.as_flattened_mut().iter_mut().zip(high.as_flattened()) {
            let sum = *column + carry;
            *limb_of_result = limb(sum);
            carry = sum >> C::BITS;
        }
    }
}

/// 0 in so many blocks.
pub(super) fn zero(blocks: usize) -> Number {
    Zeroizing::new(vec![[0; BLOCK]; blocks])
}

/// From the bytes of a big-endian integer. What does not fit into the blocks is cut.
#[expect(private_bounds, reason = "nothing outside chooses the columns")]
pub(super) fn number<C: Column>(bytes: &[u8], blocks: usize) -> Number {
    let mut number = zero(blocks);
    let mut bytes = bytes.iter().rev();
    let (mut waiting, mut bits) = (0_u64, 0);
    for limb in number.as_flattened_mut() {
        while bits < C::BITS {
            waiting |= u64::from(bytes.next().copied().unwrap_or_default()) << bits;
            bits += u8::BITS;
        }
        *limb = waiting & mask::<C>();
        waiting >>= C::BITS;
        bits -= C::BITS;
    }
    number
}

/// The bytes of a big-endian integer, so many of them.
#[expect(private_bounds, reason = "nothing outside chooses the columns")]
pub(super) fn bytes<C: Column>(number: &[Block], length: usize) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(vec![0; length]);
    let mut limbs = number.as_flattened().iter();
    let (mut waiting, mut bits) = (0_u128, 0);
    for byte in bytes.iter_mut().rev() {
        if bits < u8::BITS {
            waiting |= u128::from(limbs.next().copied().unwrap_or_default()) << bits;
            bits += C::BITS;
        }
        let [lowest, ..] = waiting.to_le_bytes();
        *byte = lowest;
        waiting >>= u8::BITS;
        bits -= u8::BITS;
    }
    bytes
}

const fn mask<C: Column>() -> u64 {
    (1 << C::BITS) - 1
}

/// The bits of a secret exponent that are taken at once, and how many powers the table has: 2 to this.
const WINDOW: usize = 5;

/// The digit at a window.
fn digit(exponent: &[u64], window: usize) -> u64 {
    let bit = window * WINDOW;
    let word = |at: usize| exponent.get(at).copied().unwrap_or_default();
    let pair = u128::from(word(bit / 64)) | u128::from(word(bit / 64 + 1)) << 64;
    Column::low(pair >> (bit % 64)) & ((1 << WINDOW) - 1)
}

/// Reads the whole table and takes the entry that is asked for.
fn select(table: &[Block], wanted: u64, to: &mut [Block]) {
    let zero = black_box(0);
    for limb in to.as_flattened_mut() {
        *limb = zero;
    }
    for (at, entry) in (0_u64..).zip(table.chunks_exact(to.len().max(1))) {
        // All ones for the entry, else 0.
        let is_wanted = ((wanted ^ at).wrapping_sub(1) >> 63).wrapping_neg();
        // What the compiler does not see, it cannot turn into a condition.
        let is_wanted = black_box(is_wanted);
        let limbs = to.as_flattened_mut().iter_mut().zip(entry.as_flattened());
        for (to, limb) in limbs {
            *to |= limb & is_wanted;
        }
    }
}
