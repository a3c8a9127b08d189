//! Taking blocks back, and removing what is not to be kept.

use std::sync::PoisonError;

use ordlane_primitives::BlockHeight;
use ordlane_state::Pruned;

use crate::{Engine, EngineError, Head, SystemError, builder::header_at, engine::Durable};

impl Engine {
    /// Undoes all durable blocks above a height. When this returns, the block at that height is the durable one, on disk,
    /// and the next block is executed on it.
    ///
    /// Executed blocks that stand on it can be committed; those that stand on an undone one cannot be built upon.
    ///
    /// # Errors
    /// [`SystemError`] around [`StateError::Pruned`](ordlane_state::StateError::Pruned) or
    /// [`StateError::AboveTip`](ordlane_state::StateError::AboveTip) for a block that is no longer kept or not there yet,
    /// and nothing happened; and when the store fails.
    #[tracing::instrument(skip(self))]
    pub fn rollback_to(&self, height: BlockHeight) -> Result<Head, EngineError> {
        let mut durable = self.durable.write().unwrap_or_else(PoisonError::into_inner);
        self.store.rollback_to(height).map_err(SystemError::from)?;
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.undone(height);
        }
        let header = header_at(&self.store, height)?;
        let hash = header.hash();
        *durable = Durable { header, hash };
        Ok(Head::of(&durable.header, hash))
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
