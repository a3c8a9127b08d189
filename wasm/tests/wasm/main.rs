//! Contracts over a world in memory.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on must stop"
)]

mod calls;
mod functions;
mod gas;
mod hostile;
mod random;
mod spread;
mod support;
