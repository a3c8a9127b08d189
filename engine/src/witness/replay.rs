//! Executing a block again, one transaction after another, over any state below it, and comparing its header.

use ordlane_gpu_kernels::{Backend, Dispatcher, DispatcherConfig};
use ordlane_primitives::{Block, BlockHeader, Gas, Hash, Receipt};
use ordlane_state::Change;
use ordlane_wasm::Contracts;

use super::WitnessError;
use crate::{
    BlockContext, SystemError,
    execute::{ParentState, RawState, Runner},
    import::{check_after, check_before, expect_field},
    invariants::{self, Claimed},
    run::{self, Workers},
    seal,
};

/// The calling thread, which does everything.
#[derive(Debug)]
pub(super) struct Alone {
    pub(super) dispatcher: Dispatcher,
    runner: Runner,
    contracts: Contracts,
}

/// What a block did.
#[derive(Debug)]
pub(super) struct Replayed {
    pub(super) receipts: Vec<Receipt>,
    pub(super) changes: Vec<Change>,
}

impl Alone {
    /// The code of every contract that is called is asked for.
    pub(super) fn new(contracts: &Contracts) -> Result<Self, SystemError> {
        let config = DispatcherConfig {
            backend: Backend::Cpu,
            threads: 1,
            ..DispatcherConfig::default()
        };
        let dispatcher =
            Dispatcher::new(config).map_err(|error| SystemError::Threads(error.into()))?;
        Ok(Self {
            dispatcher,
            runner: Runner::sequential()?,
            contracts: contracts.recorded(),
        })
    }

    /// Executes `block` on `parent`, whose state `below` is. `root_after` gives the state root after the changes.
    ///
    /// Checks what importing the block checks, in the same order.
    pub(super) fn replay(
        &self,
        parent: &BlockHeader,
        block: &Block,
        below: &dyn RawState,
        root_after: impl FnOnce(&[Change]) -> Result<Hash, WitnessError>,
    ) -> Result<Replayed, WitnessError> {
        let (given, dispatcher) = (&block.header, &self.dispatcher);
        let parent_hash = parent.hash();
        let state = ParentState::new(below, Vec::new());
        run::check_timestamp(given.timestamp_ms, parent)?;
        let rules = run::rules_above(parent.number, &state)?;
        check_before(given, &parent_hash, &rules)?;
        let transactions_root = seal::transactions_root(&block.transactions, dispatcher);
        expect_field(
            "transactions_root",
            &transactions_root,
            &given.transactions_root,
        )?;

        let workers = Workers {
            dispatcher,
            runner: &self.runner,
            contracts: &self.contracts,
        };
        let (_, mut ran, _) =
            workers.run_block(&rules, &state, given.timestamp_ms, &block.transactions)?;
        seal::end_phase(&rules, &given.proposer, ran.fees, &state, &mut ran.writes)?;
        let changes = seal::changes(&ran.writes, &state)?;
        let claimed = Claimed {
            transactions: ran.included.len(),
            fees: ran.fees,
        };
        invariants::check(&changes, &rules, claimed)?;
        let body = seal::Body {
            state_root: root_after(&changes)?,
            transactions_root,
            receipts: &ran.receipts,
            gas_used: Gas(ran.gas_used),
        };
        let context = BlockContext {
            timestamp_ms: given.timestamp_ms,
            proposer: given.proposer,
            extra: given.extra.clone(),
        };
        let computed = seal::header(&parent_hash, &rules, &context, &body, dispatcher);
        check_after(given, &computed)?;
        Ok(Replayed {
            receipts: ran.receipts,
            changes,
        })
    }
}
