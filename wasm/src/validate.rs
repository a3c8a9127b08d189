//! What a module must be to be deployed: our own look at its code, before any engine sees it.
//!
//! Invariant: the pass is linear in the size of the code. What is claimed is compared with its limit before it is believed,
//! and what passes is valid WebAssembly with the proposals that are listed here and no others. Source: the core
//! specification, version 2, without floats, vectors, and references outside of the table.

mod error;
mod module;
mod operators;

use ordlane_primitives::limits::MAX_CODE_BYTES;
use wasmparser::WasmFeatures;

pub use self::error::{InvalidCode, Rule};
use self::module::Pass;

/// What is known of a module that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How many pages its memory begins with.
    pub initial_pages: u32,
    /// How many it may have by its own word.
    pub max_pages: Option<u32>,
    /// What an instance is made of: functions, globals, exports, elements of the table and bytes of the segments that fill it,
    /// each one, and segments, each eight.
    pub parts: u32,
    /// How many bytes its segments of data have.
    pub data_bytes: u32,
}

/// Compares code with every rule for contracts.
///
/// # Errors
/// [`InvalidCode`]: the first rule that it breaks, the limit if there is one, and where.
///
/// ```
/// use ordlane_wasm::{Rule, validate};
///
/// let error = validate(b"\0asm\x01\0\0\0").unwrap_err();
/// assert_eq!(error.rule, Rule::MissingExport("memory"));
/// ```
pub fn validate(code: &[u8]) -> Result<Shape, InvalidCode> {
    error::within(Rule::CodeBytes, code.len(), MAX_CODE_BYTES, 0)?;
    Pass::new().run(code)
}

/// The proposals that are on. Call indices may be written at any length and tables be named, as compilers do that know of
/// references; references themselves stay in the table.
const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::GC_TYPES);

#[cfg(test)]
mod tests;
