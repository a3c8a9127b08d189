//! Taking blocks back, and removing what is not to be kept.

use ordlane_primitives::BlockHeight;
use ordlane_state::Pruned;

use crate::{Engine, EngineError, Head, SystemError};

impl Engine {
    /// Undoes all durable blocks above a height. When this returns, the block at that height is the durable one, on disk,
    /// and the next block is executed on it.
    ///
    /// Waits for the blocks that were submitted before, and until nothing is being executed.
    /// Executed blocks that stand on it can be committed; those that stand on an undone one cannot be built upon.
    ///
    /// # Errors
    /// [`SystemError`] around [`StateError::Pruned`](ordlane_state::StateError::Pruned) or
    /// [`StateError::AboveTip`](ordlane_state::StateError::AboveTip) for a block that is no longer kept or not there yet,
    /// and nothing happened; and when the store fails.
    #[tracing::instrument(skip(self))]
    pub fn rollback_to(&self, height: BlockHeight) -> Result<Head, EngineError> {
        self.committer.flush()?;
        let lanes = self.dispatcher.lanes();
        Ok(lanes.detached(|| self.chain.rollback_to(height))?)
    }

    /// Writes all pages of the tree that are not on disk yet. The store does so by itself every 64 blocks; after this it
    /// opens fastest, so it is worth the while before an engine is dropped that has committed blocks.
    ///
    /// Waits for the blocks that were submitted before.
    ///
    /// # Errors
    /// [`SystemError`] when the store fails.
    pub fn write_pages(&self) -> Result<(), EngineError> {
        self.committer.flush()?;
        Ok(self.store.write_pages().map_err(SystemError::from)?)
    }

    /// Removes about `limit` entries of blocks that are not to be kept
    /// ([`EngineBuilder::keep_blocks`](crate::EngineBuilder::keep_blocks)). Commits do that, too; this serves to catch up.
    ///
    /// # Errors
    /// [`SystemError`] when the store fails.
    pub fn prune_step(&self, limit: usize) -> Result<Pruned, EngineError> {
        Ok(self.store.prune_step(limit).map_err(SystemError::from)?)
    }
}
