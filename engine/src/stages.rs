//! How long each stage took, and the clock. Times are reported and never reach a result.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// What transactions and blocks go through, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Bytes to transactions: sizes, versions, form.
    Decode,
    /// All checks that need neither signatures nor state.
    Admit,
    /// Signatures.
    Verify,
    /// The transactions themselves.
    Execute,
    /// Changes, roots and header.
    Hash,
    /// The durable write.
    Persist,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Decode,
        Self::Admit,
        Self::Verify,
        Self::Execute,
        Self::Hash,
        Self::Persist,
    ];

    /// Its name, as metrics have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Admit => "admit",
            Self::Verify => "verify",
            Self::Execute => "execute",
            Self::Hash => "hash",
            Self::Persist => "persist",
        }
    }
}

/// The time that each stage of one block took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// Bytes to transactions.
    pub decode: Duration,
    /// All checks that need neither signatures nor state. It is done in one go with decoding, and this is its part.
    pub admit: Duration,
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
    /// The times, in the order of [`Stage::ALL`].
    #[must_use]
    pub const fn times(&self) -> [Duration; 6] {
        [
            self.decode,
            self.admit,
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
            admit: self.admit.saturating_add(other.admit),
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

/// The time of two stages that are done in one go, part after part on any thread, shared out as the parts took it.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    first_ns: AtomicU64,
    second_ns: AtomicU64,
}

impl Shares {
    /// A part, measured by a watch that was started before its first stage and told of the change to the second.
    pub(crate) fn add(&self, first: Duration, second: Duration) {
        let add = |sum: &AtomicU64, time: Duration| {
            let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            // Read when all parts are done, and nothing else is told by it.
            sum.fetch_add(ns, Ordering::Relaxed);
        };
        add(&self.first_ns, first);
        add(&self.second_ns, second);
    }

    /// How much of the whole time each stage has.
    pub(crate) fn of(self, whole: Duration) -> (Duration, Duration) {
        let (first, second) = (self.first_ns.into_inner(), self.second_ns.into_inner());
        let sum = u128::from(first).saturating_add(u128::from(second));
        let part = whole.as_nanos().saturating_mul(u128::from(first));
        let ns = part.checked_div(sum).unwrap_or(0);
        let decoded = Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX)).min(whole);
        (decoded, whole.saturating_sub(decoded))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_two_stages_is_shared_out_and_nothing_is_lost() {
        let ms = Duration::from_millis;
        let shares = Shares::default();
        shares.add(ms(2), ms(1));
        shares.add(ms(4), ms(1));
        assert_eq!(shares.of(ms(4)), (ms(3), ms(1)));
        assert_eq!(Shares::default().of(ms(4)), (ms(0), ms(4)));
        let uneven = Shares::default();
        uneven.add(ms(1), ms(2));
        let (first, second) = uneven.of(Duration::from_nanos(10));
        assert_eq!(first + second, Duration::from_nanos(10));
    }

    #[test]
    fn every_stage_has_its_time_and_its_name() {
        let stages = Stages {
            persist: Duration::from_secs(1),
            ..Stages::default()
        };
        assert_eq!(stages.plus(&stages).total(), Duration::from_secs(2));
        assert_eq!(stages.times().len(), Stage::ALL.len());
        let names = Stage::ALL.map(Stage::name);
        assert_eq!(
            names,
            ["decode", "admit", "verify", "execute", "hash", "persist"]
        );
    }
}
