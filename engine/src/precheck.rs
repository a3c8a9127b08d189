//! What a pool or a network asks before it keeps a transaction: every check that needs no state.

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
        self.dispatcher.lanes().detached(|| {
            let rules = self.rules_for(&self.durable_parent())?;
            let outcomes = self.workers().checked(&rules, transactions).0;
            Ok(outcomes
                .into_iter()
                .map(|outcome| outcome.map(|tx| tx.id))
                .collect())
        })
    }
}
