//! A batch spread over threads, in as many equal chunks.

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::{ParallelSlice, ParallelSliceMut};
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

    /// What `work` writes of the chunks, in order.
    pub(crate) fn map_chunks<T, R>(
        &self,
        items: &[T],
        work: impl Fn(&[T], &mut [R]) + Sync,
    ) -> Vec<R>
    where
        T: Sync,
        R: Send + Clone + Default,
    {
        let mut results = vec![R::default(); items.len()];
        let Some(pool) = &self.pool else {
            work(items, &mut results);
            return results;
        };
        let chunk = items.len().div_ceil(self.threads).max(1);
        let chunks = items.par_chunks(chunk).zip(results.par_chunks_mut(chunk));
        pool.install(|| chunks.for_each(|(items, results)| work(items, results)));
        results
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
                let copied = lanes.map_chunks(&items, |from, to: &mut [usize]| {
                    to.copy_from_slice(from);
                });
                assert_eq!(copied, items);
            }
        }
    }
}
