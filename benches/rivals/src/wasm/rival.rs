//! wasmtime: Cranelift, fuel, a pool of instances, imports resolved before the first call.

use std::mem;
use std::sync::Arc;

use ordlane_primitives::{Address, Event, EventData, Hash, Topics};
use ordlane_testkit::guests::{COMPUTE, TOKEN};
use ordlane_testkit::workload::token_transfer;
use wasmtime::{
    Caller, Config, Engine, InstanceAllocationStrategy, InstancePre, Linker, Memory, Module, Store,
};

use super::host::{self, RECEIVER, SENDER, Stored, TOKEN_ADDRESS};
use crate::error::CompareError;

/// Fuel for everything.
const FUEL: u64 = 1 << 40;

/// What a call works on.
struct Frame {
    /// It comes and goes with each call: wasmtime borrows nothing.
    state: State,
    input: Arc<[u8]>,
    returned: Vec<u8>,
    memory: Option<Memory>,
}

#[derive(Default)]
struct State {
    stored: Stored,
    events: Vec<Event>,
}

/// The contract has ended the call.
#[derive(Debug)]
struct Ended;

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ended")
    }
}

impl std::error::Error for Ended {}

pub(super) struct Rival {
    engine: Engine,
    token: InstancePre<Frame>,
    compute: InstancePre<Frame>,
    state: State,
    computed: Vec<u8>,
}

impl Rival {
    pub(super) fn new() -> Result<Self, CompareError> {
        let engine = engine()?;
        let linker = linker(&engine).map_err(failed)?;
        let ready = |code| {
            let module = Module::new(&engine, code).map_err(failed)?;
            linker.instantiate_pre(&module).map_err(failed)
        };
        Ok(Self {
            token: ready(TOKEN)?,
            compute: ready(COMPUTE)?,
            engine,
            state: State {
                stored: host::stored(),
                events: Vec::new(),
            },
            computed: Vec::new(),
        })
    }

    pub(super) fn transfers(&mut self, calls: u32) -> Result<(), CompareError> {
        let input = token_transfer(&Address::from_bytes(RECEIVER), 1);
        self.calls(false, &input, calls)
    }

    pub(super) fn compiles(&self, code: &[u8], times: u32) -> Result<(), CompareError> {
        for _ in 0..times {
            Module::new(&self.engine, code).map_err(failed)?;
        }
        Ok(())
    }

    pub(super) fn computes(&mut self, mixes: u32, times: u32) -> Result<(), CompareError> {
        self.calls(true, &mixes.to_le_bytes(), times)
    }

    pub(super) const fn stored(&self) -> &Stored {
        &self.state.stored
    }

    pub(super) fn computed(&self) -> &[u8] {
        &self.computed
    }

    /// Calls one of the contracts, each time in a fresh instance.
    fn calls(&mut self, computes: bool, input: &[u8], times: u32) -> Result<(), CompareError> {
        let ready = if computes { &self.compute } else { &self.token };
        let input: Arc<[u8]> = input.into();
        for _ in 0..times {
            self.state.events.clear();
            let frame = Frame {
                state: mem::take(&mut self.state),
                input: Arc::clone(&input),
                returned: Vec::new(),
                memory: None,
            };
            let mut store = Store::new(&self.engine, frame);
            store.set_fuel(FUEL).map_err(failed)?;
            let instance = ready.instantiate(&mut store).map_err(failed)?;
            store.data_mut().memory = instance.get_memory(&mut store, "memory");
            let call = instance
                .get_typed_func::<(), ()>(&mut store, "call")
                .map_err(failed)?;
            match call.call(&mut store, ()) {
                Ok(()) => {}
                Err(error) if error.is::<Ended>() => {}
                Err(error) => return Err(failed(error)),
            }
            let frame = store.into_data();
            self.state = frame.state;
            if computes {
                self.computed = frame.returned;
            }
        }
        Ok(())
    }
}

fn engine() -> Result<Engine, CompareError> {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .allocation_strategy(InstanceAllocationStrategy::pooling());
    Engine::new(&config).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> CompareError {
    CompareError::Wasm(error.to_string())
}

/// The functions that the two contracts import.
fn linker(engine: &Engine) -> wasmtime::Result<Linker<Frame>> {
    let mut linker = Linker::new(engine);
    linker.func_wrap("ordlane", "input_copy", input_copy)?;
    linker.func_wrap("ordlane", "caller", caller)?;
    linker.func_wrap("ordlane", "storage_get", storage_get)?;
    linker.func_wrap("ordlane", "storage_set", storage_set)?;
    linker.func_wrap("ordlane", "emit", emit)?;
    linker.func_wrap("ordlane", "ret", ret)?;
    linker.func_wrap("ordlane", "revert", ret)?;
    Ok(linker)
}

/// The memory and the rest.
fn parts<'a>(caller: &'a mut Caller<'_, Frame>) -> Option<(&'a mut [u8], &'a mut Frame)> {
    let memory = caller.data().memory?;
    Some(memory.data_and_store_mut(caller))
}

fn bytes(memory: &[u8], at: u32, len: u32) -> wasmtime::Result<&[u8]> {
    let found = memory
        .get(at as usize..)
        .and_then(|rest| rest.get(..len as usize));
    Ok(found.ok_or(Ended)?)
}

fn put(memory: &mut [u8], out: u32, cap: u32, value: &[u8]) -> wasmtime::Result<i32> {
    let copied = value.get(..cap as usize).unwrap_or(value);
    let room = memory
        .get_mut(out as usize..)
        .and_then(|rest| rest.get_mut(..copied.len()));
    room.ok_or(Ended)?.copy_from_slice(copied);
    Ok(i32::try_from(value.len())?)
}

fn input_copy(mut wasm: Caller<'_, Frame>, out: u32, cap: u32) -> wasmtime::Result<i32> {
    let (memory, frame) = parts(&mut wasm).ok_or(Ended)?;
    put(memory, out, cap, &frame.input)
}

fn caller(mut wasm: Caller<'_, Frame>, out: u32) -> wasmtime::Result<()> {
    let (memory, _) = parts(&mut wasm).ok_or(Ended)?;
    put(memory, out, 32, &SENDER).map(drop)
}

fn storage_get(
    mut wasm: Caller<'_, Frame>,
    key: u32,
    key_len: u32,
    out: u32,
    cap: u32,
) -> wasmtime::Result<i32> {
    let (memory, frame) = parts(&mut wasm).ok_or(Ended)?;
    match frame
        .state
        .stored
        .get(bytes(memory, key, key_len)?)
        .cloned()
    {
        Some(value) => put(memory, out, cap, &value),
        None => Ok(-1),
    }
}

fn storage_set(
    mut wasm: Caller<'_, Frame>,
    key: u32,
    key_len: u32,
    value: u32,
    value_len: u32,
) -> wasmtime::Result<()> {
    let (memory, frame) = parts(&mut wasm).ok_or(Ended)?;
    let key = bytes(memory, key, key_len)?;
    let value = bytes(memory, value, value_len)?;
    frame.state.stored.insert(key.into(), value.into());
    Ok(())
}

fn emit(
    mut wasm: Caller<'_, Frame>,
    topics: u32,
    topic_count: u32,
    data: u32,
    data_len: u32,
) -> wasmtime::Result<()> {
    let (memory, frame) = parts(&mut wasm).ok_or(Ended)?;
    let (topics, _) = bytes(memory, topics, topic_count.saturating_mul(32))?.as_chunks::<32>();
    let topics: Vec<Hash> = topics.iter().copied().map(Hash).collect();
    let data = bytes(memory, data, data_len)?;
    frame.state.events.push(Event {
        emitter: TOKEN_ADDRESS,
        topics: Topics::new(topics).map_err(|_| Ended)?,
        data: EventData::new(data.to_vec()).map_err(|_| Ended)?,
    });
    Ok(())
}

fn ret(mut wasm: Caller<'_, Frame>, data: u32, len: u32) -> wasmtime::Result<()> {
    let (memory, frame) = parts(&mut wasm).ok_or(Ended)?;
    frame.returned = bytes(memory, data, len)?.to_vec();
    Err(Ended.into())
}
