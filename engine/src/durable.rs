//! The durable end of the chain: the last block on disk, and who may change which one that is.
//!
//! Invariants:
//! - one commit at a time, and no undoing beside it: `committing`;
//! - executions do not wait for commits, nor commits for executions: a parent is a [`Snapshot`] and the tree that belongs
//!   to it. Only undoing waits for executions, and they for it: `undoing`, which is taken before `committing`;
//! - the lock of `durable` is held for a moment only, and under it the layers and the durable block fit together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use ordlane_primitives::{Amount, BlockHash, BlockHeader, BlockHeight};
use ordlane_state::{StateStore, Tree};

use crate::{
    BlockError, EngineError, Executed, Head, SystemError,
    builder::header_at,
    changes::Changes,
    checkpoint::Checkpoints,
    invariants,
    snapshot::{Published, Snapshot},
    subscribe::Moved,
};

/// The last durable block.
#[derive(Debug)]
pub(crate) struct Durable {
    pub(crate) header: BlockHeader,
    pub(crate) hash: BlockHash,
    pub(crate) tree: Tree,
    /// Where the list of published blocks ended when this one became durable.
    pub(crate) published: Arc<Published>,
    /// What it and the last blocks below it changed, the newest first: what was written lately is read again most.
    pub(crate) recent: Vec<Arc<Changes>>,
}

/// Of so many durable blocks the changes stay in memory, as long as they take no more than so many bytes together.
const RECENT_BLOCKS: usize = 4;
const RECENT_BYTES: usize = 64 << 20;

impl Durable {
    pub(crate) fn head(&self) -> Head {
        Head::of(&self.header, self.hash)
    }

    /// The recent changes when a block on this one has become durable.
    pub(crate) fn recent_with(&self, changes: &Arc<Changes>) -> Vec<Arc<Changes>> {
        let mut room = RECENT_BYTES;
        let all = [changes].into_iter().chain(&self.recent);
        // One that has no room ends the list: below it nothing is the newest any more.
        let kept = all.take(RECENT_BLOCKS).map_while(|changes| {
            room = room.checked_sub(changes.size_bytes())?;
            Some(Arc::clone(changes))
        });
        kept.collect()
    }
}

/// The store and the last durable block in it; an engine and its committing thread share it.
#[derive(Debug)]
pub(crate) struct DurableChain {
    /// Goes before the store: its thread may still hold a state of it.
    pub(crate) checkpoints: Option<Checkpoints>,
    pub(crate) store: Arc<StateStore>,
    durable: RwLock<Arc<Durable>>,
    committing: Mutex<()>,
    /// All balances together after the durable block, where that is known.
    supply: Mutex<Option<Amount>>,
    undoing: RwLock<()>,
    /// Who waits for the durable block to be another one.
    pub(crate) moved: Arc<Moved>,
}

impl DurableChain {
    /// The chain in a store that has a block, and all balances together if the caller knows.
    pub(crate) fn load(
        store: Arc<StateStore>,
        checkpoints: Option<Checkpoints>,
        supply: Option<Amount>,
    ) -> Result<Self, SystemError> {
        let durable = tip_of(&store)?;
        Ok(Self {
            checkpoints,
            store,
            durable: RwLock::new(Arc::new(durable)),
            committing: Mutex::default(),
            supply: Mutex::new(supply),
            undoing: RwLock::default(),
            moved: Arc::default(),
        })
    }

    /// The last durable block.
    pub(crate) fn durable(&self) -> Arc<Durable> {
        Arc::clone(&self.looking())
    }

    /// The last durable block, which stays that while the guard lives. For a moment only: a commit ends by replacing it.
    pub(crate) fn looking(&self) -> RwLockReadGuard<'_, Arc<Durable>> {
        // It is replaced as a whole, so a panic elsewhere never leaves half of one.
        self.durable.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps blocks from being undone while the guard lives, which a snapshot needs. To be taken before it.
    pub(crate) fn keep(&self) -> RwLockReadGuard<'_, ()> {
        self.undoing.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps blocks from being committed and undone while the guard lives.
    pub(crate) fn pause(&self) -> MutexGuard<'_, ()> {
        self.committing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The state at a durable block that is or was the last.
    pub(crate) fn snapshot(&self, durable: &Durable) -> Snapshot<'_> {
        let published = Arc::clone(&durable.published);
        Snapshot::new(&self.store, published, durable.recent.clone())
    }

    /// All balances together after a block that is about to be committed, where that is known. At the end of an epoch
    /// every account is looked at. Nothing is committed meanwhile.
    pub(crate) fn supply_after(&self, executed: &Executed) -> Result<Option<Amount>, EngineError> {
        let height = executed.header().number;
        let mut known = *self.supply.lock().unwrap_or_else(PoisonError::into_inner);
        if height.0.checked_rem(executed.epoch_blocks) == Some(0) {
            let counted = invariants::total_supply(&self.store)?;
            if let Some(known) = known {
                invariants::check_supply(height, known, counted).map_err(BlockError::from)?;
            }
            known = counted;
        }
        // What the block itself changes was compared with its fees when it was executed.
        Ok(known.and_then(|known| known.checked_sub(executed.burned)))
    }

    pub(crate) fn know_supply(&self, supply: Option<Amount>) {
        *self.supply.lock().unwrap_or_else(PoisonError::into_inner) = supply;
    }

    /// Replaces the last durable block by the one that was committed on it. `meanwhile` is done while nobody looks.
    pub(crate) fn advance(&self, to: Durable, meanwhile: impl FnOnce()) {
        let to = Arc::new(to);
        let mut durable = self.durable.write().unwrap_or_else(PoisonError::into_inner);
        meanwhile();
        *durable = to;
        drop(durable);
        self.moved.tell();
    }

    /// Undoes all blocks above a height. Waits until nothing is being executed.
    pub(crate) fn rollback_to(&self, height: BlockHeight) -> Result<Head, SystemError> {
        let _no_snapshot = self.undoing.write().unwrap_or_else(PoisonError::into_inner);
        let _no_commit = self.pause();
        self.store.rollback_to(height)?;
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.undone(height);
        }
        let durable = tip_of(&self.store)?;
        let head = durable.head();
        self.advance(durable, || ());
        self.know_supply(None);
        Ok(head)
    }
}

impl Drop for DurableChain {
    fn drop(&mut self) {
        self.moved.end();
    }
}

/// The store's tip, with nothing published since and nothing in memory.
fn tip_of(store: &StateStore) -> Result<Durable, SystemError> {
    let tip = store.tip().ok_or(SystemError::NoGenesis)?;
    Ok(Durable {
        hash: tip.block_hash,
        header: header_at(store, tip.height)?,
        tree: store.tree(),
        published: Arc::default(),
        recent: Vec::new(),
    })
}
