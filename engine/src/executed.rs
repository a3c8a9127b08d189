//! A block that was executed and is not durable.

use std::sync::Arc;

use ordlane_primitives::{Amount, Block, BlockHash, BlockHeader, Hash, Receipt, SigningKey, TxId};
use ordlane_state::Change;

use crate::{BlockTrace, Head, RuntimeError, Stages, layer::Layer};

/// The result of executing a block: the block itself, its receipts, its changes and its new state.
///
/// Nothing in it is durable. It can be committed, built upon, or dropped; several may share one parent.
#[derive(Debug)]
pub struct Executed {
    pub(crate) layer: Arc<Layer>,
    pub(crate) block: Block,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) failures: Vec<Failure>,
    pub(crate) tx_ids: Vec<TxId>,
    /// The fees that nobody got.
    pub(crate) burned: Amount,
    /// How many blocks an epoch has.
    pub(crate) epoch_blocks: u64,
    pub(crate) stages: Stages,
    pub(crate) trace: Option<BlockTrace>,
}

/// Why a transaction of a block failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its position in the block.
    pub position: usize,
    /// Why.
    pub reason: RuntimeError,
}

impl Executed {
    /// The block's hash.
    #[must_use]
    pub fn hash(&self) -> BlockHash {
        self.layer.hash
    }

    /// The block as the end of a chain.
    #[must_use]
    pub fn head(&self) -> Head {
        Head::of(self.header(), self.hash())
    }

    /// The header, complete.
    #[must_use]
    pub const fn header(&self) -> &BlockHeader {
        &self.block.header
    }

    /// The whole block.
    #[must_use]
    pub const fn block(&self) -> &Block {
        &self.block
    }

    /// One receipt per transaction, in order.
    #[must_use]
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// Why those transactions failed that did, by ascending position. Receipts have the codes only, and no store has more:
    /// whoever asks later executes again.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// The ids of the transactions, in order.
    #[must_use]
    pub fn tx_ids(&self) -> &[TxId] {
        &self.tx_ids
    }

    /// The root of the state after this block.
    #[must_use]
    pub const fn state_root(&self) -> &Hash {
        &self.block.header.state_root
    }

    /// What the block changes: key, old value, new value, ascending by key.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        self.layer.changes.as_slice()
    }

    /// How long each stage took.
    #[must_use]
    pub const fn stages(&self) -> &Stages {
        &self.stages
    }

    /// How its transactions were executed, if the engine was built with
    /// [`EngineBuilder::trace`](crate::EngineBuilder::trace).
    #[must_use]
    pub const fn trace(&self) -> Option<&BlockTrace> {
        self.trace.as_ref()
    }

    /// Puts the proposer's signature on the block. It is not part of the hash.
    pub fn sign(&mut self, proposer: &SigningKey) {
        self.block.proposer_auth = Some(proposer.sign_header(&self.block.header));
    }
}
