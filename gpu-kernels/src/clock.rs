//! The clock: how long devices and CPUs took, which decides who gets how much of the next batch.
//!
//! Invariant: what is read here decides who computes and when a wait ends, never what the result is.

use std::time::{Duration, Instant};

#[expect(
    clippy::disallowed_methods,
    reason = "times decide who does a batch, never what comes of it"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// What `work` gives, and how long it took.
pub(crate) fn timed<R>(work: impl FnOnce() -> R) -> (R, Duration) {
    let start = now();
    let result = work();
    (result, now().saturating_duration_since(start))
}
