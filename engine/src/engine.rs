//! The engine: what it owns, and how one block goes through its stages.

use std::sync::{Arc, RwLockReadGuard};

use ordlane_gpu_kernels::Dispatcher;
use ordlane_primitives::{Block, BlockHash, BlockHeader, Gas, Hash, TxBytes, TxId};
use ordlane_state::{StateError, StateStore, Tree};

use crate::{
    BlockContext, BlockError, EngineBuilder, EngineError, Executed, Head, Stages, SystemError,
    admit::Rules,
    changes::Changes,
    durable::{Durable, DurableChain},
    execute::{ParentState, Ran, Runner},
    layer::{Layer, Layers},
    run::{self, Workers},
    seal,
    stages::Stopwatch,
    submit::Committer,
    verify::Verified,
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
}

/// A parent to execute on. While it lives, blocks may be committed below it and in its place, but none is undone.
#[derive(Debug)]
pub(crate) struct Parent<'a> {
    pub(crate) head: Head,
    pub(crate) header: BlockHeader,
    pub(crate) tree: Tree,
    pub(crate) state: ParentState<'a>,
    /// The parent's own layer, if it is not durable.
    below: Option<Arc<Layer>>,
    _kept: RwLockReadGuard<'a, ()>,
}

impl Engine {
    /// Starts to set up an engine.
    #[must_use]
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// Executes `transactions`, given as canonical bytes, as the block after `parent`. Nothing becomes durable.
    ///
    /// `parent` is the durable block or an [`Executed`] one that is still held.
    ///
    /// # Errors
    /// [`BlockError`] when the parent is unknown or stale, the timestamp is not above the parent's, a transaction cannot
    /// be in a block, or the block is too large; [`SystemError`] when the store fails.
    #[tracing::instrument(skip_all, fields(parent = %parent, transactions = transactions.len()))]
    pub fn execute(
        &self,
        parent: &BlockHash,
        context: &BlockContext,
        transactions: &[TxBytes],
    ) -> Result<Executed, EngineError> {
        self.dispatcher.lanes().detached(|| {
            let parent = self.parent(parent)?;
            let rules = self.rules(&parent, context)?;
            self.execute_on(&parent, &rules, context, transactions, None)
        })
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
        let (verified, ran, stages) =
            self.workers()
                .run_block(rules, &parent.state, transactions)?;
        self.seal(
            parent,
            rules,
            context,
            verified,
            ran,
            transactions_root,
            stages,
        )
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
    fn no_parent(&self, hash: &BlockHash, durable: &BlockHash) -> Result<BlockError, SystemError> {
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
    fn stale(&self, parent: BlockHash) -> BlockError {
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
        self.rules_for(parent)
    }

    /// The rules for the block after `parent`, from the parent's state.
    pub(crate) fn rules_for(&self, parent: &Parent<'_>) -> Result<Rules, EngineError> {
        run::rules_above(parent.head.height, &parent.state)
    }

    /// Who does the work of the first stages.
    pub(crate) fn workers(&self) -> Workers<'_> {
        Workers {
            dispatcher: &self.dispatcher,
            runner: &self.runner,
        }
    }

    /// Stage 5: what ran becomes a block with a header, and a layer of state.
    #[expect(
        clippy::too_many_arguments,
        reason = "one call site per way of making a block, each value once"
    )]
    pub(crate) fn seal(
        &self,
        parent: &Parent<'_>,
        rules: &Rules,
        context: &BlockContext,
        verified: Vec<Verified>,
        ran: Ran,
        transactions_root: Option<Hash>,
        mut stages: Stages,
    ) -> Result<Executed, EngineError> {
        let _span = tracing::debug_span!("seal").entered();
        let mut watch = Stopwatch::start();
        let Ran {
            receipts,
            included,
            mut writes,
            gas_used,
            fees,
            trace,
            ..
        } = ran;
        let (tx_ids, transactions) = select(verified, &included);
        seal::end_phase(rules, &context.proposer, fees, &parent.state, &mut writes)?;
        let changes = seal::changes(&writes, &parent.state)?;
        let tree = match seal::update_tree(&parent.tree, &changes, &self.dispatcher) {
            Err(SystemError::State(StateError::StaleTree)) => {
                return Err(self.stale(parent.head.hash).into());
            }
            tree => tree?,
        };
        let body = seal::Body {
            state_root: tree.root(),
            transactions_root: transactions_root
                .unwrap_or_else(|| seal::transactions_root(&transactions, &self.dispatcher)),
            receipts: &receipts,
            gas_used: Gas(gas_used),
        };
        let header = seal::header(&parent.head.hash, rules, context, &body, &self.dispatcher);
        let layer = Arc::new(Layer::new(
            header.hash(),
            header.clone(),
            Arc::new(Changes::new(changes)),
            tree,
            parent.below.clone(),
        ));
        self.layers
            .insert(&layer, parent.state.layers.len().saturating_add(1))?;
        stages.hash = watch.lap();
        let block = Block {
            header,
            proposer_auth: None,
            transactions,
        };
        Ok(Executed {
            layer,
            block,
            receipts,
            tx_ids,
            stages,
            trace,
        })
    }
}

/// The ids and bytes of those that are in the block. Both lists ascend.
fn select(verified: Vec<Verified>, included: &[usize]) -> (Vec<TxId>, Vec<TxBytes>) {
    let mut included = included.iter().peekable();
    verified
        .into_iter()
        .enumerate()
        .filter(|(index, _)| included.next_if_eq(&index).is_some())
        .map(|(_, tx)| (tx.id, tx.bytes))
        .unzip()
}
