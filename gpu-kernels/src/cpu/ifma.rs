//! The AVX-512 IFMA tier: eight signatures at a time, one per 64-bit lane, or many by one equation.

mod base;
mod batch;
mod budget;
#[cfg(feature = "gpu")]
mod challenge;
mod coefficients;
mod field;
#[cfg(test)]
mod model;
mod multiscalar;
mod packed;
mod point;
mod scalar;
mod sha512;
mod verify;

pub(crate) use verify::{Verifier, checks_per_task};
