//! The state that is updated: random keys with random values, and what blocks change in them.
//!
//! Keys are 32 bytes of ChaCha8 from seed 1, sorted, and serve as paths. Values are 32 to 64 bytes of the generator from
//! seed 2, drawn in the order of the keys. What a block changes comes from seed 3, and what is drawn but not applied,
//! from seed 4.

use rand_0_9::seq::index;
use rand_0_9::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::cli::Kind;

/// Of so many changes of a mixed batch one is an insertion and one a deletion.
const MIXED_SHARE: usize = 10;
/// Changes per batch while the state is built.
const LOADED_AT_A_TIME: usize = 100_000;

/// A key, which is its path, too.
pub(crate) type Key = [u8; 32];

/// The change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Op {
    pub(crate) key: Key,
    pub(crate) old: Option<Vec<u8>>,
    pub(crate) new: Option<Vec<u8>>,
    /// Where the key is held, unless it is new.
    place: Option<usize>,
}

impl Op {
    /// A change of which nobody asks what was there before.
    pub(crate) fn put(key: Key, new: Option<Vec<u8>>) -> Self {
        Self {
            key,
            old: None,
            new,
            place: None,
        }
    }
}

/// All keys that have a value.
#[derive(Clone, Debug)]
pub(crate) struct Population {
    entries: Vec<(Key, Vec<u8>)>,
    applied: ChaCha8Rng,
    other: ChaCha8Rng,
}

impl Population {
    pub(crate) fn new(keys: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut paths: Vec<Key> = (0..keys).map(|_| random_key(&mut rng)).collect();
        paths.sort_unstable();
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let entries = paths.into_iter().map(|key| (key, random_value(&mut rng)));
        Self {
            entries: entries.collect(),
            applied: ChaCha8Rng::seed_from_u64(3),
            other: ChaCha8Rng::seed_from_u64(4),
        }
    }

    /// The batches that make the state.
    pub(crate) fn initial(&self) -> impl Iterator<Item = Vec<Op>> {
        self.entries.chunks(LOADED_AT_A_TIME).map(|entries| {
            let ops = entries.iter().map(|(key, value)| Op {
                key: *key,
                old: None,
                new: Some(value.clone()),
                place: None,
            });
            ops.collect()
        })
    }

    /// A batch, ascending by key, that is now part of the state.
    pub(crate) fn apply(&mut self, size: usize, kind: Kind) -> Vec<Op> {
        let ops = draw(&self.entries, &mut self.applied, size, kind);
        let mut gone = Vec::new();
        for Op {
            key, new, place, ..
        } in &ops
        {
            match (place, new) {
                (Some(place), Some(value)) => self.entries[*place].1.clone_from(value),
                (Some(place), None) => gone.push(*place),
                (None, value) => self
                    .entries
                    .extend(value.clone().map(|value| (*key, value))),
            }
        }
        // What is last takes the place of what goes, so the last places go first.
        gone.sort_unstable();
        for place in gone.into_iter().rev() {
            self.entries.swap_remove(place);
        }
        ops
    }

    /// A batch, ascending by key, that does not become part of the state.
    pub(crate) fn other(&mut self, size: usize, kind: Kind) -> Vec<Op> {
        draw(&self.entries, &mut self.other, size, kind)
    }

    /// Some of the keys with their values, spread over all of them.
    pub(crate) fn sample(&self, size: usize) -> Vec<(Key, Vec<u8>)> {
        let step = self.entries.len().div_ceil(size.max(1)).max(1);
        self.entries.iter().step_by(step).cloned().collect()
    }

    /// All keys with their values.
    pub(crate) fn entries(&self) -> &[(Key, Vec<u8>)] {
        &self.entries
    }
}

/// Changes of distinct keys: new values, or among them insertions and deletions.
fn draw(entries: &[(Key, Vec<u8>)], rng: &mut ChaCha8Rng, size: usize, kind: Kind) -> Vec<Op> {
    let size = size.min(entries.len());
    let share = match kind {
        Kind::Updates => 0,
        Kind::Mixed => size / MIXED_SHARE,
    };
    let places = index::sample(rng, entries.len(), size - share).into_vec();
    let mut ops = Vec::with_capacity(size);
    for (turn, place) in places.into_iter().enumerate() {
        let (key, old) = &entries[place];
        ops.push(Op {
            key: *key,
            old: Some(old.clone()),
            new: (turn >= share).then(|| random_value(rng)),
            place: Some(place),
        });
    }
    for _ in 0..share {
        ops.push(Op {
            key: random_key(rng),
            old: None,
            new: Some(random_value(rng)),
            place: None,
        });
    }
    ops.sort_unstable_by_key(|op| op.key);
    ops
}

fn random_key(rng: &mut ChaCha8Rng) -> Key {
    let mut key = [0; 32];
    rng.fill_bytes(&mut key);
    key
}

fn random_value(rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut value = vec![0; rng.random_range(32..=64)];
    rng.fill_bytes(&mut value);
    value
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Key, Op, Population};
    use crate::cli::Kind;

    fn counted(ops: &[Op]) -> [usize; 3] {
        let count = |is: fn(&Op) -> bool| ops.iter().filter(|op| is(op)).count();
        [
            count(|op| op.old.is_some() && op.new.is_some()),
            count(|op| op.old.is_none()),
            count(|op| op.new.is_none()),
        ]
    }

    #[test]
    fn a_mixed_batch_has_a_tenth_of_insertions_and_a_tenth_of_deletions() {
        let mut population = Population::new(500);
        assert_eq!(counted(&population.apply(100, Kind::Mixed)), [80, 10, 10]);
        assert_eq!(counted(&population.other(100, Kind::Updates)), [100, 0, 0]);
        assert_eq!(population.apply(1_000, Kind::Updates).len(), 500);
    }

    #[test]
    fn old_values_are_those_that_the_batches_before_left() {
        let mut population = Population::new(300);
        let mut held: BTreeMap<Key, Vec<u8>> = population.entries().iter().cloned().collect();
        for round in 0..20 {
            population.other(50, Kind::Mixed);
            let kind = if round % 2 == 0 {
                Kind::Mixed
            } else {
                Kind::Updates
            };
            let ops = population.apply(100, kind);
            assert!(ops.is_sorted_by(|a, b| a.key < b.key));
            for Op { key, old, new, .. } in ops {
                assert_eq!(held.remove(&key), old);
                held.extend(new.map(|value| (key, value)));
            }
            let entries = population.entries().iter().cloned().collect();
            assert_eq!(held, entries, "round {round}");
        }
    }
}
