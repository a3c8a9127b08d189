//! Whether what a run has read is still so. At the frontier the answer is final.

use std::hash::Hash;
use std::ops::Bound;

use super::cell::Found;
use super::memory::MvMemory;
use super::slot::{ReadSet, Region};
use crate::delta::Delta;
use crate::types::TxIndex;

/// Whether every read of `tx` would give the same now, and no range has got a key that the run did not see there.
pub(crate) fn reads_hold<K, V, D>(
    memory: &MvMemory<K, V, D>,
    tx: TxIndex,
    reads: &ReadSet<K, V>,
    regions: &[Region<K>],
) -> bool
where
    K: Clone + Eq + Hash + Ord,
    V: Clone + Eq,
    D: Delta<V>,
{
    reads
        .as_slice()
        .iter()
        .all(|(_, read)| memory.still_holds(read.id, tx, read.origin, read.value.as_ref()))
        && regions
            .iter()
            .all(|region| no_phantom(memory, tx, reads, region))
}

/// Whether every key of a region that the run found absent is still absent. The present ones are reads.
fn no_phantom<K, V, D>(
    memory: &MvMemory<K, V, D>,
    tx: TxIndex,
    reads: &ReadSet<K, V>,
    (from, to): &Region<K>,
) -> bool
where
    K: Clone + Eq + Hash + Ord,
    V: Clone + Eq,
    D: Delta<V>,
{
    let absent = |(key, id): &(K, _)| {
        reads.get(key).is_some()
            || match memory.read(*id, tx) {
                // Nobody has asked the base for the key, so it was not among those that the base gave for the range.
                Found::Unknown => true,
                Found::Value(_, value) => value.is_none(),
                Found::Estimate(_) => false,
            }
    };
    memory
        .keys_between(Bound::as_ref(from), Bound::as_ref(to))
        .iter()
        .all(absent)
}
