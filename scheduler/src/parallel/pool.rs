//! The executor's own threads.
//!
//! A run has the caller's thread and those of a pool, one fewer than the executor has threads: the caller would otherwise
//! sleep while they work, and waking one more is dearer than it looks.
//!
//! The pool runs worker loops and nothing else of ours, but a Vm that uses rayon puts jobs of its own into it. A thread that
//! stole a part of such a job, waited there and then entered a loop on top of it would never come back to finish the part,
//! and the Vm would wait for ever. Therefore:
//!
//! - Invariant: while any Vm runs, every thread of the pool is inside the loop of the same run. A loop begins and ends with
//!   a barrier for all workers, and one run at a time has the pool. So nobody steals a part to enter a loop on top of it.
//! - A caller that is a thread of some rayon pool takes no part, since in the middle of a Vm's job it might steal from its
//!   own pool; the run then has one worker fewer. Where it would have none, the caller is the only one, and nobody waits.
//! - A thread that is inside a loop is marked, and a run started there is refused instead of waiting for it.

use std::cell::Cell;
use std::sync::{Barrier, TryLockError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::ConfigError;
use crate::sync::{Mutex, MutexGuard, lock};

/// The stack of each thread of the pool, whatever the environment says: 4 MiB. A Vm that nests calls needs some.
const WORKER_STACK_BYTES: usize = 4 * 1024 * 1024;

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
    /// None if the caller's is the only one.
    others: Option<ThreadPool>,
    turn: Mutex<()>,
}

impl Pool {
    /// For so many threads with the caller's.
    pub(crate) fn new(threads: usize) -> Result<Self, ConfigError> {
        let others = match threads.saturating_sub(1) {
            0 => None,
            others => Some(
                ThreadPoolBuilder::new()
                    .num_threads(others)
                    .stack_size(WORKER_STACK_BYTES)
                    .thread_name(|index| format!("ordlane-{index}"))
                    .build()
                    .map_err(|error| ConfigError::ThreadPool(Box::new(error)))?,
            ),
        };
        Ok(Self {
            others,
            turn: Mutex::new(()),
        })
    }

    /// Waits until the threads are free. A caller that is a thread of some rayon pool does not wait and may get nothing:
    /// it may stand on top of the very run that has the threads, having stolen a job while it waited for that.
    pub(crate) fn turn(&self) -> Option<Turn<'_>> {
        let is_rayons = rayon::current_thread_index().is_some();
        let guard = if is_rayons {
            match self.turn.try_lock() {
                Ok(guard) => guard,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return None,
            }
        } else {
            lock(&self.turn)
        };
        Some(Turn {
            others: self.others.as_ref(),
            with_caller: !is_rayons || self.others.is_none(),
            _guard: guard,
        })
    }
}

/// The threads while one run has them.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    others: Option<&'a ThreadPool>,
    with_caller: bool,
    _guard: MutexGuard<'a, ()>,
}

impl Turn<'_> {
    /// How many workers there are.
    pub(crate) fn threads(&self) -> usize {
        let others = self.others.map_or(0, ThreadPool::current_num_threads);
        others.saturating_add(usize::from(self.with_caller))
    }

    /// Calls `work`, which must not panic, once on every thread with its number, and returns when all calls have.
    pub(crate) fn broadcast(&self, work: impl Fn(usize) + Sync) {
        let (all_in, all_done) = (Barrier::new(self.threads()), Barrier::new(self.threads()));
        let enter = |worker| {
            let _mark = Mark::set();
            all_in.wait();
            work(worker);
            all_done.wait();
        };
        match self.others {
            None => enter(0),
            Some(others) if self.with_caller => others.in_place_scope(|scope| {
                scope.spawn_broadcast(|_, context| enter(context.index().saturating_add(1)));
                enter(0);
            }),
            Some(others) => {
                others.broadcast(|context| enter(context.index()));
            }
        }
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
