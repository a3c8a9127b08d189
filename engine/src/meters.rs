//! What is counted and timed for operators: everything goes through the `metrics` facade. The names stand in the crate's
//! documentation.
//!
//! Invariant: none of it reaches a result.

use std::collections::BTreeMap;

use ordlane_primitives::{Receipt, ReceiptStatus};

use crate::{BlockError, EngineError, Stage, Stages, ValidationError};

/// Transactions that were refused.
pub(crate) fn refused<'a>(errors: impl Iterator<Item = &'a ValidationError>) {
    let mut counts = BTreeMap::new();
    for error in errors {
        let count: &mut u64 = counts.entry((error.stage(), error.code())).or_default();
        *count = count.saturating_add(1);
    }
    for ((stage, code), count) in counts {
        let (stage, code) = (stage.name(), code.name());
        metrics::counter!("ordlane_transactions_refused_total", "stage" => stage, "code" => code)
            .increment(count);
    }
}

/// Hands a result on, and counts the block if it was refused.
pub(crate) fn counted<T>(outcome: Result<T, EngineError>) -> Result<T, EngineError> {
    if let Err(EngineError::Block(error)) = &outcome {
        block_refused(error);
    }
    outcome
}

/// A block that was refused.
pub(crate) fn block_refused(error: &BlockError) {
    let code = error.code().name();
    metrics::counter!("ordlane_blocks_refused_total", "code" => code).increment(1);
}

/// A block that became durable.
pub(crate) struct Committed {
    transactions: u64,
    failed: u64,
}

impl Committed {
    /// Counts its transactions.
    pub(crate) fn of(receipts: &[Receipt]) -> Self {
        let failed = receipts
            .iter()
            .filter(|receipt| receipt.status != ReceiptStatus::Success);
        Self {
            transactions: receipts.len() as u64,
            failed: failed.count() as u64,
        }
    }

    pub(crate) fn record(&self, stages: &Stages) {
        metrics::counter!("ordlane_blocks_committed_total").increment(1);
        metrics::counter!("ordlane_transactions_committed_total").increment(self.transactions);
        metrics::counter!("ordlane_transactions_failed_total").increment(self.failed);
        for (stage, time) in Stage::ALL.into_iter().zip(stages.times()) {
            metrics::histogram!("ordlane_stage_seconds", "stage" => stage.name())
                .record(time.as_secs_f64());
        }
    }
}

/// A checkpoint was written.
pub(crate) fn checkpoint_written() {
    metrics::counter!("ordlane_checkpoints_written_total").increment(1);
}

/// A checkpoint could not be written.
pub(crate) fn checkpoint_failed() {
    metrics::counter!("ordlane_checkpoints_failed_total").increment(1);
}

/// There was no time for a checkpoint.
pub(crate) fn checkpoint_skipped() {
    metrics::counter!("ordlane_checkpoints_skipped_total").increment(1);
}
