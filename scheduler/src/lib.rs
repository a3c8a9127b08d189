//! Runs the transactions of a block speculatively in parallel and commits exactly what running them one after another
//! would give. It knows no chain: keys, values and transactions are whatever a [`Vm`] says.
//!
//! The method is Block-STM (Gelashvili et al., *Block-STM: Scaling Blockchain Execution by Turning Ordering Curse to a
//! Performance Blessing*, PPoPP 2023) with one change: the **commit frontier** is the only condition of termination.
//!
//! - Every transaction below the frontier is final and was given to the [`Sink`]; nothing above it was.
//! - A transaction is validated when it stands at the frontier, against the final state below it. If what it read still
//!   holds, its result is what sequential execution gives, and it is committed. If not, it is run again there and then,
//!   on final state, so the frontier always advances.
//! - A panic, an error or a run without end counts only if it happened on final state.
//! - [`View::add`] changes a value within bounds without reading it: the addition and the outcome of its bounds check are
//!   recorded, checked again at the frontier, and become a write there. Transactions that only add to a key do not
//!   conflict. [`View::scan`] reads pages of a range, and a key that appears in one is a conflict.
//! - [`Vm::hints`] foretells conflicts, so that they do not come to be. A wrong hint changes nothing but the time.
//!
//! | who | what |
//! |---|---|
//! | [`Vm`] | runs one transaction |
//! | [`View`] | the state as that run sees it |
//! | [`Base`] | the state below the block |
//! | [`Sink`] | takes the results in order and may skip a transaction or end the block |
//! | [`Executor`] | owns the threads and runs blocks |
//! | [`feed()`] | a block that grows while it is run |
//! | [`Cancel`], [`Trace`] | end a run from outside, and tell what happened in it |
//! | [`Memory`] | room that one run leaves for the next |
//!
//! The traits [`Vm`], [`View`], [`Base`], [`Sink`] and [`Delta`] are final: they get no new items without a default, and
//! what more a run can be asked for comes as a method of [`Options`].
//!
//! Without the feature `rayon` there are no threads and only the sequential mode; results are the same.
//!
//! # Example
//! ```
//! use std::collections::BTreeMap;
//!
//! use ordlane_scheduler::{Config, Executor, Flow, NoDelta, Stop, TxIndex, View, Vm};
//!
//! struct Transfer {
//!     from: u8,
//!     to: u8,
//!     amount: u64,
//! }
//!
//! struct Bank;
//!
//! impl Vm for Bank {
//!     type Key = u8;
//!     type Value = u64;
//!     type Delta = NoDelta;
//!     type Tx = Transfer;
//!     type Output = bool;
//!     type Worker = ();
//!
//!     fn worker(&self) {}
//!
//!     fn execute<V>(&self, (): &mut (), _: TxIndex, tx: &Transfer, view: &mut V) -> Result<bool, Stop>
//!     where
//!         V: View<Key = u8, Value = u64>,
//!     {
//!         let from = view.read(&tx.from)?.unwrap_or(0);
//!         let Some(rest) = from.checked_sub(tx.amount) else { return Ok(false) };
//!         view.write(tx.from, rest);
//!         let to = view.read(&tx.to)?.unwrap_or(0);
//!         view.write(tx.to, to.saturating_add(tx.amount));
//!         Ok(true)
//!     }
//! }
//!
//! let executor = Executor::new(Config { threads: 2, ..Config::default() })?;
//! let base = BTreeMap::from([(1, 10)]);
//! let block: Vec<Transfer> = (1..20).map(|at| Transfer { from: at, to: at + 1, amount: 10 }).collect();
//! let mut done = Vec::new();
//! let mut sink = |index: TxIndex, done_it: bool, _: &[(u8, Option<u64>)]| {
//!     done.push((index, done_it));
//!     Flow::Continue
//! };
//! let summary = executor.run(&Bank, &base, &block, &mut sink)?;
//! assert_eq!(summary.committed, 19);
//! assert!(done.iter().all(|(_, done_it)| *done_it));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)
)]

mod attempt;
mod base;
mod cancel;
mod config;
mod delta;
mod error;
mod executor;
#[cfg_attr(
    not(feature = "rayon"),
    expect(dead_code, reason = "most faults are the parallel mode's")
)]
mod faults;
mod feed;
mod idle;
mod input;
mod keyed;
mod memory;
#[cfg(feature = "rayon")]
mod parallel;
mod scan;
mod sequential;
mod sink;
mod sync;
mod table;
mod trace;
mod types;
mod vm;

pub use base::{Base, ScanError, ScanResult};
pub use cancel::Cancel;
pub use config::{Config, Mode};
pub use delta::{Bounded, Change, Delta, NoDelta, OutOfBounds};
pub use error::{ConfigError, RunError};
pub use executor::{Executor, Options, Summary};
pub use feed::{Feed, Feeder, PushError, feed};
pub use memory::{Memory, MemoryFor};
pub use scan::SCAN_LIMIT;
pub use sink::{Flow, Sink};
pub use trace::{Trace, TxTrace};
pub use types::{Entries, Incarnation, TxIndex, Version};
pub use vm::{Stop, View, Vm};
