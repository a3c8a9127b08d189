//! Asking contracts: a call that changes nothing, over the state after any block that is kept.

use std::sync::Arc;

use ordlane_primitives::{
    Address, Amount, BlockHeight, Event, Gas, Hash, Nonce, RawKey, limits::MAX_CONTRACT_INPUT_BYTES,
};
use ordlane_state::StateStore;
use ordlane_wasm::{
    Action, Bytes, Checkpoint, Environment, Fault, Host, Interrupt, Slot, Transacted, transact,
};

use crate::{
    Engine, EngineError, SystemError,
    execute::{ParentState, RawState, SlotKey},
    run,
};

/// A call of a contract that is only to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractQuery {
    /// Which contract.
    pub contract: Address,
    /// What it is given, at most 64 KiB.
    pub input: Vec<u8>,
    /// Who asks, as the contract sees it.
    pub caller: Address,
    /// How much gas it may use. Nobody pays for it.
    pub gas_limit: Gas,
}

/// What a contract answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractAnswer {
    /// The gas that the call used.
    pub gas_used: Gas,
    /// What it gave back, or why it failed.
    pub outcome: Result<Vec<u8>, Fault>,
}

impl Engine {
    /// Asks a contract, as after the durable block at a height; without one, as after the last. The contract sees the height
    /// and the time of that block.
    ///
    /// # Errors
    /// [`SystemError`] around [`StateError::Pruned`](ordlane_state::StateError::Pruned) or
    /// [`StateError::AboveTip`](ordlane_state::StateError::AboveTip) for a block that is no longer kept or not there yet,
    /// and when the store fails.
    #[tracing::instrument(skip_all, fields(contract = %query.contract))]
    pub fn query(
        &self,
        height: Option<BlockHeight>,
        query: &ContractQuery,
    ) -> Result<ContractAnswer, EngineError> {
        let _kept = self.chain.keep();
        let height = height.unwrap_or_else(|| self.durable_head().height);
        let at_height = AtHeight {
            store: &self.store,
            height,
        };
        let state = ParentState::new(&at_height, Vec::new());
        let (params, schedule) = run::params_of(&state)?;
        let header = self.header(height)?.ok_or(SystemError::Corrupt {
            what: "header",
            source: None,
        })?;
        let (found, limit) = (query.input.len(), MAX_CONTRACT_INPUT_BYTES);
        if found > limit {
            // As a contract that calls it with as much is told.
            return Ok(ContractAnswer {
                gas_used: Gas::ZERO,
                outcome: Err(Fault::Limit {
                    what: "bytes of input",
                    found: found as u64,
                    limit: limit as u64,
                }),
            });
        }
        let environment = Environment {
            schedule,
            chain_id: params.chain_id,
            height,
            timestamp_ms: header.timestamp_ms,
            origin: query.caller,
        };
        let action = Action::Query {
            contract: query.contract,
            input: &query.input,
        };
        let mut host = ReadOnly {
            state: &state,
            failed: None,
        };
        let gas = query.gas_limit;
        let done = transact(&mut host, &self.contracts, &environment, action, gas);
        // Whatever a contract in Rust has made of it.
        if let Some(failed) = host.failed {
            return Err(failed.into());
        }
        match done {
            Ok(Transacted {
                gas_used, outcome, ..
            }) => Ok(ContractAnswer { gas_used, outcome }),
            Err(error) => Err(SystemError::Internal(error.to_string()).into()),
        }
    }
}

/// The durable state after a block.
#[derive(Debug)]
struct AtHeight<'a> {
    store: &'a StateStore,
    height: BlockHeight,
}

impl RawState for AtHeight<'_> {
    fn raw_value(&self, key: &RawKey) -> Result<Option<Vec<u8>>, SystemError> {
        Ok(self.store.read_at(self.height, key.as_bytes())?)
    }

    fn code(&self, hash: &Hash) -> Result<Option<Bytes>, SystemError> {
        Ok(self.store.code(hash)?.map(Bytes::from))
    }
}

/// The host of contracts that are only asked.
struct ReadOnly<'a> {
    state: &'a ParentState<'a>,
    failed: Option<SystemError>,
}

impl ReadOnly<'_> {
    fn noted<T>(&mut self, outcome: Result<T, SystemError>) -> Result<T, Interrupt> {
        outcome.map_err(|error| {
            self.failed = Some(error);
            Interrupt
        })
    }

    /// Read-only calls are refused before they change anything.
    fn changed<T>(&mut self) -> Result<T, Interrupt> {
        debug_assert!(false, "a query changes something");
        let error = SystemError::Internal("a query changes something".to_owned());
        self.noted(Err(error))
    }
}

impl Host for ReadOnly<'_> {
    fn value(&mut self, contract: &Address, key: &[u8]) -> Result<Option<Bytes>, Interrupt> {
        let slot = Arc::new(SlotKey {
            contract: *contract,
            key: key.into(),
        });
        let value = self.state.slot(&slot);
        self.noted(value)
    }

    fn slot(&mut self, _: &Address, _: &[u8]) -> Result<Slot, Interrupt> {
        self.changed()
    }

    fn set_value(&mut self, _: &Address, _: &[u8], _: Option<Bytes>) -> Result<(), Interrupt> {
        self.changed()
    }

    fn balance(&mut self, address: &Address) -> Result<Amount, Interrupt> {
        let account = self.state.account(address);
        self.noted(account).map(|account| account.balance)
    }

    fn transfer(&mut self, _: &Address, _: &Address, _: Amount) -> Result<bool, Interrupt> {
        self.changed()
    }

    fn code_hash(&mut self, address: &Address) -> Result<Hash, Interrupt> {
        let account = self.state.account(address);
        self.noted(account).map(|account| account.code_hash)
    }

    fn code(&mut self, address: &Address) -> Result<Bytes, Interrupt> {
        let hash = self.code_hash(address)?;
        let what = "code of a contract";
        let code = self.state.code(&hash);
        self.noted(code.and_then(|code| code.ok_or(SystemError::Corrupt { what, source: None })))
    }

    fn is_in_use(&mut self, address: &Address) -> Result<bool, Interrupt> {
        let account = self.state.account(address);
        let account = self.noted(account)?;
        Ok(account.nonce != Nonce(0) || account.code_hash != Hash::ZERO)
    }

    fn set_code(&mut self, _: &Address, _: Hash, _: Bytes) -> Result<(), Interrupt> {
        self.changed()
    }

    fn emit(&mut self, event: Event) {
        debug_assert!(false, "a query emits {event:?}");
    }

    fn checkpoint(&mut self) -> Checkpoint {
        Checkpoint(0)
    }

    fn revert(&mut self, _: Checkpoint) {}

    fn release(&mut self, _: Checkpoint) {}
}
