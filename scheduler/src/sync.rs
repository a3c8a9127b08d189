//! The synchronisation primitives that the protocol stands on, in one place, so that a model checker can take their place.

pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, OnceLock};

pub(crate) use std::hint::spin_loop;
pub(crate) use std::thread::yield_now;

use std::sync::PoisonError;

/// Locks. A poisoned lock is taken as it is: whoever panicked has ended the run, so nothing more comes of its content.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
