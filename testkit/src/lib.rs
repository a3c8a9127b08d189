//! What the tests of ordlane share, and the workloads of its demos and benches.
//!
//! Purpose: one place for generators, oracles and vectors, so that every crate is tested against the same things.
//! - [`workload`]: blocks of really signed transactions from a seed;
//! - [`guests`]: contracts in WebAssembly, compiled;
//! - `memory_host` (feature `oracle`): a small world for contracts;
//! - [`mutation`]: deterministic damage to bytes;
//! - [`fuzz`]: what must hold for any input of a decoder;
//! - [`state_tree`]: the state tree, written a second time;
//! - `oracle` (feature): the state machine, written a second time, one transaction after another, what an importer
//!   does with a block, and what a witness of one must hold;
//! - `signatures` (feature `oracle`): batches of signatures from any bytes, and what must be said of them;
//! - `golden` (feature): fixed blocks and encodings, committed as files that pin every format and root;
//! - `strategies` (feature): proptest strategies for every type of the wire formats;
//! - `vectors` (feature): public test vectors for Ed25519, SHA-256 and SHA-512.
//!
//! The features are on by default, for tests; a program that only wants a workload turns them off.
//!
//! Invariant: whatever is generated is a function of its seed, on every machine: integers only, and no hash-map order.

#![expect(
    clippy::expect_used,
    reason = "a generator or an oracle that breaks its own invariant must stop the test"
)]

pub mod fuzz;
#[cfg(feature = "golden")]
pub mod golden;
pub mod guests;
#[cfg(feature = "oracle")]
pub mod memory_host;
pub mod mutation;
#[cfg(feature = "oracle")]
pub mod oracle;
#[cfg(feature = "oracle")]
mod oracle_contracts;
#[cfg(feature = "oracle")]
pub mod oracle_import;
#[cfg(feature = "oracle")]
pub mod oracle_witness;
#[cfg(feature = "oracle")]
pub mod signatures;
pub mod state_tree;
#[cfg(feature = "strategies")]
pub mod strategies;
#[cfg(feature = "vectors")]
pub mod vectors;
pub mod workload;

mod random;
