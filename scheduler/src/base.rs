//! The state below the block.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error;

/// Reads the state as it was before the block. It must not change while a run lasts.
pub trait Base: Sync {
    /// As in [`Vm::Key`](crate::Vm::Key).
    type Key;
    /// As in [`Vm::Value`](crate::Vm::Value).
    type Value;
    /// A failure of the storage.
    type Error: Error + Send + Sync + 'static;

    /// The value under `key`, or `None` where there is none.
    ///
    /// # Errors
    /// The storage failed. On final state this ends the block; it never becomes the failure of a transaction.
    fn read(&self, key: &Self::Key) -> Result<Option<Self::Value>, Self::Error>;
}

impl<K: Ord + Sync, V: Clone + Sync> Base for BTreeMap<K, V> {
    type Key = K;
    type Value = V;
    type Error = Infallible;

    fn read(&self, key: &K) -> Result<Option<V>, Infallible> {
        Ok(self.get(key).cloned())
    }
}
