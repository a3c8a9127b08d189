//! Zipf's distribution by inversion of an integer table.
//!
//! Weights are `2^40 · k^-s`, rounded down, at least 1; they come from a binary logarithm and exponential in fixed
//! point, so that every machine has the same table. Drawing from the table is exact.

use rand_chacha::rand_core::RngCore;

use super::number::Exponent;
use crate::random::below;

/// Bits after the point in logarithms.
const LOG_BITS: u32 = 32;
/// The exponent of two in the weight of the first rank.
const WEIGHT_BITS: u32 = 40;
/// One, in the fixed point of exponentials.
const ONE: u64 = 1 << 63;

/// Draws ranks from 0 on.
#[derive(Clone, Debug)]
pub(super) struct Zipf {
    /// For each rank the sum of all weights up to its own.
    cumulative: Vec<u64>,
}

impl Zipf {
    /// A distribution over `ranks` ranks, at most [`MAX_ACCOUNTS`](super::MAX_ACCOUNTS), so that no sum overflows.
    pub(super) fn new(ranks: u32, exponent: Exponent) -> Self {
        let roots = roots_of_half();
        let weight = |rank: u32| {
            let log = u128::from(log2(rank)) * u128::from(exponent.as_thousandths()) / 1_000;
            weight_of(log, &roots)
        };
        let cumulative = (1..=ranks)
            .scan(0_u64, |sum, rank| {
                *sum += weight(rank);
                Some(*sum)
            })
            .collect();
        Self { cumulative }
    }

    /// A rank; 0 is the likeliest.
    pub(super) fn draw(&self, rng: &mut impl RngCore) -> u32 {
        let total = self.cumulative.last().copied().unwrap_or(0);
        let at = below(rng, total);
        let rank = self.cumulative.partition_point(|sum| *sum <= at);
        u32::try_from(rank).expect("as many ranks as a u32 counts")
    }
}

/// The binary logarithm of a number from 1 on, with [`LOG_BITS`] bits after the point, rounded down.
fn log2(number: u32) -> u64 {
    let whole = number.ilog2();
    // 1 ≤ mantissa < 2 with 63 bits after the point; squaring it moves the next bit of the logarithm before the point.
    let mut mantissa = u128::from(number) << (63 - whole);
    let mut log = u64::from(whole);
    for _ in 0..LOG_BITS {
        mantissa = (mantissa * mantissa) >> 63;
        let bit = mantissa >> 64;
        mantissa >>= bit;
        log = (log << 1) | u64::from(bit != 0);
    }
    log
}

/// `2^(-1/2), 2^(-1/4), …`, each the root of the one before.
fn roots_of_half() -> [u64; LOG_BITS as usize] {
    let mut square = u128::from(ONE / 2);
    [(); LOG_BITS as usize].map(|()| {
        square = (square << 63).isqrt();
        u64::try_from(square).expect("below one")
    })
}

/// `2^(40 − log)`, at least 1.
fn weight_of(log: u128, roots: &[u64; LOG_BITS as usize]) -> u64 {
    let mut power = u128::from(ONE);
    for (bit, root) in (0..LOG_BITS).rev().zip(roots) {
        if (log >> bit) & 1 == 1 {
            power = (power * u128::from(*root)) >> 63;
        }
    }
    let shift = u32::try_from(log >> LOG_BITS).unwrap_or(u32::MAX);
    let weight = power
        .checked_shr(shift.saturating_add(63 - WEIGHT_BITS))
        .unwrap_or(0);
    u64::try_from(weight).expect("at most 2^40").max(1)
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};

    use super::*;

    fn weights(ranks: u32, exponent: u32) -> Vec<u64> {
        let table = Zipf::new(ranks, Exponent::thousandths(exponent)).cumulative;
        let before = [0].into_iter().chain(table.iter().copied());
        table
            .iter()
            .zip(before)
            .map(|(sum, before)| sum - before)
            .collect()
    }

    #[test]
    fn exponent_one_halves_and_exponent_zero_is_uniform() {
        let one = 1_u64 << WEIGHT_BITS;
        for (rank, weight) in (1..).zip(weights(1_000, 1_000)) {
            // Rounding errors of 32-bit logarithms stay below 2^-20 of a weight.
            assert!(
                weight.abs_diff(one / rank) <= (one >> 20) / rank + 1,
                "{rank}: {weight}"
            );
        }
        assert!(weights(100, 0).iter().all(|weight| *weight == one));
        assert_eq!(weights(2, 2_000), [one, one / 4]);
    }

    #[test]
    fn weights_never_rise_and_never_vanish() {
        for exponent in [1, 500, 990, 1_500, 10_000] {
            let weights = weights(5_000, exponent);
            assert!(weights.is_sorted_by(|a, b| a >= b));
            assert!(weights.iter().all(|weight| *weight > 0));
        }
    }

    #[test]
    fn ranks_come_as_often_as_their_weight_says() {
        let zipf = Zipf::new(3, Exponent::thousandths(1_000));
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut seen = [0_u32; 3];
        for _ in 0..11_000 {
            seen[zipf.draw(&mut rng) as usize] += 1;
        }
        // 6 : 3 : 2
        for (count, expected) in seen.iter().zip([6_000_u32, 3_000, 2_000]) {
            assert!(count.abs_diff(expected) < 250, "{seen:?}");
        }
    }
}
