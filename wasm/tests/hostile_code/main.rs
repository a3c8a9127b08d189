//! Code that wants to do harm before it runs is refused for a named rule, and what passes is what wasmi takes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod claims;
mod proposals;
mod random;
mod sections;
