//! Stage 7: proofs about the durable state, for those who have nothing but a root.

use ordlane_primitives::{Account, Address, RawKey, proof::AccountProof};
use ordlane_state::Proven;

use crate::{Engine, EngineError, Head, SystemError, stored::decoded};

impl Engine {
    /// What the durable state says of an account, present or absent, with the proof of it. It verifies against the
    /// durable head's state root with [`AccountProof::verify`], which needs no store.
    ///
    /// While blocks are being committed, [`Engine::prove_at_head`] says which head that is.
    ///
    /// # Errors
    /// [`SystemError`] when the store fails.
    #[tracing::instrument(skip_all, fields(address = %address))]
    pub fn prove(&self, address: &Address) -> Result<AccountProof, EngineError> {
        Ok(self.prove_at_head(address)?.1)
    }

    /// As [`Engine::prove`], with the durable block against whose state root the proof verifies.
    ///
    /// # Errors
    /// [`SystemError`] when the store fails.
    pub fn prove_at_head(&self, address: &Address) -> Result<(Head, AccountProof), EngineError> {
        let Proven { tip, value, proof } = self
            .store
            .prove(RawKey::account(address).as_bytes())
            .map_err(SystemError::from)?;
        let tip = tip.ok_or(SystemError::NoGenesis)?;
        let head = Head {
            height: tip.height,
            hash: tip.block_hash,
            state_root: tip.state_root,
        };
        let account = match value {
            None => Account::default(),
            Some(bytes) => decoded("account", &bytes)?,
        };
        let proof = AccountProof {
            address: *address,
            account,
            proof,
        };
        Ok((head, proof))
    }
}
