//! The engine: what it owns, and how one block goes through its stages.

use std::sync::{Arc, RwLockReadGuard};

use ordlane_gpu_kernels::Dispatcher;
use ordlane_primitives::{BlockHash, BlockHeader, Hash, TxBytes};
use ordlane_state::{StateStore, Tree};
use ordlane_wasm::Contracts;

use crate::{
    BlockContext, BlockError, EngineBuilder, EngineError, Executed, Head, ProposerSchedule, Slot,
    SystemError,
    admit::Rules,
    durable::{Durable, DurableChain},
    execute::{ParentState, Runner},
    layer::{Layer, Layers},
    meters,
    run::{self, Workers},
    slot,
    submit::Committer,
    unsealed::{Ground, Unsealed},
};

/// Executes, commits and proves the blocks of one chain over one store.
///
/// It can be shared between threads: executing needs `&self`, and any number of blocks may be executed at once.
/// Neither waits a commit for what is being executed, nor the other way round.
#[derive(Debug)]
pub struct Engine {
    pub(crate) store: Arc<StateStore>,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) runner: Runner,
    pub(crate) layers: Layers,
    pub(crate) chain: Arc<DurableChain>,
    pub(crate) committer: Committer,
    pub(crate) proposers: Arc<dyn ProposerSchedule>,
    pub(crate) contracts: Arc<Contracts>,
}

/// A parent to execute on. While it lives, blocks may be committed below it and in its place, but none is undone.
#[derive(Debug)]
pub(crate) struct Parent<'a> {
    pub(crate) head: Head,
    pub(crate) header: BlockHeader,
    tree: Tree,
    pub(crate) state: ParentState<'a>,
    /// The parent's own layer, if it is not durable.
    below: Option<Arc<Layer>>,
    _kept: RwLockReadGuard<'a, ()>,
}

impl Parent<'_> {
    /// What a block on it is sealed on.
    pub(crate) fn ground(&self) -> Ground {
        Ground {
            hash: self.head.hash,
            tree: self.tree.clone(),
            layer: self.below.clone(),
            depth: self.state.layers.len(),
        }
    }
}

impl Engine {
    /// Starts to set up an engine.
    #[must_use]
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// Who verifies signatures and computes hashes.
    #[must_use]
    pub const fn dispatcher(&self) -> &Arc<Dispatcher> {
        &self.dispatcher
    }

    /// The contracts that it knows.
    #[must_use]
    pub const fn contracts(&self) -> &Arc<Contracts> {
        &self.contracts
    }

    /// Executes `transactions`, given as canonical bytes, as the block after `parent`. Nothing becomes durable.
    ///
    /// `parent` is the durable block or an [`Executed`] one that is still held.
    ///
    /// # Errors
    /// [`BlockError`] when the parent is unknown or stale, the timestamp is not above the parent's, it is not the
    /// proposer's turn, a transaction cannot be in a block, or the block is too large; [`SystemError`] when the store fails.
    #[tracing::instrument(skip_all, fields(parent = %parent, transactions = transactions.len()))]
    pub fn execute(
        &self,
        parent: &BlockHash,
        context: &BlockContext,
        transactions: &[TxBytes],
    ) -> Result<Executed, EngineError> {
        meters::counted(self.dispatcher.lanes().detached(|| {
            let parent = self.parent(parent)?;
            let rules = self.rules(&parent, context)?;
            self.execute_on(&parent, &rules, context, transactions, None)
        }))
    }

    /// As [`Engine::execute`], with the transactions root where the caller has computed it.
    pub(crate) fn execute_on(
        &self,
        parent: &Parent<'_>,
        rules: &Rules,
        context: &BlockContext,
        transactions: &[TxBytes],
        transactions_root: Option<Hash>,
    ) -> Result<Executed, EngineError> {
        let state = &parent.state;
        let (verified, ran, stages) =
            self.workers()
                .run_block(rules, state, context.timestamp_ms, transactions)?;
        let unsealed = Unsealed::new(state, rules, context, verified, ran, stages)?;
        let unsealed = unsealed.with_transactions_root(transactions_root);
        self.seal(&parent.ground(), unsealed)
    }

    /// The parent with this hash, and its state.
    pub(crate) fn parent(&self, hash: &BlockHash) -> Result<Parent<'_>, EngineError> {
        let kept = self.chain.keep();
        let looking = self.chain.looking();
        let durable = Arc::clone(&looking);
        if *hash == durable.hash {
            return Ok(self.parent_on(&durable, kept));
        }
        let found = self
            .layers
            .find(hash)
            .map(|layer| (layer.chain(&durable.hash), layer));
        drop(looking);
        let Some((layers, layer)) = found else {
            return Err(self.no_parent(hash, &durable.hash)?.into());
        };
        let layers = layers?;
        let changes = layers.iter().map(|layer| Arc::clone(&layer.changes));
        Ok(Parent {
            head: Head::of(&layer.header, layer.hash),
            header: layer.header.clone(),
            tree: layer.tree.clone(),
            state: ParentState::new(self.chain.snapshot(&durable), changes.collect()),
            below: Some(layer),
            _kept: kept,
        })
    }

    /// Why a block that is neither durable's tip nor held cannot be a parent.
    pub(crate) fn no_parent(
        &self,
        hash: &BlockHash,
        durable: &BlockHash,
    ) -> Result<BlockError, SystemError> {
        let (parent, durable) = (*hash, *durable);
        Ok(match self.store.height_of(hash)? {
            Some(_) => BlockError::StaleParent { parent, durable },
            None => BlockError::UnknownParent { parent },
        })
    }

    /// The durable block, whatever it is now, as a parent.
    pub(crate) fn durable_parent(&self) -> Parent<'_> {
        let kept = self.chain.keep();
        self.parent_on(&self.chain.durable(), kept)
    }

    fn parent_on<'a>(&'a self, durable: &Durable, kept: RwLockReadGuard<'a, ()>) -> Parent<'a> {
        Parent {
            head: durable.head(),
            header: durable.header.clone(),
            tree: durable.tree.clone(),
            state: ParentState::new(self.chain.snapshot(durable), Vec::new()),
            below: None,
            _kept: kept,
        }
    }

    /// Why a parent's tree cannot be built upon: another block was committed in its place.
    pub(crate) fn stale(&self, parent: BlockHash) -> BlockError {
        // The commit that has moved the tree on may not be through yet.
        let _no_commit = self.chain.pause();
        let durable = self.chain.durable().hash;
        BlockError::StaleParent { parent, durable }
    }

    /// The rules for a block after `parent` with this context.
    pub(crate) fn rules(
        &self,
        parent: &Parent<'_>,
        context: &BlockContext,
    ) -> Result<Rules, EngineError> {
        run::check_timestamp(context.timestamp_ms, &parent.header)?;
        let rules = self.rules_for(parent)?;
        self.check_due(&parent.header, &rules, context)?;
        Ok(rules)
    }

    /// The rules for the block after `parent`, from the parent's state.
    pub(crate) fn rules_for(&self, parent: &Parent<'_>) -> Result<Rules, EngineError> {
        run::rules_above(parent.head.height, &parent.state)
    }

    /// Checks that it is the proposer's turn.
    pub(crate) fn check_due(
        &self,
        parent: &BlockHeader,
        rules: &Rules,
        context: &BlockContext,
    ) -> Result<(), BlockError> {
        let slot = Slot {
            parent,
            height: rules.height,
            timestamp_ms: context.timestamp_ms,
        };
        slot::check_due(&*self.proposers, &slot, context.proposer)
    }

    /// Who does the work of the first stages.
    pub(crate) fn workers(&self) -> Workers<'_> {
        Workers {
            dispatcher: &self.dispatcher,
            runner: &self.runner,
            contracts: &self.contracts,
        }
    }
}
