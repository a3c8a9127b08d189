//! Whether what a run has read is still so. At the frontier the answer is final.

use std::hash::Hash;
use std::ops::Bound;

use super::cell::Found;
use super::memory::MvMemory;
use super::slot::{ReadSet, Region};
use crate::delta::Delta;
use crate::types::TxIndex;

/// The first key of which `tx` has read what is no longer so: a read that would give something else now, or a key that has
/// appeared in a range.
pub(crate) fn first_stale<K, V, D>(
    memory: &MvMemory<K, V, D>,
    tx: TxIndex,
    reads: &ReadSet<K, V>,
    regions: &[Region<K>],
) -> Option<K>
where
    K: Clone + Eq + Hash + Ord,
    V: Clone + Eq,
    D: Delta<V>,
{
    for (key, read) in reads.as_slice() {
        if !memory.still_holds(read.id, tx, read.origin, read.value.as_ref()) {
            return Some(key.clone());
        }
    }
    regions
        .iter()
        .find_map(|region| phantom(memory, tx, reads, region))
}

/// A key of a region that the run found absent and that is there now. The present ones are reads.
fn phantom<K, V, D>(
    memory: &MvMemory<K, V, D>,
    tx: TxIndex,
    reads: &ReadSet<K, V>,
    (from, to): &Region<K>,
) -> Option<K>
where
    K: Clone + Eq + Hash + Ord,
    V: Clone + Eq,
    D: Delta<V>,
{
    let absent = |key: &K, id| {
        reads.get(key).is_some()
            || match memory.read(id, tx) {
                // Nobody has asked the base for the key, so it was not among those that the base gave for the range.
                Found::Unknown => true,
                Found::Value(_, value) => value.is_none(),
                Found::Estimate(_) => false,
            }
    };
    memory
        .keys_between(Bound::as_ref(from), Bound::as_ref(to))
        .into_iter()
        .find_map(|(key, id)| (!absent(&key, id)).then_some(key))
}
