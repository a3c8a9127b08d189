//! What durable blocks and their transactions change, forward and backward.
//!
//! A block's diff comes from what is stored: the values that it replaced, and the state after it. Those of its transactions
//! are stored nowhere: the block is executed again, one transaction after another, over the state below it.
//!
//! Invariant: the diffs of a block's transactions in their order, and then that of its end phase, make the block's diff.

use std::{collections::BTreeMap, sync::Arc};

use ordlane_primitives::{
    Account, Address, Amount, Block, BlockHeight, Hash, RawKey, TimestampMs, TxId,
};
use ordlane_state::{Change, StateDiff, StateStore};

use crate::{
    Engine, EngineError, Executed, SystemError,
    admit::Rules,
    execute::{OnInvalid, ParentState, RawState, Runner, Transition, Writes},
    run, seal,
    stored::decoded,
    verify::Verified,
};

/// What a diff does to one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountDiff {
    /// Whose account.
    pub address: Address,
    /// The account before; none when it was absent.
    pub before: Option<Account>,
    /// The account after; none when it is absent then.
    pub after: Option<Account>,
}

impl AccountDiff {
    /// The accounts that a diff changes, ascending by address. Other keys are passed over.
    ///
    /// # Errors
    /// [`SystemError::Corrupt`] when a value is no account.
    pub fn all_of(diff: &StateDiff) -> Result<Vec<Self>, SystemError> {
        let accounts = diff.changes().iter().filter_map(|change| {
            let address = change.key.account_address()?;
            Some((address, change))
        });
        let decoded = |(address, change): (Address, &Change)| {
            Ok(Self {
                address,
                before: account(change.old.as_deref())?,
                after: account(change.new.as_deref())?,
            })
        };
        accounts.map(decoded).collect()
    }

    /// Whether the account was absent before.
    #[must_use]
    pub const fn is_created(&self) -> bool {
        self.before.is_none()
    }

    /// Whether the account is absent after.
    #[must_use]
    pub const fn is_deleted(&self) -> bool {
        self.after.is_none()
    }
}

/// What each part of a block changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockDiffs {
    /// One for each transaction, in order.
    pub transactions: Vec<StateDiff>,
    /// That of the end phase; of the genesis block, everything.
    pub end: StateDiff,
}

impl BlockDiffs {
    /// All of them in order, as one.
    #[must_use]
    pub fn whole(&self) -> StateDiff {
        let parts = self.transactions.iter().chain([&self.end]);
        StateDiff::of(parts.flat_map(StateDiff::changes).cloned().collect())
    }
}

impl Executed {
    /// What the block changes, to be reversed, composed and applied.
    #[must_use]
    pub fn diff(&self) -> StateDiff {
        StateDiff::of(self.changes().to_vec())
    }
}

impl Engine {
    /// What the durable block at a height changes, or none above the durable block.
    ///
    /// # Errors
    /// [`SystemError`] around [`StateError::Pruned`](ordlane_state::StateError::Pruned) for a block that is no longer kept,
    /// and when the store fails.
    pub fn diff(&self, height: BlockHeight) -> Result<Option<StateDiff>, EngineError> {
        let _kept = self.chain.keep();
        Ok(self.stored_diff(height)?)
    }

    /// What each transaction of the durable block at a height changes, and its end phase; none above the durable block.
    ///
    /// The block is executed again on the calling thread. Commits go on meanwhile; nothing is undone.
    ///
    /// # Errors
    /// As [`Engine::diff`]; [`SystemError::Corrupt`] when the block does not do again what it did.
    #[tracing::instrument(skip_all, fields(height = %height))]
    pub fn transaction_diffs(
        &self,
        height: BlockHeight,
    ) -> Result<Option<BlockDiffs>, EngineError> {
        self.dispatcher.lanes().detached(|| {
            let _kept = self.chain.keep();
            let Some(stored) = self.stored_diff(height)? else {
                return Ok(None);
            };
            let Some(parent) = height.checked_sub(BlockHeight(1)) else {
                return Ok(Some(BlockDiffs {
                    transactions: Vec::new(),
                    end: stored,
                }));
            };
            let Some(block) = self.block(height)? else {
                return Ok(None);
            };
            let mut replay = Replay::new(self, parent, &stored, &block)?;
            let transactions = replay.transactions(&block, block.transactions.len())?;
            let end = replay.end(&block)?;
            let diffs = BlockDiffs { transactions, end };
            if diffs.whole() != stored {
                return Err(changed().into());
            }
            Ok(Some(diffs))
        })
    }

    /// What a durable transaction changes, or none when no block that is kept has it.
    ///
    /// # Errors
    /// As [`Engine::transaction_diffs`].
    #[tracing::instrument(skip_all, fields(id = %id))]
    pub fn transaction_diff(&self, id: &TxId) -> Result<Option<StateDiff>, EngineError> {
        self.dispatcher.lanes().detached(|| {
            let _kept = self.chain.keep();
            let Some(record) = self.transaction(id)? else {
                return Ok(None);
            };
            let height = record.height;
            let (Some(stored), Some(block)) = (self.stored_diff(height)?, self.block(height)?)
            else {
                return Ok(None);
            };
            let parent = height.checked_sub(BlockHeight(1)).ok_or_else(changed)?;
            let count = (record.index as usize).saturating_add(1);
            let mut replay = Replay::new(self, parent, &stored, &block)?;
            Ok(replay.transactions(&block, count)?.pop())
        })
    }

    /// The diff of a block that is not undone meanwhile.
    fn stored_diff(&self, height: BlockHeight) -> Result<Option<StateDiff>, SystemError> {
        let Some(replaced) = self.store.reverse_diff(height)? else {
            return Ok(None);
        };
        let change = |(key, old): &(RawKey, Option<Vec<u8>>)| {
            Ok(Change {
                key: key.clone(),
                old: old.clone(),
                new: self.store.read_at(height, key.as_bytes())?,
            })
        };
        let changes: Result<Vec<Change>, SystemError> =
            replaced.entries().iter().map(change).collect();
        Ok(Some(StateDiff::of(changes?)))
    }
}

/// A durable block that is executed again, one transaction after another.
struct Replay<'a> {
    engine: &'a Engine,
    rules: Rules,
    runner: Runner,
    state: Partial<'a>,
    fees: Amount,
    timestamp_ms: TimestampMs,
}

impl<'a> Replay<'a> {
    /// Begins above `parent` with a block that changes what `stored` says.
    fn new(
        engine: &'a Engine,
        parent: BlockHeight,
        stored: &StateDiff,
        block: &Block,
    ) -> Result<Self, EngineError> {
        let height = parent.next().ok_or_else(changed)?;
        let old = |change: &Change| (change.key.clone(), change.old.clone());
        let state = Partial {
            store: &engine.store,
            height,
            values: stored.changes().iter().map(old).collect(),
        };
        let rules = run::rules_above(parent, &ParentState::new(&state, Vec::new()))?;
        Ok(Self {
            engine,
            rules,
            runner: Runner::sequential()?,
            state,
            fees: Amount::ZERO,
            timestamp_ms: block.header.timestamp_ms,
        })
    }

    /// The diffs of the first `count` transactions.
    fn transactions(&mut self, block: &Block, count: usize) -> Result<Vec<StateDiff>, EngineError> {
        let given = block.transactions.get(..count).ok_or_else(changed)?;
        let prepared = self.engine.workers().prepare(&self.rules, given);
        if prepared.verified.len() != count {
            return Err(changed().into());
        }
        let diffs = prepared.verified.iter().map(|tx| self.transaction(tx));
        diffs.collect()
    }

    fn transaction(&mut self, tx: &Verified) -> Result<StateDiff, EngineError> {
        let parent = ParentState::new(&self.state, Vec::new());
        let codes = |hash: &Hash| parent.code(hash);
        let vm = Transition {
            rules: &self.rules,
            timestamp_ms: self.timestamp_ms,
            contracts: &self.engine.contracts,
            codes: &codes,
        };
        let txs = std::slice::from_ref(tx);
        let ran = self
            .runner
            .run(&vm, &parent, txs, &self.rules, OnInvalid::Refuse)
            .map_err(as_corrupt)?;
        self.fees = self.fees.checked_add(ran.fees).ok_or_else(changed)?;
        let changes = seal::changes(&ran.writes, &parent)?;
        drop(parent);
        self.state.take(&changes);
        Ok(StateDiff::of(changes))
    }

    /// The diff of the end phase, after all transactions.
    fn end(&self, block: &Block) -> Result<StateDiff, EngineError> {
        let parent = ParentState::new(&self.state, Vec::new());
        let mut writes = Writes::default();
        let proposer = &block.header.proposer;
        seal::end_phase(&self.rules, proposer, self.fees, &parent, &mut writes)?;
        Ok(StateDiff::of(seal::changes(&writes, &parent)?))
    }
}

/// The state in the midst of a block: that after it, but for what the block changes as a whole or has changed so far.
#[derive(Debug)]
struct Partial<'a> {
    store: &'a StateStore,
    height: BlockHeight,
    values: BTreeMap<RawKey, Option<Vec<u8>>>,
}

impl Partial<'_> {
    fn take(&mut self, changes: &[Change]) {
        let new = |change: &Change| (change.key.clone(), change.new.clone());
        self.values.extend(changes.iter().map(new));
    }
}

impl RawState for Partial<'_> {
    fn raw_value(&self, key: &RawKey) -> Result<Option<Vec<u8>>, SystemError> {
        match self.values.get(key) {
            Some(value) => Ok(value.clone()),
            None => Ok(self.store.read_at(self.height, key.as_bytes())?),
        }
    }

    fn code(&self, hash: &Hash) -> Result<Option<Arc<[u8]>>, SystemError> {
        Ok(self.store.code(hash)?.map(Arc::from))
    }
}

fn account(bytes: Option<&[u8]>) -> Result<Option<Account>, SystemError> {
    bytes.map(|bytes| decoded("account", bytes)).transpose()
}

/// A durable block was executed before, so whatever it does otherwise now is a fault of the store.
const fn changed() -> SystemError {
    SystemError::Corrupt {
        what: "block",
        source: None,
    }
}

fn as_corrupt(error: EngineError) -> EngineError {
    match error {
        EngineError::Block(error) => {
            tracing::error!(%error, "a durable block does not execute any more");
            changed().into()
        }
        other => other,
    }
}
