//! Stores that are killed, cut off, filled up and damaged: what was acknowledged is there, or somebody is told.
//!
//! Each module has a short form among the ordinary tests, and most have a long one, `just torture`, which prints how often
//! each outcome came. One outcome must never come: a store that opens, answers, and is not what was committed.
#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

#[expect(dead_code, reason = "the tests of the surface use more of it")]
#[path = "../state/chain.rs"]
mod chain;
#[cfg(feature = "fjall")]
mod damage;
#[cfg(feature = "fjall")]
mod disk;
mod fault;
#[expect(dead_code, reason = "the tests of the surface use more of it")]
#[path = "../state/faulty.rs"]
mod faulty;
#[cfg(feature = "fjall")]
mod files;
#[cfg(feature = "fjall")]
mod journal;
#[cfg(feature = "fjall")]
mod kill;
#[cfg(feature = "fjall")]
mod lost_journal;
mod model;
#[cfg(feature = "fjall")]
mod own_files;
