//! Stage 6: one executed block becomes durable.

use ordlane_primitives::{Receipts, codec};
use ordlane_state::BlockCommit;

use crate::{
    BlockError, Engine, EngineError, Executed, Head, Stages, SystemError,
    durable::{Durable, DurableChain},
    meters,
    stages::Stopwatch,
};

/// A block that is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The block, now the durable head.
    pub head: Head,
    /// How long each stage of it took, the durable write included.
    pub stages: Stages,
}

impl Engine {
    /// Makes an executed block durable. When this returns, the block is on disk. It comes after those that were
    /// [submitted](Engine::submit).
    ///
    /// Executed blocks that stand beside it can still be read, but not committed or built upon.
    ///
    /// # Errors
    /// [`BlockError::NotOnTip`] when it does not stand on the durable block; [`SystemError`] when the
    /// store fails. After a failed write every further commit is refused until the store is opened anew.
    pub fn commit(&self, executed: Executed) -> Result<Committed, EngineError> {
        let lanes = self.dispatcher.lanes();
        lanes.detached(|| self.committer.commit(executed))
    }
}

impl DurableChain {
    /// Makes an executed block the last durable one.
    #[tracing::instrument(skip_all, fields(height = %executed.header().number, hash = %executed.hash()))]
    pub(crate) fn commit(&self, executed: Executed) -> Result<Committed, EngineError> {
        meters::counted(self.commit_on_tip(executed))
    }

    fn commit_on_tip(&self, executed: Executed) -> Result<Committed, EngineError> {
        let _no_other = self.pause();
        let mut watch = Stopwatch::start();
        let (head, durable) = (executed.head(), self.durable());
        self.store.check_healthy().map_err(SystemError::from)?;
        if executed.header().parent_hash != durable.hash {
            return Err(BlockError::NotOnTip {
                hash: head.hash,
                durable: durable.hash,
            }
            .into());
        }
        let supply = self.supply_after(&executed)?;
        let Executed {
            layer,
            block,
            receipts,
            mut stages,
            ..
        } = executed;
        let counts = meters::Committed::of(&receipts);
        let commit = BlockCommit {
            header: block.header.clone(),
            block_bytes: codec::encode(&block),
            receipts: Receipts::new(receipts)
                .map_err(|_| SystemError::Internal("a block has too many receipts".into()))?,
            changes: layer.changes.as_slice().to_vec(),
            codes: layer.changes.codes().clone(),
            tree: Some(layer.tree.clone()),
        };
        // Before anything of it is written: snapshots find there what it replaces.
        let published = durable.published.publish(&layer.changes);
        self.store.commit(commit).map_err(SystemError::from)?;
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.committed(&self.store, head.height);
        }
        let next = Durable {
            header: block.header,
            hash: head.hash,
            tree: self.store.tree(),
            published,
            recent: durable.recent_with(&layer.changes),
        };
        self.advance(next, || layer.detach());
        self.know_supply(supply);
        stages.persist = watch.lap();
        counts.record(&stages);
        Ok(Committed { head, stages })
    }
}
