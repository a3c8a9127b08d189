//! Eight elements of the field of integers modulo p = 2^255 - 19, in five limbs of 51 bits.
//!
//! Invariant (bounds are per limb, in every lane): a [`Field`] is below 2^52, so a factor of the multiplier; all that
//! makes one ends in [`Wide::carry`]. A [`Wide`] is a sum that has not been carried.
//!
//! - A product has the limbs z_k, the sum of low halves (below 2^52) of a_i b_j with i + j = k and twice the sum of high
//!   halves with i + j = k - 1, for 2^52 is twice 2^51. There are at most 5 of each, so z_k < 15 * 2^52.
//! - The upper five limbs are folded in by 2^255 = 19: at most 1 + 19 * 14 units of 2^52 (one at k = 0; four low and five
//!   high halves at k = 5), so a product is below 2^60.1.
//! - Differences add a multiple of p whose limbs are at least what is subtracted: 2^11 p, at least 2^62 - 2^16
//!   ([`BIAS_SHIFT`]), which is above three products. So every sum of at most three products and one bias is below 2^62.9
//!   and does not wrap.
//! - Carrying v < 2^64: each limb keeps 51 bits and gets the carry of the one below, less than 2^13, or 19 times that of
//!   the highest, less than 2^17.3. So the result is below 2^51 + 2^18 < 2^52.
//!
//! The tests compute these bounds limb by limb from the formulas, and compare the code with the formulas at the extremes.

use crate::cpu::vector::{Ifma, LANES, Mask, U64x8};

const LIMBS: usize = 5;
/// Bits of a limb.
const RADIX: u32 = 51;
const LIMB_MASK: u64 = (1 << RADIX) - 1;
/// p, whose lowest limb is the odd one.
const PRIME: [u64; LIMBS] = [LIMB_MASK - 18, LIMB_MASK, LIMB_MASK, LIMB_MASK, LIMB_MASK];
/// A multiple of p that is at least three products in every limb.
const BIAS_SHIFT: u32 = 11;
/// A multiple of p that is at least one element in every limb.
const SMALL_BIAS_SHIFT: u32 = 2;

/// An element per lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field(pub(super) [U64x8; LIMBS]);

/// A sum that is still to be carried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wide([U64x8; LIMBS]);

/// The limbs of 32 little-endian bytes without their highest bit.
pub(crate) fn limbs_of(bytes: &[u8; 32]) -> [u64; LIMBS] {
    let [a, b, c, d] = words_of(bytes);
    [
        a & LIMB_MASK,
        (a >> 51 | b << 13) & LIMB_MASK,
        (b >> 38 | c << 26) & LIMB_MASK,
        (c >> 25 | d << 39) & LIMB_MASK,
        d >> 12 & LIMB_MASK,
    ]
}

/// Four words of 32 little-endian bytes.
pub(crate) fn words_of(bytes: &[u8; 32]) -> [u64; 4] {
    let mut words = [0; 4];
    let (chunks, _) = bytes.as_chunks::<8>();
    for (word, chunk) in words.iter_mut().zip(chunks) {
        *word = u64::from_le_bytes(*chunk);
    }
    words
}

/// The same expression for every limb, written out.
macro_rules! limbs {
    ($($name:ident in $limbs:expr),+ => $each:expr) => {
        [
            limbs!(@ 0, $($name in $limbs),+ => $each),
            limbs!(@ 1, $($name in $limbs),+ => $each),
            limbs!(@ 2, $($name in $limbs),+ => $each),
            limbs!(@ 3, $($name in $limbs),+ => $each),
            limbs!(@ 4, $($name in $limbs),+ => $each),
        ]
    };
    (@ $at:tt, $($name:ident in $limbs:expr),+ => $each:expr) => {{
        $(let $name = $limbs[$at];)+
        $each
    }};
}

impl Field {
    /// The same element in every lane, by its limbs.
    #[inline(always)]
    pub(crate) fn splat(ifma: Ifma, limbs: [u64; LIMBS]) -> Self {
        Self(U64x8::splat_all(ifma, limbs))
    }

    /// A small number in every lane.
    #[inline(always)]
    pub(crate) fn small(ifma: Ifma, number: u64) -> Self {
        Self::splat(ifma, [number, 0, 0, 0, 0])
    }

    /// An element per lane, of 32 little-endian bytes each, whose highest bit is left out. They need not be below p.
    #[inline(always)]
    pub(crate) fn from_bytes(ifma: Ifma, lanes: [&[u8; 32]; LANES]) -> Self {
        let mut limbs = [[0; LANES]; LIMBS];
        for (lane, bytes) in lanes.into_iter().enumerate() {
            for (limb, value) in limbs.iter_mut().zip(limbs_of(bytes)) {
                if let Some(place) = limb.get_mut(lane) {
                    *place = value;
                }
            }
        }
        Self(U64x8::from_arrays(ifma, limbs))
    }

    #[inline(always)]
    pub(crate) fn add(self, other: Self) -> Wide {
        Wide(limbs!(own in self.0, other in other.0 => own.add(other)))
    }

    /// `self - other`, by a bias.
    #[inline(always)]
    pub(crate) fn sub(self, ifma: Ifma, other: Self) -> Wide {
        Wide(self.0).sub_small(ifma, other)
    }

    #[inline(always)]
    pub(crate) fn negate(self, ifma: Ifma) -> Self {
        Wide([U64x8::zero(ifma); LIMBS])
            .sub_small(ifma, self)
            .carry(ifma)
    }

    /// The product, not carried.
    #[inline(always)]
    pub(crate) fn times(self, ifma: Ifma, other: Self) -> Wide {
        let [a0, a1, a2, a3, a4] = self.0;
        let [b0, b1, b2, b3, b4] = other.0;
        let zero = U64x8::zero(ifma);
        // High halves first; doubled, they start the sums of the low halves one limb up.
        let h1 = zero.madd_high(a0, b0);
        let h2 = zero.madd_high(a0, b1).madd_high(a1, b0);
        let h3 = zero.madd_high(a0, b2).madd_high(a1, b1).madd_high(a2, b0);
        let h4 = zero
            .madd_high(a0, b3)
            .madd_high(a1, b2)
            .madd_high(a2, b1)
            .madd_high(a3, b0);
        let h5 = zero
            .madd_high(a0, b4)
            .madd_high(a1, b3)
            .madd_high(a2, b2)
            .madd_high(a3, b1)
            .madd_high(a4, b0);
        let h6 = zero
            .madd_high(a1, b4)
            .madd_high(a2, b3)
            .madd_high(a3, b2)
            .madd_high(a4, b1);
        let h7 = zero.madd_high(a2, b4).madd_high(a3, b3).madd_high(a4, b2);
        let h8 = zero.madd_high(a3, b4).madd_high(a4, b3);
        let h9 = zero.madd_high(a4, b4);
        let z0 = zero.madd_low(a0, b0);
        let z1 = h1.add(h1).madd_low(a0, b1).madd_low(a1, b0);
        let z2 = h2
            .add(h2)
            .madd_low(a0, b2)
            .madd_low(a1, b1)
            .madd_low(a2, b0);
        let z3 = h3
            .add(h3)
            .madd_low(a0, b3)
            .madd_low(a1, b2)
            .madd_low(a2, b1)
            .madd_low(a3, b0);
        let z4 = h4
            .add(h4)
            .madd_low(a0, b4)
            .madd_low(a1, b3)
            .madd_low(a2, b2)
            .madd_low(a3, b1)
            .madd_low(a4, b0);
        let z5 = h5
            .add(h5)
            .madd_low(a1, b4)
            .madd_low(a2, b3)
            .madd_low(a3, b2)
            .madd_low(a4, b1);
        let z6 = h6
            .add(h6)
            .madd_low(a2, b4)
            .madd_low(a3, b3)
            .madd_low(a4, b2);
        let z7 = h7.add(h7).madd_low(a3, b4).madd_low(a4, b3);
        let z8 = h8.add(h8).madd_low(a4, b4);
        let z9 = h9.add(h9);
        fold(ifma, [z0, z1, z2, z3, z4], [z5, z6, z7, z8, z9])
    }

    #[inline(always)]
    pub(crate) fn mul(self, ifma: Ifma, other: Self) -> Self {
        self.times(ifma, other).carry(ifma)
    }

    /// The square, not carried: each pair of different limbs is multiplied once and counted twice.
    #[inline(always)]
    pub(crate) fn squared(self, ifma: Ifma) -> Wide {
        let [a0, a1, a2, a3, a4] = self.0;
        let zero = U64x8::zero(ifma);
        let double = |sum: U64x8| sum.add(sum);
        let h1 = zero.madd_high(a0, a0);
        let h2 = double(zero.madd_high(a0, a1));
        let h3 = double(zero.madd_high(a0, a2)).madd_high(a1, a1);
        let h4 = double(zero.madd_high(a0, a3).madd_high(a1, a2));
        let h5 = double(zero.madd_high(a0, a4).madd_high(a1, a3)).madd_high(a2, a2);
        let h6 = double(zero.madd_high(a1, a4).madd_high(a2, a3));
        let h7 = double(zero.madd_high(a2, a4)).madd_high(a3, a3);
        let h8 = double(zero.madd_high(a3, a4));
        let h9 = zero.madd_high(a4, a4);
        let z0 = zero.madd_low(a0, a0);
        let z1 = double(h1.madd_low(a0, a1));
        let z2 = double(h2.madd_low(a0, a2)).madd_low(a1, a1);
        let z3 = double(h3.madd_low(a0, a3).madd_low(a1, a2));
        let z4 = double(h4.madd_low(a0, a4).madd_low(a1, a3)).madd_low(a2, a2);
        let z5 = double(h5.madd_low(a1, a4).madd_low(a2, a3));
        let z6 = double(h6.madd_low(a2, a4)).madd_low(a3, a3);
        let z7 = double(h7.madd_low(a3, a4));
        let z8 = double(h8).madd_low(a4, a4);
        let z9 = double(h9);
        fold(ifma, [z0, z1, z2, z3, z4], [z5, z6, z7, z8, z9])
    }

    #[inline(always)]
    pub(crate) fn square(self, ifma: Ifma) -> Self {
        self.squared(ifma).carry(ifma)
    }

    /// Products of several pairs.
    #[inline(always)]
    fn mul_all<const N: usize>(ifma: Ifma, ones: [Self; N], others: [Self; N]) -> [Self; N] {
        let mut products = ones;
        for (product, other) in products.iter_mut().zip(others) {
            *product = product.mul(ifma, other);
        }
        products
    }

    /// Several elements to the power 2^`count`. Each chain of squares waits for itself; several fill the time.
    #[inline(always)]
    fn square_times<const N: usize>(ifma: Ifma, elements: [Self; N], count: usize) -> [Self; N] {
        let mut powers = elements;
        for _ in 0..count {
            for power in &mut powers {
                *power = power.square(ifma);
            }
        }
        powers
    }

    /// Elements to the powers 2^250 - 1 and 11.
    #[inline(always)]
    fn power_chain<const N: usize>(ifma: Ifma, ones: [Self; N]) -> ([Self; N], [Self; N]) {
        let two = Self::square_times(ifma, ones, 1);
        let nine = Self::mul_all(ifma, Self::square_times(ifma, two, 2), ones);
        let eleven = Self::mul_all(ifma, nine, two);
        let ones_5 = Self::mul_all(ifma, Self::square_times(ifma, eleven, 1), nine);
        let ones_10 = Self::mul_all(ifma, Self::square_times(ifma, ones_5, 5), ones_5);
        let ones_20 = Self::mul_all(ifma, Self::square_times(ifma, ones_10, 10), ones_10);
        let ones_40 = Self::mul_all(ifma, Self::square_times(ifma, ones_20, 20), ones_20);
        let ones_50 = Self::mul_all(ifma, Self::square_times(ifma, ones_40, 10), ones_10);
        let ones_100 = Self::mul_all(ifma, Self::square_times(ifma, ones_50, 50), ones_50);
        let ones_200 = Self::mul_all(ifma, Self::square_times(ifma, ones_100, 100), ones_100);
        let ones_250 = Self::mul_all(ifma, Self::square_times(ifma, ones_200, 50), ones_50);
        (ones_250, eleven)
    }

    /// 1 / `self`; 0 of 0. The power p - 2 = 2^255 - 21.
    #[inline(always)]
    pub(crate) fn invert(self, ifma: Ifma) -> Self {
        let (ones_250, eleven) = Self::power_chain(ifma, [self]);
        let [inverse] = Self::mul_all(ifma, Self::square_times(ifma, ones_250, 5), eleven);
        inverse
    }

    /// The powers (p - 5) / 8 = 2^252 - 3, from which square roots are made.
    #[inline(always)]
    pub(crate) fn power_p58<const N: usize>(ifma: Ifma, elements: [Self; N]) -> [Self; N] {
        let (ones_250, _) = Self::power_chain(ifma, elements);
        Self::mul_all(ifma, Self::square_times(ifma, ones_250, 2), elements)
    }

    /// The same elements with limbs of at most 51 bits, each the number below p.
    #[inline(always)]
    pub(crate) fn canonical(self, ifma: Ifma) -> Self {
        // The first round leaves a number below 2^255 + 2^6, the second one below 2^255 in limbs of 51 bits.
        let mut limbs = Wide(self.0).ripple(ifma).ripple(ifma);
        // So it is below 2 p, and p is subtracted where adding 19 overflows.
        let [l0, l1, l2, l3, l4] = limbs.0;
        let mut carry = l0.add(U64x8::splat(ifma, 19)).shr::<RADIX>();
        for limb in [l1, l2, l3, l4] {
            carry = limb.add(carry).shr::<RADIX>();
        }
        // `carry` is 1 where the number is at least p.
        let nineteen = carry.mul(U64x8::splat(ifma, 19));
        limbs = Wide([l0.add(nineteen), l1, l2, l3, l4]);
        let (limbs, _) = limbs.carried(ifma);
        Self(limbs)
    }

    /// The lanes that are zero. Only for canonical elements.
    #[inline(always)]
    pub(crate) fn is_zero(self, ifma: Ifma) -> Mask {
        let [l0, l1, l2, l3, l4] = self.0;
        l0.or(l1).or(l2).or(l3).or(l4).equal(U64x8::zero(ifma))
    }

    /// The lanes where both are the same number.
    #[inline(always)]
    pub(crate) fn equals(self, ifma: Ifma, other: Self) -> Mask {
        self.sub(ifma, other)
            .carry(ifma)
            .canonical(ifma)
            .is_zero(ifma)
    }

    /// The lanes whose number is odd. Only for canonical elements.
    #[inline(always)]
    pub(crate) fn is_odd(self, ifma: Ifma) -> Mask {
        let [low, ..] = self.0;
        let one = U64x8::splat(ifma, 1);
        low.and(one).equal(one)
    }

    /// The elements of `other` where the mask has a bit, else its own.
    #[inline(always)]
    pub(crate) fn select(self, mask: Mask, other: Self) -> Self {
        Self(limbs!(own in self.0, other in other.0 => own.select(mask, other)))
    }

    /// Four words per lane, little-endian. Only for canonical elements.
    #[inline(always)]
    pub(crate) fn to_words(self) -> [U64x8; 4] {
        let [l0, l1, l2, l3, l4] = self.0;
        [
            l0.or(l1.shl::<51>()),
            l1.shr::<13>().or(l2.shl::<38>()),
            l2.shr::<26>().or(l3.shl::<25>()),
            l3.shr::<39>().or(l4.shl::<12>()),
        ]
    }
}

/// The lower limbs and 19 times the upper ones.
#[inline(always)]
fn fold(ifma: Ifma, low: [U64x8; LIMBS], high: [U64x8; LIMBS]) -> Wide {
    let nineteen = U64x8::splat(ifma, 19);
    Wide(limbs!(low in low, high in high => low.add(high.mul(nineteen))))
}

impl Wide {
    #[inline(always)]
    pub(crate) fn add(self, other: Self) -> Self {
        Self(limbs!(own in self.0, other in other.0 => own.add(other)))
    }

    #[inline(always)]
    pub(crate) fn double(self) -> Self {
        self.add(self)
    }

    /// A multiple of p, in limbs of equal kind.
    #[inline(always)]
    fn bias(ifma: Ifma, shift: u32) -> Self {
        Self(limbs!(limb in PRIME => U64x8::splat(ifma, limb << shift)))
    }

    /// `self - other` where `other` is at most three products.
    #[inline(always)]
    pub(crate) fn sub(self, ifma: Ifma, other: Self) -> Self {
        let raised = self.add(Self::bias(ifma, BIAS_SHIFT));
        Self(limbs!(raised in raised.0, other in other.0 => raised.sub(other)))
    }

    /// `self - other` for an element.
    #[inline(always)]
    fn sub_small(self, ifma: Ifma, other: Field) -> Self {
        let raised = self.add(Self::bias(ifma, SMALL_BIAS_SHIFT));
        Self(limbs!(raised in raised.0, other in other.0 => raised.sub(other)))
    }

    /// Carries every limb once, all at the same time.
    #[inline(always)]
    pub(crate) fn carry(self, ifma: Ifma) -> Field {
        let mask = U64x8::splat(ifma, LIMB_MASK);
        let [c0, c1, c2, c3, c4] = limbs!(limb in self.0 => limb.shr::<RADIX>());
        let [l0, l1, l2, l3, l4] = limbs!(limb in self.0 => limb.and(mask));
        // 19 = 16 + 2 + 1
        let top = c4.add(c4.shl::<4>().add(c4.add(c4)));
        Field([l0.add(top), l1.add(c0), l2.add(c1), l3.add(c2), l4.add(c3)])
    }

    /// Carries from limb to limb, and the highest carry round to the lowest limb. Of an element it leaves a number below
    /// 2^255 + 2^6, and below 2^255 the second time.
    #[inline(always)]
    fn ripple(self, ifma: Ifma) -> Self {
        let ([l0, l1, l2, l3, l4], carry) = self.carried(ifma);
        let top = carry.mul(U64x8::splat(ifma, 19));
        Self([l0.add(top), l1, l2, l3, l4])
    }

    /// Carries from limb to limb; and the highest carry.
    #[inline(always)]
    fn carried(self, ifma: Ifma) -> ([U64x8; LIMBS], U64x8) {
        let mask = U64x8::splat(ifma, LIMB_MASK);
        let mut limbs = self.0;
        let mut carry = U64x8::zero(ifma);
        for limb in &mut limbs {
            let sum = limb.add(carry);
            carry = sum.shr::<RADIX>();
            *limb = sum.and(mask);
        }
        (limbs, carry)
    }
}

#[cfg(test)]
mod tests;
