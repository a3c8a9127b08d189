//! Executed blocks that are not durable, as layers of state over the store.
//!
//! Invariant: layers form a tree that stands on the durable tip. A layer keeps the layers below it alive until they are
//! durable; those that stand beside a committed block can no longer be built upon.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use ordlane_primitives::{BlockHash, BlockHeader};
use ordlane_state::Tree;

use crate::{BlockError, changes::Changes};

/// Most executed blocks that may be held at once.
pub(crate) const MAX_LIVE_LAYERS: usize = 64;
/// Most executed blocks that may be stacked on the durable tip.
pub(crate) const MAX_DEPTH: usize = 16;

/// One executed block's state.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) hash: BlockHash,
    pub(crate) header: BlockHeader,
    pub(crate) changes: Arc<Changes>,
    pub(crate) tree: Tree,
    parent: Mutex<Option<Arc<Layer>>>,
}

impl Layer {
    pub(crate) const fn new(
        hash: BlockHash,
        header: BlockHeader,
        changes: Arc<Changes>,
        tree: Tree,
        parent: Option<Arc<Self>>,
    ) -> Self {
        Self {
            hash,
            header,
            changes,
            tree,
            parent: Mutex::new(parent),
        }
    }

    /// Lets go of the layers below, which are durable now.
    pub(crate) fn detach(&self) {
        *self.parent.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn parent(&self) -> Option<Arc<Self>> {
        self.parent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// This layer and those below it, newest first, down to the durable block.
    pub(crate) fn chain(
        self: &Arc<Self>,
        durable: &BlockHash,
    ) -> Result<Vec<Arc<Self>>, BlockError> {
        let mut chain = vec![Arc::clone(self)];
        let mut lowest = Arc::clone(self);
        while lowest.header.parent_hash != *durable {
            match lowest.parent() {
                Some(below) => {
                    chain.push(Arc::clone(&below));
                    lowest = below;
                }
                None => {
                    return Err(BlockError::StaleParent {
                        parent: self.hash,
                        durable: *durable,
                    });
                }
            }
        }
        Ok(chain)
    }
}

impl Drop for Layer {
    /// Unlinks iteratively, so that no depth of stacking can exhaust the stack.
    fn drop(&mut self) {
        let mut next = self
            .parent
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        while let Some(layer) = next {
            next = Arc::into_inner(layer).and_then(|mut layer| {
                layer
                    .parent
                    .get_mut()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take()
            });
        }
    }
}

/// The layers that somebody still holds.
#[derive(Debug, Default)]
pub(crate) struct Layers(Mutex<Vec<Weak<Layer>>>);

impl Layers {
    /// Adds a layer, unless too many are held or `depth` would be too deep.
    pub(crate) fn insert(&self, layer: &Arc<Layer>, depth: usize) -> Result<(), BlockError> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|layer| layer.strong_count() > 0);
        if held.len() >= MAX_LIVE_LAYERS || depth > MAX_DEPTH {
            return Err(BlockError::TooManyExecuted {
                live: held.len(),
                depth,
                max_live: MAX_LIVE_LAYERS,
                max_depth: MAX_DEPTH,
            });
        }
        held.push(Arc::downgrade(layer));
        Ok(())
    }

    /// The layer of a block.
    pub(crate) fn find(&self, hash: &BlockHash) -> Option<Arc<Layer>> {
        self.live()
            .into_iter()
            .rev()
            .find(|layer| layer.hash == *hash)
    }

    /// All that are held, in the order in which they were executed.
    pub(crate) fn live(&self) -> Vec<Arc<Layer>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().filter_map(Weak::upgrade).collect()
    }
}
