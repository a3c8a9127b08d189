//! A batch spread over threads, in as many equal chunks.

use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSlice;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// Why there are no threads.
#[derive(Debug, thiserror::Error)]
#[error("rayon's threads could not be started")]
pub struct LanesError(#[from] ThreadPoolBuildError);

/// The threads that share a batch; one thread is the calling one.
#[derive(Debug)]
pub struct Lanes {
    threads: usize,
    pool: Option<ThreadPool>,
}

impl Lanes {
    /// So many threads, at least one.
    ///
    /// # Errors
    /// [`LanesError`] when the operating system refuses them.
    pub fn new(threads: usize) -> Result<Self, LanesError> {
        let threads = threads.max(1);
        let pool = match threads {
            1 => None,
            _ => Some(ThreadPoolBuilder::new().num_threads(threads).build()?),
        };
        Ok(Self { threads, pool })
    }

    /// What `work` makes of the chunks, in order.
    pub(crate) fn map_chunks<T, R>(
        &self,
        items: &[T],
        work: impl Fn(&[T]) -> Vec<R> + Sync,
    ) -> Vec<R>
    where
        T: Sync,
        R: Send + Clone,
    {
        let Some(pool) = &self.pool else {
            return work(items);
        };
        let chunk = items.len().div_ceil(self.threads).max(1);
        let parts: Vec<Vec<R>> = pool.install(|| items.par_chunks(chunk).map(&work).collect());
        parts.concat()
    }
}

#[cfg(test)]
mod tests {
    use super::Lanes;

    #[test]
    fn chunks_come_back_in_order() {
        for threads in [0, 1, 2, 3] {
            let lanes = Lanes::new(threads).unwrap();
            for length in [0, 1, 2, 3, 4, 100] {
                let items: Vec<usize> = (0..length).collect();
                assert_eq!(lanes.map_chunks(&items, <[usize]>::to_vec), items);
            }
        }
    }
}
