//! The gas schedule.
//!
//! Purpose: every price in one versioned table. The rows of the seed specification (section 5.3) come first, then the
//! additions that a storage of real sizes needs. A schedule is chosen by its version in the chain parameters.
//!
//! Invariant: whatever a transaction does to a slot of storage, what it pays for it, refunds subtracted, is the price of
//! the way from the slot's value before the transaction to the last one, and a read for each change on top of the first.

use crate::{Gas, TransactionPayload, TxKind, transaction::Auth};

/// Prices in units of gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GasSchedule {
    /// The version that chain parameters name.
    pub version: u16,
    /// Every transaction, the check of its first signature included.
    pub transaction_base: u64,
    /// A transfer, on top of the base; the same whether the receiver exists or not.
    pub transfer: u64,
    /// A storage read.
    pub storage_read: u64,
    /// A storage write that creates a value of at most 32 bytes.
    pub storage_write_new: u64,
    /// A storage write that changes a value, of at most 32 bytes.
    pub storage_write_update: u64,
    /// A storage delete.
    pub storage_delete: u64,
    /// What a storage delete gives back.
    pub storage_delete_refund: u64,
    /// The check of one signature beyond the first.
    pub signature_verification: u64,
    /// Hashing, per 32 bytes begun.
    pub hash_per_word: u64,
    /// Memory growth, per 32 bytes.
    pub memory_per_word: u64,
    /// A data byte other than zero.
    pub data_nonzero_byte: u64,
    /// A zero data byte.
    pub data_zero_byte: u64,
    /// Each further 32 bytes begun of a value that a write creates.
    pub storage_new_extra_word: u64,
    /// Each further 32 bytes begun of a value that a write changes.
    pub storage_update_extra_word: u64,
    /// Refunds are at most the gas used divided by this.
    pub refund_quotient: u64,
    /// How many units of fuel, which instructions of contracts are metered in, one gas is.
    pub fuel_per_gas: u64,
    /// A call of a host function by a contract, on top of what it does.
    pub host_call: u64,
    /// What a host function copies, per 32 bytes begun.
    pub host_copy_word: u64,
    /// A call of a contract, on top of what it does.
    pub contract_call: u64,
    /// The first call of a contract in a transaction, per byte of its code.
    pub contract_code_byte: u64,
    /// Each part of a contract's instance, at every call of it: a function, a global, an export, an element of the table, and
    /// an eighth of a segment.
    pub instance_part: u64,
    /// An event.
    pub event: u64,
    /// A topic of an event.
    pub event_topic: u64,
    /// A byte of an event's data.
    pub event_byte: u64,
    /// The deployment of a contract, per byte of its code.
    pub deploy_byte: u64,
    /// A contract passes on all but this part of the gas that it has left.
    pub call_reserve_quotient: u64,
}

/// One write of a contract's storage slot. The values themselves say what is equal and how large it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotWrite<'a> {
    /// The value before the transaction; none when the slot was absent.
    pub original: Option<&'a [u8]>,
    /// The value before this write.
    pub current: Option<&'a [u8]>,
    /// The value that is written; none when the slot is deleted.
    pub new: Option<&'a [u8]>,
}

/// What a write of a storage slot costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StorageCharge {
    /// What is charged at once.
    pub gas: Gas,
    /// What is added to the transaction's refunds; below zero, what is taken back of them. The sum over all writes of a
    /// transaction is never below zero.
    pub refund: i64,
}

/// The first schedule.
pub const GAS_SCHEDULE_V1: GasSchedule = GasSchedule {
    version: 1,
    transaction_base: 21_000,
    transfer: 2_100,
    storage_read: 200,
    storage_write_new: 20_000,
    storage_write_update: 5_000,
    storage_delete: 5_000,
    storage_delete_refund: 15_000,
    signature_verification: 3_000,
    hash_per_word: 30,
    memory_per_word: 3,
    data_nonzero_byte: 16,
    data_zero_byte: 4,
    storage_new_extra_word: 625,
    storage_update_extra_word: 160,
    refund_quotient: 2,
    fuel_per_gas: 10,
    host_call: 10,
    host_copy_word: 1,
    contract_call: 700,
    contract_code_byte: 2,
    instance_part: 2,
    event: 375,
    event_topic: 375,
    event_byte: 8,
    deploy_byte: 200,
    call_reserve_quotient: 64,
};

impl GasSchedule {
    /// The schedule with a version, if this release knows it.
    #[must_use]
    pub const fn by_version(version: u16) -> Option<&'static Self> {
        match version {
            1 => Some(&GAS_SCHEDULE_V1),
            _ => None,
        }
    }

    /// What a transaction costs before it does anything: base, data and further signatures. A gas limit below this
    /// keeps the transaction out of a block.
    #[must_use]
    pub fn intrinsic(&self, payload: &TransactionPayload, auth: &Auth) -> Gas {
        let further_signatures = (auth.signature_count() as u64).saturating_sub(1);
        let kind_data = match &payload.kind {
            TxKind::Transfer { .. } => 0,
            TxKind::Deploy { code, init, .. } => self.data(code).saturating_add(self.data(init)),
            TxKind::Call { input, .. } => self.data(input),
        };
        Gas(self
            .transaction_base
            .saturating_add(self.data(&payload.memo))
            .saturating_add(kind_data)
            .saturating_add(further_signatures.saturating_mul(self.signature_verification)))
    }

    /// What data bytes cost: those of memos, of contracts' inputs and of code.
    #[must_use]
    pub fn data(&self, bytes: &[u8]) -> u64 {
        let zeros = bytes.iter().filter(|byte| **byte == 0).count() as u64;
        let others = (bytes.len() as u64).saturating_sub(zeros);
        others
            .saturating_mul(self.data_nonzero_byte)
            .saturating_add(zeros.saturating_mul(self.data_zero_byte))
    }

    /// What a plain transfer uses, given its intrinsic gas; nothing when that has no 64 bits.
    #[must_use]
    pub const fn transfer_total(&self, intrinsic: Gas) -> Option<Gas> {
        intrinsic.checked_add(Gas(self.transfer))
    }

    /// What reading a storage slot costs, present or absent.
    #[must_use]
    pub const fn storage_read(&self) -> Gas {
        Gas(self.storage_read)
    }

    /// What a write of a storage slot costs, by the rule "Gas of storage" of the specification.
    ///
    /// Sizes are not limited here: whoever takes the write refuses keys above
    /// [`MAX_STORAGE_KEY_BYTES`](crate::limits::MAX_STORAGE_KEY_BYTES) and values above
    /// [`MAX_STATE_VALUE_BYTES`](crate::limits::MAX_STATE_VALUE_BYTES) before it asks for the price.
    ///
    /// ```
    /// use ordlane_primitives::{GAS_SCHEDULE_V1, Gas, SlotWrite};
    ///
    /// let write = SlotWrite { original: None, current: None, new: Some(b"value") };
    /// assert_eq!(GAS_SCHEDULE_V1.storage_write(&write).gas, Gas(20_000));
    /// ```
    #[must_use]
    pub fn storage_write(&self, write: &SlotWrite<'_>) -> StorageCharge {
        let SlotWrite {
            original,
            current,
            new,
        } = *write;
        if new == current {
            return StorageCharge {
                gas: self.storage_read(),
                refund: 0,
            };
        }
        let price = self.way(original, new);
        if current == original {
            return StorageCharge {
                gas: Gas(price.gas),
                refund: signed(price.refund),
            };
        }
        let paid = self.way(original, current);
        let further = price.words.saturating_sub(paid.words);
        // What was paid for the way to the current value and is charged now, less the price of the way to the new one.
        let refund = signed(paid.gas)
            .saturating_sub(signed(paid.refund))
            .saturating_add(signed(further))
            .saturating_sub(signed(price.gas))
            .saturating_add(signed(price.refund));
        StorageCharge {
            gas: Gas(self.storage_read.saturating_add(further)),
            refund,
        }
    }

    /// What hashing `len` bytes costs.
    #[must_use]
    pub const fn hash(&self, len: u64) -> Gas {
        Gas(len.div_ceil(WORD_BYTES).saturating_mul(self.hash_per_word))
    }

    /// What growing a memory by `words` of 32 bytes costs.
    #[must_use]
    pub const fn memory(&self, words: u64) -> Gas {
        Gas(words.saturating_mul(self.memory_per_word))
    }

    /// What of the refunds that a transaction has collected is given back when it has used so much gas.
    #[must_use]
    pub fn refund(&self, gas_used: Gas, refunds: Gas) -> Gas {
        let cap = gas_used.0.checked_div(self.refund_quotient).unwrap_or(0);
        refunds.min(Gas(cap))
    }

    /// The price of the way from a slot's original value to another one, in one write.
    fn way(&self, original: Option<&[u8]>, to: Option<&[u8]>) -> Way {
        let (base, word) = match (original, to) {
            _ if original == to => (self.storage_read, 0),
            (_, None) => {
                return Way {
                    gas: self.storage_delete,
                    words: 0,
                    refund: self.storage_delete_refund,
                };
            }
            (None, Some(_)) => (self.storage_write_new, self.storage_new_extra_word),
            (Some(_), Some(_)) => (self.storage_write_update, self.storage_update_extra_word),
        };
        let words = further_words(to).saturating_mul(word);
        Way {
            gas: base.saturating_add(words),
            words,
            refund: 0,
        }
    }
}

/// The length of a word in bytes.
const WORD_BYTES: u64 = 32;

/// The price of a way from one value to another.
struct Way {
    gas: u64,
    /// The part of it that is for further words.
    words: u64,
    refund: u64,
}

/// How many words a value has beyond the first.
fn further_words(value: Option<&[u8]>) -> u64 {
    let len = value.map_or(0, <[u8]>::len) as u64;
    len.div_ceil(WORD_BYTES).saturating_sub(1)
}

/// Prices of values within the limits are far below 2^63.
fn signed(gas: u64) -> i64 {
    i64::try_from(gas).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
