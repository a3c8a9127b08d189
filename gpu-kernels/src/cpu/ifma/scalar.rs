//! Eight scalars: 512-bit hashes modulo the group order l, and the digits of scalars.
//!
//! A scalar's representative need not be the least: a multiple of l more changes k A by a point of small order at most,
//! and the equation of ZIP-215 does not see those. So k is only brought below 2^254.
//!
//! Bounds: limbs have 52 bits, the radix of the multiplier. With l = 2^252 + c and C = 2^8 c, 2^260 = -C modulo l, and a
//! number below 2^512 is x = x0 + 2^260 x1, so x = x0 - C x1. C x1 is below 2^133 2^252 = y0 + 2^260 y1 with y1 below
//! 2^125, so x = x0 - y0 + C y1, and with 2^8 l > 2^260 more it lies between 0 and 2^262. There q = x / 2^252 is below
//! 2^10, and x - q l + l is above l - 2^135 and below 2^252 + l < 2^254.
//! Sums of limbs stay below 2^57 in size, between carries with a sign. The tests compute that from the formulas, too, and
//! compare the code with the formulas at the extremes.

use crate::cpu::vector::{Ifma, U64x8};

const RADIX: u32 = 52;
const LIMB_MASK: u64 = (1 << RADIX) - 1;
/// The limbs of c.
const C: [u64; 3] = [0x2_631a_5cf5_d3ed, 0xd_ea2f_79cd_6581, 0x14_def9];
/// Those of C.
const C256: [u64; 3] = [0x3_1a5c_f5d3_ed00, 0xa_2f79_cd65_8126, 0x14de_f9de];
/// Those of 2^8 l; the highest has 53 bits.
const ORDER256: [u64; 5] = [C256[0], C256[1], C256[2], 0, 1 << 52];
/// Those of l.
const ORDER: [u64; 5] = [C[0], C[1], C[2], 0, 1 << 44];

/// Where the highest digit begins: a multiple of four and of six. Digits of four bits go from -8 to 7, the highest from
/// 0 to 8; those of six from -32 to 31, the highest from 0 to 4.
pub(crate) const TOP_BIT: u32 = 252;

/// Eight in each of the lower 63 digits of four bits.
const EIGHTS: [u64; 4] = [
    0x8888_8888_8888_8888,
    0x8888_8888_8888_8888,
    0x8888_8888_8888_8888,
    0x0888_8888_8888_8888,
];
/// 32 in each of the lower 42 digits of six bits.
const THIRTY_TWOS: [u64; 4] = thirty_twos();

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated at compile time"
)]
const fn thirty_twos() -> [u64; 4] {
    let mut words = [0; 4];
    let mut bit = 5;
    while bit < 252 {
        words[bit / 64] |= 1 << (bit % 64);
        bit += 6;
    }
    words
}

/// A number per lane in words of 64 bits, the lowest first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scalar([U64x8; 4]);

/// Signed digits per lane: how far from zero, and which are below it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digit {
    pub(crate) size: U64x8,
    pub(crate) negative: u8,
}

/// Carries from limb to limb, with signs; the highest keeps what is beyond.
#[inline(always)]
fn carry<const N: usize>(ifma: Ifma, limbs: &mut [U64x8; N]) {
    let mask = U64x8::splat(ifma, LIMB_MASK);
    let mut carry = U64x8::zero(ifma);
    for (at, limb) in (1..).zip(limbs) {
        let sum = limb.add(carry);
        if at == N {
            *limb = sum;
        } else {
            *limb = sum.and(mask);
            carry = sum.shr_signed::<RADIX>();
        }
    }
}

/// Adds the product of two numbers; `PRODUCT` limbs are enough for it.
#[inline(always)]
fn add_product<const PRODUCT: usize>(sum: &mut [U64x8; PRODUCT], left: &[U64x8], right: &[U64x8]) {
    for (i, one) in left.iter().enumerate() {
        for (j, other) in right.iter().enumerate() {
            if let Some(limb) = sum.get_mut(i.wrapping_add(j)) {
                *limb = limb.madd_low(*one, *other);
            }
            if let Some(limb) = sum.get_mut(i.wrapping_add(j).wrapping_add(1)) {
                *limb = limb.madd_high(*one, *other);
            }
        }
    }
}

/// The lower half.
#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
const fn low_word(number: u128) -> u64 {
    number as u64
}

impl Scalar {
    pub(crate) const fn from_words(words: [U64x8; 4]) -> Self {
        Self(words)
    }

    /// Its words.
    pub(crate) const fn words(self) -> [U64x8; 4] {
        self.0
    }

    /// The sum of all lanes modulo l, below 2^254, in every lane.
    #[inline(always)]
    pub(crate) fn sum_of_lanes(self, ifma: Ifma) -> Self {
        let mut sum = [0; 8];
        let mut carry: u128 = 0;
        for (place, word) in sum.iter_mut().zip(self.0) {
            for lane in word.to_array() {
                carry = carry.wrapping_add(u128::from(lane));
            }
            *place = low_word(carry);
            carry >>= 64;
        }
        if let Some(place) = sum.get_mut(4) {
            *place = low_word(carry);
        }
        Self::reduce(ifma, U64x8::splat_all(ifma, sum))
    }

    /// A number below 2^254 that is the same modulo l as one of 512 bits, given in words.
    #[inline(always)]
    pub(crate) fn reduce(ifma: Ifma, words: [U64x8; 8]) -> Self {
        let zero = U64x8::zero(ifma);
        let mask = U64x8::splat(ifma, LIMB_MASK);
        let [w0, w1, w2, w3, w4, w5, w6, w7] = words;
        let x0 = [
            w0.and(mask),
            (w0.shr::<52>().or(w1.shl::<12>())).and(mask),
            (w1.shr::<40>().or(w2.shl::<24>())).and(mask),
            (w2.shr::<28>().or(w3.shl::<36>())).and(mask),
            (w3.shr::<16>().or(w4.shl::<48>())).and(mask),
        ];
        let x1 = [
            (w4.shr::<4>()).and(mask),
            (w4.shr::<56>().or(w5.shl::<8>())).and(mask),
            (w5.shr::<44>().or(w6.shl::<20>())).and(mask),
            (w6.shr::<32>().or(w7.shl::<32>())).and(mask),
            w7.shr::<20>(),
        ];
        let c256 = U64x8::splat_all(ifma, C256);
        let mut y = [zero; 8];
        add_product(&mut y, &c256, &x1);
        carry(ifma, &mut y);
        let [y0, y1, y2, y3, y4, high @ ..] = y;
        let mut v = [zero; 5];
        add_product(&mut v, &c256, &high);
        for (((limb, low), other), order) in
            v.iter_mut().zip(x0).zip([y0, y1, y2, y3, y4]).zip(ORDER256)
        {
            *limb = limb.add(low).sub(other).add(U64x8::splat(ifma, order));
        }
        carry(ifma, &mut v);
        let [v0, v1, v2, v3, v4] = v;
        let quotient = v4.shr::<44>();
        let mut qc = [zero; 5];
        add_product(&mut qc, &U64x8::splat_all(ifma, C), &[quotient]);
        let rest = v4.and(U64x8::splat(ifma, (1 << 44) - 1));
        let mut r = [v0, v1, v2, v3, rest];
        for ((limb, part), order) in r.iter_mut().zip(qc).zip(ORDER) {
            *limb = limb.sub(part).add(U64x8::splat(ifma, order));
        }
        carry(ifma, &mut r);
        let [r0, r1, r2, r3, r4] = r;
        Self([
            r0.or(r1.shl::<52>()),
            r1.shr::<12>().or(r2.shl::<40>()),
            r2.shr::<24>().or(r3.shl::<28>()),
            r3.shr::<36>().or(r4.shl::<16>()),
        ])
    }

    /// The sum with a constant; both are below 2^255.
    #[inline(always)]
    fn add(self, ifma: Ifma, constant: [u64; 4]) -> Self {
        let (zero, one) = (U64x8::zero(ifma), U64x8::splat(ifma, 1));
        let mut carry = zero;
        let mut words = self.0;
        for (word, constant) in words.iter_mut().zip(constant) {
            let constant = U64x8::splat(ifma, constant);
            let part = word.add(constant);
            let sum = part.add(carry);
            let carries = part.below(constant) | sum.below(carry);
            carry = zero.select(carries, one);
            *word = sum;
        }
        Self(words)
    }

    /// Ready to give the digits of a number below 2^254.
    #[inline(always)]
    pub(crate) fn nibbles(self, ifma: Ifma) -> Digits<4> {
        Digits(self.add(ifma, EIGHTS).0)
    }

    /// The same in digits of six bits.
    #[inline(always)]
    pub(crate) fn sixes(self, ifma: Ifma) -> Digits<6> {
        Digits(self.add(ifma, THIRTY_TWOS).0)
    }
}

/// A sum of products of scalars with coefficients of 128 bits, in limbs that are not carried.
///
/// Bounds: a limb of a product has at most three low and three high halves, below 2^55; so 256 products are below 2^63,
/// and their sum below 2^392.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Products([U64x8; 8]);

impl Products {
    #[inline(always)]
    pub(crate) fn none(ifma: Ifma) -> Self {
        Self([U64x8::zero(ifma); 8])
    }

    /// Adds one product per lane; at most 256 may be added.
    #[inline(always)]
    pub(crate) fn add(&mut self, ifma: Ifma, scalar: Scalar, [low, high]: [U64x8; 2]) {
        let mask = U64x8::splat(ifma, LIMB_MASK);
        let [w0, w1, w2, w3] = scalar.0;
        let limbs = [
            w0.and(mask),
            w0.shr::<52>().or(w1.shl::<12>()).and(mask),
            w1.shr::<40>().or(w2.shl::<24>()).and(mask),
            w2.shr::<28>().or(w3.shl::<36>()).and(mask),
            w3.shr::<16>(),
        ];
        let coefficient = [
            low.and(mask),
            low.shr::<52>().or(high.shl::<12>()).and(mask),
            high.shr::<40>(),
        ];
        add_product(&mut self.0, &limbs, &coefficient);
    }

    /// A number below 2^254 that is the same modulo l.
    #[inline(always)]
    pub(crate) fn reduce(mut self, ifma: Ifma) -> Scalar {
        carry(ifma, &mut self.0);
        let [l0, l1, l2, l3, l4, l5, l6, l7] = self.0;
        let words = [
            l0.or(l1.shl::<52>()),
            l1.shr::<12>().or(l2.shl::<40>()),
            l2.shr::<24>().or(l3.shl::<28>()),
            l3.shr::<36>().or(l4.shl::<16>()),
            l4.shr::<48>().or(l5.shl::<4>()).or(l6.shl::<56>()),
            l6.shr::<8>().or(l7.shl::<44>()),
            l7.shr::<20>(),
            U64x8::zero(ifma),
        ];
        Scalar::reduce(ifma, words)
    }
}

/// A number in which all digits of `BITS` bits but the highest were raised by half of their range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digits<const BITS: u32>([U64x8; 4]);

impl<const BITS: u32> Digits<BITS> {
    /// The digit that begins at bit `at`, a multiple of `BITS`.
    #[inline(always)]
    pub(crate) fn at(&self, ifma: Ifma, at: u32) -> Digit {
        let shift = u64::from(at % 64);
        let word = (at / 64) as usize;
        let zero = U64x8::zero(ifma);
        let low = self.0.get(word).copied().unwrap_or(zero);
        let next = self.0.get(word.wrapping_add(1)).copied().unwrap_or(zero);
        // A shift by 64, where the digit begins with a word, leaves nothing of the next.
        let low = low.shr_by(U64x8::splat(ifma, shift));
        let high = next.shl_by(U64x8::splat(ifma, 64_u64.wrapping_sub(shift)));
        let raised = low
            .or(high)
            .and(U64x8::splat(ifma, const { (1 << BITS) - 1 }));
        if at == TOP_BIT {
            return Digit {
                size: raised,
                negative: 0,
            };
        }
        let half = U64x8::splat(ifma, const { 1 << (BITS - 1) });
        let negative = raised.below(half);
        Digit {
            size: raised.sub(half).select(negative, half.sub(raised)),
            negative,
        }
    }
}

#[cfg(test)]
mod tests;
