//! The hasher of an engine, for whoever works on a store without one.

use std::{num::NonZeroUsize, sync::Arc, thread};

use ordlane_gpu_kernels::{Dispatcher, DispatcherConfig};
use ordlane_primitives::batch::BatchHasher;

use crate::SystemError;

/// The hasher that an engine with so many threads has; by default with as many as the machine runs at once.
///
/// ```
/// let hasher = ordlane::hasher(Some(1))?;
/// let storage = ordlane::state::MemoryStorage::new();
/// let report = ordlane::state::StateStore::fsck(&storage, hasher.as_ref(), &mut |_| {});
/// assert!(report.is_ok_and(|report| report.is_sound()));
/// # Ok::<(), ordlane::SystemError>(())
/// ```
///
/// # Errors
/// [`SystemError::Threads`] when the threads cannot be started.
pub fn hasher(threads: Option<usize>) -> Result<Arc<dyn BatchHasher>, SystemError> {
    let threads =
        threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZeroUsize::get));
    let config = DispatcherConfig {
        threads,
        ..DispatcherConfig::default()
    };
    let dispatcher = Dispatcher::new(config).map_err(|error| SystemError::Threads(error.into()))?;
    Ok(Arc::new(dispatcher))
}
