//! A parallel map with a sequential twin.
//!
//! Invariant: the result is that of mapping the slice in order; lanes only decide who does the work.

use core::fmt;

use crate::DispatchError;

/// The threads over which batches are spread: a pool of its own, or the calling thread alone.
pub struct Lanes {
    threads: usize,
    #[cfg(feature = "rayon")]
    pool: Option<rayon::ThreadPool>,
}

impl Lanes {
    /// Lanes over `threads` threads. One thread means the calling one; so does any number without the feature `rayon`.
    ///
    /// # Errors
    /// [`DispatchError`] when `threads` is zero or the operating system refuses them.
    pub fn new(threads: usize) -> Result<Self, DispatchError> {
        match threads {
            0 => Err(DispatchError::NoThreads),
            _ => Self::start(threads),
        }
    }

    /// How many threads share the work.
    #[must_use]
    pub const fn threads(&self) -> usize {
        self.threads
    }

    /// Whether the calling thread belongs to a rayon pool, so that others may wait for it.
    #[cfg(feature = "gpu")]
    #[cfg_attr(
        not(feature = "rayon"),
        expect(clippy::unused_self, reason = "there are no pools to look at")
    )]
    pub(crate) fn is_within_pool(&self) -> bool {
        #[cfg(feature = "rayon")]
        return rayon::current_thread_index().is_some();
        #[cfg(not(feature = "rayon"))]
        false
    }

    /// Runs `work`, which will wait for pools, on a thread that belongs to no rayon pool.
    ///
    /// A rayon thread that waits for another pool runs other jobs of its own pool meanwhile. Whoever holds a lock while
    /// waiting would so find itself below a job that wants the same lock, and wait for ever. A thread outside of pools
    /// just waits. A panic in `work` reaches the caller.
    pub fn detached<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        #[cfg(feature = "rayon")]
        if rayon::current_thread_index().is_some() {
            return match std::thread::scope(|scope| scope.spawn(work).join()) {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            };
        }
        work()
    }

    #[cfg(feature = "rayon")]
    fn start(threads: usize) -> Result<Self, DispatchError> {
        if threads == 1 {
            return Ok(Self {
                threads,
                pool: None,
            });
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("ordlane-batch-{index}"))
            .build()
            .map_err(|source| DispatchError::Threads {
                threads,
                source: Box::new(source),
            })?;
        Ok(Self {
            threads,
            pool: Some(pool),
        })
    }

    #[cfg(not(feature = "rayon"))]
    fn start(_threads: usize) -> Result<Self, DispatchError> {
        Ok(Self { threads: 1 })
    }

    /// Maps chunks of at most `chunk` items, and joins what they give in order. `map` sees non-empty slices only.
    pub fn map_chunks<T, R, F>(&self, items: &[T], chunk: usize, map: F) -> Vec<R>
    where
        T: Sync,
        R: Send,
        F: Fn(&[T]) -> Vec<R> + Sync + Send,
    {
        let chunk = chunk.max(1);
        if items.len() <= chunk {
            return if items.is_empty() {
                Vec::new()
            } else {
                map(items)
            };
        }
        #[cfg(feature = "rayon")]
        if let Some(pool) = &self.pool {
            use rayon::prelude::*;
            let parts: Vec<Vec<R>> = pool.install(|| items.par_chunks(chunk).map(&map).collect());
            return parts.into_iter().flatten().collect();
        }
        items.chunks(chunk).flat_map(map).collect()
    }

    /// Calls `part` with every number below `parts`, each once.
    pub fn scatter(&self, parts: usize, part: &(dyn Fn(usize) + Sync)) {
        #[cfg(feature = "rayon")]
        if let Some(pool) = self.pool.as_ref().filter(|_| parts > 1) {
            use rayon::prelude::*;
            pool.install(|| (0..parts).into_par_iter().for_each(part));
            return;
        }
        (0..parts).for_each(part);
    }
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lanes")
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_results_does_not_depend_on_threads_or_chunks() {
        let items: Vec<u32> = (0..1000).collect();
        let expected: Vec<u32> = items.iter().map(|item| item * 3).collect();
        for threads in [1, 2, 3, 8] {
            let lanes = Lanes::new(threads).unwrap();
            for chunk in [0, 1, 7, 999, 1000, 5000] {
                let triple = |part: &[u32]| part.iter().map(|item| item * 3).collect();
                assert_eq!(lanes.map_chunks(&items, chunk, triple), expected);
                assert!(lanes.map_chunks(&[], chunk, triple).is_empty());
            }
        }
    }

    #[test]
    fn no_threads_is_an_error() {
        assert!(matches!(Lanes::new(0), Err(DispatchError::NoThreads)));
    }
}
