//! Our interpreter.

use std::sync::Arc;

use ordlane_primitives::{Address, Amount, ErrorCode};
use ordlane_testkit::memory_host::MemoryHost;
use ordlane_wasm::{Action, Contracts, Fault, Interpreter};

use super::{Ending, Trap};
use crate::error::CompareError;

/// Enough for all of it.
const GAS: u64 = 1 << 40;
const CONTRACT: Address = Address::from_bytes([9; 32]);
/// One module.
const CACHE_BYTES: usize = 1 << 20;

/// How a module's `call` ends; nothing where it is refused.
pub(super) fn ending(code: &[u8]) -> Result<Option<Ending>, CompareError> {
    let contracts = Contracts::new(Arc::new(Interpreter), CACHE_BYTES);
    let mut host = MemoryHost::new(0);
    host.place(CONTRACT, code);
    let action = Action::Call {
        contract: CONTRACT,
        input: b"",
        value: Amount::ZERO,
    };
    let done = host
        .transact(&contracts, action, GAS)
        .map_err(|error| CompareError::Wasm(error.to_string()))?;
    match done.outcome {
        Ok(returned) => Ok(Some(Ending::Returned(returned))),
        Err(Fault::Trap("call stack exhausted")) => Ok(Some(Ending::TooDeep)),
        Err(Fault::Trap(why)) => trap(why).map(|trap| Some(Ending::Trapped(trap))),
        Err(fault) if fault.code() == Some(ErrorCode::InvalidCode) => Ok(None),
        Err(fault) => Err(CompareError::Wasm(fault.to_string())),
    }
}

fn trap(why: &str) -> Result<Trap, CompareError> {
    Ok(match why {
        "wasm `unreachable` instruction executed" => Trap::Unreachable,
        // The second is what the interface says of a pointer.
        "out of bounds memory access" | "a pointer out of bounds" => Trap::MemoryBounds,
        "undefined element: out of bounds table access" => Trap::TableBounds,
        "uninitialized element 2" => Trap::NullElement,
        "indirect call type mismatch" => Trap::Signature,
        "integer divide by zero" => Trap::DivisionByZero,
        "integer overflow" => Trap::Overflow,
        other => return Err(CompareError::Wasm(format!("an unknown trap: {other}"))),
    })
}
