//! Stage 5 in two halves: what a block changes is known first, its roots and its header later, perhaps on another thread.

use std::sync::Arc;

use ordlane_primitives::{Amount, Block, BlockHash, Gas, Hash, Receipt, TxBytes, TxId};
use ordlane_state::{Codes, StateError, Tree};

use crate::{
    BlockContext, BlockTrace, Engine, EngineError, Executed, Stages, SystemError,
    admit::Rules,
    changes::Changes,
    execute::{ParentState, Ran},
    executed::Failure,
    invariants::{self, Claimed},
    layer::Layer,
    seal,
    stages::Stopwatch,
    verify::Verified,
};

/// A block whose changes are known. A block can be executed on them; its roots and its header are still to be made.
#[derive(Debug)]
pub(crate) struct Unsealed {
    rules: Rules,
    context: BlockContext,
    tx_ids: Vec<TxId>,
    transactions: Vec<TxBytes>,
    /// Where it has been computed.
    transactions_root: Option<Hash>,
    receipts: Vec<Receipt>,
    failures: Vec<Failure>,
    gas_used: Gas,
    burned: Amount,
    pub(crate) changes: Arc<Changes>,
    pub(crate) stages: Stages,
    trace: Option<BlockTrace>,
}

/// What a block is sealed on.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    pub(crate) hash: BlockHash,
    pub(crate) tree: Tree,
    /// The layer of that block, if it is not durable.
    pub(crate) layer: Option<Arc<Layer>>,
    /// How many executed blocks are stacked there.
    pub(crate) depth: usize,
}

impl Unsealed {
    /// Goes through the end phase and finds what differs from `parent`.
    pub(crate) fn new(
        parent: &ParentState<'_>,
        rules: &Rules,
        context: &BlockContext,
        verified: Vec<Verified>,
        ran: Ran,
        mut stages: Stages,
    ) -> Result<Self, EngineError> {
        let _span = tracing::debug_span!("seal").entered();
        let mut watch = Stopwatch::start();
        let Ran {
            receipts,
            failures,
            included,
            mut writes,
            gas_used,
            fees,
            trace,
            ..
        } = ran;
        let (tx_ids, transactions) = select(verified, &included);
        seal::end_phase(rules, &context.proposer, fees, parent, &mut writes)?;
        let changes = seal::changes(&writes, parent)?;
        let claimed = Claimed {
            transactions: included.len(),
            fees,
        };
        let burned = invariants::check(&changes, rules, claimed)?;
        let codes: Codes = writes.codes.into_iter().collect();
        stages.hash = stages.hash.saturating_add(watch.lap());
        Ok(Self {
            rules: *rules,
            context: context.clone(),
            tx_ids,
            transactions,
            transactions_root: None,
            receipts,
            failures,
            gas_used: Gas(gas_used),
            burned,
            changes: Arc::new(Changes::new(changes, codes)),
            stages,
            trace,
        })
    }

    /// With the transactions root, where the caller has computed it.
    pub(crate) const fn with_transactions_root(mut self, root: Option<Hash>) -> Self {
        self.transactions_root = root;
        self
    }
}

impl Engine {
    /// Gives a block its roots and its header, and makes a layer of state of it.
    pub(crate) fn seal(
        &self,
        ground: &Ground,
        unsealed: Unsealed,
    ) -> Result<Executed, EngineError> {
        let _span = tracing::debug_span!("seal").entered();
        let mut watch = Stopwatch::start();
        let Unsealed {
            rules,
            context,
            tx_ids,
            transactions,
            transactions_root,
            receipts,
            failures,
            gas_used,
            burned,
            changes,
            mut stages,
            trace,
        } = unsealed;
        let dispatcher = &self.dispatcher;
        let tree = match seal::update_tree(&ground.tree, changes.as_slice(), dispatcher) {
            Err(SystemError::State(StateError::StaleTree)) => {
                return Err(self.stale(ground.hash).into());
            }
            tree => tree?,
        };
        let body = seal::Body {
            state_root: tree.root(),
            transactions_root: transactions_root
                .unwrap_or_else(|| seal::transactions_root(&transactions, dispatcher)),
            receipts: &receipts,
            gas_used,
        };
        let header = seal::header(&ground.hash, &rules, &context, &body, dispatcher);
        let layer = Arc::new(Layer::new(
            header.hash(),
            header.clone(),
            changes,
            tree,
            ground.layer.clone(),
        ));
        self.layers.insert(&layer, ground.depth.saturating_add(1))?;
        stages.hash = stages.hash.saturating_add(watch.lap());
        let block = Block {
            header,
            proposer_auth: None,
            transactions,
        };
        Ok(Executed {
            layer,
            block,
            receipts,
            failures,
            tx_ids,
            burned,
            epoch_blocks: rules.params.epoch_blocks,
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
