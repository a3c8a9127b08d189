//! The counters that all workers look at: the frontier, the execution cursor, the window and the end.
//!
//! Invariant: the frontier only rises, and only the committer raises it. Everything below it is final.

use super::sync::{AtomicBool, AtomicU32, Ordering};
use crate::types::TxIndex;

/// A value on cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Apart<T>(T);

/// How far the run is.
#[derive(Debug)]
pub(crate) struct Progress {
    total: u32,
    /// The lowest transaction that is not final. Stored by the committer before it looks at that transaction's status,
    /// loaded by workers after they stored a status; see `Status`.
    frontier: Apart<AtomicU32>,
    /// The next transaction to run ahead.
    cursor: Apart<AtomicU32>,
    /// How far beyond the frontier the cursor may go.
    window: Apart<AtomicU32>,
    over: AtomicBool,
    /// Whether someone is the committer; see `Run::commit`.
    committing: Apart<AtomicBool>,
}

impl Progress {
    pub(crate) fn new(total: u32, window: u32) -> Self {
        Self {
            total,
            frontier: Apart(AtomicU32::new(0)),
            cursor: Apart(AtomicU32::new(0)),
            window: Apart(AtomicU32::new(window)),
            over: AtomicBool::new(total == 0),
            committing: Apart(AtomicBool::new(false)),
        }
    }

    #[inline]
    pub(crate) fn frontier(&self) -> TxIndex {
        TxIndex::new(self.frontier.0.load(Ordering::SeqCst))
    }

    /// Raises the frontier by one, with the window from now on; `true` when the block is done. Only the committer may.
    #[inline]
    pub(crate) fn advance(&self, window: u32) -> bool {
        let next = self.frontier.0.load(Ordering::Relaxed) + 1;
        if self.window.0.load(Ordering::Relaxed) != window {
            self.window.0.store(window, Ordering::Relaxed);
        }
        self.frontier.0.store(next, Ordering::SeqCst);
        next == self.total
    }

    /// Takes the next transaction to run ahead, if the window lets it. It may go beyond by as many as there are threads.
    #[inline]
    pub(crate) fn take(&self) -> Option<TxIndex> {
        loop {
            let frontier = self.frontier.0.load(Ordering::SeqCst);
            let cursor = self.cursor.0.load(Ordering::SeqCst);
            if cursor <= frontier {
                // The committer runs what stands at the frontier.
                self.cursor.0.fetch_max(frontier + 1, Ordering::SeqCst);
                if frontier >= self.total {
                    return None;
                }
                continue;
            }
            if cursor > self.last_ahead(frontier) {
                return None;
            }
            let taken = self.cursor.0.fetch_add(1, Ordering::SeqCst);
            return (taken < self.total).then(|| TxIndex::new(taken));
        }
    }

    /// Whether [`Self::take`] would give something.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        let frontier = self.frontier.0.load(Ordering::SeqCst);
        let cursor = self.cursor.0.load(Ordering::SeqCst);
        cursor.max(frontier + 1) <= self.last_ahead(frontier)
    }

    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        // Pairs with the store in `end`; acquires whatever ended the run.
        self.over.load(Ordering::Acquire)
    }

    /// Ends the run. Whoever calls it wakes the sleepers.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// Whether someone is the committer and will look at the frontier before it rests.
    #[inline]
    pub(crate) fn is_committing(&self) -> bool {
        self.committing.0.load(Ordering::SeqCst)
    }

    /// Set by the committer after it got the lock, cleared before it gives the lock back and looks again.
    #[inline]
    pub(crate) fn set_committing(&self, committing: bool) {
        self.committing.0.store(committing, Ordering::Relaxed);
    }

    /// The last transaction that may be run ahead.
    fn last_ahead(&self, frontier: u32) -> u32 {
        let last = self.total.saturating_sub(1);
        frontier
            .saturating_add(self.window.0.load(Ordering::Relaxed))
            .min(last)
    }
}

#[cfg(test)]
mod tests {
    use super::Progress;
    use crate::types::TxIndex;

    fn drain(progress: &Progress) -> Vec<u32> {
        std::iter::from_fn(|| progress.take())
            .map(TxIndex::get)
            .collect()
    }

    #[test]
    fn the_cursor_stays_within_the_window_and_the_block() {
        let progress = Progress::new(10, 3);
        assert!(progress.is_open());
        assert_eq!(drain(&progress), [1, 2, 3]);
        assert!(!progress.is_open());
        assert!(!progress.advance(3));
        assert_eq!(drain(&progress), [4]);
        assert!(!progress.advance(0));
        assert_eq!(drain(&progress), []);
        for _ in 0..5 {
            assert!(!progress.advance(0));
        }
        assert!(!progress.advance(8));
        assert_eq!(drain(&progress), [9]);
        assert!(!progress.advance(8));
        assert!(progress.advance(8));
        assert_eq!(drain(&progress), []);
    }
}
