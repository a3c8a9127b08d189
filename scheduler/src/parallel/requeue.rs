//! Transactions that were blocked and may run again, lowest first; and whether any are blocked now.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::sync::{AtomicUsize, Mutex, Ordering, lock};
use crate::types::TxIndex;

/// The queue. An entry is a hint that its transaction is ready; the status decides.
#[derive(Debug, Default)]
pub(crate) struct Requeue {
    /// How many entries there are: looked at without the lock, since there are hardly ever any. Stored under the lock;
    /// sequentially consistent because a worker that is about to sleep looks here after it has counted itself asleep.
    length: AtomicUsize,
    heap: Mutex<BinaryHeap<Reverse<TxIndex>>>,
    /// How many transactions wait behind another, or are about to.
    ///
    /// A waiter counts itself and then looks where the frontier is; the committer raises the frontier and then looks here.
    /// All four are sequentially consistent, so that the committer only needs the list when it has entries.
    blocked: AtomicUsize,
}

impl Requeue {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.length.load(Ordering::SeqCst) == 0
    }

    /// A transaction is about to wait; called before it looks whether it has to.
    pub(crate) fn block(&self) {
        self.blocked.fetch_add(1, Ordering::SeqCst);
    }

    /// So many transactions wait no more.
    pub(crate) fn unblock(&self, count: usize) {
        self.blocked.fetch_sub(count, Ordering::SeqCst);
    }

    /// Whether any transaction may be waiting.
    #[inline]
    pub(crate) fn has_blocked(&self) -> bool {
        self.blocked.load(Ordering::SeqCst) > 0
    }

    pub(crate) fn push(&self, tx: TxIndex) {
        let mut heap = lock(&self.heap);
        heap.push(Reverse(tx));
        self.length.store(heap.len(), Ordering::SeqCst);
    }

    pub(crate) fn pop(&self) -> Option<TxIndex> {
        if self.is_empty() {
            return None;
        }
        let mut heap = lock(&self.heap);
        let lowest = heap.pop();
        self.length.store(heap.len(), Ordering::SeqCst);
        lowest.map(|Reverse(tx)| tx)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::Requeue;
    use crate::types::TxIndex;

    #[test]
    fn the_lowest_comes_first() {
        let queue = Requeue::default();
        assert!(queue.pop().is_none());
        for tx in [5, 1, 3] {
            queue.push(TxIndex::new(tx));
        }
        let order: Vec<u32> = std::iter::from_fn(|| queue.pop())
            .map(TxIndex::get)
            .collect();
        assert_eq!(order, [1, 3, 5]);
        assert!(queue.is_empty());
    }
}
