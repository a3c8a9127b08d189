//! Which answers of a device are looked at.
//!
//! One of every 256, and at least one, at places that come from the operating system's entropy: whoever makes a batch cannot
//! know between which of them a fault would pass. It finds faulty devices, not each single fault.

use core::{hash::BuildHasher as _, ops::Range};
use std::hash::RandomState;

/// One answer of so many is looked at.
pub(crate) const STRETCH: usize = 256;

/// An index of each stretch of a range.
pub(crate) fn sample(range: Range<usize>) -> Vec<usize> {
    // A keyed hash of the place: its key is seeded by the operating system and never told.
    let entropy = RandomState::new();
    range
        .clone()
        .step_by(STRETCH)
        .map(|start| {
            let length = range.end.saturating_sub(start).clamp(1, STRETCH);
            let drawn = entropy.hash_one(start);
            let offset = drawn.checked_rem(u64::try_from(length).unwrap_or(u64::MAX));
            let offset = offset.and_then(|offset| usize::try_from(offset).ok());
            let offset = offset.unwrap_or(0);
            start.saturating_add(offset)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stretch_has_one_and_no_batch_has_none() {
        for (range, count) in [
            (0..0, 0),
            (0..1, 1),
            (5..6, 1),
            (0..256, 1),
            (0..257, 2),
            (100..1124, 4),
        ] {
            let sampled = sample(range.clone());
            assert_eq!(sampled.len(), count, "{range:?}");
            for (stretch, index) in sampled.iter().enumerate() {
                let start = range.start + stretch * STRETCH;
                assert!((start..range.end.min(start + STRETCH)).contains(index));
            }
        }
    }

    #[test]
    fn nobody_knows_which() {
        // Over many draws every place comes; a place that never came would be safe to err at.
        let mut seen = [false; STRETCH];
        for _ in 0..20_000 {
            for index in sample(0..STRETCH) {
                seen[index] = true;
            }
        }
        assert!(seen.iter().all(|seen| *seen));
    }
}
