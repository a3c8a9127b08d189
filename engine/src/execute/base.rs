//! The state below a block: the executed blocks that are not durable yet, newest first, then the durable one.
//!
//! Invariant: an account or a slot that a block has asked for is not looked up again. What is remembered came from below
//! the block, never from one of its transactions, and is forgotten with the block.

use std::{
    array,
    collections::HashMap,
    fmt,
    hash::{self, BuildHasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use foldhash::quality::RandomState;
use ordlane_primitives::{Account, Address, Hash, RawKey};
use ordlane_scheduler::Base;
use ordlane_wasm::Bytes;

use super::{Field, FieldValue, field::SlotKey};
use crate::{EngineError, SystemError, changes::Changes, stored::decoded};

/// What is remembered is in so many parts, each with a lock of its own.
const PARTS: usize = 64;

/// Where values come from below all executed blocks: the store, or what stands in its place.
pub(crate) trait RawState: fmt::Debug + Sync {
    /// The value under a raw key.
    fn raw_value(&self, key: &RawKey) -> Result<Option<Vec<u8>>, SystemError>;

    /// The code with a hash that an account has. It may be there before such an account is, and stays.
    fn code(&self, hash: &Hash) -> Result<Option<Arc<[u8]>>, SystemError>;
}

impl<S: RawState + ?Sized> RawState for &S {
    fn raw_value(&self, key: &RawKey) -> Result<Option<Vec<u8>>, SystemError> {
        (**self).raw_value(key)
    }

    fn code(&self, hash: &Hash) -> Result<Option<Arc<[u8]>>, SystemError> {
        (**self).code(hash)
    }
}

/// A parent's state, which stays the same as long as this lives.
#[derive(Debug)]
pub(crate) struct ParentState<'a> {
    below: Box<dyn RawState + 'a>,
    /// Newest first; the last one stands on what is below.
    pub(crate) layers: Vec<Arc<Changes>>,
    accounts: Known<Address, Option<Account>>,
    slots: Known<Arc<SlotKey>, Option<Bytes>>,
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

impl<'a> ParentState<'a> {
    pub(crate) fn new(below: impl RawState + 'a, layers: Vec<Arc<Changes>>) -> Self {
        Self {
            below: Box::new(below),
            layers,
            accounts: Known::new(),
            slots: Known::new(),
        }
    }

    /// The value under a raw key.
    pub(crate) fn value(&self, key: &RawKey) -> Result<Option<Vec<u8>>, SystemError> {
        match self.layers.iter().find_map(|layer| layer.new_value(key)) {
            Some(value) => Ok(value.map(<[u8]>::to_vec)),
            None => self.below.raw_value(key),
        }
    }

    /// The code with a hash that an account has.
    pub(crate) fn code(&self, hash: &Hash) -> Result<Option<Arc<[u8]>>, SystemError> {
        match self.layers.iter().find_map(|layer| layer.code(hash)) {
            Some(code) => Ok(Some(Arc::clone(code))),
            None => self.below.code(hash),
        }
    }

    /// The account at an address; one that is absent is all default.
    pub(crate) fn account(&self, address: &Address) -> Result<Account, SystemError> {
        Ok(self.present_account(address)?.unwrap_or_default())
    }

    /// The account at an address, if it is there.
    pub(crate) fn present_account(
        &self,
        address: &Address,
    ) -> Result<Option<Account>, SystemError> {
        if let Some(account) = self.accounts.find(address) {
            return Ok(account);
        }
        // Without a lock: two threads that ask at once both look, and find the same.
        let account = self.look_up(address)?;
        self.accounts.remember(*address, account);
        Ok(account)
    }

    /// What a slot of storage holds.
    pub(crate) fn slot(&self, slot: &Arc<SlotKey>) -> Result<Option<Bytes>, SystemError> {
        if let Some(value) = self.slots.find(slot) {
            return Ok(value);
        }
        let value = self.value(&slot.raw())?.map(Bytes::from);
        self.slots.remember(Arc::clone(slot), value.clone());
        Ok(value)
    }

    fn look_up(&self, address: &Address) -> Result<Option<Account>, SystemError> {
        let Some(bytes) = self.value(&RawKey::account(address))? else {
            return Ok(None);
        };
        decoded("account", &bytes).map(Some)
    }
}

impl Base for ParentState<'_> {
    type Key = Field;
    type Value = FieldValue;
    type Error = ReadError;

    fn read(&self, field: &Field) -> Result<Option<FieldValue>, ReadError> {
        if let Field::Slot(slot) = field {
            return Ok(self.slot(slot)?.map(FieldValue::Bytes));
        }
        let account = self.present_account(field.address())?;
        Ok(account.and_then(|account| field.of(&account)))
    }
}

/// What was looked up, the absent among it.
#[derive(Debug)]
struct Known<K, V> {
    hasher: RandomState,
    parts: Box<[Mutex<Part<K, V>>; PARTS]>,
}

type Part<K, V> = HashMap<K, V, RandomState>;

impl<K: Eq + hash::Hash, V: Clone> Known<K, V> {
    fn new() -> Self {
        let hasher = RandomState::default();
        Self {
            parts: Box::new(array::from_fn(|_| {
                Mutex::new(HashMap::with_hasher(hasher.clone()))
            })),
            hasher,
        }
    }

    fn find(&self, key: &K) -> Option<V> {
        self.part(key).get(key).cloned()
    }

    fn remember(&self, key: K, value: V) {
        let mut part = self.part(&key);
        part.insert(key, value);
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "it is a remainder of the number of parts"
    )]
    fn part(&self, key: &K) -> MutexGuard<'_, Part<K, V>> {
        // A map finds its entries by the lowest and the highest bits, so those in the middle choose the part.
        let middle = self.hasher.hash_one(key) >> 32;
        // Every change of a part is one insertion, so a panic elsewhere never leaves half of one.
        self.parts[middle as usize % PARTS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use ordlane_primitives::hash::code_hash;
    use ordlane_state::Codes;

    use super::*;

    /// A store with one code, and no values.
    #[derive(Debug)]
    struct Below(&'static [u8]);

    impl RawState for Below {
        fn raw_value(&self, _: &RawKey) -> Result<Option<Vec<u8>>, SystemError> {
            Ok(None)
        }

        fn code(&self, hash: &Hash) -> Result<Option<Arc<[u8]>>, SystemError> {
            Ok((code_hash(self.0) == *hash).then(|| self.0.into()))
        }
    }

    fn layer<const N: usize>(codes: [&[u8]; N]) -> Arc<Changes> {
        let mut codes: Codes = codes.map(|code| (code_hash(code), code.into())).to_vec();
        codes.sort();
        Arc::new(Changes::new(Vec::new(), codes))
    }

    #[test]
    fn a_code_is_that_of_an_executed_block_or_of_what_is_below() {
        let layers = vec![layer([]), layer([b"a", b"b", b"c"]), layer([b"d"])];
        let state = ParentState::new(Below(b"below"), layers);
        for code in [&b"a"[..], b"b", b"c", b"d", b"below"] {
            let found = state.code(&code_hash(code)).unwrap();
            assert_eq!(found.as_deref(), Some(code));
        }
        assert_eq!(state.code(&code_hash(b"none")).unwrap(), None);
        assert_eq!(state.code(&Hash::ZERO).unwrap(), None);
    }
}
