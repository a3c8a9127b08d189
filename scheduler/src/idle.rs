//! What a worker does that finds no work: spin a little, yield a little, sleep until the bell rings.
//!
//! Invariant: no worker sleeps past work. A sleeper counts itself first and then looks for work once more; whoever makes
//! work does so first and then looks for sleepers. All of these accesses are sequentially consistent, so that one of them
//! sees the other; and the bell rings under the lock that a sleeper holds until it waits.

use std::sync::PoisonError;
use std::time::Duration;

use crate::faults::{Fault, planted};
use crate::sync::{
    AtomicUsize, Condvar, EXPLORED, Mutex, Ordering, fence, lock, spin_loop, wait_timeout,
    yield_now,
};

/// A worker looks for work so many times before it yields its core, with some pauses between two looks.
const LOOKS: u32 = if EXPLORED { 0 } else { 200 };
const PAUSES: u32 = 8;
/// It yields so many times before it sleeps.
const YIELDS: u32 = if EXPLORED { 1 } else { 4 };
/// Where nobody rings for what a sleeper waits for, it looks so often.
const NAP: Duration = Duration::from_millis(5);

/// The place where workers sleep.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    /// Sleepers that nobody has rung for yet. Stored under the lock.
    unrung: AtomicUsize,
    /// Rings that no sleeper has taken yet.
    rings: Mutex<usize>,
    bell: Condvar,
}

impl Idle {
    /// Returns when there is work, or sooner. `rings` says that whoever makes work rings for it, whatever the work; else
    /// the sleeper looks now and then.
    pub(crate) fn wait(&self, rings: bool, has_work: impl Fn() -> bool) {
        for _ in 0..LOOKS {
            if has_work() {
                return;
            }
            for _ in 0..PAUSES {
                spin_loop();
            }
        }
        for _ in 0..YIELDS {
            yield_now();
            if has_work() {
                return;
            }
        }
        self.sleep(rings, has_work);
    }

    fn sleep(&self, rung: bool, has_work: impl Fn() -> bool) {
        let mut rings = lock(&self.rings);
        self.unrung.fetch_add(1, Ordering::SeqCst);
        // Pairs with the load in `ring`.
        fence(Ordering::SeqCst);
        if !planted(Fault::SleepAtOnce) && has_work() {
            self.unrung.fetch_sub(1, Ordering::SeqCst);
            return;
        }
        while *rings == 0 {
            if rung {
                let woken = self.bell.wait(rings);
                rings = woken.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            rings = wait_timeout(&self.bell, &self.rings, rings, NAP);
            if *rings == 0 && has_work() {
                self.unrung.fetch_sub(1, Ordering::SeqCst);
                return;
            }
        }
        *rings = rings.saturating_sub(1);
    }

    /// Whether anyone sleeps that nobody has rung for; a guess.
    #[cfg(feature = "rayon")]
    #[inline]
    pub(crate) fn has_sleepers(&self) -> bool {
        self.unrung.load(Ordering::Relaxed) > 0
    }

    /// Wakes one sleeper if there is one and `has_work` agrees. Call it after making work.
    #[inline]
    pub(crate) fn ring(&self, has_work: impl Fn() -> bool) {
        // What makes work is stored sequentially consistently, so is the count of sleepers, and this load is, too: either
        // it sees the sleeper, or the sleeper, who loads after it has counted itself, sees the work.
        if self.unrung.load(Ordering::SeqCst) > 0 && has_work() {
            self.wake(1);
        }
    }

    /// Wakes all.
    pub(crate) fn ring_all(&self) {
        self.wake(usize::MAX);
    }

    fn wake(&self, most: usize) {
        let mut rings = lock(&self.rings);
        let woken = self.unrung.load(Ordering::SeqCst).min(most);
        self.unrung.fetch_sub(woken, Ordering::SeqCst);
        *rings = rings.saturating_add(woken);
        if woken > 1 {
            self.bell.notify_all();
        } else if woken == 1 {
            self.bell.notify_one();
        }
    }
}
