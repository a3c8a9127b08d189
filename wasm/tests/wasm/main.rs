//! Contracts over a world in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod calls;
mod functions;
mod gas;
mod hostile;
mod prices;
mod random;
#[expect(
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    clippy::too_many_lines,
    reason = "it measures"
)]
mod spread;
mod support;
