//! Two contracts in Rust: examples of what a chain can have beside WebAssembly.
//!
//! A chain registers such contracts with [`Contracts::with_native`](crate::Contracts::with_native); these are registered
//! nowhere by themselves.

mod names;
mod splitter;

pub use names::Names;
pub use splitter::Splitter;
