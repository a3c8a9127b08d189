//! How an executor is set up.

use std::num::NonZeroUsize;
use std::thread;

use crate::error::ConfigError;

/// The most transactions per thread that a window may hold.
pub(crate) const WINDOW_LIMIT: usize = 1024;

/// The settings of an [`Executor`](crate::Executor). None of them changes a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How many threads run transactions; at least one.
    pub threads: usize,
    /// Which way of running is taken.
    pub mode: Mode,
    /// How many transactions per thread may be run ahead of the last committed one while conflicts are rare; from 1 to
    /// 1024. Under conflicts the window narrows by itself.
    pub window: usize,
}

impl Default for Config {
    /// One thread per core, [`Mode::Auto`], a window of 16.
    fn default() -> Self {
        Self {
            threads: thread::available_parallelism().map_or(1, NonZeroUsize::get),
            mode: Mode::Auto,
            window: 16,
        }
    }
}

impl Config {
    /// Refuses what cannot work.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.threads == 0 {
            return Err(ConfigError::ZeroThreads);
        }
        if self.window == 0 || self.window > WINDOW_LIMIT {
            return Err(ConfigError::Window {
                window: self.window,
                limit: WINDOW_LIMIT,
            });
        }
        Ok(())
    }
}

/// The ways of running a block. All give the same result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// In parallel, unless there is one thread only or the block is tiny.
    #[default]
    Auto,
    /// One transaction after another on the calling thread.
    Sequential,
    /// On the executor's threads, whatever the block.
    #[cfg(feature = "rayon")]
    Parallel,
}
