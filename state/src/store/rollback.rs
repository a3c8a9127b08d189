//! Undoing blocks: from the tip down, by their reverse diffs.
//!
//! Invariant: one atomic write undoes one block, so after a crash the store ends at some whole block between the two
//! ends. What is left is, byte for byte, what was there before the undone blocks; only what was pruned stays away, and only
//! the code that the undone blocks brought stays here.

use ordlane_primitives::{BlockHeight, codec};

use super::{BlockCommit, StateStore, Tip, history, index, keys};
use crate::{Change, ReverseDiff, Space, StateError, Tree, WriteBatch, hash_changes};

impl StateStore {
    /// Undoes all blocks above a height, which becomes the tip. Returns when that is durable.
    ///
    /// The storage is told first, so what was acknowledged and then undone is never taken for lost. After a crash the store
    /// opens at this block or at one of those above it. The code of contracts stays, also where only undone blocks had it.
    ///
    /// # Errors
    /// [`StateError::AboveTip`] and [`StateError::Pruned`] for a block that is not there yet or no longer, and nothing
    /// happened. Any other error poisons the store.
    pub fn rollback_to(&self, height: BlockHeight) -> Result<(), StateError> {
        let _no_other = self.lock_commits()?;
        let (from, to) = self.ends_of(height)?;
        self.undo_blocks(from, to)
    }

    /// Undoes all blocks above a height and makes `blocks` durable in their place, one after another.
    ///
    /// The store makes their trees itself; [`StateStore::tree_at`] gives the one below the first.
    ///
    /// # Errors
    /// Those of [`StateStore::rollback_to`] and [`StateStore::commit`]. Where a block does not stand on the one before it,
    /// or is not what it says, nothing happened. After an error of the storage some of the blocks may be durable.
    pub fn reorg(
        &self,
        height: BlockHeight,
        mut blocks: Vec<BlockCommit>,
    ) -> Result<(), StateError> {
        let _no_other = self.lock_commits()?;
        let (from, to) = self.ends_of(height)?;
        let mut tip = to;
        for block in &mut blocks {
            tip = Self::check(block, Some(tip))?;
            // Its own tree hangs on what is about to be undone; the store makes it again and compares the root.
            if let Some(tree) = block.tree.take() {
                check_root(&tree, &tip)?;
            }
        }
        self.undo_blocks(from, to)?;
        blocks
            .into_iter()
            .try_for_each(|block| self.commit_next(block))
    }

    /// The tree after the block at a height, made from the tip's by undoing the blocks between in memory. Commits wait for
    /// it.
    ///
    /// # Errors
    /// Those of [`StateStore::read_at`].
    pub fn tree_at(&self, height: BlockHeight) -> Result<Tree, StateError> {
        let _no_commit = self.lock_commits()?;
        let (Tip { height: mut at, .. }, to) = self.ends_of(height)?;
        let mut tree = self.tree();
        while at > height {
            tree = self.tree_before(&tree, &self.stored_diff(at)?)?;
            at = BlockHeight(at.0.saturating_sub(1));
        }
        check_root(&tree, &to)?;
        Ok(tree)
    }

    /// The tip, and the kept block at a height.
    fn ends_of(&self, height: BlockHeight) -> Result<(Tip, Tip), StateError> {
        self.check_kept(self.horizon(), height)?;
        let to = self.stored_tip(height)?;
        let from = self.tip().unwrap_or(to);
        Ok((from, to))
    }

    fn undo_blocks(&self, from: Tip, to: Tip) -> Result<(), StateError> {
        if from == to {
            return Ok(());
        }
        {
            // Pages that were taken from a higher block must not be written any more.
            let _no_pages = self.writer.pause();
            let storage = self.core.storage.as_ref();
            self.poison_on_error(storage.begin_rollback(&from.mark(), &to.mark()))?;
            let mut tip = from;
            while tip.height > to.height {
                tip = self.poison_on_error(self.undo(&tip))?;
            }
            self.poison_on_error(storage.attest(&to.mark()))?;
        }
        self.writer.write_now()
    }

    /// Undoes the tip; returns the one below.
    fn undo(&self, tip: &Tip) -> Result<Tip, StateError> {
        let below = self.stored_tip(BlockHeight(tip.height.0.saturating_sub(1)))?;
        let header = self.stored_header(tip.height)?;
        if header.parent_hash != below.block_hash {
            return Err(StateError::damaged(format!(
                "block {} does not stand on the block below it",
                tip.height
            )));
        }
        let diff = self.stored_diff(tip.height)?;
        let receipts = self.stored_receipts(tip.height)?;
        let tree = self.tree_before(&self.tree(), &diff)?;
        check_root(&tree, &below)?;

        let mut batch = WriteBatch::new();
        for (key, old) in diff.entries() {
            match old {
                Some(old) => batch.put(Space::Flat, key.as_bytes(), old.as_slice()),
                None => batch.remove(Space::Flat, key.as_bytes()),
            }
            batch.remove(Space::Hist, history::version_key(tip.height, key));
        }
        for (space, key, _) in index::entries(tip.height, &receipts) {
            batch.remove(space, key);
        }
        for space in [Space::Rev, Space::Block, Space::Receipts] {
            batch.remove(space, keys::height_key(tip.height));
        }
        batch.remove(Space::BlockHash, tip.block_hash.0);
        batch.put(Space::Meta, keys::TIP, codec::encode(&below));
        // The stored pages may be those of this block; until they are written again, opening does without them.
        batch.remove(Space::Meta, keys::PAGES);
        self.writer.unmark();

        // Nobody puts an answer together while the blocks that it speaks of go.
        let _no_reader = self.history.exclusive();
        self.core.storage.write(batch)?;
        self.core.set_head(below, &tree)?;
        Ok(below)
    }

    /// A tree as it was before the block with this diff.
    fn tree_before(&self, tree: &Tree, diff: &ReverseDiff) -> Result<Tree, StateError> {
        let changes: Vec<Change> = diff
            .entries()
            .iter()
            .map(|(key, old)| Change {
                key: key.clone(),
                old: None,
                new: old.clone(),
            })
            .collect();
        let hasher = self.hasher.as_ref();
        tree.update(&hash_changes(&changes, hasher), hasher)
    }

    /// What was the tip when the block at a height was the last.
    fn stored_tip(&self, height: BlockHeight) -> Result<Tip, StateError> {
        let header = self.stored_header(height)?;
        Ok(Tip {
            height,
            block_hash: header.hash(),
            state_root: header.state_root,
        })
    }
}

fn check_root(tree: &Tree, tip: &Tip) -> Result<(), StateError> {
    if tree.root() == tip.state_root {
        return Ok(());
    }
    Err(StateError::damaged(format!(
        "the reverse diffs down to block {} do not lead to its state root",
        tip.height
    )))
}
