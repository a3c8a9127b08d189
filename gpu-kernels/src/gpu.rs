//! The GPU's tier: what runs there, and how it is driven.
//!
//! Invariant: a fault of the GPU is never a verdict. Whatever it cannot answer, or answers wrongly where it is looked at,
//! the CPU computes.

#[expect(dead_code, reason = "the device, which runs them, is driven elsewhere")]
pub(crate) mod shaders;
