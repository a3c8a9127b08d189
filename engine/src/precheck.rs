//! What a pool or a network asks before it keeps a transaction: every check that needs no state.

use std::sync::PoisonError;

use ordlane_primitives::{TxBytes, TxId};

use crate::{Engine, EngineError, ValidationError};

impl Engine {
    /// Decodes, admits and verifies transactions as for the block after the durable one. Positions stay the same.
    ///
    /// A transaction that passes can still be refused by the state: nonce and balance are not looked at.
    ///
    /// # Errors
    /// [`SystemError`](crate::SystemError) when the store fails; what is wrong with a transaction is in its result.
    pub fn precheck(
        &self,
        transactions: &[TxBytes],
    ) -> Result<Vec<Result<TxId, ValidationError>>, EngineError> {
        let parent =
            self.durable_parent(self.durable.read().unwrap_or_else(PoisonError::into_inner));
        let rules = self.rules_for(&parent)?;
        let prepared = self.prepare(&rules, transactions);
        let mut results: Vec<(usize, Result<TxId, ValidationError>)> = prepared
            .invalid
            .into_iter()
            .map(|(position, error)| (position, Err(error)))
            .collect();
        let ids = prepared.verified.into_iter().map(|tx| Ok(tx.id));
        results.extend(prepared.positions.into_iter().zip(ids));
        results.sort_unstable_by_key(|(position, _)| *position);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }
}
