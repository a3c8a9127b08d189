//! The AVX-512 IFMA tier: eight signatures at a time, one per 64-bit lane.

mod base;
mod field;
#[cfg(test)]
mod model;
mod point;
mod scalar;
mod sha512;
mod verify;

pub(crate) use verify::{checks_per_task, verify};
