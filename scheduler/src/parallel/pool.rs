//! The executor's own threads.
//!
//! The pool runs worker loops and nothing else of ours, but a Vm that uses rayon puts jobs of its own into it. A thread that
//! stole a part of such a job, waited there and then entered a loop on top of it would never come back to finish the part,
//! and the Vm would wait for ever. Therefore:
//!
//! - Invariant: while any Vm runs, every thread of the pool is inside the loop of the same run. A loop begins and ends with
//!   a barrier for all threads, and one run at a time has the pool. So nobody steals a part to enter a loop on top of it.
//! - A thread that is inside a loop is marked, and a run started there is refused instead of waiting for it.

use std::cell::Cell;
use std::sync::{Barrier, TryLockError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::ConfigError;
use crate::sync::{Mutex, MutexGuard, lock};

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread is inside a worker loop.
pub(crate) fn inside_worker() -> bool {
    INSIDE.get()
}

/// The threads.
#[derive(Debug)]
pub(crate) struct Pool {
    threads: ThreadPool,
    turn: Mutex<()>,
}

impl Pool {
    pub(crate) fn new(threads: usize) -> Result<Self, ConfigError> {
        let threads = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("ordlane-{index}"))
            .build()
            .map_err(|error| ConfigError::ThreadPool(Box::new(error)))?;
        Ok(Self {
            threads,
            turn: Mutex::new(()),
        })
    }

    /// Waits until the threads are free. A caller that is a thread of some rayon pool does not wait and may get nothing:
    /// it may stand on top of the very run that has the threads, having stolen a job while it waited for that.
    pub(crate) fn turn(&self) -> Option<Turn<'_>> {
        let guard = if rayon::current_thread_index().is_none() {
            lock(&self.turn)
        } else {
            match self.turn.try_lock() {
                Ok(guard) => guard,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return None,
            }
        };
        Some(Turn {
            threads: &self.threads,
            _guard: guard,
        })
    }
}

/// The threads while one run has them.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    threads: &'a ThreadPool,
    _guard: MutexGuard<'a, ()>,
}

impl Turn<'_> {
    pub(crate) fn threads(&self) -> usize {
        self.threads.current_num_threads()
    }

    /// Calls `work`, which must not panic, once on every thread, and returns when all calls have.
    pub(crate) fn broadcast(&self, work: impl Fn() + Sync) {
        let (all_in, all_done) = (Barrier::new(self.threads()), Barrier::new(self.threads()));
        self.threads.broadcast(|_| {
            let _mark = Mark::set();
            all_in.wait();
            work();
            all_done.wait();
        });
    }
}

/// Marks the thread until it is dropped.
struct Mark;

impl Mark {
    fn set() -> Self {
        INSIDE.set(true);
        Self
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        INSIDE.set(false);
    }
}
