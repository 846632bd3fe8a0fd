//! Products as columns that have not been carried yet.

use std::hint::black_box;

use zeroize::Zeroizing;

use super::block::{self, BLOCK, Block, Column, limb};
use super::{Native, Number, zero};

/// The columns of a product.
#[expect(private_bounds, reason = "nothing outside chooses the columns")]
pub(in super::super) struct Work<C: Column = Native> {
    pub(super) columns: Zeroizing<Vec<[C; BLOCK]>>,
    /// How many rows of products the columns hold at most, since they were settled.
    rows: usize,
}

#[expect(private_bounds, reason = "nothing outside chooses the columns")]
impl<C: Column> Work<C> {
    pub(super) fn new(blocks: usize) -> Self {
        Self {
            columns: Zeroizing::new(vec![[C::default(); BLOCK]; blocks]),
            rows: 0,
        }
    }

    pub(super) fn set(&mut self, number: &[Block]) {
        self.clear();
        let limbs = number.as_flattened().iter();
        for (column, limb) in self.columns.as_flattened_mut().iter_mut().zip(limbs) {
            *column = C::from(*limb);
        }
    }

    pub(super) fn set_product(&mut self, a: &[Block], b: &[Block]) {
        self.clear();
        for (row, a) in a.iter().enumerate() {
            self.make_room(1, 0);
            for (at, b) in b.iter().enumerate() {
                let columns = self.columns.get_mut(row + at..).unwrap_or_default();
                block::add_product(columns, a, b);
            }
        }
    }

    pub(super) fn set_square(&mut self, a: &[Block]) {
        self.clear();
        for (row, block) in a.iter().enumerate() {
            // Nearly all of the products are doubled.
            self.make_room(2, 0);
            let columns = self.columns.get_mut(2 * row..).unwrap_or_default();
            block::add_square(columns, block);
            let twice = block.map(|limb| 2 * limb);
            for (at, other) in a.iter().enumerate().skip(row + 1) {
                let columns = self.columns.get_mut(row + at..).unwrap_or_default();
                block::add_product(columns, &twice, other);
            }
        }
    }

    fn clear(&mut self) {
        // A compiler that knows what is stored makes a call of the host of it (`memory.fill`).
        let zero = black_box(C::default());
        for column in self.columns.as_flattened_mut() {
            *column = zero;
        }
        self.rows = 0;
    }

    /// Carries from column to column, from this block on, if so many more rows could overflow.
    pub(super) fn make_room(&mut self, rows: usize, block: usize) {
        self.rows += rows;
        if self.rows <= C::ROWS {
            return;
        }
        self.rows = rows;
        let mut carry = C::default();
        let columns = self.columns.get_mut(block..).unwrap_or_default();
        for column in columns.as_flattened_mut() {
            let sum = *column + carry;
            *column = C::from(limb(sum));
            carry = sum >> C::BITS;
        }
    }

    /// `a` times `b` plus `c`, which must fit.
    pub(in super::super) fn multiply_add(
        &mut self,
        a: &[Block],
        b: &[Block],
        c: &[Block],
    ) -> Number {
        self.set_product(a, b);
        let mut sum = zero(self.columns.len());
        let (mut carry, mut c) = (C::default(), c.as_flattened().iter());
        for (to, column) in sum
            .as_flattened_mut()
            .iter_mut()
            .zip(self.columns.as_flattened())
        {
            let all = *column + carry + C::from(c.next().copied().unwrap_or_default());
            *to = limb(all);
            carry = all >> C::BITS;
        }
        sum
    }
}
