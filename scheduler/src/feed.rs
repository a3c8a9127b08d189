//! Transactions that come while their block is already being run.

use std::fmt;
use std::sync::Arc;

use crate::executor::TRANSACTION_LIMIT;
use crate::idle::Idle;
use crate::sync::{AtomicBool, AtomicU32, OnceLock, Ordering};
use crate::table::Table;
use crate::types::TxIndex;

/// Makes the two ends of a block that is run while it is still growing, to at most `limit` transactions. They stay in
/// memory until the run has ended.
///
/// ```
/// # use std::collections::BTreeMap;
/// # use ordlane_scheduler::{Config, Executor, Flow, NoDelta, Options, Stop, TxIndex, View, Vm, feed};
/// # struct Count;
/// # impl Vm for Count {
/// #     type Key = u8;
/// #     type Value = u64;
/// #     type Delta = NoDelta;
/// #     type Tx = u64;
/// #     type Output = u64;
/// #     type Worker = ();
/// #     fn worker(&self) {}
/// #     fn execute<V>(&self, (): &mut (), _: TxIndex, tx: &u64, view: &mut V) -> Result<u64, Stop>
/// #     where
/// #         V: View<Key = u8, Value = u64>,
/// #     {
/// #         let sum = view.read(&0)?.unwrap_or(0) + tx;
/// #         view.write(0, sum);
/// #         Ok(sum)
/// #     }
/// # }
/// let (mut feeder, block) = feed(1_000);
/// let producer = std::thread::spawn(move || (1..=100).all(|tx| feeder.push(tx).is_ok()));
/// let executor = Executor::new(Config { threads: 2, ..Config::default() })?;
/// let mut last = 0;
/// let mut sink = |_: TxIndex, sum: u64, _: &[(u8, Option<u64>)]| {
///     last = sum;
///     Flow::Continue
/// };
/// executor.run_feed(&Count, &BTreeMap::new(), block, &mut sink, Options::default())?;
/// assert_eq!(last, 5_050);
/// # assert!(producer.join().unwrap());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn feed<T>(limit: usize) -> (Feeder<T>, Feed<T>) {
    let shared = Arc::new(Shared {
        transactions: Table::new(),
        total: AtomicU32::new(0),
        complete: AtomicBool::new(false),
        ended: AtomicBool::new(false),
        idle: Idle::default(),
    });
    let limit = limit.min(TRANSACTION_LIMIT);
    let feeder = Feeder {
        shared: Arc::clone(&shared),
        limit: u32::try_from(limit).unwrap_or(u32::MAX),
    };
    (feeder, Feed { shared })
}

/// The end that transactions are put into. The block is complete when this is dropped.
pub struct Feeder<T> {
    shared: Arc<Shared<T>>,
    limit: u32,
}

/// The end that is run.
pub struct Feed<T> {
    shared: Arc<Shared<T>>,
}

/// Why a transaction was not taken; it comes back.
#[derive(Debug, thiserror::Error)]
pub enum PushError<T> {
    /// The run has ended, or will never begin.
    #[error("nobody runs this block any more")]
    Ended(T),
    /// The block is as long as it may become.
    #[error("the block has as many transactions as it may have")]
    Full(T),
}

/// What both ends have.
struct Shared<T> {
    transactions: Table<OnceLock<T>>,
    /// How many there are. Stored by the feeder after the transaction is in its place.
    total: AtomicU32,
    /// No more will come.
    complete: AtomicBool,
    /// No more are wanted.
    ended: AtomicBool,
    /// Where those sleep who want more.
    idle: Idle,
}

impl<T> Feeder<T> {
    /// Puts the next transaction of the block behind the others.
    ///
    /// # Errors
    /// [`PushError`]: it was not taken.
    pub fn push(&mut self, tx: T) -> Result<(), PushError<T>> {
        if self.shared.ended.load(Ordering::Relaxed) {
            return Err(PushError::Ended(tx));
        }
        // Only this end stores it, and only from here.
        let total = self.shared.total.load(Ordering::Relaxed);
        if total >= self.limit {
            return Err(PushError::Full(tx));
        }
        let place = self.shared.transactions.at(TxIndex::new(total).as_usize());
        // The place is empty: every one is filled once.
        let _ = place.set(tx);
        let next = total.saturating_add(1);
        self.shared.total.store(next, Ordering::SeqCst);
        self.shared.idle.ring(|| true);
        Ok(())
    }
}

impl<T> Drop for Feeder<T> {
    fn drop(&mut self) {
        self.shared.complete.store(true, Ordering::SeqCst);
        self.shared.idle.ring_all();
    }
}

impl<T> Feed<T> {
    /// Where to sleep until more transactions come.
    pub(crate) fn idle(&self) -> &Idle {
        &self.shared.idle
    }

    /// How many transactions there are so far.
    #[inline]
    pub(crate) fn total(&self) -> u32 {
        self.shared.total.load(Ordering::SeqCst)
    }

    /// Whether no more will come.
    #[inline]
    pub(crate) fn is_complete(&self) -> bool {
        self.shared.complete.load(Ordering::SeqCst)
    }

    /// One that is there.
    #[inline]
    pub(crate) fn get(&self, tx: TxIndex) -> Option<&T> {
        self.shared.transactions.at(tx.as_usize()).get()
    }
}

impl<T> Drop for Feed<T> {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
    }
}

impl<T> fmt::Debug for Feeder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feeder")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Feed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("total", &self.total())
            .finish_non_exhaustive()
    }
}
