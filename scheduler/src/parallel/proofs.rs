//! The protocol, decided by model checkers on the code that runs, not on a model of it.
//!
//! Under loom (`just loom`) every part that threads share is explored in full, in the small: every order of accesses and
//! every value that a load may give. Under shuttle (`just shuttle`) whole blocks run through the executor, with as many
//! schedules as the tests say, drawn from fixed seeds. `tests/protocol` has the model that is explored in full.

#[cfg(shuttle)]
mod blocks;
#[cfg(loom)]
mod cells;
#[cfg(loom)]
mod counters;
#[cfg(loom)]
mod exhausted;
#[cfg(loom)]
mod locks;
#[cfg(shuttle)]
mod planted;
#[cfg(loom)]
mod runs;
#[cfg(shuttle)]
mod schedules;
#[cfg(loom)]
mod waiters;
