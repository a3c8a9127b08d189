//! Collects outcomes in block order, decides which transactions are in the block, and makes accounts and slots of storage of
//! the fields that they wrote.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use foldhash::quality::RandomState;
use ordlane_primitives::{Account, Address, Amount, ChainParams, Gas, Hash, TxBytes};
use ordlane_scheduler::{Flow, Sink, TxIndex};
use ordlane_wasm::Bytes;

use super::{
    Field, FieldValue, Outcome, ParentState, Ran,
    field::SlotKey,
    output::{Output, TooMuch},
    transition::Included,
};
use crate::{
    BlockError, SystemError, ValidationError, admit::Rules, executed::Failure, verify::Verified,
};

/// How many fields a transaction writes, about: its sender's nonce and balance, and what it moves or stores.
const FIELDS_PER_TX: usize = 4;
/// For how many there is room from the beginning at most.
const MAX_PREPARED_FIELDS: usize = 1 << 18;

/// What transactions wrote, as it is after them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writes {
    /// One that is all default is absent.
    pub(crate) accounts: BTreeMap<Address, Account>,
    pub(crate) slots: BTreeMap<Arc<SlotKey>, Option<Bytes>>,
    /// The codes of the contracts among the accounts that got theirs.
    pub(crate) codes: BTreeMap<Hash, Bytes>,
}

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
    parent: &'a ParentState<'a>,
    txs: &'a [Verified],
    params: &'a ChainParams,
    on_invalid: OnInvalid,
    ran: Ran,
    /// The last value of every field that was written.
    fields: HashMap<Field, Option<FieldValue>, RandomState>,
    /// What the included transactions take of the block's bytes.
    bytes: u64,
    /// What they leave behind.
    output: Output,
    refused: Option<BlockError>,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(
        parent: &'a ParentState<'a>,
        txs: &'a [Verified],
        rules: &'a Rules,
        on_invalid: OnInvalid,
    ) -> Self {
        Self {
            parent,
            txs,
            params: &rules.params,
            on_invalid,
            ran: Ran {
                receipts: Vec::new(),
                included: Vec::new(),
                invalid: Vec::new(),
                writes: Writes::default(),
                gas_used: 0,
                fees: Amount::ZERO,
                failures: Vec::new(),
                cut_at: None,
                trace: None,
            },
            fields: HashMap::with_capacity_and_hasher(
                txs.len()
                    .saturating_mul(FIELDS_PER_TX)
                    .min(MAX_PREPARED_FIELDS),
                RandomState::default(),
            ),
            bytes: 0,
            output: Output::default(),
            refused: None,
        }
    }

    /// The error of the block, if one was found. It stands below whatever stopped the run.
    pub(crate) fn take_refusal(&mut self) -> Option<BlockError> {
        self.refused.take()
    }

    /// What was collected. Fields that nobody wrote are what they were in the parent's state.
    pub(crate) fn finish(mut self) -> Result<Ran, SystemError> {
        self.ran.writes = Writes::of(self.fields, self.parent)?;
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

    fn leaves_too_much(&mut self, index: usize, too_much: TooMuch) -> Flow {
        match self.on_invalid {
            OnInvalid::LeaveOut => {
                self.ran.cut_at = Some(index);
                Flow::CutBefore
            }
            OnInvalid::Refuse => {
                let TooMuch { what, bytes, limit } = too_much;
                self.refuse(BlockError::TooMuchOutput {
                    index,
                    what,
                    bytes,
                    limit,
                })
            }
        }
    }

    fn include(
        &mut self,
        index: usize,
        included: Included,
        writes: &[(Field, Option<FieldValue>)],
    ) -> Flow {
        let Included {
            receipt,
            gas,
            failure,
        } = included;
        let size = self.txs.get(index).map_or(0, |tx| block_bytes(&tx.bytes));
        let bytes = self.bytes.saturating_add(size);
        let gas_used = self.ran.gas_used.checked_add(gas.0);
        // Fees come out of balances, whose sum is below 2^127, so the sum of fees always fits.
        let fees = self.ran.fees.checked_add(receipt.fee);
        let fits = bytes <= u64::from(self.params.max_block_bytes)
            && self.ran.included.len() < self.params.max_block_txs as usize;
        let (Some(gas_used), Some(fees)) =
            (gas_used.filter(|gas| fits && self.has_room_for(*gas)), fees)
        else {
            return self.does_not_fit(index, gas_used);
        };
        match self
            .output
            .with(&receipt, writes, &self.fields, self.parent)
        {
            Ok(output) => self.output = output,
            Err(too_much) => return self.leaves_too_much(index, too_much),
        }
        self.bytes = bytes;
        self.ran.gas_used = gas_used;
        self.ran.fees = fees;
        let position = self.ran.included.len();
        let failure = failure.map(|reason| Failure { position, reason });
        self.ran.failures.extend(failure);
        self.ran.included.push(index);
        self.ran.receipts.push(receipt);
        self.fields.extend(writes.iter().cloned());
        Flow::Continue
    }
}

impl Writes {
    /// Puts what each field holds into its account, or into its slot.
    fn of(
        fields: impl IntoIterator<Item = (Field, Option<FieldValue>)>,
        parent: &ParentState<'_>,
    ) -> Result<Self, SystemError> {
        let wrong = |error: super::field::WrongKind| SystemError::Internal(error.to_string());
        let (mut of_accounts, mut slots, mut codes) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (field, value) in fields {
            match &field {
                Field::Slot(slot) => {
                    let slot = Arc::clone(slot);
                    slots.push((slot, field.bytes(value).map_err(wrong)?));
                }
                _ => of_accounts.push((field, value)),
            }
        }
        // Each field stands there once, so the order in which they are put into their account means nothing.
        of_accounts.sort_unstable_by(|(a, _), (b, _)| a.address().cmp(b.address()));
        let mut accounts = Vec::new();
        for of_one in of_accounts.chunk_by(|(a, _), (b, _)| a.address() == b.address()) {
            let Some((first, _)) = of_one.first() else {
                continue;
            };
            let mut account = parent.account(first.address())?;
            for (field, value) in of_one {
                field.put(&mut account, value.as_ref()).map_err(wrong)?;
                if let Some(FieldValue::Code(code)) = value
                    && let Some(bytes) = &code.bytes
                {
                    codes.insert(code.hash, Arc::clone(bytes));
                }
            }
            accounts.push((*first.address(), account));
        }
        // A map of what is in order is made in one go.
        Ok(Self {
            accounts: accounts.into_iter().collect(),
            slots: slots.into_iter().collect(),
            codes,
        })
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
            (Outcome::Included(included), _) => self.include(index, *included, writes),
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
