//! Stage 7: proofs about the durable state, for those who have nothing but a root.

use std::sync::PoisonError;

use ordlane_primitives::{Account, Address, RawKey, codec, proof::AccountProof};
use ordlane_state::Proven;

use crate::{Engine, EngineError, SystemError};

impl Engine {
    /// What the durable state says of an account, present or absent, with the proof of it. It verifies against the
    /// durable head's state root with [`AccountProof::verify`], which needs no store.
    ///
    /// # Errors
    /// [`SystemError`] when the store fails.
    #[tracing::instrument(skip_all, fields(address = %address))]
    pub fn prove(&self, address: &Address) -> Result<AccountProof, EngineError> {
        let _durable = self.durable.read().unwrap_or_else(PoisonError::into_inner);
        let Proven { value, proof, .. } = self
            .store
            .prove(RawKey::account(address).as_bytes())
            .map_err(SystemError::from)?;
        let account = match value {
            None => Account::default(),
            Some(bytes) => codec::decode(&bytes).map_err(|source| SystemError::Corrupt {
                what: "account",
                source: Some(source),
            })?,
        };
        Ok(AccountProof {
            address: *address,
            account,
            proof,
        })
    }
}
