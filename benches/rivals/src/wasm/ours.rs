//! Our interpreter.

use std::sync::Arc;

use ordlane_primitives::{
    Address, Amount, BlockHeight, ChainId, GAS_SCHEDULE_V1, Gas, TimestampMs, hash::code_hash,
};
use ordlane_testkit::guests::{COMPUTE, TOKEN};
use ordlane_testkit::workload::token_transfer;
use ordlane_wasm::{
    Action, ContractEngine as _, Contracts, DEFAULT_CACHE_BYTES, Environment, Interpreter, transact,
};

use super::host::{self, COMPUTE_ADDRESS, MapHost, RECEIVER, SENDER, Stored, TOKEN_ADDRESS};
use crate::error::CompareError;

/// Gas for everything.
const GAS: Gas = Gas(1 << 40);

pub(super) struct Ours {
    contracts: Contracts,
    host: MapHost,
    computed: Vec<u8>,
}

impl Ours {
    pub(super) fn new() -> Result<Self, CompareError> {
        let codes = [TOKEN, COMPUTE].map(|code| (code_hash(code), code.into()));
        Ok(Self {
            contracts: Contracts::new(Arc::new(Interpreter), DEFAULT_CACHE_BYTES),
            host: MapHost {
                stored: host::stored(),
                events: Vec::new(),
                codes,
            },
            computed: Vec::new(),
        })
    }

    pub(super) fn transfers(&mut self, calls: u32) -> Result<(), CompareError> {
        let input = token_transfer(&Address::from_bytes(RECEIVER), 1);
        for _ in 0..calls {
            self.host.events.clear();
            self.call(TOKEN_ADDRESS, &input)?;
        }
        Ok(())
    }

    pub(super) fn compiles(&self, code: &[u8], times: u32) -> Result<(), CompareError> {
        for _ in 0..times {
            Interpreter
                .prepare(code, &GAS_SCHEDULE_V1)
                .map_err(|error| CompareError::Wasm(error.to_string()))?;
        }
        Ok(())
    }

    pub(super) fn computes(&mut self, mixes: u32, times: u32) -> Result<(), CompareError> {
        for _ in 0..times {
            self.computed = self.call(COMPUTE_ADDRESS, &mixes.to_le_bytes())?;
        }
        Ok(())
    }

    pub(super) const fn stored(&self) -> &Stored {
        &self.host.stored
    }

    pub(super) fn computed(&self) -> &[u8] {
        &self.computed
    }

    fn call(&mut self, contract: Address, input: &[u8]) -> Result<Vec<u8>, CompareError> {
        let environment = Environment {
            schedule: &GAS_SCHEDULE_V1,
            chain_id: ChainId(1),
            height: BlockHeight(1),
            timestamp_ms: TimestampMs(1),
            origin: Address::from_bytes(SENDER),
        };
        let action = Action::Call {
            contract,
            input,
            value: Amount(0),
        };
        let done = transact(&mut self.host, &self.contracts, &environment, action, GAS);
        let done = done.map_err(|error| CompareError::Wasm(error.to_string()))?;
        done.outcome
            .map_err(|fault| CompareError::Wasm(fault.to_string()))
    }
}
