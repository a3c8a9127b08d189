//! Deterministic, metered WebAssembly contracts.

pub mod abi;
