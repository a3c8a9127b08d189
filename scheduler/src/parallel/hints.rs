//! What the Vm foretells: which transaction should wait for which, so that predictable conflicts never come to be.
//!
//! Invariant: a hint decides only when a transaction is run ahead. It waits for a lower one that is alive, and at the
//! frontier it waits for nobody; so a wrong hint costs time and nothing else.

use std::collections::HashMap;

use foldhash::quality::RandomState;

use crate::types::TxIndex;
use crate::vm::Vm;

/// For each transaction the last lower one that names one of its keys.
#[derive(Debug)]
pub(crate) struct Hints {
    /// One more than its position, 0 for none; empty if the Vm has no hints at all.
    before: Vec<u32>,
}

impl Hints {
    /// Asks the Vm about every transaction; `txs` has no more of them than there are indices.
    pub(crate) fn of<M: Vm>(vm: &M, txs: &[M::Tx]) -> Self {
        let mut before = Vec::new();
        let mut last: HashMap<M::Key, u32, RandomState> = HashMap::default();
        let mut keys = Vec::new();
        for (position, tx) in (0_u32..).zip(txs) {
            keys.clear();
            vm.hints(TxIndex::new(position), tx, &mut keys);
            if keys.is_empty() {
                continue;
            }
            let named = position.saturating_add(1);
            let lower = keys.drain(..).filter_map(|key| last.insert(key, named));
            // A transaction that names a key twice does not wait for itself.
            let latest = lower.filter(|lower| *lower < named).max();
            if let Some(latest) = latest {
                before.resize(txs.len(), 0);
                if let Some(entry) = before.get_mut(position as usize) {
                    *entry = latest;
                }
            }
        }
        Self { before }
    }

    /// The transaction that `tx` should wait for.
    #[inline]
    pub(crate) fn before(&self, tx: TxIndex) -> Option<TxIndex> {
        let before = self.before.get(tx.as_usize()).copied()?;
        before.checked_sub(1).map(TxIndex::new)
    }
}
