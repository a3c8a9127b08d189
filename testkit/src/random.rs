//! Uniform integers from a stream of random words, the same on every machine.

use rand_chacha::rand_core::RngCore;

/// A uniform number below `bound`, without bias; 0 for the bound 0.
pub(crate) fn below(rng: &mut impl RngCore, bound: u64) -> u64 {
    if bound == 0 {
        return 0;
    }
    // The words from `whole` on would make the small remainders more likely.
    let whole = u64::MAX - u64::MAX % bound;
    loop {
        let word = rng.next_u64();
        if word < whole {
            return word % bound;
        }
    }
}

/// A uniform index below `len`; 0 for the length 0.
pub(crate) fn index(rng: &mut impl RngCore, len: usize) -> usize {
    usize::try_from(below(rng, len as u64)).expect("below a usize")
}

/// One of some items.
pub(crate) fn pick<T: Copy>(rng: &mut impl RngCore, items: &[T]) -> T {
    items[index(rng, items.len())]
}

/// A coin that shows true once in `times`.
pub(crate) fn once_in(rng: &mut impl RngCore, times: u64) -> bool {
    below(rng, times) == 0
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};

    use super::*;

    #[test]
    fn numbers_stay_below_their_bound_and_reach_all_of_it() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut seen = [0_u32; 6];
        for _ in 0..6_000 {
            seen[index(&mut rng, 6)] += 1;
        }
        assert!(
            seen.iter().all(|count| (800..1_200).contains(count)),
            "{seen:?}"
        );
        assert_eq!(below(&mut rng, 0), 0);
        assert_eq!(below(&mut rng, 1), 0);
        assert!(below(&mut rng, u64::MAX) < u64::MAX);
    }
}
