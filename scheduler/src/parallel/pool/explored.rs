//! The executor's threads as shuttle has them: one for each loop, from the beginning of a run to its end.

use std::cell::Cell;

use shuttle::thread::scope;

use crate::error::ConfigError;
use crate::sync::{Mutex, MutexGuard, lock};

shuttle::thread_local! {
    static INSIDE: Cell<bool> = Cell::new(false);
}

pub(crate) fn inside_worker() -> bool {
    INSIDE.with(Cell::get)
}

#[derive(Debug)]
pub(crate) struct Pool {
    threads: usize,
    turn: Mutex<()>,
}

impl Pool {
    #[expect(
        clippy::unnecessary_wraps,
        reason = "real threads may not be had; these always are"
    )]
    pub(crate) fn new(threads: usize) -> Result<Self, ConfigError> {
        Ok(Self {
            threads,
            turn: Mutex::new(()),
        })
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "no caller here is a thread of rayon's"
    )]
    pub(crate) fn turn(&self) -> Option<Turn<'_>> {
        Some(Turn {
            threads: self.threads,
            _guard: lock(&self.turn),
        })
    }
}

#[derive(Debug)]
pub(crate) struct Turn<'a> {
    threads: usize,
    _guard: MutexGuard<'a, ()>,
}

impl Turn<'_> {
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    pub(crate) fn broadcast(&self, work: impl Fn(usize) + Sync) {
        let work = &work;
        scope(|scope| {
            for worker in 0..self.threads {
                scope.spawn(move || {
                    INSIDE.with(|inside| inside.set(true));
                    work(worker);
                });
            }
        });
    }
}
