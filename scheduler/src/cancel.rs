//! Ending a run from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends a run before its block is done. Clones are handles of the same switch, which stays thrown.
///
/// A deadline is a timer of the caller's that throws it: no clock belongs to this crate, and which transactions a deadline
/// lets through depends on the machine, so what it cuts is reported as an error and never passed off as a whole block.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A switch that has not been thrown.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the run to end. Transactions that the sink has been given stay committed; one that is running is asked to
    /// leave, and does so when it reads or looks at [`View::should_stop`](crate::View::should_stop).
    pub fn cancel(&self) {
        // Nothing else is published with it.
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has been thrown.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
