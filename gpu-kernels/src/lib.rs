//! Batch Ed25519 verification and SHA-256 hashing, behind one dispatcher.
//!
//! Purpose: [`Dispatcher`] implements the ports of `ordlane_primitives::batch` on whatever the machine offers: the CPU's
//! tiers, spread over threads, with AVX-512 and the SHA extensions where the CPU has them, found when the program runs, and
//! the portable one everywhere; and with the feature `gpu` a GPU through wgpu, for whole batches or a share of each, while
//! the CPU does the rest and whatever the GPU cannot.
//!
//! Invariant: no bit of any result depends on the tier, the device, the number of threads or the size of a batch. The sequential
//! implementation in `primitives` is the definition that the tests compare with.
//!
//! ```
//! use ordlane_gpu_kernels::{Dispatcher, DispatcherConfig};
//! use ordlane_primitives::{SigningKey, batch::{BatchVerifier, SignatureCheck}};
//!
//! let dispatcher = Dispatcher::new(DispatcherConfig { threads: 2, ..DispatcherConfig::default() })?;
//! let key = SigningKey::from_seed([1; 32]);
//! let (public, signature) = (key.public_key(), key.sign(b"message"));
//! let check = SignatureCheck { key: &public, message: b"message", signature: &signature };
//! assert_eq!(dispatcher.verify_batch(&[check]), [true]);
//! # Ok::<(), ordlane_gpu_kernels::DispatchError>(())
//! ```

#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)
)]

#[cfg(feature = "gpu")]
mod clock;
mod cpu;
mod dispatcher;
mod error;
#[cfg(feature = "gpu")]
pub mod gpu;
mod known_answers;
mod lanes;
mod options;
mod self_test;
#[cfg(test)]
mod test_log;
mod tier;
mod usage;

pub use dispatcher::{Backend, Dispatcher, DispatcherConfig};
pub use error::DispatchError;
pub use lanes::Lanes;
pub use options::{
    Calibration, GpuOptions, GpuRadix, GpuReport, GpuState, JOB_TIMEOUT, START_TIMEOUT,
};
pub use tier::{HashTier, SignatureTier, TierState, hash_tier_state, signature_tier_state};
pub use usage::Usage;
