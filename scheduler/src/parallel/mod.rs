//! The parallel mode. [`run`] starts one worker loop per thread; the loops share a [`run::Run`].
//!
//! Who does what, and the invariant each keeps, stands in the modules: `status` (where each transaction stands),
//! `progress` (frontier, cursor, window), `memory`, `interner`, `names`, `ordered`, `cell` and `table` (what was
//! written), `view` and `range` (what a run
//! sees), `validate` (whether it still sees it),
//! `execute` (one run), `commit` (the frontier), `worker` (the loop), `requeue`, `hints`, `window` and `idle` (what to do next).
//!
//! No worker ever waits for a transaction: whoever reads what is about to change leaves its run and does something else.

mod cell;
mod commit;
mod execute;
mod faults;
mod hints;
mod idle;
#[cfg_attr(all(test, any(loom, shuttle)), path = "interner/explored.rs")]
mod interner;
mod memory;
mod names;
mod ordered;
#[cfg_attr(all(test, shuttle), path = "pool/explored.rs")]
mod pool;
mod progress;
mod range;
mod requeue;
mod run;
mod slot;
mod status;
mod sync;
mod table;
mod validate;
mod view;
mod window;
mod worker;

pub(crate) use pool::{Pool, inside_worker};
pub(crate) use run::run;
