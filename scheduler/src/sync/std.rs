//! The real ones.

#[cfg(feature = "rayon")]
pub(crate) use std::cell::UnsafeCell;
pub(crate) use std::hint::spin_loop;
#[cfg(feature = "rayon")]
pub(crate) use std::sync::atomic::AtomicU64;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, fence};
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
pub(crate) use std::thread::yield_now;

use std::sync::PoisonError;
use std::time::Duration;

/// Waits for the bell, but not longer than `longest`. `mutex` is what `guard` has locked.
pub(crate) fn wait_timeout<'a, T>(
    bell: &Condvar,
    _mutex: &'a Mutex<T>,
    guard: MutexGuard<'a, T>,
    longest: Duration,
) -> MutexGuard<'a, T> {
    let woken = bell.wait_timeout(guard, longest);
    woken.unwrap_or_else(PoisonError::into_inner).0
}
