//! The parallel mode. [`run`] starts one worker loop per thread; the loops share a [`run::Run`].
//!
//! Who does what, and the invariant each keeps, stands in the modules: `status` (where each transaction stands),
//! `progress` (frontier, cursor, window), `memory`, `interner`, `ordered`, `cell` and `lock` (what was written), `view` and
//! `range` (what a run sees), `validate` (whether it still sees it), `execute` (one run), `commit` (the frontier), `eager`
//! (validation behind it), `worker` (the loop), `requeue`, `hints` and `window` (what to do next).
//!
//! No worker ever waits for a transaction: whoever reads what is about to change leaves its run and does something else.

mod cell;
mod commit;
mod eager;
mod execute;
mod hints;
#[cfg_attr(all(test, any(loom, shuttle)), path = "interner/explored.rs")]
mod interner;
mod lock;
mod memory;
mod ordered;
#[cfg_attr(all(test, shuttle), path = "pool/explored.rs")]
mod pool;
mod progress;
#[cfg(all(test, any(loom, shuttle)))]
mod proofs;
mod range;
mod requeue;
mod room;
mod run;
mod slot;
mod status;
mod validate;
mod view;
mod window;
mod worker;

pub(crate) use pool::{Pool, inside_worker};
pub(crate) use room::Room;
pub(crate) use run::run;
