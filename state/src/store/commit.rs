//! Committing a block: check everything, write once, attest, then move the head.

use std::sync::PoisonError;

use ordlane_primitives::{BlockHeader, Hash, TxId, codec, limits::MAX_BLOCK_TXS};

use super::{Head, StateStore, Tip, keys, next_height};
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
    /// The block's receipts, encoded: the store gives back what it gets.
    pub receipts_bytes: Vec<u8>,
    /// The id of each transaction, in block order.
    pub tx_ids: Vec<TxId>,
    /// What the block changes, strictly ascending by key. The caller answers for the old values: they are those at the
    /// tip, as the executor read them.
    pub changes: Vec<Change>,
    /// The tip's tree after these changes, if the caller has it; otherwise the store makes it.
    pub tree: Option<Tree>,
}

impl StateStore {
    /// Makes a block the new tip. Returns when it is durable.
    ///
    /// Everything goes in one atomic write: values, their reverse diff, the block, its receipts, the indices, the tip.
    /// The caller answers for the old values and, where it gives one, for the tree being the tip's tree after the changes;
    /// the tree's root is compared with the header's.
    ///
    /// # Errors
    /// [`StateError::WrongHeight`] and [`StateError::WrongParent`] when the block does not stand on the tip,
    /// [`StateError::StaleTree`], [`StateError::WrongRoot`], [`StateError::WrongBlockBytes`], [`StateError::UnsortedChanges`] and the errors of size
    /// when it is not what it says: nothing was written. Any error of the storage poisons the store, and
    /// [`StateError::Poisoned`] is all that it returns from then on.
    pub fn commit(&self, block: BlockCommit) -> Result<(), StateError> {
        let _no_other = self.lock_commits()?;
        let (tip, tree) = self.check(&block)?;
        let batch = batch_of(block, &tip);
        self.core.write(batch)?;
        self.core
            .storage
            .attest(&tip.mark())
            .inspect_err(|_| self.core.poison())?;
        {
            let mut head = self
                .core
                .head
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            *head = Head {
                tip: Some(tip),
                tree: tree.settle()?,
            };
        }
        self.writer.committed(tip.height)
    }

    /// Checks that the block stands on the tip and is what it says; returns the tip that it will be, and its tree.
    fn check(&self, block: &BlockCommit) -> Result<(Tip, Tree), StateError> {
        let header = &block.header;
        let head = self.core.head();
        let tip = head.tip;
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
        let tree = match &block.tree {
            Some(tree) => {
                tree.follows(&head.tree)?;
                tree.clone()
            }
            None => {
                let hasher = self.hasher.as_ref();
                let leaves = hash_changes(&block.changes, hasher);
                head.tree.update(&leaves, hasher)?
            }
        };
        if header.state_root != tree.root() {
            return Err(StateError::WrongRoot {
                header: header.state_root,
                tree: tree.root(),
            });
        }
        if !block.block_bytes.starts_with(&codec::encode(header)) {
            return Err(StateError::WrongBlockBytes {
                height: header.number,
            });
        }
        let diff_bytes = ReverseDiff::encoded_bytes(&block.changes);
        check_size("transactions", block.tx_ids.len(), MAX_BLOCK_TXS)?;
        check_size("changes", block.changes.len(), MAX_BLOCK_CHANGES)?;
        check_size("bytes of old values", diff_bytes, MAX_REVERSE_DIFF_BYTES)?;
        for (what, bytes) in [
            ("bytes", &block.block_bytes),
            ("bytes of receipts", &block.receipts_bytes),
        ] {
            check_size(what, bytes.len(), MAX_REVERSE_DIFF_BYTES)?;
        }
        let tip = Tip {
            height: header.number,
            block_hash: header.hash(),
            state_root: header.state_root,
        };
        Ok((tip, tree))
    }
}

fn check_size(what: &'static str, size: usize, limit: usize) -> Result<(), StateError> {
    if size > limit {
        Err(StateError::BlockSize { what, size, limit })
    } else {
        Ok(())
    }
}

fn batch_of(block: BlockCommit, tip: &Tip) -> WriteBatch {
    let height_key = keys::height_key(tip.height);
    let mut batch = WriteBatch::new();
    let mut old_values = Vec::with_capacity(block.changes.len());
    for Change { key, old, new } in block.changes {
        match new {
            Some(new) => batch.put(Space::Flat, key.as_bytes(), new),
            None => batch.remove(Space::Flat, key.as_bytes()),
        }
        old_values.push((key, old));
    }
    let diff = ReverseDiff::from_ordered(old_values);
    batch.put(Space::Rev, height_key, codec::encode(&diff));
    batch.put(Space::Block, height_key, block.block_bytes);
    batch.put(Space::Receipts, height_key, block.receipts_bytes);
    batch.put(Space::BlockHash, tip.block_hash.0, height_key);
    for (index, tx_id) in (0_u32..).zip(&block.tx_ids) {
        batch.put(Space::TxIndex, tx_id.0, keys::position(tip.height, index));
    }
    batch.put(Space::Meta, keys::TIP, codec::encode(tip));
    batch
}
