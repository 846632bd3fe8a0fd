//! Points of P-256 in Jacobian coordinates: x is X/Z^2, y is Y/Z^3, and Z is zero at infinity.
//!
//! Formulas: "Explicit-Formulas Database", short Weierstrass with a = -3, dbl-2001-b for
//! half the Z, madd-2004-hmv and add-1998-cmo-2. Time depends on the points where nothing else is said.

use std::hint::black_box;

use super::field::{self, CURVE_B, Element, ONE, SETTLED, Words, ZERO};
use super::inverse::Modulus;

#[derive(Clone, Copy)]
pub(super) struct Jacobian {
    pub(super) x: Element<{ SETTLED }>,
    y: Element<2>,
    pub(super) z: Element<1>,
}

/// A point in affine coordinates, not infinity.
#[derive(Clone, Copy)]
pub(super) struct Affine {
    x: Element<1>,
    y: Element<1>,
}

/// See [`Affine::differences`].
type Differences = (Element<{ SETTLED + 1 }>, Element<3>, Element<1>);

/// A point to be added often, with powers of its Z computed in advance. Not infinity.
#[derive(Clone, Copy)]
pub(super) struct Addend {
    point: Jacobian,
    z_squared: Element<1>,
    z_cubed: Element<1>,
}

/// A point that can be added to another one, or subtracted.
pub(super) trait Add {
    fn add_to(&self, other: &Jacobian) -> Jacobian;
    fn negated(&self) -> Self;
}

pub(super) const INFINITY: Jacobian = Jacobian {
    x: ONE.widened(),
    y: ONE.widened(),
    z: ZERO,
};

impl Affine {
    /// Takes the uncompressed form (SEC 1 §2.3.4) of a point on the curve.
    pub(super) fn from_sec1(bytes: &[u8]) -> Option<Self> {
        let (x, y) = bytes.strip_prefix(&[UNCOMPRESSED])?.split_first_chunk()?;
        let coordinate = |bytes| Element::from_words(&field::from_bytes(bytes));
        let (x, y) = (coordinate(x)?, coordinate(y.try_into().ok()?)?);
        let point = Self { x, y };
        point.is_on_curve().then_some(point)
    }

    /// G (SP 800-186 §3.2.1.3).
    pub(super) fn base() -> Self {
        Self {
            x: Element::from_reduced(&BASE_X),
            y: Element::from_reduced(&BASE_Y),
        }
    }

    /// y^2 = x^3 - 3x + b
    fn is_on_curve(&self) -> bool {
        let Self { x, y } = *self;
        let twice: Element<2> = x.plus(x);
        let thrice: Element<3> = twice.plus(x);
        let cubic: Element<4> = x.squared().times(&x).minus(thrice);
        let right: Element<6> = cubic.plus(CURVE_B);
        let difference: Element<7> = y.squared().minus(right);
        difference.is_zero()
    }

    /// What has to be added to the coordinates of the other point to get to this one, with that point's
    /// denominators, and the Z of the sum.
    #[inline(always)]
    fn differences(&self, other: &Jacobian) -> Differences {
        let z_squared = other.z.squared();
        let x = self.x.times(&z_squared);
        let y = self.y.times(&z_squared.times(&other.z));
        let h = x.minus(other.x);
        let z = other.z.times::<{ SETTLED + 1 }>(&h);
        (h, y.minus(other.y), z)
    }

    /// Reads all of the points and takes the one that is asked for, or its opposite if `opposite` is all ones.
    pub(super) fn select(points: &[Self], wanted: u64, opposite: i64) -> Self {
        let mut chosen = Self { x: ZERO, y: ZERO };
        for (at, point) in (0_u64..).zip(points) {
            let is_wanted = ((wanted ^ at).wrapping_sub(1) >> 63).wrapping_neg();
            // What the compiler does not see, it cannot turn into a condition.
            let is_wanted = black_box(is_wanted.cast_signed());
            chosen.x = chosen.x.or_other(&point.x, is_wanted);
            chosen.y = chosen.y.or_other(&point.y, is_wanted);
        }
        chosen.y = chosen.y.or_other(&chosen.y.negated(), opposite);
        chosen
    }

    pub(super) fn to_jacobian(self) -> Jacobian {
        Jacobian {
            x: self.x.widened(),
            y: self.y.widened(),
            z: ONE,
        }
    }
}

impl Jacobian {
    // Not inlined: in a larger function the engine's compiler runs out of registers.
    #[inline(never)]
    pub(super) fn doubled(&self) -> Self {
        let Self { x, y, z } = *self;
        let delta = z.squared();
        let gamma = y.squared();
        let beta = x.times(&gamma);
        let less: Element<{ SETTLED + 1 }> = x.minus(delta);
        let more: Element<{ SETTLED + 1 }> = x.plus(delta);
        let product = less.times(&more);
        let twice: Element<2> = product.plus(product);
        let thrice: Element<3> = twice.plus(product);
        let alpha: Element<3> = thrice.halved();

        let twice: Element<2> = beta.plus(beta);
        let x3: Element<3> = alpha.squared().minus(twice);
        let x3 = x3.settled();
        let rest: Element<{ SETTLED + 1 }> = beta.minus(x3);
        Self {
            x: x3,
            y: alpha.times(&rest).minus(gamma.squared()),
            z: y.times(&z),
        }
    }

    /// The last steps of both kinds of addition, once the coordinates of both points have common
    /// denominators. `x` and `y` are the numerators of one point; adding `h` and `r` to them gives
    /// those of the other. `z` is the Z of the sum.
    #[inline(always)]
    fn sum<const X: u32, const Y: u32, const H: u32, const R: u32>(
        x: &Element<X>,
        y: &Element<Y>,
        z: Element<1>,
        h: &Element<H>,
        r: &Element<R>,
    ) -> Self {
        let h_squared = h.squared();
        let h_cubed = h.times(&h_squared);
        let v = x.times(&h_squared);
        let twice: Element<2> = v.plus(v);
        let subtrahend: Element<3> = h_cubed.plus(twice);
        let x3: Element<4> = r.squared().minus(subtrahend);
        let x3 = x3.settled();
        let rest: Element<{ SETTLED + 1 }> = v.minus(x3);
        Self {
            x: x3,
            y: r.times(&rest).minus(y.times(&h_cubed)),
            z,
        }
    }

    pub(super) fn is_infinity(&self) -> bool {
        self.z.is_zero()
    }

    /// The sum with a point that is neither this one nor its opposite, in constant time. This one is not
    /// infinity.
    // Not inlined, for the same reason as `doubled`.
    #[inline(never)]
    pub(super) fn plus_other(&self, other: &Affine) -> Self {
        let (h, r, z) = other.differences(self);
        Self::sum(&self.x, &self.y, z, &h, &r)
    }

    /// The sum with a point that is not the opposite of this one, in constant time. This one is not infinity.
    pub(super) fn plus_any(&self, other: &Affine) -> Self {
        let sum = self.plus_other(other);
        let twice = other.to_jacobian().doubled();
        let is_same = sum.z.is_zero_mask();
        Self {
            x: sum.x.or_other(&twice.x, is_same),
            y: sum.y.or_other(&twice.y, is_same),
            z: sum.z.or_other(&twice.z, is_same),
        }
    }

    /// The opposite point if `mask` is all ones, in constant time.
    pub(super) fn negated_if(self, mask: i64) -> Self {
        Self {
            y: self.y.or_other(&self.y.negated(), mask),
            ..self
        }
    }

    /// The affine coordinates of a point that is not infinity, in constant time.
    pub(super) fn to_coordinates(self) -> (Words, Words) {
        let one = [1, 0, 0, 0];
        let inverse = Modulus::new(&field::MODULUS).divide_secret(&one, &self.z.to_words());
        let inverse = Element::from_reduced(&inverse);
        let squared = inverse.squared();
        let y = self.y.times(&squared.times(&inverse));
        (self.x.times(&squared).to_words(), y.to_words())
    }
}

impl Add for Affine {
    // Not inlined, for the same reason as `doubled`.
    #[inline(never)]
    fn add_to(&self, other: &Jacobian) -> Jacobian {
        let (h, r, z) = self.differences(other);
        if z.is_zero() {
            return sum_of_special(other, &self.to_jacobian(), r.is_zero());
        }
        Jacobian::sum(&other.x, &other.y, z, &h, &r)
    }

    fn negated(&self) -> Self {
        Self {
            x: self.x,
            y: self.y.negated(),
        }
    }
}

impl Addend {
    pub(super) fn new(point: Jacobian) -> Self {
        let z_squared = point.z.squared();
        Self {
            point,
            z_squared,
            z_cubed: z_squared.times(&point.z),
        }
    }

    pub(super) fn to_jacobian(self) -> Jacobian {
        self.point
    }

    /// The affine coordinates.
    fn to_affine(self, inverse_of_z: &Element<1>) -> Affine {
        let squared = inverse_of_z.squared();
        Affine {
            x: self.point.x.times(&squared),
            y: self.point.y.times(&squared.times(inverse_of_z)),
        }
    }
}

impl Add for Addend {
    // Not inlined, for the same reason as `doubled`.
    #[inline(never)]
    fn add_to(&self, other: &Jacobian) -> Jacobian {
        let z_squared = other.z.squared();
        let x = self.point.x.times(&z_squared);
        let y = self.point.y.times(&z_squared.times(&other.z));
        let other_x = other.x.times(&self.z_squared);
        let other_y = other.y.times(&self.z_cubed);
        let h: Element<2> = x.minus(other_x);
        let r: Element<2> = y.minus(other_y);
        let z = other.z.times(&self.point.z).times(&h);
        if z.is_zero() {
            return sum_of_special(other, &self.point, r.is_zero());
        }
        Jacobian::sum(&other_x, &other_y, z, &h, &r)
    }

    fn negated(&self) -> Self {
        let point = Jacobian {
            y: self.point.y.negated(),
            ..self.point
        };
        Self { point, ..*self }
    }
}

/// The sum where the formulas do not hold: `a` is infinity or has the same x as `b`. `b` is not
/// infinity.
#[cold]
fn sum_of_special(a: &Jacobian, b: &Jacobian, have_same_y: bool) -> Jacobian {
    if a.is_infinity() {
        *b
    } else if have_same_y {
        b.doubled()
    } else {
        INFINITY
    }
}

/// The odd multiples of a point, from 1 to 2 * `N` - 1, none of which is infinity.
pub(super) fn odd_multiples<const N: usize>(point: &Affine) -> [Addend; N] {
    let twice = Addend::new(point.to_jacobian().doubled());
    let mut next = point.to_jacobian();
    [(); N].map(|()| {
        let multiple = Addend::new(next);
        next = twice.add_to(&next);
        multiple
    })
}

/// Converts the points to affine coordinates with a single inversion (Montgomery's trick).
pub(super) fn to_affine<const N: usize>(points: &[Addend; N]) -> [Affine; N] {
    let mut product = ONE;
    let before = points.map(|one| {
        let before = product;
        product = product.times(&one.point.z);
        before
    });
    let mut inverse = inverse(&product);
    let mut affine = points.map(|one| Affine {
        x: one.z_squared,
        y: one.z_cubed,
    });
    for ((to, one), before) in affine.iter_mut().zip(points).zip(before).rev() {
        *to = one.to_affine(&inverse.times(&before));
        inverse = inverse.times(&one.point.z);
    }
    affine
}

/// The inverse of an element that is not zero.
fn inverse(element: &Element<1>) -> Element<1> {
    let one = [1, 0, 0, 0];
    let words = Modulus::new(&field::MODULUS).divide(&one, &element.to_words());
    Element::from_reduced(&words)
}

/// First byte of an uncompressed point (SEC 1 §2.3.3).
pub(super) const UNCOMPRESSED: u8 = 4;

const BASE_X: Words = [
    0xf4a1_3945_d898_c296,
    0x7703_7d81_2deb_33a0,
    0xf8bc_e6e5_63a4_40f2,
    0x6b17_d1f2_e12c_4247,
];
const BASE_Y: Words = [
    0xcbb6_4068_37bf_51f5,
    0x2bce_3357_6b31_5ece,
    0x8ee7_eb4a_7c0f_9e16,
    0x4fe3_42e2_fe1a_7f9b,
];
