//! Why a dispatcher cannot start. Once it runs, it never fails: it recomputes elsewhere.

/// Why a dispatcher cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DispatchError {
    /// No thread was asked for.
    #[error("a dispatcher needs at least one thread")]
    NoThreads,
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
