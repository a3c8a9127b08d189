//! Calls and deployments: who is found at an address, what surrounds a run, and what is taken back when it fails.
//!
//! Invariant: a call that fails leaves the state, the events and the refunds as they were before it; only its gas is gone,
//! and it has been called for the first time.

use std::{collections::BTreeSet, sync::Arc};

use ordlane_primitives::{
    Address, Amount, BlockHeight, ChainId, ErrorCode, Gas, GasSchedule, Hash, TimestampMs,
    hash::code_hash,
};

use crate::{
    Bytes, Call, Checkpoint, Contract, Contracts, Entry, Fault, Host, Interrupt, call::World,
    limits::MAX_CALL_DEPTH,
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
    /// Who has been called.
    called: BTreeSet<Address>,
    /// The pages of all memories that there are.
    pub(crate) pages: u32,
    /// What may be refunded, so far.
    pub(crate) refunds: i64,
    /// How many events there are.
    pub(crate) events: usize,
    /// Contracts that have given themselves other code.
    pub(crate) upgrades: Vec<(Address, Hash, Bytes)>,
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
    let ended = world.begin(action, fuel).map_err(|fault| match fault {
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
            Ok(returned) => Ok(Ended {
                fuel,
                outcome: Ok(returned),
            }),
            Err(fault) if fault.code().is_none() => Err(fault),
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
        self.contracts.prepare(hash, schedule, || Ok(code))
    }

    /// The contract at an address.
    fn contract_at(&mut self, address: &Address) -> Result<Arc<dyn Contract>, Fault> {
        if let Some(native) = self.contracts.native(address) {
            return Ok(native);
        }
        let hash = self.host.code_hash(address)?;
        if hash == Hash::ZERO {
            return Err(Fault::NoContract(*address));
        }
        let (schedule, host) = (self.environment.schedule, &mut *self.host);
        self.contracts
            .prepare(&hash, schedule, || host.code(address))
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
        contract.run(entry, self)
    }

    /// The contract that is called, after what its first call in the transaction costs.
    fn called(&mut self) -> Result<Arc<dyn Contract>, Fault> {
        let address = self.address;
        let contract = self.world.contract_at(&address)?;
        if self.world.transaction.called.insert(address) {
            let price = self.schedule().contract_code_byte;
            self.charge(contract.code_bytes().saturating_mul(price))?;
        }
        Ok(contract)
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
        self.world.transaction.called.insert(address);
        Ok(contract)
    }
}
