//! Inverses modulo an odd prime: in variable time for public values, and in constant time for secrets.
//!
//! Division steps from the lowest bits up (Bernstein and Yang, "Fast constant-time gcd computation
//! and modular inversion", 2019), 30 at a time: their effect on the whole numbers is a matrix,
//! which follows from the lowest bits.

use std::hint::black_box;

use super::field::Words;

/// A prime, with the inverse that division by 2^30 modulo the prime needs.
pub(super) struct Modulus {
    limbs: Limbs,
    /// Its inverse modulo 2^30.
    inverse: i64,
}

/// 270 bits in limbs of 30, the lowest first; all but the last limb are from 0 to 2^30 - 1.
type Limbs = [i64; 9];

const BITS: u32 = 30;
/// 590 steps are enough for every number of 256 bits if delta begins with 1/2.
const ROUNDS: usize = 20;
const MASK: i64 = (1 << BITS) - 1;

/// The effect of some steps, times 2^30, on `(f, g)` and `(d, e)`.
///
/// Invariant: each row's absolute values sum up to 2^30 at most.
struct Matrix {
    u: i64,
    v: i64,
    q: i64,
    r: i64,
}

impl Modulus {
    pub(super) fn new(prime: &Words) -> Self {
        let limbs = to_limbs(prime);
        let [lowest, ..] = limbs;
        // Each step of Newton's iteration doubles the number of right bits. It starts with 3 right
        // bits, because an odd number is its own inverse modulo 8.
        let mut inverse = lowest;
        for _ in 0..4 {
            inverse = (inverse * ((2 - lowest * inverse) & MASK)) & MASK;
        }
        Self { limbs, inverse }
    }

    /// The inverse of `value`, times `scale`. Both are less than the prime; `value` is not 0. Both must be
    /// public.
    pub(super) fn divide(&self, scale: &Words, value: &Words) -> Words {
        // Invariant: f is value * d / scale, g is value * e / scale, modulo the prime.
        let (mut f, mut g) = (self.limbs, to_limbs(value));
        let (mut d, mut e) = ([0; 9], to_limbs(scale));
        let mut eta = -1;
        while g != [0; 9] {
            let steps = steps(&mut eta, &f, &g);
            (f, g) = steps.apply(&f, &g);
            (d, e) = self.apply(&steps, &d, &e);
        }
        self.quotient(&f, &d)
    }

    /// The same for secrets: all that could be steps are taken.
    pub(super) fn divide_secret(&self, scale: &Words, value: &Words) -> Words {
        let (mut f, mut g) = (self.limbs, to_limbs(value));
        let (mut d, mut e) = ([0; 9], to_limbs(scale));
        let mut zeta = -1;
        for _ in 0..ROUNDS {
            let steps = secret_steps(&mut zeta, &f, &g);
            (f, g) = steps.apply(&f, &g);
            (d, e) = self.apply(&steps, &d, &e);
        }
        self.quotient(&f, &d)
    }

    /// The result of the steps: `d`, or minus `d`, by what `f` is at their end, which is 1 or -1, the greatest
    /// common divisor.
    fn quotient(&self, f: &Limbs, d: &Limbs) -> Words {
        let [.., top] = *f;
        let is_negative = top >> 63;
        self.canonical(d.map(|limb| (limb ^ is_negative) - is_negative))
    }

    /// The matrix times `(d, e)`, divided by 2^30 modulo the prime. Values between minus twice the
    /// prime and the prime stay in that range.
    fn apply(&self, steps: &Matrix, d: &Limbs, e: &Limbs) -> (Limbs, Limbs) {
        let [d0, .., d8] = *d;
        let [e0, .., e8] = *e;
        // How many primes to add: enough to make up for a negative d or e, and to clear the lowest
        // 30 bits.
        let factor = |a: i64, b: i64| {
            let primes = a * i64::from(d8 < 0) + b * i64::from(e8 < 0);
            let lowest = a * d0 + b * e0;
            primes - ((self.inverse * (lowest & MASK) + primes) & MASK)
        };
        let (new_d, new_e) = (factor(steps.u, steps.v), factor(steps.q, steps.r));
        let row = |a: i64, b: i64, primes: i64| {
            let limbs = d.iter().zip(e).zip(&self.limbs);
            divided(limbs.map(|((d, e), prime)| a * d + b * e + primes * prime))
        };
        (row(steps.u, steps.v, new_d), row(steps.q, steps.r, new_e))
    }

    /// Carries, and brings a value between minus twice the prime and twice the prime below the prime.
    fn canonical(&self, value: Limbs) -> Words {
        let mut value = carried(value);
        for _ in 0..2 {
            let [.., top] = value;
            value = self.plus(value, (top >> 63) & 1);
        }
        let mut less = self.plus(value, -1);
        let [.., top] = less;
        let is_too_small = black_box(top >> 63);
        for (less, value) in less.iter_mut().zip(value) {
            *less ^= (*less ^ value) & is_too_small;
        }
        from_limbs(&less)
    }

    fn plus(&self, mut value: Limbs, times: i64) -> Limbs {
        for (limb, prime) in value.iter_mut().zip(self.limbs) {
            *limb += times * prime;
        }
        carried(value)
    }
}

impl Matrix {
    fn apply(&self, f: &Limbs, g: &Limbs) -> (Limbs, Limbs) {
        let row = |a: i64, b: i64| divided(f.iter().zip(g).map(|(f, g)| a * f + b * g));
        (row(self.u, self.v), row(self.q, self.r))
    }
}

/// 30 steps, by the lowest bits of `f`, which is odd, and `g`. `eta` is minus what Bernstein and
/// Yang call delta.
fn steps(eta: &mut i64, f: &Limbs, g: &Limbs) -> Matrix {
    let ([mut f, ..], [mut g, ..]) = (*f, *g);
    let mut matrix = Matrix {
        u: 1,
        v: 0,
        q: 0,
        r: 1,
    };
    let mut left = BITS;
    loop {
        // All steps for which g is even, at once.
        let zeros = (g | (-1 << left)).trailing_zeros();
        g >>= zeros;
        matrix.u <<= zeros;
        matrix.v <<= zeros;
        *eta -= i64::from(zeros);
        left -= zeros;
        if left == 0 {
            return matrix;
        }
        if *eta < 0 {
            *eta = -*eta;
            (f, g) = (g, -f);
            let Matrix { u, v, q, r } = matrix;
            matrix = Matrix {
                u: q,
                v: r,
                q: -u,
                r: -v,
            };
        }
        // Adds as many f as clear up to 6 bits of g, and no more bits than there are steps before
        // the next swap.
        let limit = i64::from(left).min(*eta + 1).min(6);
        // f * (2 - f * f) is 1/f modulo 64.
        let (low_f, low_g) = (f & 63, g & 63);
        let factor = (low_f * low_g * (low_f * low_f - 2)) & ((1 << limit) - 1);
        g += f * factor;
        matrix.q += matrix.u * factor;
        matrix.r += matrix.v * factor;
    }
}

/// 30 steps of secrets, one by one and without conditions. They begin with a delta of 1/2 (Pieter Wuille's
/// variant), for which fewer suffice; `zeta` is minus the sum of delta and 1/2.
fn secret_steps(zeta: &mut i64, f: &Limbs, g: &Limbs) -> Matrix {
    let ([mut f, ..], [mut g, ..]) = (*f, *g);
    let (mut u, mut v, mut q, mut r) = (1, 0, 0, 1);
    for _ in 0..BITS {
        // All ones if delta is positive, and if g is odd.
        let is_positive = black_box(*zeta >> 63);
        let is_odd = black_box(-(g & 1));
        let signed = |value: i64| ((value ^ is_positive) - is_positive) & is_odd;
        g += signed(f);
        q += signed(u);
        r += signed(v);
        // With both, f becomes what g was.
        let swaps = is_positive & is_odd;
        f += g & swaps;
        u += q & swaps;
        v += r & swaps;
        *zeta = (*zeta ^ swaps) - 1;
        g >>= 1;
        u <<= 1;
        v <<= 1;
    }
    Matrix { u, v, q, r }
}

/// Divides a number whose lowest 30 bits are zero by 2^30, carrying from limb to limb.
fn divided(columns: impl Iterator<Item = i64>) -> Limbs {
    let mut limbs = [0; 9];
    let mut sum = 0;
    let mut to = limbs.iter_mut();
    for (at, column) in columns.enumerate() {
        sum += column;
        if at > 0
            && let Some(limb) = to.next()
        {
            *limb = sum & MASK;
        }
        sum >>= BITS;
    }
    if let Some(limb) = to.next() {
        *limb = sum;
    }
    limbs
}

fn carried(mut limbs: Limbs) -> Limbs {
    let [rest @ .., last] = &mut limbs;
    let mut carry = 0;
    for limb in rest {
        carry += *limb;
        *limb = carry & MASK;
        carry >>= BITS;
    }
    *last += carry;
    limbs
}

fn to_limbs(words: &Words) -> Limbs {
    let [a, b, c, d] = words.map(u64::cast_signed);
    [
        a & MASK,
        (a >> 30) & MASK,
        ((a >> 60) & 0xf | b << 4) & MASK,
        (b >> 26) & MASK,
        ((b >> 56) & 0xff | c << 8) & MASK,
        (c >> 22) & MASK,
        ((c >> 52) & 0xfff | d << 12) & MASK,
        (d >> 18) & MASK,
        (d >> 48) & 0xffff,
    ]
}

fn from_limbs(limbs: &Limbs) -> Words {
    let [a, b, c, d, e, f, g, h, i] = *limbs;
    [
        a | b << 30 | c << 60,
        c >> 4 | d << 26 | e << 56,
        e >> 8 | f << 22 | g << 52,
        g >> 12 | h << 18 | i << 48,
    ]
    .map(i64::cast_unsigned)
}
