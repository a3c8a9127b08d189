//! What happened to each transaction of a run, for those who want to know what serialises their blocks.

use std::collections::BTreeMap;
use std::fmt;

use crate::types::TxIndex;

/// Collects what happened to the transactions of a run, in the order of their commits.
///
/// A run without a trace pays nothing for it. Times are ticks of whatever clock the caller supplies; the clock is read once
/// per commit, on the thread that commits.
pub struct Trace<K> {
    clock: Box<dyn Fn() -> u64 + Send>,
    transactions: Vec<TxTrace<K>>,
}

/// What happened to one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TxTrace<K> {
    /// Which one.
    pub index: TxIndex,
    /// How many times it was run: one more than its last [`Incarnation`](crate::Incarnation).
    pub runs: u32,
    /// The last key that made a result of it worthless: it had read something there that was no longer so.
    pub conflict: Option<K>,
    /// How many times it was put back for a lower transaction that was about to write what it read, or that a hint named.
    pub waits: u32,
    /// The key that it had read when it was put there last; none where a hint did it.
    pub waited_on: Option<K>,
    /// When the sink was given its output, in ticks.
    pub committed_at: u64,
}

impl<K> Trace<K> {
    /// An empty trace with times by `clock`.
    pub fn new(clock: impl Fn() -> u64 + Send + 'static) -> Self {
        Self {
            clock: Box::new(clock),
            transactions: Vec::new(),
        }
    }

    /// The transactions that the sink was given, in order.
    #[must_use]
    pub fn transactions(&self) -> &[TxTrace<K>] {
        &self.transactions
    }

    /// Takes note of a commit, now.
    pub(crate) fn committed(&mut self, traced: TxTrace<K>) {
        self.transactions.push(TxTrace {
            committed_at: (self.clock)(),
            ..traced
        });
    }
}

impl<K: Clone + Ord> Trace<K> {
    /// The keys on which most transactions had conflicts or waited, with how many did, most first, at most `most` of them.
    #[must_use]
    pub fn hottest(&self, most: usize) -> Vec<(K, usize)> {
        let mut counts: BTreeMap<&K, usize> = BTreeMap::new();
        for traced in &self.transactions {
            let waited_on = traced.waited_on.as_ref();
            // A transaction that met another twice on one key counts once.
            let other = waited_on.filter(|key| Some(*key) != traced.conflict.as_ref());
            for key in traced.conflict.iter().chain(other) {
                let count = counts.entry(key).or_default();
                *count = count.saturating_add(1);
            }
        }
        let mut hottest: Vec<(K, usize)> = counts
            .into_iter()
            .map(|(key, count)| (key.clone(), count))
            .collect();
        // Stable, so that equally hot keys stay in their order.
        hottest.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        hottest.truncate(most);
        hottest
    }
}

impl<K: fmt::Debug> fmt::Debug for Trace<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace")
            .field("transactions", &self.transactions)
            .finish_non_exhaustive()
    }
}
