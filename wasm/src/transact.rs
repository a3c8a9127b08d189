//! Calls and deployments: who is found at an address, what surrounds a run, and what is taken back when it fails.
//!
//! Invariant: a call that fails leaves the state, the events and the refunds as they were before it; only its gas is gone,
//! and what it has paid to have ready. Nothing is made ready that is not paid for.

use std::{collections::VecDeque, sync::Arc};

use ordlane_primitives::{
    Address, Amount, BlockHeight, ChainId, ErrorCode, Gas, GasSchedule, Hash, TimestampMs,
    hash::code_hash, limits::MAX_RETURN_DATA_BYTES,
};

use crate::{
    Bytes, Call, Checkpoint, Contract, Contracts, Entry, Fault, Host, Interrupt,
    call::World,
    limits::{MAX_CALL_DEPTH, MAX_HELD_CONTRACTS, MAX_REVERT_BYTES},
};

/// What is the same for everything that one transaction calls.
#[derive(Clone, Copy, Debug)]
pub struct Environment {
    /// The schedule by which all is charged.
    pub schedule: &'static GasSchedule,
    /// The chain.
    pub chain_id: ChainId,
    /// The height of the block.
    pub height: BlockHeight,
    /// The block's time.
    pub timestamp_ms: TimestampMs,
    /// Who sent the transaction.
    pub origin: Address,
}

/// What a transaction does with a contract.
#[derive(Clone, Copy, Debug)]
pub enum Action<'a> {
    /// Calls the contract at an address.
    Call {
        /// Which one.
        contract: Address,
        /// What it is given.
        input: &'a [u8],
        /// What is moved to it.
        value: Amount,
    },
    /// Calls it, and nothing may be changed.
    Query {
        /// Which one.
        contract: Address,
        /// What it is given.
        input: &'a [u8],
    },
    /// Makes a contract of code and runs its `init`.
    Deploy {
        /// Where.
        address: Address,
        /// Its code.
        code: &'a [u8],
        /// What `init` is given.
        init: &'a [u8],
    },
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transacted {
    /// The gas that was used, refunds not subtracted: never more than there was.
    pub gas_used: Gas,
    /// What may be subtracted, up to the schedule's limit; nothing where it failed.
    pub refund: Gas,
    /// What it gave back, or why it failed. Never [`Fault::Interrupted`] or [`Fault::System`].
    pub outcome: Result<Vec<u8>, Fault>,
}

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransactError {
    /// The host ended it, and knows why.
    #[error(transparent)]
    Interrupted(#[from] Interrupt),
    /// The machine failed.
    #[error("the system failed: {0}")]
    System(String),
}

/// What the calls of one transaction have in common and change.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    /// Who is being called, outermost first, and whether others may call them meanwhile.
    active: Vec<(Address, bool)>,
    /// The contracts whose code is paid for.
    held: Held,
    /// Why there can be no result, though a contract in Rust may have passed over it.
    failed: Option<Fault>,
    /// The pages of all memories that there are.
    pub(crate) pages: u32,
    /// The bytes of all writes to storage, those among them that were taken back.
    pub(crate) written: usize,
    /// What may be refunded, so far.
    pub(crate) refunds: i64,
    /// How many events there are.
    pub(crate) events: usize,
    /// Contracts that have given themselves other code.
    pub(crate) upgrades: Vec<(Address, Hash, Bytes)>,
}

impl Transaction {
    /// Remembers a fault that is no result.
    pub(crate) fn failed_with(&mut self, fault: Fault) -> Fault {
        if fault.code().is_none() {
            self.failed = Some(fault.clone());
        }
        fault
    }
}

/// The contracts that one transaction keeps ready, those that it has called first in front. They stay when a call is taken
/// back: what made them ready is paid for.
#[derive(Debug, Default)]
struct Held(VecDeque<(Address, Hash, Arc<dyn Contract>)>);

impl Held {
    /// The contract at an address where code with a hash is.
    fn find(&self, address: &Address, hash: &Hash) -> Option<Arc<dyn Contract>> {
        let mut held = self.0.iter();
        let found = held.find(|(at, of, _)| at == address && of == hash);
        found.map(|(_, _, contract)| Arc::clone(contract))
    }

    fn hold(&mut self, address: Address, hash: Hash, contract: &Arc<dyn Contract>) {
        if self.0.len() >= MAX_HELD_CONTRACTS {
            self.0.pop_front();
        }
        self.0.push_back((address, hash, Arc::clone(contract)));
    }
}

/// How something is called.
#[derive(Debug)]
pub(crate) enum Way {
    Call { read_only: bool },
    Deploy { code: Bytes, hash: Hash },
}

/// A call before it is made.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) caller: Address,
    pub(crate) to: Address,
    pub(crate) value: Amount,
    pub(crate) input: &'a [u8],
    pub(crate) fuel: u64,
    pub(crate) way: Way,
}

/// A call after it was made.
#[derive(Debug)]
pub(crate) struct Ended {
    /// What is left.
    pub(crate) fuel: u64,
    pub(crate) outcome: Result<Vec<u8>, Fault>,
}

/// Executes what a transaction does with a contract, with at most so much gas.
///
/// The prices of [`GasSchedule::contract_call`] and, where tokens are moved, [`GasSchedule::transfer`] are included; what
/// the transaction costs before it does anything is not.
///
/// # Errors
/// [`TransactError`] when there is no result. What the host was told until then means nothing.
pub fn transact(
    host: &mut dyn Host,
    contracts: &Contracts,
    environment: &Environment,
    action: Action<'_>,
    gas: Gas,
) -> Result<Transacted, TransactError> {
    let schedule = environment.schedule;
    let per_gas = schedule.fuel_per_gas.max(1);
    let fuel = gas.0.saturating_mul(per_gas);
    let mut transaction = Transaction::default();
    let mut world = World {
        host,
        contracts,
        environment,
        transaction: &mut transaction,
    };
    let ended = world.begin(action, fuel);
    let ended = transaction.failed.take().map_or(ended, Err);
    let ended = ended.map_err(|fault| match fault {
        Fault::Interrupted(interrupt) => TransactError::Interrupted(interrupt),
        other => TransactError::System(other.to_string()),
    })?;
    let gas_used = Gas(fuel.saturating_sub(ended.fuel).div_ceil(per_gas).min(gas.0));
    if ended.outcome.is_ok() {
        for (address, hash, code) in std::mem::take(&mut transaction.upgrades) {
            host.set_code(&address, hash, code)?;
        }
    }
    let refund = match ended.outcome {
        Ok(_) => Gas(u64::try_from(transaction.refunds).unwrap_or(0)),
        Err(_) => Gas::ZERO,
    };
    Ok(Transacted {
        gas_used,
        refund,
        outcome: ended.outcome,
    })
}

impl World<'_> {
    /// The outermost call.
    fn begin(&mut self, action: Action<'_>, fuel: u64) -> Result<Ended, Fault> {
        let schedule = self.environment.schedule;
        let (to, value, input, way) = match action {
            Action::Call {
                contract,
                input,
                value,
            } => (contract, value, input, Way::Call { read_only: false }),
            Action::Query { contract, input } => {
                (contract, Amount::ZERO, input, Way::Call { read_only: true })
            }
            Action::Deploy {
                address,
                code,
                init,
            } => {
                let hash = code_hash(code);
                let code = Bytes::from(code);
                (address, Amount::ZERO, init, Way::Deploy { code, hash })
            }
        };
        let moves = if value == Amount::ZERO {
            0
        } else {
            schedule.transfer
        };
        let price = schedule.contract_call.saturating_add(moves);
        let Some(fuel) = fuel.checked_sub(price.saturating_mul(schedule.fuel_per_gas)) else {
            return Ok(Ended {
                fuel: 0,
                outcome: Err(Fault::OutOfGas),
            });
        };
        let request = Request {
            caller: self.environment.origin,
            to,
            value,
            input,
            fuel,
            way,
        };
        self.inside().enter(request, false)
    }

    /// Makes a call, and takes back what it did if it fails. `allows_reentry` is what the innermost one of those that are
    /// being called allows.
    ///
    /// # Errors
    /// [`Fault::Interrupted`] and [`Fault::System`] alone: every other fault is an outcome.
    pub(crate) fn enter(
        mut self,
        request: Request<'_>,
        allows_reentry: bool,
    ) -> Result<Ended, Fault> {
        if self.host.should_stop() {
            return Err(Interrupt.into());
        }
        if let Some((_, allows)) = self.transaction.active.last_mut() {
            *allows = allows_reentry;
        }
        if let Err(fault) = self.check_entry(&request.to) {
            return Ok(Ended {
                fuel: request.fuel,
                outcome: Err(fault),
            });
        }
        let before = self.moment();
        self.transaction.active.push((request.to, false));
        let mut call = Call {
            world: self.inside(),
            caller: request.caller,
            address: request.to,
            value: request.value,
            input: request.input,
            read_only: matches!(request.way, Way::Call { read_only: true }),
            fuel: request.fuel,
            returned: Vec::new(),
        };
        let outcome = call.run(request.way);
        let mut fuel = call.fuel;
        self.transaction.active.pop();
        match outcome {
            Ok(returned) => {
                self.host.release(before.host);
                Ok(Ended {
                    fuel,
                    outcome: Ok(returned),
                })
            }
            Err(fault) if fault.code().is_none() => Err(self.transaction.failed_with(fault)),
            Err(fault) => {
                self.take_back(before);
                if fault.code() == Some(ErrorCode::OutOfGas) {
                    fuel = 0;
                }
                Ok(Ended {
                    fuel,
                    outcome: Err(fault),
                })
            }
        }
    }

    fn check_entry(&self, to: &Address) -> Result<(), Fault> {
        let active = &self.transaction.active;
        if active.len() >= MAX_CALL_DEPTH {
            return Err(Fault::TooDeep {
                limit: MAX_CALL_DEPTH,
            });
        }
        if active
            .iter()
            .any(|(address, allows)| address == to && !allows)
        {
            return Err(Fault::Reentrancy(*to));
        }
        Ok(())
    }

    fn moment(&mut self) -> Moment {
        Moment {
            host: self.host.checkpoint(),
            refunds: self.transaction.refunds,
            events: self.transaction.events,
            upgrades: self.transaction.upgrades.len(),
        }
    }

    fn take_back(&mut self, to: Moment) {
        self.host.revert(to.host);
        self.transaction.refunds = to.refunds;
        self.transaction.events = to.events;
        self.transaction.upgrades.truncate(to.upgrades);
    }

    /// The contract that code makes.
    pub(crate) fn prepare(&self, hash: &Hash, code: &[u8]) -> Result<Arc<dyn Contract>, Fault> {
        let schedule = self.environment.schedule;
        self.contracts.prepare(hash, schedule, code)
    }
}

/// What is restored when a call fails.
#[derive(Debug)]
struct Moment {
    host: Checkpoint,
    refunds: i64,
    events: usize,
    upgrades: usize,
}

impl Call<'_> {
    fn run(&mut self, way: Way) -> Result<Vec<u8>, Fault> {
        let (contract, entry) = match way {
            Way::Call { .. } => (self.called()?, Entry::Call),
            Way::Deploy { code, hash } => (self.deployed(code, hash)?, Entry::Init),
        };
        if self.value != Amount::ZERO {
            let (from, to, amount) = (self.caller, self.address, self.value);
            self.world.transfer(&from, &to, amount)?;
        }
        match contract.run(entry, self) {
            Ok(returned) if returned.len() > MAX_RETURN_DATA_BYTES => Err(Fault::Limit {
                what: "bytes given back",
                found: returned.len() as u64,
                limit: MAX_RETURN_DATA_BYTES as u64,
            }),
            Err(Fault::Revert(mut reason)) => {
                reason.truncate(MAX_REVERT_BYTES);
                Err(Fault::Revert(reason))
            }
            ended => ended,
        }
    }

    /// The contract that is called. Its first call in the transaction pays for its code before that is made ready.
    fn called(&mut self) -> Result<Arc<dyn Contract>, Fault> {
        let (address, contracts) = (self.address, self.world.contracts);
        if let Some(native) = contracts.native(&address) {
            return Ok(native);
        }
        let hash = self.world.host.code_hash(&address)?;
        if hash == Hash::ZERO {
            return Err(Fault::NoContract(address));
        }
        if let Some(held) = self.world.transaction.held.find(&address, &hash) {
            return Ok(held);
        }
        let schedule = self.schedule();
        let contract = match contracts.ready(&hash, schedule) {
            Some((contract, code_bytes)) => {
                self.charge_code(code_bytes)?;
                contract
            }
            None => {
                let code = self.world.host.code(&address)?;
                self.charge_code(code.len())?;
                self.world.prepare(&hash, &code)?
            }
        };
        self.world.transaction.held.hold(address, hash, &contract);
        Ok(contract)
    }

    fn charge_code(&mut self, bytes: usize) -> Result<(), Fault> {
        let price = self.schedule().contract_code_byte;
        self.charge((bytes as u64).saturating_mul(price))
    }

    /// The contract that is made, after what making it costs.
    fn deployed(&mut self, code: Bytes, hash: Hash) -> Result<Arc<dyn Contract>, Fault> {
        let price = self.schedule().deploy_byte;
        self.charge((code.len() as u64).saturating_mul(price))?;
        let address = self.address;
        if self.world.contracts.native(&address).is_some() || self.world.host.is_in_use(&address)? {
            return Err(Fault::AddressInUse(address));
        }
        let contract = self.world.prepare(&hash, &code)?;
        self.world.host.set_code(&address, hash, code)?;
        self.world.transaction.held.hold(address, hash, &contract);
        Ok(contract)
    }
}
