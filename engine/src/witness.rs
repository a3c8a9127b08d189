//! Witnesses: a block that can be executed again without a store.
//!
//! Purpose: [`Engine::witness`](crate::Engine::witness) collects what a durable block touches of its parent's state, with
//! one proof of it all; [`verify_witness`] executes the block over that alone, through the same stages, and compares every
//! field of its header.
//!
//! Invariants:
//! - what a witness holds is what the block asks for when its transactions run one after another on the calling thread,
//!   end phase and changes included. No speculative run is looked at, so that only final incarnations count and a witness
//!   does not depend on threads;
//! - there is one witness for a block: a key or a code that is missing is refused, and so is one that is not asked for;
//! - nothing in a witness is trusted but the hash of its block, which the caller compares with one that it knows.

mod error;
mod make;
mod replay;
mod source;
mod verify;

pub use error::WitnessError;
pub use make::MAX_ROLLED_BACK_BLOCKS;
pub(crate) use source::Recording;
pub use verify::{VerifiedBlock, verify_witness, verify_witness_with};
