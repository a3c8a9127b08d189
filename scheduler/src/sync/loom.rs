//! Those of loom, which explores every order of accesses and every value that a load may give under their orderings.
//!
//! loom takes a sequentially consistent access for an acquiring or releasing one, but does know sequentially consistent
//! fences. So each such access gets its fences, as on machines that have fences and no such accesses: one before a load,
//! one behind a store.

#![expect(dead_code, reason = "each has what the protocol needs of any")]

pub(crate) use loom::sync::atomic::fence;
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};

use std::sync::atomic::Ordering;
use std::time::Duration;

/// Every switch is explored at every access anyway, and a thread that says it yields would be passed over.
pub(crate) fn yield_now() {}

/// Whoever spins waits for another thread, which has to come first.
pub(crate) fn spin_loop() {
    loom::thread::yield_now();
}

/// Time passes as soon as every other thread has had its turn.
pub(crate) fn wait_timeout<'a, T>(
    _: &Condvar,
    mutex: &'a Mutex<T>,
    guard: MutexGuard<'a, T>,
    _: Duration,
) -> MutexGuard<'a, T> {
    drop(guard);
    loom::thread::yield_now();
    super::lock(mutex)
}

/// Panics where an access to what it holds is not ordered after every earlier one.
#[derive(Default)]
pub(crate) struct UnsafeCell<T>(loom::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::cell::UnsafeCell::new(value))
    }

    pub(crate) fn get(&self) -> *mut T {
        self.0.with_mut(|value| value)
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        unreachable!("what is explored is given back by nobody")
    }
}

fn fence_if_consistent(order: Ordering) {
    if order == Ordering::SeqCst {
        fence(order);
    }
}

macro_rules! atomics {
    ($($name:ident: $value:ty),*) => {$(
        #[derive(Debug, Default)]
        pub(crate) struct $name(loom::sync::atomic::$name);

        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                Self(loom::sync::atomic::$name::new(value))
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                fence_if_consistent(order);
                self.0.load(order)
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.0.store(value, order);
                fence_if_consistent(order);
            }

            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.changed(success, || self.0.compare_exchange(current, new, success, failure))
            }

            /// Never fails for no reason: the caller looks again then, which would show nothing.
            pub(crate) fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(current, new, success, failure)
            }

            fn changed<T>(&self, order: Ordering, change: impl FnOnce() -> T) -> T {
                fence_if_consistent(order);
                let before = change();
                fence_if_consistent(order);
                before
            }
        }
    )*};
}

macro_rules! numbers {
    ($($name:ident: $value:ty),*) => {
        atomics!($($name: $value),*);
        $(
            impl $name {
                pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                    self.changed(order, || self.0.swap(value, order))
                }

                pub(crate) fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                    self.changed(order, || self.0.fetch_add(value, order))
                }

                pub(crate) fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                    self.changed(order, || self.0.fetch_sub(value, order))
                }

                pub(crate) fn fetch_max(&self, value: $value, order: Ordering) -> $value {
                    self.changed(order, || self.0.fetch_max(value, order))
                }

                pub(crate) fn fetch_min(&self, value: $value, order: Ordering) -> $value {
                    self.changed(order, || self.0.fetch_min(value, order))
                }
            }
        )*
    };
}

atomics!(AtomicBool: bool);
numbers!(AtomicU32: u32, AtomicU64: u64, AtomicUsize: usize);

impl AtomicBool {
    /// A swap that changes nothing is an exchange that fails: loom would take what it writes for newer than a store that
    /// comes after what it has read, which no order of modifications allows.
    pub(crate) fn swap(&self, value: bool, order: Ordering) -> bool {
        match self.compare_exchange(!value, value, order, Ordering::Acquire) {
            Ok(before) | Err(before) => before,
        }
    }
}
