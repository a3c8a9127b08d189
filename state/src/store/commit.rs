//! Committing a block: check everything, write once, attest, then move the head.

use borsh::object_length;
use ordlane_primitives::{BlockHeader, Hash, Receipts, codec, limits::MAX_RECEIPTS_BYTES};

use super::{
    Codes, Head, StateStore, Tip,
    code::{check_codes, put_codes},
    history, index, keys, next_height,
};
use crate::{
    Change, MAX_BLOCK_CHANGES, MAX_REVERSE_DIFF_BYTES, ReverseDiff, Space, StateError, Tree,
    WriteBatch, change::check_changes, hash_changes,
};

/// Everything that one block leaves behind.
#[derive(Clone, Debug)]
pub struct BlockCommit {
    /// The block's header; its hash is the block's.
    pub header: BlockHeader,
    /// The whole encoded block, which begins with the header.
    pub block_bytes: Vec<u8>,
    /// The receipts of its transactions, in block order. Transactions and events are found by them.
    pub receipts: Receipts,
    /// What the block changes, strictly ascending by key. The caller answers for the old values: they are those at the
    /// tip, as the executor read them.
    pub changes: Vec<Change>,
    /// The codes that contracts of the block brought: each once, ascending by the hash by which accounts name it.
    pub codes: Codes,
    /// The tip's tree after these changes, if the caller has it. Otherwise the store makes it, and so it does when blocks
    /// were undone meanwhile or the tree is that of another store.
    pub tree: Option<Tree>,
}

impl StateStore {
    /// Makes a block the new tip. Returns when it is durable.
    ///
    /// Everything goes in one atomic write: values, what they replaced, codes, the block, its receipts, the indices, the
    /// tip, and the removal of what is not to be kept.
    /// The caller answers for the old values and, where it gives one, for the tree being the tip's tree after the changes;
    /// the tree's root is compared with the header's in any case.
    ///
    /// # Errors
    /// [`StateError::WrongHeight`] and [`StateError::WrongParent`] when the block does not stand on the tip,
    /// [`StateError::WrongRoot`], [`StateError::WrongBlockBytes`], [`StateError::UnsortedChanges`],
    /// [`StateError::UnsortedCodes`], [`StateError::WrongCode`] and the errors of size when it is not what it says: nothing was written. Any error of the storage poisons the store, and
    /// [`StateError::Poisoned`], which has that error as its cause, is all that it returns from then on.
    pub fn commit(&self, block: BlockCommit) -> Result<(), StateError> {
        let _no_other = self.lock_commits()?;
        self.commit_next(block)
    }

    /// The same for whoever holds the lock.
    pub(super) fn commit_next(&self, block: BlockCommit) -> Result<(), StateError> {
        let Head { tip, tree } = self.core.head();
        let tip = Self::check(&block, tip)?;
        let tree = self.tree_after(&block, &tree)?;
        let mut batch = batch_of(block, &tip);
        self.prune_beside(&mut batch, tip.height)?;
        self.core.write(batch)?;
        self.poison_on_error(self.core.storage.attest(&tip.mark()))?;
        self.poison_on_error(self.core.set_head(tip, &tree))?;
        self.writer.committed(tip.height)
    }

    /// A clean failure and an unknown outcome cannot be told apart, so both stop the store.
    pub(super) fn poison_on_error<T>(
        &self,
        outcome: Result<T, StateError>,
    ) -> Result<T, StateError> {
        outcome.inspect_err(|error| self.core.poison(error))
    }

    /// The tree after a block, whose root its header has.
    fn tree_after(&self, block: &BlockCommit, parent: &Tree) -> Result<Tree, StateError> {
        let tree = match &block.tree {
            Some(tree) if tree.follows(parent) => tree.clone(),
            _ => {
                let hasher = self.hasher.as_ref();
                parent.update(&hash_changes(&block.changes, hasher), hasher)?
            }
        };
        let header = block.header.state_root;
        if header == tree.root() {
            return Ok(tree);
        }
        Err(StateError::WrongRoot {
            header,
            tree: tree.root(),
        })
    }

    /// Checks that the block stands on a tip and is what it says, its tree apart; returns the tip that it will be.
    pub(super) fn check(block: &BlockCommit, tip: Option<Tip>) -> Result<Tip, StateError> {
        let header = &block.header;
        let expected = next_height(tip.map(|tip| tip.height));
        if expected != Some(header.number) {
            return Err(StateError::WrongHeight {
                expected: expected.unwrap_or_default(),
                actual: header.number,
            });
        }
        let parent = tip.map_or(Hash::ZERO, |tip| tip.block_hash);
        if header.parent_hash != parent {
            return Err(StateError::WrongParent {
                expected: parent,
                actual: header.parent_hash,
            });
        }
        check_changes(&block.changes)?;
        check_codes(&block.codes)?;
        if !block.block_bytes.starts_with(&codec::encode(header)) {
            return Err(StateError::WrongBlockBytes {
                height: header.number,
            });
        }
        let diff_bytes = ReverseDiff::encoded_bytes(&block.changes);
        check_size("changes", block.changes.len(), MAX_BLOCK_CHANGES)?;
        check_size("bytes of old values", diff_bytes, MAX_REVERSE_DIFF_BYTES)?;
        check_size("bytes", block.block_bytes.len(), MAX_REVERSE_DIFF_BYTES)?;
        // Undoing and pruning the block read them again.
        let receipts_bytes = object_length(&block.receipts).unwrap_or(usize::MAX);
        check_size("bytes of receipts", receipts_bytes, MAX_RECEIPTS_BYTES)?;
        Ok(Tip {
            height: header.number,
            block_hash: header.hash(),
            state_root: header.state_root,
        })
    }
}

pub(super) fn check_size(what: &'static str, size: usize, limit: usize) -> Result<(), StateError> {
    if size > limit {
        Err(StateError::BlockSize { what, size, limit })
    } else {
        Ok(())
    }
}

fn batch_of(block: BlockCommit, tip: &Tip) -> WriteBatch {
    let height_key = keys::height_key(tip.height);
    let mut batch = WriteBatch::new();
    let (old, new): (Vec<_>, Vec<_>) = block
        .changes
        .into_iter()
        .map(|Change { key, old, new }| ((key.clone(), old), (key, new)))
        .unzip();
    let diff = ReverseDiff::from_ordered(old);
    // Before the values that take their place or name them, for those who read meanwhile.
    history::put_versions(&mut batch, tip.height, &diff);
    put_codes(&mut batch, block.codes);
    for (key, new) in new {
        match new {
            Some(new) => batch.put(Space::Flat, key.as_bytes(), new),
            None => batch.remove(Space::Flat, key.as_bytes()),
        }
    }
    batch.put(Space::Rev, height_key, codec::encode(&diff));
    batch.put(Space::Block, height_key, block.block_bytes);
    batch.put(Space::Receipts, height_key, codec::encode(&block.receipts));
    batch.put(Space::BlockHash, tip.block_hash.0, height_key);
    batch.extend(index::entries(tip.height, &block.receipts));
    batch.put(Space::Meta, keys::TIP, codec::encode(tip));
    batch
}
