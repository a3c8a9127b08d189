//! Changes of a small state from any bytes.

use std::collections::BTreeMap;

use ordlane_primitives::{Hash, RawKey, hash::sha256};

use crate::state_tree::StateTree;

/// A path, and the hash of its new value or none.
pub type LeafChange = (Hash, Option<Hash>);

/// Batches of changes of leaves, four bytes a change: a path, the bit at which it parts from that path, the new value, and
/// whether a batch ends. An even first byte leaves the path as it is, so that it is met again; value 0 removes the leaf.
#[must_use]
pub fn tree_changes(bytes: &[u8]) -> Vec<Vec<LeafChange>> {
    let (changes, _) = bytes.as_chunks::<4>();
    let mut batches = vec![Vec::new()];
    for &[path, bit, value, end] in changes {
        let mut changed = sha256(&[path / 2 % 16]);
        if path % 2 == 1 {
            changed.0[usize::from(bit / 8)] ^= 0x80 >> (bit % 8);
        }
        let batch = batches.last_mut().expect("there is one from the start");
        batch.push((changed, (value > 0).then(|| sha256(&[value]))));
        if end % 4 == 0 {
            batches.push(Vec::new());
        }
    }
    batches
}

/// The leaves after a batch, and the root that a tree built of them anew has. Of several changes of a path the last holds.
pub fn root_after(leaves: &mut BTreeMap<Hash, Hash>, batch: &[LeafChange]) -> Hash {
    for (path, value_hash) in batch {
        match value_hash {
            Some(value_hash) => leaves.insert(*path, *value_hash),
            None => leaves.remove(path),
        };
    }
    StateTree::of_leaves(leaves.iter().map(|(path, value_hash)| (*path, *value_hash))).root()
}

/// A state of every key of one byte that is even, for diffs to be applied to.
#[must_use]
pub fn raw_state() -> BTreeMap<RawKey, Vec<u8>> {
    let even = (0..=u8::MAX).step_by(2);
    even.map(|key| {
        (
            RawKey::from_bytes(vec![key]),
            vec![key; usize::from(key % 5)],
        )
    })
    .collect()
}
