//! The synchronisation primitives that the protocol stands on, in one place, so that a model checker can take their place.
//!
//! Invariant: what the workers of a run share is synchronised by what stands here and by nothing else. So `just loom` and
//! `just shuttle`, which run this crate's own tests with other primitives, decide about every interleaving.

#[cfg(all(test, loom))]
#[path = "sync/loom.rs"]
mod primitives;
#[cfg(not(all(test, any(loom, shuttle))))]
#[path = "sync/std.rs"]
mod primitives;
#[cfg(all(test, shuttle))]
#[path = "sync/shuttle.rs"]
mod primitives;

pub(crate) use primitives::{
    AtomicBool, AtomicU32, AtomicUsize, Condvar, Mutex, MutexGuard, fence, spin_loop, wait_timeout,
    yield_now,
};
#[cfg(feature = "rayon")]
pub(crate) use primitives::{AtomicU64, UnsafeCell};
/// A model checker may take the real one: what is made under it never waits, so to look, make and keep are one step.
pub(crate) use std::sync::OnceLock;
pub(crate) use std::sync::atomic::Ordering;

use std::sync::PoisonError;

/// Whether a model checker decides who does what next. Then waiting in loops would only add steps that show nothing.
pub(crate) const EXPLORED: bool = cfg!(all(test, any(loom, shuttle)));

/// Locks. A poisoned lock is taken as it is: whoever panicked has ended the run, so nothing more comes of its content.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
