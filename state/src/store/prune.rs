//! Pruning: of blocks below the horizon only their headers stay, and the code of contracts that they brought.
//!
//! Invariant: the horizon moves before anything below it goes, in memory as on disk, so whoever asks below it is told so
//! and never shown what is left. What is to be removed follows from the reverse diff and the receipts of a block, which
//! go last, in the same write in which the next block has its turn; so an interrupted pruning goes on from there.

use std::{sync::PoisonError, vec};

use ordlane_primitives::{BlockHeight, codec};

use super::{StateStore, history, index, keys};
use crate::{Space, StateError, WriteBatch};

/// How many entries a commit removes at least, where there is so much to prune; at most it removes twice as many as it
/// writes, so pruning keeps up with the chain.
const MIN_PRUNED_PER_COMMIT: usize = 4_096;

/// What one step of pruning did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// How many entries it removed.
    pub entries: usize,
    /// Whether nothing is left to prune.
    pub done: bool,
}

/// How far pruning is.
#[derive(Debug)]
pub(super) struct Pruner {
    /// The first block that still has something.
    next: BlockHeight,
    /// What is left of it.
    work: Option<Work>,
}

/// What one block leaves.
#[derive(Debug)]
struct Work {
    entries: vec::IntoIter<(Space, Vec<u8>)>,
    header_bytes: Vec<u8>,
}

impl Pruner {
    pub(super) const fn new(next: BlockHeight) -> Self {
        Self { next, work: None }
    }
}

impl StateStore {
    /// Removes `limit` entries, or two more, of blocks that are not to be kept, in one write. Commits prune, too; this
    /// serves to catch up when fewer blocks are to be kept, between commits or in a thread of its own.
    ///
    /// # Errors
    /// [`StateError`] when something cannot be read or is damaged; when it cannot be written, the store is poisoned.
    pub fn prune_step(&self, limit: usize) -> Result<Pruned, StateError> {
        let _no_other = self.lock_commits()?;
        let Some(tip) = self.tip() else {
            return Ok(Pruned {
                entries: 0,
                done: true,
            });
        };
        let mut batch = WriteBatch::new();
        let pruned = self.prune_into(&mut batch, tip.height, limit)?;
        if !batch.is_empty() {
            self.core.write(batch)?;
        }
        Ok(pruned)
    }

    /// Adds to a commit's batch the share of pruning that it carries.
    pub(super) fn prune_beside(
        &self,
        batch: &mut WriteBatch,
        tip: BlockHeight,
    ) -> Result<(), StateError> {
        let limit = batch.len().saturating_mul(2).max(MIN_PRUNED_PER_COMMIT);
        self.prune_into(batch, tip, limit).map(drop)
    }

    /// Moves the horizon to where it belongs with this tip, and adds about `limit` removals to a batch. The batch must
    /// be written, or the store be poisoned.
    fn prune_into(
        &self,
        batch: &mut WriteBatch,
        tip: BlockHeight,
        limit: usize,
    ) -> Result<Pruned, StateError> {
        let horizon = self.move_horizon(tip);
        let pruner = self.history.pruner.lock();
        let mut pruner = pruner.unwrap_or_else(PoisonError::into_inner);
        // Taken out until all went well: after an error the block begins again.
        let (mut next, mut work) = (pruner.next, pruner.work.take());
        let mut entries: usize = 0;
        if next < horizon {
            batch.put(Space::Meta, keys::HORIZON, keys::height_key(horizon));
        }
        let limit = limit.max(1);
        // Opening needs the reverse diffs of all blocks after the one whose pages are stored.
        let end = horizon.min(self.writer.needed_from());
        while next < end && entries < limit {
            let mut left = match work.take() {
                Some(left) => left,
                None => self.work_of(next)?,
            };
            let room = limit.saturating_sub(entries);
            for (space, key) in left.entries.by_ref().take(room) {
                batch.remove(space, key);
                entries = entries.saturating_add(1);
            }
            if left.entries.len() > 0 {
                work = Some(left);
                break;
            }
            let height_key = keys::height_key(next);
            batch.put(Space::Block, height_key, left.header_bytes);
            batch.remove(Space::Rev, height_key);
            batch.remove(Space::Receipts, height_key);
            entries = entries.saturating_add(2);
            next = BlockHeight(next.0.saturating_add(1));
            batch.put(Space::Meta, keys::PRUNED, keys::height_key(next));
        }
        (pruner.next, pruner.work) = (next, work);
        Ok(Pruned {
            entries,
            done: next >= end,
        })
    }

    /// The horizon that a tip asks for, which is never lower than it was. From here on nobody is told of what is below.
    fn move_horizon(&self, tip: BlockHeight) -> BlockHeight {
        let mut horizon = self.history.exclusive();
        let wanted = self.options.keep_blocks.map_or(0, |blocks| {
            tip.0.saturating_add(1).saturating_sub(blocks.get())
        });
        *horizon = BlockHeight(wanted).max(*horizon);
        *horizon
    }

    fn work_of(&self, height: BlockHeight) -> Result<Work, StateError> {
        let diff = self.stored_diff(height)?;
        let receipts = self.stored_receipts(height)?;
        let versions = diff
            .entries()
            .iter()
            .map(|(key, _)| (Space::Hist, history::version_key(height, key)));
        let indexed = index::entries(height, &receipts)
            .into_iter()
            .map(|(space, key, _)| (space, key));
        Ok(Work {
            entries: versions.chain(indexed).collect::<Vec<_>>().into_iter(),
            header_bytes: codec::encode(&self.stored_header(height)?),
        })
    }
}
