//! The gas schedule.
//!
//! Purpose: every price in one versioned table. The rows of the seed specification (section 5.3) come first, then the
//! additions that a storage of real sizes needs. A schedule is chosen by its version in the chain parameters.

use crate::{Gas, TransactionPayload, transaction::Auth};

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
        Gas(self
            .transaction_base
            .saturating_add(self.data(&payload.memo))
            .saturating_add(further_signatures.saturating_mul(self.signature_verification)))
    }

    /// What data bytes cost.
    #[must_use]
    pub fn data(&self, bytes: &[u8]) -> u64 {
        let zeros = bytes.iter().filter(|byte| **byte == 0).count() as u64;
        let others = (bytes.len() as u64).saturating_sub(zeros);
        others
            .saturating_mul(self.data_nonzero_byte)
            .saturating_add(zeros.saturating_mul(self.data_zero_byte))
    }
}
