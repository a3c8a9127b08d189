//! The tests of the crate's surface, one module for each promise.
#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

mod chain;
mod code;
mod code_fsck;
mod code_snapshot;
mod faulty;
#[cfg(feature = "fjall")]
mod folder;
mod fsck;
mod golden;
mod history;
mod index;
mod multi;
mod nomt_proofs;
mod pages;
mod prune;
mod rollback;
mod snapshot;
mod store;
mod tree;
mod upgrade;
