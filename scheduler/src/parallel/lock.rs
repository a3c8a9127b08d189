//! A lock for sections of a few instructions.
//!
//! A transaction takes such a lock at every access to a key, and hardly ever meets anyone there. So the lock is one word
//! beside what it protects, costs one atomic exchange, and is released by a plain store. Whoever finds it taken spins a
//! little and then yields its core, for the owner may have been descheduled.
//!
//! Invariant: at most one [`Guard`] of a lock lives at a time. A panic releases it; what it protected is then whatever the
//! panic left.
#![expect(
    unsafe_code,
    reason = "a lock hands out what it protects; std's costs twice the atomic operations"
)]

use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::sync::{AtomicBool, Ordering, UnsafeCell, spin_loop, yield_now};

/// It is looked at so often before the core is yielded.
const LOOKS: u32 = 64;

/// What one thread at a time may touch.
#[derive(Default)]
pub(crate) struct Lock<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through a guard alone, of which there is one at a time; a guard on another thread moves
// access to the value there, which `T: Send` allows.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            taken: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// Waits until nobody else has it.
    #[inline]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        // Acquire pairs with the release in `Guard::drop`.
        if self.taken.swap(true, Ordering::Acquire) {
            self.wait();
        }
        Guard { lock: self }
    }

    /// Takes it if nobody has it.
    #[inline]
    pub(crate) fn try_lock(&self) -> Option<Guard<'_, T>> {
        // Acquire as in `lock`.
        let taken = self.is_taken() || self.taken.swap(true, Ordering::Acquire);
        // Only then is there a guard, whose end would release it.
        (!taken).then(|| Guard { lock: self })
    }

    /// Whether someone has it at the moment.
    #[inline]
    pub(crate) fn is_taken(&self) -> bool {
        self.taken.load(Ordering::SeqCst)
    }

    /// What it protects; nobody else can have it.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    #[cold]
    fn wait(&self) {
        loop {
            for _ in 0..LOOKS {
                // Acquire as in `lock`; looking first keeps the line shared while it is taken.
                if !self.taken.load(Ordering::Relaxed) && !self.taken.swap(true, Ordering::Acquire)
                {
                    return;
                }
                spin_loop();
            }
            yield_now();
        }
    }
}

impl<T> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").finish_non_exhaustive()
    }
}

/// Access to what a lock protects, until it is dropped.
pub(crate) struct Guard<'a, T> {
    lock: &'a Lock<T>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard is the only one, so no exclusive reference to the value exists.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the only one and is borrowed exclusively, so no other reference to the value exists.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // Release pairs with the acquire of whoever takes the lock next.
        self.lock.taken.store(false, Ordering::Release);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;

    use super::Lock;

    #[test]
    fn one_thread_at_a_time_has_it() {
        let lock = Lock::new((0_u32, 0_u32));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        let mut pair = lock.lock();
                        pair.0 += 1;
                        pair.1 += 1;
                        assert_eq!(pair.0, pair.1);
                    }
                });
            }
        });
        assert_eq!(*lock.lock(), (40_000, 40_000));
    }

    #[test]
    fn a_panic_releases_it() {
        let mut lock = Lock::new(1);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _guard = lock.lock();
            panic!("while it is taken");
        }));
        assert!(panicked.is_err());
        *lock.lock() += 1;
        assert_eq!(*lock.get_mut(), 2);
        let guard = lock.try_lock();
        assert!(guard.is_some() && lock.is_taken());
        assert!(lock.try_lock().is_none());
        assert!(lock.is_taken(), "who does not get it does not release it");
    }
}
