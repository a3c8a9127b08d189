//! The executor's own threads.
//!
//! Invariant: the pool runs worker loops and nothing else, so no worker steals a job that waits for the worker's own
//! transaction. A thread that is inside a loop is marked, so that a run started there is refused instead of waiting for it.

use std::cell::Cell;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::ConfigError;

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
}

impl Pool {
    pub(crate) fn new(threads: usize) -> Result<Self, ConfigError> {
        let threads = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("ordlane-{index}"))
            .build()
            .map_err(|error| ConfigError::ThreadPool(Box::new(error)))?;
        Ok(Self { threads })
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads.current_num_threads()
    }

    /// Calls `work` once on every thread and returns when all calls have.
    pub(crate) fn broadcast(&self, work: impl Fn() + Sync) {
        self.threads.broadcast(|_| {
            let _mark = Mark::set();
            work();
        });
    }
}

/// Marks the thread, and gives back its earlier mark at the end: a Vm that uses rayon may take a second loop on top.
struct Mark {
    before: bool,
}

impl Mark {
    fn set() -> Self {
        Self {
            before: INSIDE.replace(true),
        }
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        INSIDE.set(self.before);
    }
}
