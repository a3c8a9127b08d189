use curve25519_dalek::{
    constants::ED25519_BASEPOINT_POINT,
    edwards::EdwardsPoint,
    scalar::Scalar,
    traits::{Identity, IsIdentity, VartimeMultiscalarMul},
};

use super::*;
use crate::cpu::ifma::point::{Decompress, is_of_small_order};
use crate::cpu::vector::run_ifma;

struct Pack([[u8; 32]; LANES]);

impl Kernel<Ifma> for Pack {
    type Output = [PackedAffine; LANES];

    #[inline(always)]
    fn run(self, ifma: Ifma) -> [PackedAffine; LANES] {
        let (points, found) = Decompress(self.0.each_ref()).run(ifma);
        assert_eq!(found, !0);
        PackedAffine::store(ifma, &points.affine_cached(ifma))
    }
}

struct HasSmallOrder(Terms);

impl Kernel<Ifma> for HasSmallOrder {
    type Output = Mask;

    #[inline(always)]
    fn run(self, ifma: Ifma) -> Mask {
        is_of_small_order(ifma, Sum(self.0).run(ifma))
    }
}

fn packed(ifma: Ifma, point: EdwardsPoint) -> PackedAffine {
    let [packed, ..] = run_ifma(ifma, Pack([point.compress().0; LANES]));
    packed
}

fn words(scalar: &Scalar) -> [u64; 4] {
    crate::cpu::ifma::field::words_of(scalar.as_bytes())
}

/// A scalar that looks like any other.
fn scalar(number: u64) -> Scalar {
    let mut wide = [0x35; 64];
    for (chunk, factor) in wide.chunks_mut(8).zip(3..) {
        let word = (number + factor).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        chunk.copy_from_slice(&(word ^ word >> 29).to_le_bytes());
    }
    Scalar::from_bytes_mod_order_wide(&wide)
}

/// The sum of the terms and what dalek makes of them are the same in every lane, and it is not by chance.
fn check(ifma: Ifma, long: &[([u64; 4], EdwardsPoint)], short: &[([u64; 2], EdwardsPoint)]) {
    let from = |words: &[u64]| {
        let mut bytes = [0; 32];
        for (chunk, word) in bytes.chunks_mut(8).zip(words) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        Scalar::from_bytes_mod_order(bytes)
    };
    let scalars = long.iter().map(|(words, _)| from(words));
    let scalars = scalars.chain(short.iter().map(|(words, _)| from(words)));
    let points = long.iter().map(|(_, point)| *point);
    let points = points.chain(short.iter().map(|(_, point)| *point));
    let expected = EdwardsPoint::vartime_multiscalar_mul(scalars, points);
    for (difference, lanes) in [(EdwardsPoint::identity(), !0), (ED25519_BASEPOINT_POINT, 0)] {
        let mut terms = Terms::with_capacity(long.len() + short.len() + 1);
        for (scalar, point) in long {
            terms.push_long(packed(ifma, *point), *scalar);
        }
        // l - 1 times what is expected makes it vanish.
        let minus_one = words(&-Scalar::ONE);
        terms.push_long(packed(ifma, expected + difference), minus_one);
        for (scalar, point) in short {
            terms.push_short(packed(ifma, *point), *scalar);
        }
        assert_eq!(run_ifma(ifma, HasSmallOrder(terms)), lanes);
    }
}

fn proof() -> Option<Ifma> {
    let ifma = Ifma::detect();
    if ifma.is_none() {
        println!("skipped: this CPU has no AVX-512 IFMA");
    }
    ifma
}

#[test]
fn sums_of_every_width_equal_those_of_dalek() {
    let Some(ifma) = proof() else { return };
    for count in [0, 1, 3, 40, 54, 55, 56, 110, 119, 120, 200] {
        let point = |number: u64| EdwardsPoint::mul_base(&scalar(number));
        let long: Vec<_> = (0..count)
            .map(|number| (words(&scalar(number + 1_000)), point(number)))
            .collect();
        let short: Vec<_> = (0..count)
            .map(|number| {
                let [low, high, ..] = words(&scalar(number + 2_000));
                ([low, high], point(number + 300))
            })
            .collect();
        check(ifma, &long, &short);
    }
}

#[test]
fn scalars_at_the_ends_of_every_digit() {
    let Some(ifma) = proof() else { return };
    let point = EdwardsPoint::mul_base(&scalar(5));
    let highest = [u64::MAX, u64::MAX, u64::MAX, (1 << 62) - 1];
    let mut long = vec![([0; 4], point), (highest, point), ([1, 0, 0, 0], point)];
    for bit in 0..254 {
        let mut power = [0; 4];
        power[bit / 64] = 1 << (bit % 64);
        long.push((power, point));
        // All ones from here on.
        let mut ones = highest;
        ones[..bit / 64].fill(0);
        ones[bit / 64] &= u64::MAX << (bit % 64);
        long.push((ones, point));
    }
    let short: Vec<_> = (0..128_u32)
        .flat_map(|bit| {
            let (power, ones) = (1_u128 << bit, u128::MAX << bit);
            [power, ones].map(|number| {
                let [low, high, ..] = words(&Scalar::from(number));
                ([low, high], point)
            })
        })
        .collect();
    for chunk in [1, 7, 60, long.len()] {
        for (long, short) in long.chunks(chunk).zip(short.chunks(chunk)) {
            check(ifma, long, short);
        }
    }
}

#[test]
fn one_point_and_scalar_for_all_fills_single_buckets() {
    let Some(ifma) = proof() else { return };
    let (point, own) = (EdwardsPoint::mul_base(&scalar(9)), words(&scalar(10)));
    for count in [1, 100, 256] {
        check(
            ifma,
            &vec![(own, point); count],
            &vec![([3, 4], point); count],
        );
    }
    assert!(!point.is_identity());
}
