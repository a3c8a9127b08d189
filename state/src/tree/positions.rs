//! Sets of positions in a page.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "a position is below 128 by construction, and there are at most 128 of them"
)]

use super::page::Position;

/// How many bytes a set takes in an encoded page.
pub(super) const POSITIONS_BYTES: usize = 16;

/// A set of positions below 128. Nearly all pages have positions below 32 alone, so both halves are kept apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Positions {
    low: u64,
    high: u64,
}

impl Positions {
    pub(super) const EMPTY: Self = Self { low: 0, high: 0 };

    /// The set in these bytes: one bit a position, the lowest of the first byte first.
    pub(super) fn from_bytes(bytes: [u8; POSITIONS_BYTES]) -> Self {
        let bits = u128::from_le_bytes(bytes);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "both halves are wanted, each by itself"
        )]
        let (low, high) = (bits as u64, (bits >> 64) as u64);
        Self { low, high }
    }

    pub(super) fn to_bytes(self) -> [u8; POSITIONS_BYTES] {
        (u128::from(self.high) << 64 | u128::from(self.low)).to_le_bytes()
    }

    pub(super) const fn has(self, position: Position) -> bool {
        if position < 64 {
            self.low >> position & 1 == 1
        } else {
            self.high >> (position & 63) & 1 == 1
        }
    }

    pub(super) const fn insert(&mut self, position: Position) {
        if position < 64 {
            self.low |= 1 << position;
        } else {
            self.high |= 1 << (position & 63);
        }
    }

    pub(super) const fn remove(&mut self, position: Position) {
        if position < 64 {
            self.low &= !(1 << position);
        } else {
            self.high &= !(1 << (position & 63));
        }
    }

    /// How many are below a position.
    pub(super) const fn below(self, position: Position) -> usize {
        if position < 64 {
            ones(self.low & ((1 << position) - 1))
        } else {
            ones(self.low) + ones(self.high & ((1 << (position & 63)) - 1))
        }
    }

    pub(super) const fn count(self) -> usize {
        ones(self.low) + ones(self.high)
    }

    /// Those that are in both.
    pub(super) const fn and(self, other: Self) -> Self {
        Self {
            low: self.low & other.low,
            high: self.high & other.high,
        }
    }

    /// Those that are in one of both.
    pub(super) const fn or(self, other: Self) -> Self {
        Self {
            low: self.low | other.low,
            high: self.high | other.high,
        }
    }

    /// Takes the lowest one out.
    pub(super) const fn pop(&mut self) -> Option<Position> {
        if self.low != 0 {
            let lowest = self.low.trailing_zeros() as usize;
            self.low &= self.low - 1;
            Some(lowest)
        } else if self.high != 0 {
            let lowest = self.high.trailing_zeros() as usize;
            self.high &= self.high - 1;
            Some(64 + lowest)
        } else {
            None
        }
    }
}

impl IntoIterator for Positions {
    type Item = Position;
    type IntoIter = Ascending;

    fn into_iter(self) -> Ascending {
        Ascending(self)
    }
}

/// The positions of a set, ascending.
#[derive(Clone, Debug)]
pub(super) struct Ascending(Positions);

impl Iterator for Ascending {
    type Item = Position;

    fn next(&mut self) -> Option<Position> {
        self.0.pop()
    }
}

const fn ones(bits: u64) -> usize {
    bits.count_ones() as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection, prelude::*};

    use super::*;

    fn set(positions: &BTreeSet<Position>) -> Positions {
        let mut set = Positions::EMPTY;
        positions.iter().for_each(|position| set.insert(*position));
        set
    }

    proptest! {
        #[test]
        fn a_set_is_what_was_put_into_it(
            a in collection::btree_set(0_usize..128, 0..20),
            b in collection::btree_set(0_usize..128, 0..20),
        ) {
            let (first, second) = (set(&a), set(&b));
            prop_assert_eq!(Positions::from_bytes(first.to_bytes()), first);
            prop_assert_eq!(first.count(), a.len());
            prop_assert!(first.into_iter().eq(a.iter().copied()));
            prop_assert_eq!(first.and(second), set(&(&a & &b)));
            prop_assert_eq!(first.or(second), set(&(&a | &b)));
            for position in 0..128 {
                prop_assert_eq!(first.has(position), a.contains(&position));
                prop_assert_eq!(first.below(position), a.range(..position).count());
                let mut without = first;
                without.remove(position);
                let others = a.iter().copied().filter(|other| *other != position);
                prop_assert_eq!(without, set(&others.collect()));
            }
        }
    }

    #[test]
    fn bytes_have_the_lowest_position_first() {
        let mut set = Positions::EMPTY;
        for position in [0, 9, 64, 127] {
            set.insert(position);
        }
        let bytes = [1, 2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x80];
        assert_eq!(set.to_bytes(), bytes);
    }
}
