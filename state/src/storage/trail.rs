//! What each batch in a folder says of those before it, so that a journal that is lost is missed.
//!
//! fjall removes the oldest journal when all that is in it is in tables; nothing says whether one that is gone was removed
//! or lost. So each batch carries a trail: for every key space, which batch was the last before it that touched it. What
//! the trail of the first batch in the journals names must be in tables, or the journals before it were lost.
//!
//! A batch is known by a number that is above the sequence numbers of all batches before it, and not above its own. So
//! tables hold the last batch that touched a key space exactly when the highest sequence number in them is its number or
//! more.
//!
//! Invariant: that highest sequence number never falls below the last batch in the tables. fjall drops removals when it
//! compacts tables, and what was overwritten, but never the last value of a key; so a batch puts something into every key
//! space that it touches. Into one from which it removes something it puts a mark, under the key of the trail.

use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};
use ordlane_primitives::{
    codec::{self, Bounded, Canonical},
    limits::MAX_RAW_KEY_BYTES,
};

use crate::{Space, StateError};

/// The key of the trail in `meta`, and of marks in the other spaces. No key of a store is the same: raw keys are shorter,
/// and a key of an earlier value is a raw key before a zero byte.
pub(super) const KEY: [u8; MAX_RAW_KEY_BYTES + 1] = [0xff; MAX_RAW_KEY_BYTES + 1];
/// The value of a mark.
pub(super) const MARK: [u8; 0] = [];

const MAX_KEYSPACES: usize = Space::ALL.len();

/// What one batch says. Key spaces have the numbers that fjall gave them.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Trail {
    /// The batch's own number.
    pub(super) number: u64,
    /// The key spaces that were touched before, each with the number of the last batch that did.
    before: Bounded<(u64, u64), MAX_KEYSPACES>,
    /// The key spaces that this batch touches, that of the trail among them.
    touches: Bounded<u64, MAX_KEYSPACES>,
}

impl Canonical for Trail {
    const NAME: &'static str = "trail of a batch";
    const MIN_BYTES: usize = 8 + 4 + 4;
    const MAX_BYTES: usize = Self::MIN_BYTES + MAX_KEYSPACES * (16 + 8);
}

impl Trail {
    /// The trail of the batch that follows one with the trail `last`, if there is one.
    pub(super) fn new(
        last: Option<&Self>,
        number: u64,
        touches: BTreeSet<u64>,
    ) -> Result<Self, StateError> {
        let before = last.map(Self::after).unwrap_or_default();
        let too_many = |_| StateError::damaged("it has more key spaces than there are spaces");
        Ok(Self {
            number,
            before: Bounded::new(before.into_iter().collect()).map_err(too_many)?,
            touches: Bounded::new(touches.into_iter().collect()).map_err(too_many)?,
        })
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        codec::decode(bytes).map_err(|source| {
            StateError::damaged_by(
                "what a batch says of those before it cannot be read",
                source,
            )
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// The last batch before this one that touched each key space.
    pub(super) fn before(&self) -> BTreeMap<u64, u64> {
        self.before.iter().copied().collect()
    }

    /// The last batch that touched each key space, this one counted.
    pub(super) fn after(&self) -> BTreeMap<u64, u64> {
        let mut last = self.before();
        last.extend(self.touches.iter().map(|keyspace| (*keyspace, self.number)));
        last
    }

    /// The number of the batch before this one, as far as it had a trail: every such batch touches `meta`.
    pub(super) fn follows(&self) -> Option<u64> {
        self.before.iter().map(|(_, number)| *number).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trail(last: Option<&Trail>, number: u64, touches: &[u64]) -> Trail {
        Trail::new(last, number, touches.iter().copied().collect()).unwrap()
    }

    #[test]
    fn a_trail_names_the_last_batch_of_each_key_space() {
        let first = trail(None, 7, &[1, 4]);
        assert_eq!((first.before(), first.follows()), (BTreeMap::new(), None));
        assert_eq!(first.after(), BTreeMap::from([(1, 7), (4, 7)]));
        let second = trail(Some(&first), 9, &[2, 4]);
        assert_eq!(
            (second.before(), second.follows()),
            (first.after(), Some(7))
        );
        let third = trail(Some(&second), 12, &[4]);
        assert_eq!(third.before(), BTreeMap::from([(1, 7), (2, 9), (4, 9)]));
        assert_eq!(third.follows(), Some(9));
        for trail in [first, second, third] {
            assert_eq!(Trail::decode(&trail.encode()).unwrap(), trail);
        }
    }

    #[test]
    fn a_trail_that_is_cut_off_or_goes_on_is_refused() {
        let bytes = trail(Some(&trail(None, 7, &[1, 4])), 9, &[4]).encode();
        for size in 0..bytes.len() {
            assert!(Trail::decode(&bytes[..size]).is_err(), "{size} bytes");
        }
        assert!(Trail::decode(&[&bytes[..], &[0]].concat()).is_err());
        let many = (0..=MAX_KEYSPACES as u64).collect();
        assert!(Trail::new(None, 1, many).is_err());
    }
}
