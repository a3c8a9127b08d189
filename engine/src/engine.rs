//! The engine: what it owns, and how one block goes through its stages.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use ordlane_gpu_kernels::Dispatcher;
use ordlane_primitives::{Block, BlockHash, BlockHeader, Gas, Hash, TxBytes, TxId};
use ordlane_state::{StateStore, Tree};

use crate::{
    BlockContext, BlockError, EngineBuilder, EngineError, Executed, Head, Stages, SystemError,
    admit::Rules,
    checkpoint::Checkpoints,
    execute::{ParentState, Ran, Runner},
    layer::{Layer, Layers},
    run::{self, Workers},
    seal,
    stages::Stopwatch,
    verify::Verified,
};

/// Executes, commits and proves the blocks of one chain over one store.
///
/// It can be shared between threads: executing needs `&self`, and any number of blocks may be executed at once.
/// Committing waits until those that are being executed are done.
#[derive(Debug)]
pub struct Engine {
    /// Goes before the store: its thread may still hold a state of it.
    pub(crate) checkpoints: Option<Checkpoints>,
    pub(crate) store: StateStore,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) runner: Runner,
    pub(crate) layers: Layers,
    /// The last durable block. Held for reading while a block is executed over the store, for writing while one is
    /// committed to it.
    pub(crate) durable: RwLock<Durable>,
}

/// The last durable block.
#[derive(Clone, Debug)]
pub(crate) struct Durable {
    pub(crate) header: BlockHeader,
    pub(crate) hash: BlockHash,
}

/// A parent to execute on. While it lives, nothing is committed below it.
#[derive(Debug)]
pub(crate) struct Parent<'a> {
    pub(crate) head: Head,
    pub(crate) header: BlockHeader,
    pub(crate) tree: Tree,
    pub(crate) state: ParentState<'a>,
    _durable: RwLockReadGuard<'a, Durable>,
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
        let durable = self.durable.read().unwrap_or_else(PoisonError::into_inner);
        if *hash == durable.hash {
            return Ok(self.durable_parent(durable));
        }
        let Some(layer) = self.layers.find(hash) else {
            return Err(self.no_parent(hash, &durable.hash)?.into());
        };
        let layers = layer.chain(&durable.hash)?;
        Ok(Parent {
            head: Head::of(&layer.header, layer.hash),
            header: layer.header.clone(),
            tree: layer.tree.clone(),
            state: ParentState::new(&self.store, layers),
            _durable: durable,
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
    pub(crate) fn durable_parent<'a>(
        &'a self,
        durable: RwLockReadGuard<'a, Durable>,
    ) -> Parent<'a> {
        Parent {
            head: Head::of(&durable.header, durable.hash),
            header: durable.header.clone(),
            tree: self.store.tree(),
            state: ParentState::new(&self.store, Vec::new()),
            _durable: durable,
        }
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
        let tree = seal::update_tree(&parent.tree, &changes, &self.dispatcher)?;
        let body = seal::Body {
            state_root: tree.root(),
            transactions_root: transactions_root
                .unwrap_or_else(|| seal::transactions_root(&transactions, &self.dispatcher)),
            receipts: &receipts,
            gas_used: Gas(gas_used),
        };
        let header = seal::header(&parent.head.hash, rules, context, &body, &self.dispatcher);
        let below = parent.state.layers.first().cloned();
        let layer = Arc::new(Layer::new(
            header.hash(),
            header.clone(),
            changes,
            tree,
            below,
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
