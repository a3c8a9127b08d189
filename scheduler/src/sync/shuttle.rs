//! Those of shuttle, which switches between threads at every one of them. It takes every access for a sequentially
//! consistent one, whatever its ordering says; orderings are loom's part.

pub(crate) use shuttle::hint::spin_loop;
pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, fence};
pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};
pub(crate) use shuttle::thread::yield_now;
/// Who is inside is what the lock's own word says; that nobody else is, loom's shows.
pub(crate) use std::cell::UnsafeCell;

use std::time::Duration;

/// Time passes as soon as another thread has had its turn.
pub(crate) fn wait_timeout<'a, T>(
    _: &Condvar,
    mutex: &'a Mutex<T>,
    guard: MutexGuard<'a, T>,
    _: Duration,
) -> MutexGuard<'a, T> {
    drop(guard);
    yield_now();
    super::lock(mutex)
}
