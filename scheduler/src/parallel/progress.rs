//! The counters that all workers look at: the frontier, the execution cursor, the window and the end.
//!
//! Invariant: the frontier only rises, and only the committer raises it. Everything below it is final. The cursor is never
//! below the frontier: every transaction is handed out once, to the worker that moves the cursor over it, and belongs to
//! that worker until it has run or was put back.

use std::ops::Range;

use super::eager::EAGER_FROM_THREADS;
use crate::sync::{AtomicBool, AtomicU32, Ordering};
use crate::types::TxIndex;

/// A value on cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Apart<T>(T);

/// At most so many transactions are handed out at once: short ones cost less that way, and of long ones no worker should
/// have many that others could run.
const BATCH_LIMIT: u32 = 4;
/// The window has room for so many batches of each worker.
const BATCHES_IN_WINDOW: u32 = 4;

const NO_SUSPECT: u32 = u32::MAX;

/// How far the run is.
#[derive(Debug)]
pub(crate) struct Progress {
    threads: u32,
    /// The lowest transaction that is not final. Stored by the committer before it looks at that transaction's status,
    /// loaded by workers after they stored a status; see `Status`.
    frontier: Apart<AtomicU32>,
    /// The next transaction to hand out.
    cursor: Apart<AtomicU32>,
    /// How far beyond the frontier the cursor may go.
    window: Apart<AtomicU32>,
    /// The lowest transaction that may have read too early; see `eager`. `NO_SUSPECT` if none is known.
    suspect: Apart<AtomicU32>,
    over: AtomicBool,
}

impl Progress {
    pub(crate) fn new(threads: u32, window: u32) -> Self {
        Self {
            threads,
            frontier: Apart(AtomicU32::new(0)),
            cursor: Apart(AtomicU32::new(0)),
            window: Apart(AtomicU32::new(window)),
            suspect: Apart(AtomicU32::new(NO_SUSPECT)),
            over: AtomicBool::new(false),
        }
    }

    #[inline]
    pub(crate) fn frontier(&self) -> TxIndex {
        TxIndex::new(self.frontier.0.load(Ordering::SeqCst))
    }

    /// The first transaction that was not handed out.
    #[inline]
    pub(crate) fn cursor(&self) -> TxIndex {
        TxIndex::new(self.cursor.0.load(Ordering::SeqCst))
    }

    /// Raises the frontier by one, with the window from now on. Only the committer may.
    #[inline]
    pub(crate) fn advance(&self, window: u32) {
        let next = self.frontier.0.load(Ordering::Relaxed).saturating_add(1);
        if self.window.0.load(Ordering::Relaxed) != window {
            self.window.0.store(window, Ordering::Relaxed);
        }
        self.frontier.0.store(next, Ordering::SeqCst);
    }

    /// Takes the next transactions, of which there are `total` so far, as far as the window lets it. What stands at the
    /// frontier is for the committer, who runs it in place; nobody else gets it.
    #[inline]
    pub(crate) fn take(&self, total: u32, committer: bool) -> Option<Range<u32>> {
        let mut cursor = self.cursor.0.load(Ordering::SeqCst);
        loop {
            let frontier = self.frontier.0.load(Ordering::SeqCst);
            if cursor <= frontier && !committer {
                return None;
            }
            let end = self.end_of_window(frontier, total);
            let end = end.min(cursor.saturating_add(self.batch()));
            if cursor >= end {
                return None;
            }
            match self.cursor.0.compare_exchange_weak(
                cursor,
                end,
                Ordering::SeqCst,
                Ordering::SeqCst,
            ) {
                Ok(_) => return Some(cursor..end),
                Err(now) => cursor = now,
            }
        }
    }

    /// Whether [`Self::take`] would give something to someone who is not the committer.
    #[inline]
    pub(crate) fn is_open(&self, total: u32) -> bool {
        let frontier = self.frontier.0.load(Ordering::SeqCst);
        let cursor = self.cursor.0.load(Ordering::SeqCst);
        cursor > frontier && cursor < self.end_of_window(frontier, total)
    }

    /// Notes that what stands above `tx` may have read what `tx` has changed.
    pub(crate) fn suspect_above(&self, tx: TxIndex) {
        if self.threads >= EAGER_FROM_THREADS {
            let lowest = tx.get().saturating_add(1);
            self.suspect.0.fetch_min(lowest, Ordering::SeqCst);
        }
    }

    /// Whether [`Self::next_suspect`] would give something.
    #[inline]
    pub(crate) fn has_suspects(&self) -> bool {
        let suspect = self.suspect.0.load(Ordering::SeqCst);
        suspect != NO_SUSPECT && suspect < self.cursor.0.load(Ordering::SeqCst)
    }

    /// The next transaction to validate behind the frontier. Nobody above the cursor has read anything yet.
    #[inline]
    pub(crate) fn next_suspect(&self) -> Option<TxIndex> {
        while self.has_suspects() {
            let suspect = self.suspect.0.load(Ordering::SeqCst);
            let next = suspect.max(self.frontier.0.load(Ordering::SeqCst).saturating_add(1));
            let last = next >= self.cursor.0.load(Ordering::SeqCst);
            let after = if last {
                NO_SUSPECT
            } else {
                next.saturating_add(1)
            };
            let taken =
                self.suspect
                    .0
                    .compare_exchange(suspect, after, Ordering::SeqCst, Ordering::SeqCst);
            if taken.is_ok() && !last {
                return Some(TxIndex::new(next));
            }
        }
        None
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

    /// The first transaction that may not be handed out yet.
    fn end_of_window(&self, frontier: u32, total: u32) -> u32 {
        let window = self.window.0.load(Ordering::Relaxed);
        frontier.saturating_add(window).saturating_add(1).min(total)
    }

    /// How many transactions are handed out at once: fewer when the window is narrow, for then what is run further ahead
    /// is likelier to have read too early.
    fn batch(&self) -> u32 {
        let window = self.window.0.load(Ordering::Relaxed);
        let batches = self.threads.saturating_mul(BATCHES_IN_WINDOW);
        window
            .checked_div(batches)
            .unwrap_or(1)
            .clamp(1, BATCH_LIMIT)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::Progress;

    fn drain(progress: &Progress, total: u32, committer: bool) -> Vec<u32> {
        std::iter::from_fn(|| progress.take(total, committer))
            .flatten()
            .collect()
    }

    #[test]
    fn the_cursor_stays_within_the_window_and_the_block() {
        let progress = Progress::new(1, 3);
        assert_eq!(
            drain(&progress, 10, false),
            [],
            "the frontier is the committer's"
        );
        assert!(!progress.is_open(10));
        assert_eq!(progress.take(10, true), Some(0..1));
        assert!(progress.is_open(10));
        assert_eq!(drain(&progress, 10, false), [1, 2, 3]);
        assert!(!progress.is_open(10));
        progress.advance(3);
        assert_eq!(drain(&progress, 10, false), [4]);
        progress.advance(0);
        assert_eq!(drain(&progress, 10, true), []);
        for _ in 0..3 {
            progress.advance(0);
        }
        assert_eq!(drain(&progress, 10, true), [5]);
        progress.advance(8);
        assert_eq!(drain(&progress, 8, true), [6, 7], "no more are there");
        assert_eq!(drain(&progress, 10, false), [8, 9]);
        assert!(!progress.is_open(10));
    }

    #[test]
    fn a_wide_window_hands_out_several_at_once() {
        let progress = Progress::new(2, 32);
        assert_eq!(progress.take(100, true), Some(0..4));
        assert_eq!(progress.take(100, false), Some(4..8));
        progress.advance(6);
        assert_eq!(progress.take(100, false), None);
        progress.advance(8);
        assert_eq!(progress.take(100, false), Some(8..9), "a narrow one, one");
    }
}
