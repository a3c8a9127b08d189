//! Collects outcomes in block order, and decides which transactions are in the block.

use std::collections::BTreeMap;

use ordlane_primitives::{Account, Address, Amount, Gas, Receipt};
use ordlane_scheduler::{Flow, Sink, TxIndex};

use super::{Outcome, Ran};
use crate::{BlockError, ValidationError, admit::Rules};

/// The accounts that a block wrote: present with a value, or absent.
pub(crate) type AccountWrites = BTreeMap<Address, Option<Account>>;

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
    /// The block has no room for it; it may go into the next one.
    #[error("the block is full")]
    BlockFull,
}

/// The scheduler's sink.
#[derive(Debug)]
pub(crate) struct Collector {
    gas_limit: Gas,
    max_txs: usize,
    on_invalid: OnInvalid,
    ran: Ran,
    /// The first position that was not taken, once the block has ended early.
    cut_at: Option<usize>,
    refused: Option<BlockError>,
}

impl Collector {
    pub(crate) fn new(rules: &Rules, on_invalid: OnInvalid) -> Self {
        Self {
            gas_limit: rules.params.block_gas_limit,
            max_txs: rules.params.max_block_txs as usize,
            on_invalid,
            ran: Ran {
                receipts: Vec::new(),
                included: Vec::new(),
                left_out: Vec::new(),
                writes: AccountWrites::new(),
                gas_used: 0,
                fees: Amount::ZERO,
            },
            cut_at: None,
            refused: None,
        }
    }

    /// What was collected of `count` transactions.
    pub(crate) fn finish(self, count: usize) -> Result<Ran, BlockError> {
        let mut ran = self.ran;
        match self.refused {
            Some(error) => Err(error),
            None => {
                let beyond = self.cut_at.unwrap_or(count)..count;
                ran.left_out
                    .extend(beyond.map(|index| (index, Refusal::BlockFull)));
                Ok(ran)
            }
        }
    }

    fn refuse(&mut self, error: BlockError) -> Flow {
        self.refused = Some(error);
        Flow::CutBefore
    }

    fn include(
        &mut self,
        index: usize,
        receipt: Receipt,
        writes: &[(Address, Option<Account>)],
    ) -> Flow {
        let gas_used = self.ran.gas_used.saturating_add(receipt.gas_used.0);
        let fees = self.ran.fees.checked_add(receipt.fee);
        let full = gas_used > self.gas_limit.0 || self.ran.included.len() >= self.max_txs;
        // Fees come out of balances, whose sum is below 2^127, so the sum of fees always fits.
        let (false, Some(fees)) = (full, fees) else {
            return match self.on_invalid {
                OnInvalid::LeaveOut => {
                    self.cut_at = Some(index);
                    Flow::CutBefore
                }
                OnInvalid::Refuse => self.refuse(BlockError::GasLimit {
                    index,
                    gas_used: Gas(gas_used),
                    limit: self.gas_limit,
                }),
            };
        };
        self.ran.gas_used = gas_used;
        self.ran.fees = fees;
        self.ran.included.push(index);
        self.ran.receipts.push(receipt);
        self.ran.writes.extend(writes.iter().cloned());
        Flow::Continue
    }
}

impl Sink<Address, Account, Outcome> for Collector {
    fn commit(
        &mut self,
        index: TxIndex,
        outcome: Outcome,
        writes: &[(Address, Option<Account>)],
    ) -> Flow {
        let index = index.as_usize();
        match (outcome, self.on_invalid) {
            (Outcome::Included(receipt), _) => self.include(index, receipt, writes),
            (Outcome::Invalid(error), OnInvalid::LeaveOut) => {
                self.ran.left_out.push((index, error.into()));
                Flow::Continue
            }
            (Outcome::Invalid(source), OnInvalid::Refuse) => {
                self.refuse(BlockError::InvalidTransaction { index, source })
            }
        }
    }
}
