//! Collects outcomes in block order, decides which transactions are in the block, and makes accounts of the fields that
//! they wrote.

use std::collections::{BTreeMap, HashMap, btree_map::Entry};

use foldhash::quality::RandomState;
use ordlane_primitives::{Account, Address, Amount, ChainParams, Gas, Receipt, TxBytes};
use ordlane_scheduler::{Flow, Sink, TxIndex};

use super::{Field, FieldValue, Outcome, ParentState, Ran, RuntimeError};
use crate::{
    BlockError, SystemError, ValidationError, admit::Rules, executed::Failure, verify::Verified,
};

/// The accounts that a block wrote, as they are after it; one that is all default is absent.
pub(crate) type AccountWrites = BTreeMap<Address, Account>;

/// What an invalid transaction, or one too many, means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnInvalid {
    /// The block that contains it is refused.
    Refuse,
    /// It is left out of the block that is being built.
    LeaveOut,
}

/// Why a builder left a transaction out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It cannot be in a block on this parent.
    #[error(transparent)]
    Invalid(#[from] ValidationError),
    /// Executing it on final state panicked. It should not be tried again.
    #[error("executing it panicked")]
    Panicked,
    /// The block has no room for it; it may go into the next one.
    #[error("the block is full")]
    BlockFull,
}

/// The scheduler's sink.
#[derive(Debug)]
pub(crate) struct Collector<'a> {
    txs: &'a [Verified],
    params: &'a ChainParams,
    on_invalid: OnInvalid,
    ran: Ran,
    /// The last value of every field that was written.
    fields: HashMap<Field, FieldValue, RandomState>,
    /// What the included transactions take of the block's bytes.
    bytes: u64,
    refused: Option<BlockError>,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(txs: &'a [Verified], rules: &'a Rules, on_invalid: OnInvalid) -> Self {
        Self {
            txs,
            params: &rules.params,
            on_invalid,
            ran: Ran {
                receipts: Vec::new(),
                included: Vec::new(),
                invalid: Vec::new(),
                writes: AccountWrites::new(),
                gas_used: 0,
                fees: Amount::ZERO,
                failures: Vec::new(),
                cut_at: None,
                trace: None,
            },
            fields: HashMap::default(),
            bytes: 0,
            refused: None,
        }
    }

    /// The error of the block, if one was found. It stands below whatever stopped the run.
    pub(crate) fn take_refusal(&mut self) -> Option<BlockError> {
        self.refused.take()
    }

    /// What was collected. Fields that nobody wrote are what they were in the parent's state.
    pub(crate) fn finish(mut self, parent: &ParentState<'_>) -> Result<Ran, SystemError> {
        let writes = &mut self.ran.writes;
        // Each field stands in it once, so the order in which they are put into their accounts means nothing.
        self.fields.into_iter().try_for_each(|(field, value)| {
            let account = match writes.entry(*field.address()) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(parent.account(field.address())?),
            };
            field
                .put(account, value)
                .map_err(|error| SystemError::Internal(error.to_string()))
        })?;
        Ok(self.ran)
    }

    fn refuse(&mut self, error: BlockError) -> Flow {
        self.refused = Some(error);
        Flow::CutBefore
    }

    fn has_room_for(&self, gas_used: u64) -> bool {
        gas_used <= self.params.block_gas_limit.0
    }

    fn does_not_fit(&mut self, index: usize, gas_used: Option<u64>) -> Flow {
        match self.on_invalid {
            OnInvalid::LeaveOut => {
                self.ran.cut_at = Some(index);
                Flow::CutBefore
            }
            // Count and bytes of a whole block were compared before anything ran.
            OnInvalid::Refuse => self.refuse(BlockError::GasLimit {
                index,
                gas_used: Gas(gas_used.unwrap_or(u64::MAX)),
                limit: self.params.block_gas_limit,
            }),
        }
    }

    fn include(
        &mut self,
        index: usize,
        receipt: Receipt,
        failure: Option<Box<RuntimeError>>,
        writes: &[(Field, Option<FieldValue>)],
    ) -> Flow {
        let size = self.txs.get(index).map_or(0, |tx| block_bytes(&tx.bytes));
        let bytes = self.bytes.saturating_add(size);
        let gas_used = self.ran.gas_used.checked_add(receipt.gas_used.0);
        // Fees come out of balances, whose sum is below 2^127, so the sum of fees always fits.
        let fees = self.ran.fees.checked_add(receipt.fee);
        let fits = bytes <= u64::from(self.params.max_block_bytes)
            && self.ran.included.len() < self.params.max_block_txs as usize;
        let (Some(gas_used), Some(fees)) =
            (gas_used.filter(|gas| fits && self.has_room_for(*gas)), fees)
        else {
            return self.does_not_fit(index, gas_used);
        };
        self.bytes = bytes;
        self.ran.gas_used = gas_used;
        self.ran.fees = fees;
        let position = self.ran.included.len();
        let failure = failure.map(|reason| Failure {
            position,
            reason: *reason,
        });
        self.ran.failures.extend(failure);
        self.ran.included.push(index);
        self.ran.receipts.push(receipt);
        // One that was taken away holds what it holds in an account that is absent.
        let nothing = Account::default();
        self.fields.extend(
            writes
                .iter()
                .map(|(field, value)| (*field, value.unwrap_or_else(|| field.of(&nothing)))),
        );
        Flow::Continue
    }
}

/// What a transaction takes of a block's bytes: its own and the four of its length.
pub(crate) const fn block_bytes(transaction: &TxBytes) -> u64 {
    (transaction.len() as u64).saturating_add(4)
}

impl Sink<Field, FieldValue, Outcome> for Collector<'_> {
    fn commit(
        &mut self,
        index: TxIndex,
        outcome: Outcome,
        writes: &[(Field, Option<FieldValue>)],
    ) -> Flow {
        let index = index.as_usize();
        match (outcome, self.on_invalid) {
            (Outcome::Included(receipt, failure), _) => {
                self.include(index, receipt, failure, writes)
            }
            (Outcome::Invalid(error), OnInvalid::LeaveOut) => {
                self.ran.invalid.push((index, error.into()));
                Flow::Continue
            }
            (Outcome::Invalid(source), OnInvalid::Refuse) => {
                self.refuse(BlockError::InvalidTransaction {
                    index,
                    source: Box::new(source.into()),
                })
            }
        }
    }
}
