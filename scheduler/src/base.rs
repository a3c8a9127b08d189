//! The state below the block.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error;
use std::ops::Bound;

use crate::types::Entries;

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

    /// The first `limit` entries between two bounds, ascending by key; fewer only if there are no more. It is asked only
    /// for ranges that can hold a key, and must agree with [`Base::read`]. Without an implementation it says that the
    /// base has no order.
    ///
    /// # Errors
    /// [`ScanError::Base`] as in [`Base::read`]; [`ScanError::Unordered`] if the base cannot give ranges at all. Both end
    /// the block on final state.
    fn scan(
        &self,
        from: Bound<&Self::Key>,
        to: Bound<&Self::Key>,
        limit: usize,
    ) -> ScanResult<Self::Key, Self::Value, Self::Error> {
        let _ = (from, to, limit);
        Err(ScanError::Unordered)
    }
}

/// What a base says about a range.
pub type ScanResult<K, V, E> = Result<Entries<K, V>, ScanError<E>>;

/// Why a base gave no range.
#[derive(Debug, thiserror::Error)]
pub enum ScanError<E: Error + 'static> {
    /// It holds its keys in no order.
    #[error("the base has no order")]
    Unordered,
    /// The storage failed.
    #[error("the range could not be read")]
    Base(#[source] E),
}

impl<K: Clone + Ord + Sync, V: Clone + Sync> Base for BTreeMap<K, V> {
    type Key = K;
    type Value = V;
    type Error = Infallible;

    fn read(&self, key: &K) -> Result<Option<V>, Infallible> {
        Ok(self.get(key).cloned())
    }

    fn scan(&self, from: Bound<&K>, to: Bound<&K>, limit: usize) -> ScanResult<K, V, Infallible> {
        let entries = self.range::<K, _>((from, to)).take(limit);
        Ok(entries
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }
}
