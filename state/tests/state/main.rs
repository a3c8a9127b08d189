//! The tests of the crate's surface, one module for each promise.
#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

mod chain;
#[cfg(feature = "fjall")]
mod crash;
#[cfg(feature = "fjall")]
mod damage;
mod faulty;
#[cfg(feature = "fjall")]
mod folder;
#[cfg(feature = "fjall")]
mod full_disk;
mod golden;
mod history;
mod index;
mod multi;
mod nomt_proofs;
mod prune;
mod rollback;
mod snapshot;
mod store;
mod tree;
mod upgrade;
