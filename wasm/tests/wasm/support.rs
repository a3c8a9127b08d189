//! Calling guests.

use std::sync::Arc;

use ordlane_primitives::{Address, Amount, ErrorCode};
use ordlane_testkit::{guests, memory_host::MemoryHost};
use ordlane_wasm::{Action, Contracts, DEFAULT_CACHE_BYTES, Fault, Interpreter, Transacted};

pub(crate) const PROBE: Address = Address::from_bytes([3; 32]);
pub(crate) const TOKEN: Address = Address::from_bytes([4; 32]);
pub(crate) const RELAY: Address = Address::from_bytes([5; 32]);
pub(crate) const LOOPBACK: Address = Address::from_bytes([6; 32]);
pub(crate) const GAS: u64 = 50_000_000;

pub(crate) fn contracts() -> Contracts {
    Contracts::new(Arc::new(Interpreter), DEFAULT_CACHE_BYTES)
}

pub(crate) struct World {
    pub(crate) host: MemoryHost,
    pub(crate) contracts: Contracts,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut host = MemoryHost::new(1_000_000);
        host.place(PROBE, guests::PROBE);
        host.place(TOKEN, guests::TOKEN);
        host.place(RELAY, guests::RELAY);
        host.place(LOOPBACK, guests::LOOPBACK);
        Self {
            host,
            contracts: contracts(),
        }
    }

    pub(crate) fn run(&mut self, action: Action<'_>, gas: u64) -> Transacted {
        self.host.transact(&self.contracts, action, gas).unwrap()
    }

    pub(crate) fn call_with(&mut self, contract: Address, input: &[u8], gas: u64) -> Transacted {
        let action = Action::Call {
            contract,
            input,
            value: Amount(0),
        };
        self.run(action, gas)
    }

    pub(crate) fn call(&mut self, contract: Address, input: &[u8]) -> Result<Vec<u8>, Fault> {
        self.call_with(contract, input, GAS).outcome
    }

    /// Calls a function of the interface through the probe: its result, and the 64 bytes at `OUT`.
    pub(crate) fn probe(&mut self, call: &Probe) -> Result<(i64, Vec<u8>), Fault> {
        let returned = self.call(PROBE, &call.0)?;
        let (result, out) = returned.split_first_chunk().unwrap();
        Ok((i64::from_le_bytes(*result), out.to_vec()))
    }
}

/// Where the probe puts the rest of its input, and where it returns 64 bytes from.
pub(crate) const DATA: u32 = 0x4000;
pub(crate) const OUT: u32 = 0xf008;

/// The input of the probe.
#[derive(Clone, Debug)]
pub(crate) struct Probe(pub(crate) Vec<u8>);

impl Probe {
    pub(crate) fn new(method: u8) -> Self {
        Self(vec![method])
    }

    pub(crate) fn i32(mut self, value: u32) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn i64(mut self, value: u64) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn data(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }
}

pub(crate) fn code<T>(outcome: &Result<T, Fault>) -> Option<ErrorCode> {
    outcome.as_ref().err().and_then(Fault::code)
}
