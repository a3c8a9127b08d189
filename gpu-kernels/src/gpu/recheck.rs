//! Which answers of a device are looked at.
//!
//! One of every 256, and at least one, at places that come from the operating system's entropy: whoever makes a batch cannot
//! know between which of them a fault would pass. It finds faulty devices, not each single fault.

use core::hash::BuildHasher as _;
use std::hash::RandomState;

/// One answer of so many is looked at.
pub(crate) const STRETCH: usize = 256;

/// One of each stretch of the indices.
pub(crate) fn sample(indices: &[usize]) -> Vec<usize> {
    // A keyed hash of the place: its key is seeded by the operating system and never told.
    let entropy = RandomState::new();
    let drawn = indices
        .chunks(STRETCH)
        .enumerate()
        .filter_map(|(number, stretch)| {
            let length = u64::try_from(stretch.len()).ok()?;
            let place = entropy.hash_one(number).checked_rem(length)?;
            stretch.get(usize::try_from(place).ok()?)
        });
    drawn.copied().collect()
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
            let indices: Vec<usize> = range.map(|index| 3 * index).collect();
            let sampled = sample(&indices);
            assert_eq!(sampled.len(), count, "{indices:?}");
            for (index, stretch) in sampled.iter().zip(indices.chunks(STRETCH)) {
                assert!(stretch.contains(index), "{index} of {indices:?}");
            }
        }
    }

    #[test]
    fn nobody_knows_which() {
        // Over many draws every place comes; a place that never came would be safe to err at.
        let indices: Vec<usize> = (0..STRETCH).collect();
        let mut seen = [false; STRETCH];
        for _ in 0..20_000 {
            for index in sample(&indices) {
                seen[index] = true;
            }
        }
        assert!(seen.iter().all(|seen| *seen));
    }
}
