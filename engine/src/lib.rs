//! Many lanes, one order: blocks of signed transactions in, one proven result out.
//!
//! Purpose: the pipeline that chain implementers embed. It takes the bytes of transactions, runs them on all cores, and
//! gives exactly what running them one after another would.
//!
//! **The way of the data**, one module each, in one direction: [`decode`] (bytes become transactions) → `admit` (all
//! checks without state) → `verify` (signatures, in one batch) → `execute` (over the scheduler) → `seal` (fees, changes,
//! roots, header) → `commit` (one durable batch) → `prove`.
//!
//! Invariants:
//! - no feature, thread count, mode or backend changes a bit of any result;
//! - [`Engine::execute`] makes nothing durable; an [`Executed`] block can be dropped, and several may share a parent;
//! - [`Engine::commit`] returns only when the block is on disk, and so does [`Pending::wait`]; after a [`SystemError`] the
//!   handle is poisoned, and the store is at its last durable block;
//! - there is no global state and no async.
//!
//! **What operators can count** goes through the `metrics` facade:
//!
//! | name | labels | |
//! |---|---|---|
//! | `ordlane_blocks_committed_total` | | blocks that became durable |
//! | `ordlane_blocks_refused_total` | `code` | blocks that were refused when they were executed, built, imported or committed |
//! | `ordlane_transactions_committed_total` | | transactions of durable blocks |
//! | `ordlane_transactions_failed_total` | | those of them that failed |
//! | `ordlane_transactions_refused_total` | `stage`, `code` | transactions that a stage refused, as often as it did |
//! | `ordlane_stage_seconds` | `stage` | the time of each stage of a block that became durable |
//! | `ordlane_checkpoints_written_total` | | checkpoints that were written |
//! | `ordlane_checkpoints_failed_total` | | those that could not be |
//! | `ordlane_checkpoints_skipped_total` | | those for which there was no time |
//!
//! ```
//! use ordlane::{BlockContext, Engine};
//! use ordlane::primitives::{Amount, ChainId, ChainParams, Genesis, GenesisAccount, SigningKey, TimestampMs};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let proposer = SigningKey::from_seed([1; 32]).address();
//! let accounts = vec![GenesisAccount { address: proposer, balance: Amount(1_000_000) }];
//! let genesis = Genesis::new(ChainParams::development(ChainId(1)), TimestampMs(0), accounts)?;
//! let candidates = vec![b"no transaction at all".to_vec()];
//!
//! let engine = Engine::builder().genesis(genesis).build()?;
//! let context = BlockContext::new(TimestampMs(1_000), proposer);
//! let built = engine.build_block(&engine.durable_head().hash, &context, &candidates)?;
//! assert_eq!(built.left_out[0].position, 0);
//! let committed = engine.commit(built.executed)?;
//! engine.prove(&proposer)?.verify(&committed.head.state_root)?;
//! # Ok(())
//! # }
//! ```

#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)
)]

pub mod decode;

mod admit;
mod build;
mod builder;
mod changes;
mod checkpoint;
mod commit;
mod context;
mod diff;
mod durable;
mod engine;
mod error;
mod events;
mod execute;
mod executed;
mod fees;
mod fork;
#[cfg(feature = "json")]
mod genesis_json;
mod import;
mod invariants;
mod layer;
mod meters;
mod precheck;
mod prove;
mod query;
mod query_contract;
mod rejected;
mod run;
mod seal;
mod simulate;
mod slot;
mod snapshot;
mod stages;
mod stored;
mod submit;
mod subscribe;
mod trace;
mod unsealed;
mod upkeep;
mod verify;
mod witness;

pub use admit::AdmissionError;
pub use build::{Built, LeftOut};
pub use builder::{EngineBuilder, batch_hasher};
pub use commit::Committed;
pub use context::{BlockContext, Head};
pub use diff::{AccountDiff, BlockDiffs};
pub use engine::Engine;
pub use error::{BlockError, EngineError, SystemError, ValidationError};
pub use events::{EventPage, EventQuery, EventRecord};
pub use execute::{Field, Refusal, RuntimeError, SlotKey, TransitionError};
pub use executed::{Executed, Failure};
pub use fees::{FeeQuery, FeeRecommendation, MAX_FEE_BLOCKS};
pub use fork::{Finalized, ForkChoice, ForkError, ForkTree, Inserted, Reorg, TotalWeight};
#[cfg(feature = "json")]
pub use genesis_json::{
    GenesisJsonError, MAX_GENESIS_JSON_BYTES, genesis_from_json, genesis_to_json,
};
pub use import::{ImportError, ImportedBlock};
pub use invariants::{Invariant, InvariantViolation};
pub use ordlane_gpu_kernels as gpu_kernels;
pub use ordlane_gpu_kernels::{Backend, GpuOptions};
pub use ordlane_primitives as primitives;
pub use ordlane_scheduler::Mode;
pub use ordlane_state as state;
pub use ordlane_wasm as contracts;
pub use query::{ReceiptRecord, StateView, TransactionRecord};
pub use query_contract::{ContractAnswer, ContractQuery};
pub use rejected::{BlockRejected, ClaimedBlock, Verdict};
pub use simulate::{SimulateError, Simulation};
pub use slot::{AnyProposer, ProposerSchedule, Slot, TimeBound};
pub use stages::{Stage, Stages};
pub use submit::Pending;
pub use subscribe::{EventCursor, EventStream, Notice, Subscription};
pub use trace::{BlockTrace, HotField, TransactionTrace};
pub use verify::SignatureError;
pub use witness::{
    MAX_ROLLED_BACK_BLOCKS, VerifiedBlock, WitnessError, verify_witness, verify_witness_with,
};
