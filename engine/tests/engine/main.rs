//! The engine against the oracle, and against itself.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must stop"
)]

mod against_oracle;
mod crash;
mod failures;
mod forks;
mod golden;
mod imports;
mod mutated;
mod questions;
mod support;
