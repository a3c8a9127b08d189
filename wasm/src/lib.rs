//! Deterministic, metered contracts: WebAssembly that runs speculatively on every core, and Rust at fixed addresses.
//!
//! Purpose: what a transaction that calls or deploys a contract does, given a [`Host`] that has the state. [`transact`] is
//! the entry; [`Contracts`] finds what is called and keeps it ready; [`Call`] is what a contract sees.
//!
//! Invariants:
//! - what a call does and what gas it uses is a function of code, schedule, input and what the host answers: threads,
//!   builds, caches, incarnations and the order of calls change no bit of it;
//! - a call that fails takes back everything but its gas;
//! - every size, depth and number has a limit with a name ([`limits`]), and every refusal is a typed error.
//!
//! ```
//! use std::sync::Arc;
//!
//! use ordlane_wasm::{Contracts, DEFAULT_CACHE_BYTES, Interpreter};
//!
//! let contracts = Contracts::new(Arc::new(Interpreter), DEFAULT_CACHE_BYTES);
//! assert_eq!(contracts.cache_stats().entries, 0);
//! ```

#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)
)]

pub mod abi;
pub mod limits;
pub mod native;

mod cache;
mod call;
mod contract;
mod contracts;
mod fault;
mod host;
mod instrument;
mod interpreter;
mod transact;
mod validate;

pub use cache::CacheStats;
pub use call::{ALLOW_REENTRY, Call};
pub use contract::{Contract, ContractEngine, Entry, PrepareError};
pub use contracts::{Contracts, DEFAULT_CACHE_BYTES};
pub use fault::Fault;
pub use host::{Bytes, Checkpoint, Host, Interrupt, Slot};
pub use interpreter::Interpreter;
pub use transact::{Action, Environment, TransactError, Transacted, transact};
pub use validate::{InvalidCode, Rule, Shape, validate};
