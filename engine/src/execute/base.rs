//! The state below a block: the executed blocks that are not durable yet, newest first, then the store.

use std::sync::Arc;

use ordlane_primitives::{Account, Address, RawKey, codec};
use ordlane_scheduler::Base;
use ordlane_state::StateStore;

use crate::{EngineError, SystemError, layer::Layer};

/// A parent's state. While it lives, nothing is committed to the store below it.
#[derive(Debug)]
pub(crate) struct ParentState<'a> {
    pub(crate) store: &'a StateStore,
    /// Newest first; the last one stands on the durable tip.
    pub(crate) layers: Vec<Arc<Layer>>,
}

/// A read that failed, as the scheduler wants it: an error of the system.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct ReadError(#[from] SystemError);

impl From<ReadError> for EngineError {
    fn from(error: ReadError) -> Self {
        error.0.into()
    }
}

impl ParentState<'_> {
    /// The value under a raw key.
    pub(crate) fn value(&self, key: &RawKey) -> Result<Option<Vec<u8>>, SystemError> {
        match self.layers.iter().find_map(|layer| layer.value(key)) {
            Some(value) => Ok(value.map(<[u8]>::to_vec)),
            None => Ok(self.store.read(key.as_bytes())?),
        }
    }

    /// The account at an address; one that is absent is all default.
    pub(crate) fn account(&self, address: &Address) -> Result<Account, SystemError> {
        Ok(self.present_account(address)?.unwrap_or_default())
    }

    fn present_account(&self, address: &Address) -> Result<Option<Account>, SystemError> {
        let Some(bytes) = self.value(&RawKey::account(address))? else {
            return Ok(None);
        };
        let account: Account = codec::decode(&bytes).map_err(|source| SystemError::Corrupt {
            what: "account",
            source: Some(source),
        })?;
        Ok(Some(account))
    }
}

impl Base for ParentState<'_> {
    type Key = Address;
    type Value = Account;
    type Error = ReadError;

    fn read(&self, address: &Address) -> Result<Option<Account>, ReadError> {
        Ok(self.present_account(address)?)
    }
}
