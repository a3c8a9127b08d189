//! Why a dispatcher cannot start. Once it runs, it never fails: it recomputes elsewhere.

use crate::TierState;

/// Why a dispatcher cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DispatchError {
    /// No thread was asked for.
    #[error("a dispatcher needs at least one thread")]
    NoThreads,
    /// A tier was asked for that cannot be used.
    #[error("the tier {tier} cannot be used here: {}", match .state {
        TierState::Faulty => "it failed its self-test",
        TierState::Usable | TierState::Absent => "the CPU lacks its instructions",
    })]
    Tier {
        /// Its name.
        tier: &'static str,
        /// Why not.
        state: TierState,
    },
    /// The operating system refused the threads.
    #[error("cannot start {threads} threads for batches")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What the pool said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
