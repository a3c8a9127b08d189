//! The GPU's tier: what runs there, and how it is driven.
//!
//! `shaders` generates the kernels and knows their buffers; `device` is the only module that names wgpu. One thread owns
//! the device (`worker`); a dispatcher has a `handle` of it, cuts its batches in two (`hybrid`) by what was measured
//! (`cost`), and looks at samples of what comes back (`recheck`). Between the thread and the device stands the trait
//! `Accelerator`, so that tests put devices in its place that err, hang and vanish.
//!
//! Invariant: a fault of the GPU is never a verdict. Whatever it cannot answer, or answers wrongly where it is looked at,
//! the CPU computes.

mod accelerator;
mod batch;
mod bench;
mod calibrate;
mod cost;
mod device;
mod device_test;
mod equation;
mod handle;
mod health;
mod hybrid;
mod list;
mod listing;
mod recheck;
mod registry;
pub(crate) mod shaders;
mod tier;
mod work;
mod worker;

#[cfg(any(test, feature = "faults"))]
pub mod faults;

pub use bench::{Bench, BenchError, BenchTimes};
pub use device::{AdapterReport, adapters};
pub use listing::{KERNEL_NAMES, shader};
pub(crate) use tier::{Cpu, Tier};

#[cfg(test)]
mod tests;
