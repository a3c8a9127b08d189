//! A lock that loom knows. Those who wait for it are blocked, where those who wait for the real one would spin past each
//! other without end; the real one has proofs of its own.

use std::sync::{PoisonError, TryLockError};

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

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.try_lock().is_none()
    }
}
