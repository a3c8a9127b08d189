//! What the tests of ordlane share, and the workloads of its demos and benches.
//!
//! Purpose: one place for generators, oracles and vectors, so that every crate is tested against the same things.
//! - [`workload`]: blocks of really signed transactions from a seed; the only part that a program needs, and the only
//!   one without a feature;
//! - [`oracle`] (feature `oracle`): the state machine, written a second time, one transaction after another;
//!
//! Invariant: whatever is generated is a function of its seed, on every machine: integers only, and no hash-map order.

#![expect(
    clippy::expect_used,
    reason = "a generator or an oracle that breaks its own invariant must stop the test"
)]

#[cfg(feature = "oracle")]
pub mod oracle;

pub mod workload;

mod random;
