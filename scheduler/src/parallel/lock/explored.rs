//! A lock that model checkers know. What is different about the real one, its release by a plain store, has tests of its
//! own.

use std::sync::TryLockError;

use crate::sync::{Mutex, MutexGuard, lock};

/// What one thread at a time may touch.
#[derive(Debug, Default)]
pub(crate) struct Lock<T>(Mutex<T>);

/// Access to it.
pub(crate) type Guard<'a, T> = MutexGuard<'a, T>;

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> Guard<'_, T> {
        lock(&self.0)
    }

    pub(crate) fn try_lock(&self) -> Option<Guard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.try_lock().is_none()
    }
}
