//! How long each stage took, and the clock. Times are reported and never reach a result.

use std::time::{Duration, Instant};

/// The time that each stage of one block took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// Bytes to transactions, and all checks without state.
    pub decode: Duration,
    /// Signatures.
    pub verify: Duration,
    /// The transactions themselves.
    pub execute: Duration,
    /// Changes, roots and header.
    pub hash: Duration,
    /// The durable write. Zero until the block is committed.
    pub persist: Duration,
}

impl Stages {
    /// The names of the stages, in order.
    pub const NAMES: [&'static str; 5] = ["decode", "verify", "execute", "hash", "persist"];

    /// The times, in the order of [`Stages::NAMES`].
    #[must_use]
    pub const fn times(&self) -> [Duration; 5] {
        [
            self.decode,
            self.verify,
            self.execute,
            self.hash,
            self.persist,
        ]
    }

    /// All stages together.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.times()
            .into_iter()
            .fold(Duration::ZERO, Duration::saturating_add)
    }

    /// The stages of two blocks, one after the other.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            decode: self.decode.saturating_add(other.decode),
            verify: self.verify.saturating_add(other.verify),
            execute: self.execute.saturating_add(other.execute),
            hash: self.hash.saturating_add(other.hash),
            persist: self.persist.saturating_add(other.persist),
        }
    }
}

/// Measures stage after stage.
#[derive(Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(now())
    }

    /// The time since the last lap.
    pub(crate) fn lap(&mut self) -> Duration {
        let now = now();
        let lap = now.saturating_duration_since(self.0);
        self.0 = now;
        lap
    }
}

/// A clock that counts nanoseconds from now on.
pub(crate) fn nanoseconds() -> impl Fn() -> u64 + Send + 'static {
    let start = now();
    move || u64::try_from(now().saturating_duration_since(start).as_nanos()).unwrap_or(u64::MAX)
}

#[expect(
    clippy::disallowed_methods,
    reason = "times are reported and never reach a result"
)]
fn now() -> Instant {
    Instant::now()
}
