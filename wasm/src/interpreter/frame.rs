//! What wasmi keeps for us while a contract runs: the call, its memory, and how it has ended.

use core::fmt;

use wasmi::{
    Caller, Error, Memory, ResourceLimiter, TrapCode,
    errors::{HostError, MemoryError, TableError},
};
use wasmi_core::LimiterError;

use super::costs::growth_fuel;
use crate::{
    Call, Fault, Shape,
    limits::{MAX_PAGES, MAX_TRANSACTION_PAGES, PAGE_BYTES},
};

/// The data of a store.
#[derive(Debug)]
pub(super) struct Frame<'f, 'c> {
    /// Nothing while a module is only tried.
    call: Option<&'f mut Call<'c>>,
    memory: Option<Memory>,
    /// The pages that the memory has.
    pages: u32,
    max_pages: u32,
    /// What growing the memory costs beside what wasmi has taken for it. It is paid at the next function of the interface, or
    /// at the end, and never exceeds what was left when the interface was last used.
    owed_fuel: u64,
    /// How the contract has ended, where a function of the interface ended it.
    ended: Option<Result<Vec<u8>, Fault>>,
}

/// Unwinds the contract, which a function of the interface has ended.
#[derive(Clone, Copy, Debug)]
struct Unwind;

impl fmt::Display for Unwind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a function of the interface ended the call")
    }
}

impl HostError for Unwind {}

impl<'f, 'c> Frame<'f, 'c> {
    pub(super) fn new(call: &'f mut Call<'c>, shape: Shape) -> Self {
        Self {
            call: Some(call),
            ..Self::alone(shape)
        }
    }

    /// For an instance that never runs.
    pub(super) fn alone(shape: Shape) -> Self {
        Self {
            call: None,
            memory: None,
            pages: shape.initial_pages,
            max_pages: shape.max_pages.unwrap_or(MAX_PAGES).min(MAX_PAGES),
            owed_fuel: 0,
            ended: None,
        }
    }

    pub(super) const fn set_memory(&mut self, memory: Option<Memory>) {
        self.memory = memory;
    }

    /// Settles with the call when wasmi has returned with `left` fuel, and tells how the contract ended.
    pub(super) fn end(self, left: u64, outcome: Result<(), Error>) -> Result<Vec<u8>, Fault> {
        let Some(call) = self.call else {
            return Err(without_call());
        };
        let pages = &mut call.world.transaction.pages;
        *pages = pages.saturating_sub(self.pages);
        call.fuel = left;
        let ended = match (self.ended, outcome) {
            (Some(ended), _) => ended,
            (None, Ok(())) => Ok(Vec::new()),
            (None, Err(error)) => Err(fault_of(&error)),
        };
        if matches!(ended, Err(Fault::OutOfGas)) {
            call.fuel = 0;
            return ended;
        }
        // A failure of the machine stays one, whatever is owed.
        if !matches!(&ended, Err(fault) if fault.code().is_none()) {
            call.burn(self.owed_fuel)?;
        }
        ended
    }
}

/// What stopped the interpreter.
fn fault_of(error: &Error) -> Fault {
    let Some(trap) = error.as_trap_code() else {
        return Fault::System(error.to_string());
    };
    match trap {
        TrapCode::OutOfFuel => Fault::OutOfGas,
        TrapCode::OutOfSystemMemory | TrapCode::GrowthOperationLimited => {
            Fault::System(trap.trap_message().to_owned())
        }
        _ => Fault::Trap(trap.trap_message()),
    }
}

fn without_call() -> Fault {
    Fault::System("a module that was only tried has run".to_owned())
}

/// Does the work of a function of the interface: `work` sees the whole memory and the call, whose fuel is what wasmi has left.
pub(super) fn in_call<R>(
    mut caller: Caller<'_, Frame<'_, '_>>,
    work: impl FnOnce(&mut [u8], &mut Call<'_>) -> Result<R, Fault>,
) -> Result<R, Error> {
    let fuel = caller.get_fuel()?;
    let Some(memory) = caller.data().memory else {
        return Err(Error::host(Unwind));
    };
    let (bytes, frame) = memory.data_and_store_mut(&mut caller);
    let owed = core::mem::take(&mut frame.owed_fuel);
    let (outcome, left) = match frame.call.as_deref_mut() {
        None => (Err(without_call()), fuel),
        Some(call) => {
            call.fuel = fuel;
            let outcome = call.burn(owed).and_then(|()| work(bytes, call));
            (outcome, call.fuel)
        }
    };
    let outcome = outcome.map_err(|fault| {
        frame.ended = Some(Err(fault));
        Error::host(Unwind)
    });
    caller.set_fuel(left)?;
    outcome
}

/// The same for a function that ends the call.
pub(super) fn end_call(
    mut caller: Caller<'_, Frame<'_, '_>>,
    work: impl FnOnce(&mut [u8], &mut Call<'_>) -> Result<Vec<u8>, Fault>,
) -> Result<(), Error> {
    let mut returned = None;
    in_call(
        // Reborrowed, so that what was returned can be put into the frame.
        Caller::from(&mut caller),
        |memory, call| {
            returned = Some(work(memory, call)?);
            Ok(())
        },
    )?;
    caller.data_mut().ended = returned.map(Ok);
    Err(Error::host(Unwind))
}

impl ResourceLimiter for Frame<'_, '_> {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        let pages_of = |bytes: usize| u32::try_from(bytes.div_ceil(PAGE_BYTES)).unwrap_or(u32::MAX);
        let (current, desired) = (pages_of(current), pages_of(desired));
        let more = desired.saturating_sub(current);
        let Some(call) = self.call.as_deref_mut() else {
            return Ok(false);
        };
        let all = &mut call.world.transaction.pages;
        let grown = all.saturating_add(more);
        if desired > self.max_pages || grown > MAX_TRANSACTION_PAGES {
            return Ok(false);
        }
        let owed = growth_fuel(call.world.environment.schedule, more);
        self.owed_fuel = self.owed_fuel.saturating_add(owed);
        // What was left when the interface was last used is no less than what is left now.
        if self.owed_fuel > call.fuel {
            self.ended = Some(Err(Fault::OutOfGas));
            return Err(LimiterError::ResourceLimiterDeniedAllocation);
        }
        *all = grown;
        self.pages = desired;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: &MemoryError) -> Result<(), LimiterError> {
        if matches!(error, MemoryError::OutOfFuel { .. }) {
            return Ok(());
        }
        // What was allowed fails for want of memory alone, and that must never become an answer.
        self.ended = Some(Err(Fault::System(error.to_string())));
        Err(LimiterError::ResourceLimiterDeniedAllocation)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        _desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        Ok(false)
    }

    fn table_grow_failed(&mut self, _error: &TableError) -> Result<(), LimiterError> {
        Ok(())
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        1
    }
}
