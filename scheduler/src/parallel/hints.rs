//! What the Vm foretells: which transaction should wait for which, so that predictable conflicts never come to be.
//!
//! Invariant: a hint decides only when a transaction is run ahead. It waits for a lower one that is alive, and at the
//! frontier it waits for nobody; so a wrong hint costs time and nothing else.

use std::collections::HashMap;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind};

use foldhash::quality::RandomState;

use crate::input::Input;
use crate::sync::{Mutex, lock};
use crate::types::TxIndex;
use crate::vm::Vm;

/// For each transaction the last lower one that names one of its keys.
pub(crate) enum Hints<K> {
    /// Of a block that is all there. Empty if the Vm has no hints at all.
    Whole(Vec<u32>),
    /// Of a block that still grows: found when they are asked for.
    Growing(Mutex<Chains<K>>),
}

/// What has been asked so far.
pub(crate) struct Chains<K> {
    /// How many transactions the Vm was asked about.
    asked: u32,
    /// One more than the position of whom each waits for, 0 for none; those behind its end wait for none.
    before: Vec<u32>,
    /// One more than the position of the last transaction that names a key.
    last: HashMap<K, u32, RandomState>,
}

impl<K: Eq + Hash> Hints<K> {
    /// Asks the Vm about every transaction that is there.
    pub(crate) fn of<M: Vm<Key = K>>(vm: &M, input: &Input<'_, M::Tx>) -> Self {
        let mut chains = Chains {
            asked: 0,
            before: Vec::new(),
            last: HashMap::default(),
        };
        match input {
            Input::Slice(_) => {
                chains.ask(vm, input, input.total());
                Self::Whole(chains.before)
            }
            Input::Feed(_) => Self::Growing(Mutex::new(chains)),
        }
    }

    /// The transaction that `tx`, which is there, should wait for.
    #[inline]
    pub(crate) fn before<M>(&self, vm: &M, input: &Input<'_, M::Tx>, tx: TxIndex) -> Option<TxIndex>
    where
        M: Vm<Key = K>,
    {
        match self {
            Self::Whole(before) => entry(before, tx),
            Self::Growing(chains) => {
                let mut chains = lock(chains);
                chains.ask(vm, input, tx.get().saturating_add(1));
                entry(&chains.before, tx)
            }
        }
    }
}

fn entry(before: &[u32], tx: TxIndex) -> Option<TxIndex> {
    let before = before.get(tx.as_usize()).copied()?;
    before.checked_sub(1).map(TxIndex::new)
}

impl<K: Eq + Hash> Chains<K> {
    /// Asks the Vm about all transactions below `end` that it has not been asked about. A panic of the Vm is as good as
    /// no hint: the sequential mode, which does not ask, would not have it.
    fn ask<M: Vm<Key = K>>(&mut self, vm: &M, input: &Input<'_, M::Tx>, end: u32) {
        while self.asked < end {
            let ask = AssertUnwindSafe(|| self.ask_on(vm, input, end));
            if catch_unwind(ask).is_ok() {
                return;
            }
        }
    }

    /// The same until one panics.
    fn ask_on<M: Vm<Key = K>>(&mut self, vm: &M, input: &Input<'_, M::Tx>, end: u32) {
        let mut keys = Vec::new();
        for position in self.asked..end {
            let index = TxIndex::new(position);
            let Some(tx) = input.get(index) else { return };
            let named = position.saturating_add(1);
            self.asked = named;
            keys.clear();
            vm.hints(index, tx, &mut keys);
            let lower = keys
                .drain(..)
                .filter_map(|key| self.last.insert(key, named));
            // A transaction that names a key twice does not wait for itself.
            if let Some(latest) = lower.filter(|lower| *lower < named).max() {
                self.before.resize(index.as_usize(), 0);
                self.before.push(latest);
            }
        }
    }
}
