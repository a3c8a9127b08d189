//! Trying a transaction: what it would do in the next block, and the gas that it needs.
//!
//! It goes through the transition that blocks go through, over a state that is dropped afterwards. Signatures are not
//! looked at, so that a wallet can ask before it signs.

use std::sync::Arc;

use ordlane_primitives::{
    Auth, BlockHash, Gas, Hash, RawKey, Receipt, ReceiptStatus, Transaction, TransactionPayload,
    codec,
};
use ordlane_state::StateDiff;

use crate::{
    AdmissionError, BlockContext, BlockError, Engine, EngineError, RuntimeError, SystemError,
    ValidationError,
    admit::{Rules, check_unsigned},
    decode::Decoded,
    execute::{OnInvalid, ParentState, Ran, RawState, Runner, Transition},
    seal,
    verify::Verified,
    witness::Recording,
};

/// What a transaction would do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Simulation {
    /// Its receipt, events and return data among it.
    pub receipt: Receipt,
    /// Why it would fail, if it would.
    pub failure: Option<RuntimeError>,
    /// The keys of the state that it reads or writes, ascending.
    pub access: Vec<RawKey>,
    /// What it would change.
    pub diff: StateDiff,
    /// The smallest gas limit with which it would succeed, found by halving: with it the transaction succeeds, with one unit
    /// less it does not. A contract that looks at its gas may have other such limits below. None where it would not succeed
    /// with the limit that it has.
    pub gas_estimate: Option<Gas>,
}

/// Why a transaction could not be tried.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// It could not be in a block.
    #[error("the transaction cannot be in a block")]
    Invalid(#[from] ValidationError),
    /// The engine refuses or fails.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<SystemError> for SimulateError {
    fn from(error: SystemError) -> Self {
        Self::Engine(error.into())
    }
}

impl Engine {
    /// What a transaction that one key signs would do as the first one of the block after `parent`. Nothing is changed, and
    /// the signature is taken for valid.
    ///
    /// The estimate is found by trying smaller limits, each one a whole run: what is asked of the gas limit is the bound on
    /// the work.
    ///
    /// # Errors
    /// [`SimulateError::Invalid`] for a nonce, a fee or a format with which it cannot be in a block,
    /// [`SimulateError::Engine`] as in [`Engine::execute`].
    pub fn simulate(
        &self,
        parent: &BlockHash,
        context: &BlockContext,
        payload: &TransactionPayload,
    ) -> Result<Simulation, SimulateError> {
        let auth = Auth::Ed25519 {
            key: [0; 32],
            signature: [0; 64],
        };
        let payload = payload.clone();
        self.simulate_signed(parent, context, &Transaction { payload, auth })
    }

    /// The same for a transaction that is signed in any way, which is part of its size and of its gas. Whether the signatures
    /// are valid, and the sender's, is not looked at: zeros will do.
    ///
    /// # Errors
    /// As [`Engine::simulate`].
    #[tracing::instrument(skip_all, fields(parent = %parent, sender = %tx.payload.sender))]
    pub fn simulate_signed(
        &self,
        parent: &BlockHash,
        context: &BlockContext,
        tx: &Transaction,
    ) -> Result<Simulation, SimulateError> {
        self.dispatcher.lanes().detached(|| {
            let parent = self.parent(parent)?;
            let rules = self.rules(&parent, context)?;
            let trial = Trial {
                engine: self,
                rules: &rules,
                context,
                state: &parent.state,
                runner: Runner::sequential()?,
            };
            trial.simulation(tx)
        })
    }
}

/// What is needed to try transactions.
struct Trial<'a> {
    engine: &'a Engine,
    rules: &'a Rules,
    context: &'a BlockContext,
    state: &'a ParentState<'a>,
    runner: Runner,
}

impl Trial<'_> {
    fn simulation(&self, tx: &Transaction) -> Result<Simulation, SimulateError> {
        let recording = Recording::new(self.state);
        let state = ParentState::new(&recording, Vec::new());
        let ran = self.run(&state, tx, tx.payload.gas_limit)?;
        let changes = seal::changes(&ran.writes, &state)?;
        drop(state);
        let missing = || SystemError::Internal("a transaction left no receipt".to_owned());
        let receipt = ran.receipts.into_iter().next().ok_or_else(missing)?;
        let succeeds = receipt.status == ReceiptStatus::Success;
        let gas_estimate = match succeeds {
            true => Some(self.smallest_limit(tx, Gas(ran.gas_used))?),
            false => None,
        };
        let failure = ran.failures.into_iter().next();
        Ok(Simulation {
            receipt,
            failure: failure.map(|failure| failure.reason),
            access: recording.into_read().values.into_keys().collect(),
            diff: StateDiff::of(changes),
            gas_estimate,
        })
    }

    /// The smallest limit with which it succeeds; with its own it does, and uses so much.
    fn smallest_limit(&self, tx: &Transaction, used: Gas) -> Result<Gas, SimulateError> {
        let succeeds = |limit: u64| -> Result<bool, SimulateError> {
            match self.run(self.state, tx, Gas(limit)) {
                Ok(ran) => Ok(ran.failures.is_empty()),
                // Too little even for what it costs before it runs.
                Err(SimulateError::Invalid(_)) => Ok(false),
                Err(other) => Err(other),
            }
        };
        // Most transactions need what they use. Some need more meanwhile than they use in the end, and some have calls that
        // use whatever they are given.
        let below = used.0.saturating_sub(1);
        let (mut fails, mut enough) = match succeeds(used.0)? {
            false => (used.0, tx.payload.gas_limit.0),
            true if succeeds(below)? => (0, below),
            true => return Ok(used),
        };
        while enough.saturating_sub(fails) > 1 {
            let middle = fails.midpoint(enough);
            if succeeds(middle)? {
                enough = middle;
            } else {
                fails = middle;
            }
        }
        Ok(Gas(enough))
    }

    fn run(
        &self,
        state: &ParentState<'_>,
        tx: &Transaction,
        gas_limit: Gas,
    ) -> Result<Ran, SimulateError> {
        let tx = self.admitted(tx, gas_limit)?;
        let codes = |hash: &Hash| state.code(hash);
        let vm = Transition {
            rules: self.rules,
            timestamp_ms: self.context.timestamp_ms,
            contracts: &self.engine.contracts,
            codes: &codes,
        };
        let txs = std::slice::from_ref(&tx);
        let ran = self
            .runner
            .run(&vm, state, txs, self.rules, OnInvalid::Refuse);
        ran.map_err(|error| match error {
            EngineError::Block(BlockError::InvalidTransaction { source, .. }) => {
                SimulateError::Invalid(*source)
            }
            other => other.into(),
        })
    }

    /// The transaction as if its signatures were valid.
    fn admitted(&self, tx: &Transaction, gas_limit: Gas) -> Result<Verified, SimulateError> {
        let mut tx = tx.clone();
        tx.payload.gas_limit = gas_limit;
        let bytes = codec::encode(&tx);
        let decoded = Decoded::from_bytes(&bytes).map_err(ValidationError::from)?;
        let (expected, got) = (self.rules.params.chain_id, decoded.tx.payload.chain_id);
        if expected != got {
            let wrong = AdmissionError::WrongChain { expected, got };
            return Err(ValidationError::from(wrong).into());
        }
        let intrinsic = check_unsigned(&decoded.tx, self.rules).map_err(ValidationError::from)?;
        Ok(Verified {
            tx: decoded.tx,
            id: decoded.id,
            bytes: decoded.bytes,
            intrinsic,
        })
    }
}

impl RawState for ParentState<'_> {
    fn raw_value(&self, key: &RawKey) -> Result<Option<Vec<u8>>, SystemError> {
        self.value(key)
    }

    fn code(&self, hash: &Hash) -> Result<Option<Arc<[u8]>>, SystemError> {
        ParentState::code(self, hash)
    }
}
