//! WebAssembly on wasmi: the first [`ContractEngine`].
//!
//! Invariant: what a run uses of fuel is a function of the code, the schedule and what the contract is told, and so is what
//! it does. wasmi meters basic blocks ahead by a table of ours, compiles everything before the first run, and is pinned to
//! one release; a module has a wasmi engine of its own, which goes with it, since engines free nothing while they live.

mod costs;
mod dispatch;
mod frame;
mod functions;

use std::{fmt, sync::Arc};

use ordlane_primitives::GasSchedule;
use wasmi::{
    CompilationMode, Config, Engine, Extern, Instance, Module, Store,
    errors::{ErrorKind, MemoryError},
};

use self::{costs::Costs, frame::Frame};
use crate::{
    Call, Contract, ContractEngine, Entry, Fault, InvalidCode, PrepareError, Rule, Shape,
    abi::{CALL, FUNCTIONS, INIT, MEMORY},
    instrument::instrument,
    validate,
};

/// How deep functions of one call may be nested.
const MAX_RECURSION: usize = 256;
/// What the values of all functions of one call may take.
const MAX_STACK_BYTES: usize = 512 * 1024;
/// How many stacks an engine keeps for its next runs. A contract that has once used much of one would keep it.
const CACHED_STACKS: usize = 0;
/// What a module takes of memory beside its code, about.
const MODULE_BYTES: usize = 32 * 1024;
/// How much larger a module is than its code, about.
const EXPANSION: usize = 16;

/// Contracts of WebAssembly by wasmi's interpreter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Interpreter;

impl ContractEngine for Interpreter {
    fn prepare(
        &self,
        code: &[u8],
        schedule: &'static GasSchedule,
    ) -> Result<Arc<dyn Contract>, PrepareError> {
        let shape = validate(code).map_err(Box::new)?;
        let system = |error: &dyn fmt::Display| PrepareError::System(error.to_string());
        dispatch::check().map_err(|error| system(&error))?;
        let instrumented = instrument(code).map_err(|error| system(&error))?;
        let costs = Costs::of(schedule).ok_or_else(|| system(&"no costs for the schedule"))?;
        let engine = Engine::new(&config(&costs));
        let module = Module::new(&engine, &instrumented)
            .map_err(|error| refusal(Rule::Translation, &error))?;
        let imports = module
            .imports()
            .map(|import| FUNCTIONS.iter().position(|f| f.name == import.name()))
            .collect::<Option<Box<[usize]>>>()
            .ok_or_else(|| system(&"an import passed that is not of the interface"))?;
        let prepared = WasmContract {
            module,
            imports,
            shape,
            code_bytes: code.len(),
        };
        prepared.try_instance()?;
        Ok(Arc::new(prepared))
    }
}

fn config(costs: &Costs) -> Config {
    let mut config = Config::default();
    config
        .consume_fuel(true)
        .operator_cost(costs.operators)
        .fuel_cost(costs.dynamic)
        .compilation_mode(CompilationMode::Eager)
        .ignore_custom_sections(true)
        .allow_start_fn(false)
        .set_max_stack_height(MAX_STACK_BYTES)
        .set_max_recursion_depth(MAX_RECURSION)
        .set_max_cached_stacks(CACHED_STACKS)
        .floats(false)
        .wasm_mutable_global(true)
        .wasm_sign_extension(true)
        .wasm_multi_value(true)
        .wasm_bulk_memory(true)
        .wasm_reference_types(true)
        .wasm_saturating_float_to_int(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .wasm_extended_const(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false);
    config
}

/// Why wasmi refuses a module that passed: for what the module is, or for want of memory, which must never be a result.
fn refusal(rule: Rule, error: &wasmi::Error) -> PrepareError {
    let text = error.to_string();
    // The translator's own error of that kind cannot be named from outside.
    let for_want_of_memory = text.contains("system memory")
        || matches!(
            error.kind(),
            ErrorKind::Memory(MemoryError::OutOfSystemMemory)
        );
    if for_want_of_memory {
        return PrepareError::System(text);
    }
    let mut invalid = InvalidCode::new(rule, 0);
    invalid.reason = Some(text);
    PrepareError::Invalid(Box::new(invalid))
}

/// A module that is ready to run.
struct WasmContract {
    module: Module,
    /// The number of the function in the interface for each import.
    imports: Box<[usize]>,
    shape: Shape,
    code_bytes: usize,
}

impl fmt::Debug for WasmContract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasmContract")
            .field("code_bytes", &self.code_bytes)
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

impl Contract for WasmContract {
    fn size_bytes(&self) -> usize {
        let code = self.code_bytes.saturating_mul(EXPANSION);
        code.saturating_add(MODULE_BYTES)
    }

    fn run(&self, entry: Entry, call: &mut Call<'_>) -> Result<Vec<u8>, Fault> {
        let fuel = call.begin_instance(self.shape)?;
        let mut store = Store::new(self.module.engine(), Frame::new(call, self.shape));
        let outcome = self.run_in(&mut store, entry, fuel);
        let left = store.get_fuel().unwrap_or(0);
        store.into_data().end(left, outcome)
    }
}

impl WasmContract {
    /// Calls the function of an entry in a fresh instance.
    fn run_in(
        &self,
        store: &mut Store<Frame<'_, '_>>,
        entry: Entry,
        fuel: u64,
    ) -> Result<(), wasmi::Error> {
        store.set_fuel(fuel)?;
        let instance = self.instance(store)?;
        let memory = instance.get_memory(&*store, MEMORY);
        store.data_mut().set_memory(memory);
        store.limiter(|frame| frame);
        let name = match entry {
            Entry::Init => INIT,
            Entry::Call => CALL,
        };
        let function = instance.get_typed_func::<(), ()>(&*store, name)?;
        function.call(store, ())
    }

    fn instance(&self, store: &mut Store<Frame<'_, '_>>) -> Result<Instance, wasmi::Error> {
        let imports: Vec<Extern> = self
            .imports
            .iter()
            .map(|number| functions::import(store, *number).into())
            .collect();
        Instance::new(store, &self.module, &imports)
    }

    /// Instantiates it once: segments that do not fit are found here, and never in a call.
    fn try_instance(&self) -> Result<(), PrepareError> {
        let mut store = Store::new(self.module.engine(), Frame::alone(self.shape));
        match self.instance(&mut store) {
            Ok(_) => Ok(()),
            Err(error) => Err(refusal(Rule::Instantiation, &error)),
        }
    }
}
