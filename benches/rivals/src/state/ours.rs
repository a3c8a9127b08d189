//! Our tree and our store.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ordlane_primitives::batch::{BatchHasher, Sequential};
use ordlane_primitives::{Hash, Receipts, codec, tree};
use ordlane_state::{
    BlockCommit, Change, FjallOptions, FjallStorage, LeafChange, StateStore, StoreOptions, Tree,
};

use super::proofs::{ProofFigures, measured};
use super::workload::{Key, Op};
use crate::chain::{change, header};
use crate::error::CompareError;
use crate::measure::{Taken, taken};

/// Our store in a folder.
pub(super) struct Ours {
    store: StateStore,
}

/// What a root took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RootTaken {
    /// Hashing the values.
    pub(super) values: Taken,
    /// Updating the tree.
    pub(super) update: Taken,
}

impl RootTaken {
    pub(super) fn whole(self) -> Taken {
        self.values.and(self.update)
    }
}

/// What a block took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Committed {
    pub(super) root: [u8; 32],
    pub(super) root_taken: RootTaken,
    /// From the changes to the durable block, the root and the end of the old tree included.
    pub(super) durable: Taken,
    /// The 64-byte hashes that the root takes.
    pub(super) hashes: usize,
}

impl Ours {
    pub(super) fn open(folder: &Path, cache_mib: u32) -> Result<Self, CompareError> {
        let mut files = FjallOptions::default();
        files.cache_bytes = u64::from(cache_mib) << 20;
        let mut options = StoreOptions::default();
        options.cache_bytes = (cache_mib as usize) << 20;
        let storage = Arc::new(FjallStorage::open_with(folder, files)?);
        let store = StateStore::open_with(storage, Arc::new(Sequential), options)?;
        Ok(Self { store })
    }

    /// Makes the batch a block of its own.
    pub(super) fn commit(
        &self,
        batch: &[Op],
        hasher: &dyn BatchHasher,
    ) -> Result<Committed, CompareError> {
        let changes: Vec<Change> = batch.iter().map(change).collect();
        let before = self.store.tree();
        let (leaves, after, root_taken) = update(&before, batch, hasher)?;
        let root = after.root();
        let hashes = hashes(&before, &leaves)?;
        drop(before);
        let (written, write) = taken(|| self.write(changes, after));
        written?;
        Ok(Committed {
            root: root.0,
            root_taken,
            durable: root_taken.whole().and(write),
            hashes,
        })
    }

    /// What the root after the batch would take; nothing becomes of it.
    pub(super) fn try_root(
        &self,
        batch: &[Op],
        hasher: &dyn BatchHasher,
    ) -> Result<RootTaken, CompareError> {
        Ok(update(&self.store.tree(), batch, hasher)?.2)
    }

    fn write(&self, changes: Vec<Change>, tree: Tree) -> Result<(), CompareError> {
        let header = header(self.store.tip(), tree.root());
        Ok(self.store.commit(BlockCommit {
            block_bytes: codec::encode(&header),
            header,
            receipts: Receipts::default(),
            changes,
            codes: Vec::new(),
            tree: Some(tree),
        })?)
    }
}

/// The tree after the batch, with what went into it.
fn update(
    before: &Tree,
    batch: &[Op],
    hasher: &dyn BatchHasher,
) -> Result<(Vec<LeafChange>, Tree, RootTaken), CompareError> {
    let (leaves, values) = taken(|| leaves(batch, hasher));
    let (after, update) = taken(|| before.update(&leaves, hasher));
    Ok((leaves, after?, RootTaken { values, update }))
}

fn leaves(batch: &[Op], hasher: &dyn BatchHasher) -> Vec<LeafChange> {
    let values: Vec<&[u8]> = batch.iter().filter_map(|op| op.new.as_deref()).collect();
    let mut hashes = hasher.hash_messages(&values).into_iter();
    let leaf = |op: &Op| (Hash(op.key), op.new.as_ref().and_then(|_| hashes.next()));
    batch.iter().map(leaf).collect()
}

/// How many 64-byte hashes the update takes.
fn hashes(before: &Tree, leaves: &[LeafChange]) -> Result<usize, CompareError> {
    let counting = Counting::default();
    before.update(leaves, &counting)?;
    Ok(counting.pairs.into_inner())
}

/// Hashes, and counts the pairs.
#[derive(Debug, Default)]
struct Counting {
    pairs: AtomicUsize,
}

impl BatchHasher for Counting {
    fn hash_pairs(&self, pairs: &[[u8; 64]]) -> Vec<Hash> {
        // It orders nothing: the sum is read when all is done.
        self.pairs.fetch_add(pairs.len(), Ordering::Relaxed);
        Sequential.hash_pairs(pairs)
    }

    fn hash_messages(&self, messages: &[&[u8]]) -> Vec<Hash> {
        Sequential.hash_messages(messages)
    }
}

/// Proofs as `StateProof` verifies them: keys are hashed to paths, so this takes a tree of those.
pub(super) fn proofs(
    entries: &[(Key, Vec<u8>)],
    sample: &[(Key, Vec<u8>)],
    hasher: &dyn BatchHasher,
    rounds: u32,
) -> Result<ProofFigures, CompareError> {
    let leaves = entries
        .iter()
        .map(|(key, value)| (tree::path_of(key), tree::value_hash(value)))
        .collect();
    let tree = Tree::from_leaves(leaves, hasher)?;
    let root = tree.root();
    measured(
        "ours",
        sample,
        rounds,
        |key, _| Ok(tree.prove(&tree::path_of(key))?),
        |proof| Ok(codec::encode(proof).len()),
        |proof, key, value| proof.verify(&root, key, Some(value)).is_ok(),
    )
}

#[cfg(test)]
mod tests {
    use ordlane_primitives::Hash;
    use ordlane_primitives::batch::Sequential;
    use ordlane_state::Tree;

    use super::hashes;

    #[test]
    fn a_changed_leaf_takes_its_own_hash_and_one_for_each_node_above_it() {
        let leaf = |first: u8, value: u8| (Hash([first; 32]), Some(Hash([value; 32])));
        // The leaves lie at depths 1, 2 and 2.
        let tree = Tree::empty()
            .update(&[leaf(0, 1), leaf(0x80, 1), leaf(0xff, 1)], &Sequential)
            .unwrap();
        assert_eq!(hashes(&tree, &[leaf(0, 2)]).unwrap(), 2);
        assert_eq!(hashes(&tree, &[leaf(0xff, 2)]).unwrap(), 3);
        assert_eq!(hashes(&tree, &[leaf(0, 2), leaf(0xff, 2)]).unwrap(), 4);
        assert_eq!(hashes(&tree, &[(Hash([7; 32]), None)]).unwrap(), 0);
    }
}
