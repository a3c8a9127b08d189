//! wasmtime.

use std::fmt;

use sha2::{Digest as _, Sha256};
use wasmtime::{Caller, Config, Engine, Linker, Module, Store, StoreLimits, StoreLimitsBuilder};

use super::{Ending, Trap};
use crate::error::CompareError;

/// As many pages as our rules permit.
const MEMORY_BYTES: usize = 64 * 64 * 1024;

/// What one module has.
struct Frame {
    limits: StoreLimits,
    returned: Option<Vec<u8>>,
}

/// The module has given something back.
#[derive(Debug)]
struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ended")
    }
}

impl std::error::Error for Ended {}

pub(super) struct Rival {
    engine: Engine,
    linker: Linker<Frame>,
}

impl Rival {
    pub(super) fn new() -> Result<Self, CompareError> {
        let engine = Engine::new(&Config::new()).map_err(failed)?;
        let mut linker = Linker::new(&engine);
        linker.func_wrap("ordlane", "ret", ret).map_err(failed)?;
        linker
            .func_wrap("ordlane", "sha256", sha256)
            .map_err(failed)?;
        Ok(Self { engine, linker })
    }

    /// How a module's `call` ends; nothing where it is refused.
    pub(super) fn ending(&self, code: &[u8]) -> Result<Option<Ending>, CompareError> {
        let Ok(module) = Module::new(&self.engine, code) else {
            return Ok(None);
        };
        let limits = StoreLimitsBuilder::new().memory_size(MEMORY_BYTES).build();
        let frame = Frame {
            limits,
            returned: None,
        };
        let mut store = Store::new(&self.engine, frame);
        store.limiter(|frame| &mut frame.limits);
        let Ok(instance) = self.linker.instantiate(&mut store, &module) else {
            return Ok(None);
        };
        let call = instance
            .get_typed_func::<(), ()>(&mut store, "call")
            .map_err(failed)?;
        match call.call(&mut store, ()) {
            Ok(()) => Ok(Some(Ending::Returned(Vec::new()))),
            Err(error) if error.is::<Ended>() => {
                let returned = store.into_data().returned.unwrap_or_default();
                Ok(Some(Ending::Returned(returned)))
            }
            Err(error) => match error.downcast_ref() {
                Some(trap) => ending_of(*trap).map(Some),
                None => Err(failed(error)),
            },
        }
    }
}

fn failed(error: impl fmt::Display) -> CompareError {
    CompareError::Wasm(error.to_string())
}

fn ending_of(trap: wasmtime::Trap) -> Result<Ending, CompareError> {
    use wasmtime::Trap as Theirs;
    Ok(Ending::Trapped(match trap {
        Theirs::StackOverflow => return Ok(Ending::TooDeep),
        Theirs::UnreachableCodeReached => Trap::Unreachable,
        Theirs::MemoryOutOfBounds => Trap::MemoryBounds,
        Theirs::TableOutOfBounds => Trap::TableBounds,
        Theirs::IndirectCallToNull => Trap::NullElement,
        Theirs::BadSignature => Trap::Signature,
        Theirs::IntegerDivisionByZero => Trap::DivisionByZero,
        Theirs::IntegerOverflow => Trap::Overflow,
        other => return Err(failed(other)),
    }))
}

fn ret(mut caller: Caller<'_, Frame>, data: u32, len: u32) -> wasmtime::Result<()> {
    let returned = memory(&mut caller, data, len)?.to_vec();
    caller.data_mut().returned = Some(returned);
    Err(Ended.into())
}

fn sha256(mut caller: Caller<'_, Frame>, data: u32, len: u32, out: u32) -> wasmtime::Result<()> {
    let hash = Sha256::digest(memory(&mut caller, data, len)?);
    memory(&mut caller, out, 32)?.copy_from_slice(&hash);
    Ok(())
}

fn memory<'c>(
    caller: &'c mut Caller<'_, Frame>,
    data: u32,
    len: u32,
) -> wasmtime::Result<&'c mut [u8]> {
    let out_of_bounds = || wasmtime::Error::from(wasmtime::Trap::MemoryOutOfBounds);
    let memory = caller
        .get_export("memory")
        .and_then(|export| export.into_memory());
    let bytes = memory.ok_or_else(out_of_bounds)?.data_mut(caller);
    let bytes = bytes.get_mut(data as usize..);
    let bytes = bytes.and_then(|bytes| bytes.get_mut(..len as usize));
    bytes.ok_or_else(out_of_bounds)
}
