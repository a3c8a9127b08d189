//! Who did how much.

use core::sync::atomic::{AtomicU64, Ordering};

/// How many items of batches were done where, since the dispatcher began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Signatures of which the GPU gave the verdict.
    pub gpu_signatures: u64,
    /// Signatures of which the CPU gave it.
    pub cpu_signatures: u64,
    /// Digests that the GPU gave.
    pub gpu_hashes: u64,
    /// Digests that the CPU gave.
    pub cpu_hashes: u64,
}

/// Two counters of a kind of work. They are read for reports alone, so no order of accesses matters.
#[derive(Debug, Default)]
pub(crate) struct Count {
    gpu: AtomicU64,
    cpu: AtomicU64,
}

impl Count {
    /// Of so many items the GPU did some.
    pub(crate) fn add(&self, items: usize, on_gpu: usize) {
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        self.gpu.fetch_add(wide(on_gpu), Ordering::Relaxed);
        self.cpu
            .fetch_add(wide(items.saturating_sub(on_gpu)), Ordering::Relaxed);
    }

    /// On the GPU and on the CPU.
    pub(crate) fn get(&self) -> (u64, u64) {
        (
            self.gpu.load(Ordering::Relaxed),
            self.cpu.load(Ordering::Relaxed),
        )
    }
}
