//! What a contract sees of the world while it is called, and what it pays for each look.
//!
//! WebAssembly reaches these functions through the interface in [`abi`](crate::abi), contracts in Rust call them as they
//! are: what is charged and what is refused is decided here for both. Each function charges before it works.

use ordlane_primitives::{
    Address, Amount, Event, EventData, GasSchedule, Hash, SlotWrite, Topics,
    batch::{BatchVerifier, Sequential, SignatureCheck},
    hash::{code_hash, sha256},
    limits::{
        MAX_CODE_BYTES, MAX_CONTRACT_INPUT_BYTES, MAX_EVENT_DATA_BYTES, MAX_EVENT_TOPICS,
        MAX_RECEIPT_EVENTS, MAX_RETURN_DATA_BYTES, MAX_STATE_VALUE_BYTES, MAX_STORAGE_KEY_BYTES,
    },
    signature,
};

use crate::{
    Bytes, Contracts, Environment, Fault, Host, Shape,
    limits::{
        MAX_DEBUG_BYTES, MAX_REVERT_BYTES, MAX_TRANSACTION_PAGES, MAX_WRITTEN_BYTES, PAGE_BYTES,
    },
    transact::{Ended, Request, Transaction, Way},
};

/// A flag of [`Call::call`]: others may call the caller while the call runs.
pub const ALLOW_REENTRY: u32 = 1;

/// One call of one contract.
#[derive(Debug)]
pub struct Call<'c> {
    pub(crate) world: World<'c>,
    pub(crate) caller: Address,
    pub(crate) address: Address,
    pub(crate) value: Amount,
    pub(crate) input: &'c [u8],
    pub(crate) read_only: bool,
    /// What it may still use.
    pub(crate) fuel: u64,
    /// What the last call that it made gave back.
    pub(crate) returned: Vec<u8>,
}

/// What all calls of one transaction share.
pub(crate) struct World<'c> {
    pub(crate) host: &'c mut (dyn Host + 'c),
    pub(crate) contracts: &'c Contracts,
    pub(crate) environment: &'c Environment,
    pub(crate) transaction: &'c mut Transaction,
}

impl World<'_> {
    /// The same for a call inside.
    pub(crate) fn inside(&mut self) -> World<'_> {
        World {
            host: &mut *self.host,
            contracts: self.contracts,
            environment: self.environment,
            transaction: &mut *self.transaction,
        }
    }
}

impl core::fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("World")
            .field("environment", self.environment)
            .field("transaction", self.transaction)
            .finish_non_exhaustive()
    }
}

impl<'c> Call<'c> {
    /// What it was given. Looking at it costs nothing; WebAssembly pays for the copy.
    #[must_use]
    pub const fn input(&self) -> &'c [u8] {
        self.input
    }

    /// The length of what it was given.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`], here and below.
    pub fn input_len(&mut self) -> Result<usize, Fault> {
        self.charge_host_call(0)?;
        Ok(self.input.len())
    }

    /// Pays for a copy of the input into a room of `cap` bytes.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`].
    pub fn input_copy(&mut self, cap: usize) -> Result<&'c [u8], Fault> {
        self.charge_host_call(cap.min(self.input.len()))?;
        Ok(self.input)
    }

    /// Who calls: an account, or another contract.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`].
    pub fn caller(&mut self) -> Result<Address, Fault> {
        self.charge_host_call(Self::ADDRESS_BYTES)?;
        Ok(self.caller)
    }

    /// The contract's own address.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`].
    pub fn self_address(&mut self) -> Result<Address, Fault> {
        self.charge_host_call(Self::ADDRESS_BYTES)?;
        Ok(self.address)
    }

    /// Who sent the transaction.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`].
    pub fn origin(&mut self) -> Result<Address, Fault> {
        self.charge_host_call(Self::ADDRESS_BYTES)?;
        Ok(self.world.environment.origin)
    }

    /// What was moved to the contract with this call.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`].
    pub fn value(&mut self) -> Result<Amount, Fault> {
        self.charge_host_call(Self::AMOUNT_BYTES)?;
        Ok(self.value)
    }

    /// All tokens of an account. The sender of the transaction has paid its highest fee already.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`].
    pub fn balance(&mut self, address: &Address) -> Result<Amount, Fault> {
        self.charge_host_call(Self::ADDRESS_BYTES + Self::AMOUNT_BYTES)?;
        self.charge(self.schedule().storage_read().0)?;
        Ok(self.world.host.balance(address)?)
    }

    /// The height of the block.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`].
    pub fn block_height(&mut self) -> Result<u64, Fault> {
        self.charge_host_call(0)?;
        Ok(self.world.environment.height.0)
    }

    /// The block's time in milliseconds.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`].
    pub fn block_time(&mut self) -> Result<u64, Fault> {
        self.charge_host_call(0)?;
        Ok(self.world.environment.timestamp_ms.0)
    }

    /// Which chain this is.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`].
    pub fn chain_id(&mut self) -> Result<u64, Fault> {
        self.charge_host_call(0)?;
        Ok(self.world.environment.chain_id.0)
    }

    /// The gas that is left after this look at it.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`].
    pub fn gas_left(&mut self) -> Result<u64, Fault> {
        self.charge_host_call(0)?;
        Ok(self
            .fuel
            .checked_div(self.schedule().fuel_per_gas)
            .unwrap_or(0))
    }

    /// What stands under a key of the contract's storage.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`], and [`Fault::Limit`] for a key that is too long.
    pub fn storage_get(&mut self, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        self.charge_host_call(key.len())?;
        check("bytes of a storage key", key.len(), MAX_STORAGE_KEY_BYTES)?;
        self.charge(self.schedule().storage_read().0)?;
        let value = self.world.host.value(&self.address, key)?;
        // It is read whole, however much of it the contract wants to have.
        self.charge_copy(value.as_ref().map_or(0, |value| value.len()))?;
        Ok(value)
    }

    /// Puts a value under a key of the contract's storage.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`], [`Fault::ReadOnly`], and [`Fault::Limit`] for a key or a value that is too long.
    pub fn storage_set(&mut self, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        self.write(key, Some(value))
    }

    /// Takes away what stands under a key of the contract's storage.
    ///
    /// # Errors
    /// As [`Call::storage_set`].
    pub fn storage_del(&mut self, key: &[u8]) -> Result<(), Fault> {
        self.write(key, None)
    }

    /// SHA-256, without a tag.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`].
    pub fn sha256(&mut self, data: &[u8]) -> Result<Hash, Fault> {
        self.charge_host_call(Self::ADDRESS_BYTES)?;
        self.charge(self.schedule().hash(data.len() as u64).0)?;
        Ok(sha256(data))
    }

    /// Whether an Ed25519 signature verifies, by the rule of the chain. A weak key never does.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`].
    pub fn ed25519_verify(
        &mut self,
        key: &[u8; 32],
        message: &[u8],
        signature: &[u8; 64],
    ) -> Result<bool, Fault> {
        self.charge_host_call(0)?;
        self.charge(self.schedule().signature_verification)?;
        self.charge(self.schedule().hash(message.len() as u64).0)?;
        let check = SignatureCheck {
            key,
            message,
            signature,
        };
        let verifies = Sequential.verify_batch(&[check]).first() == Some(&true);
        Ok(verifies && !signature::is_weak_key(key))
    }

    /// Makes an event known, by the contract.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`], [`Fault::ReadOnly`], and [`Fault::Limit`] for too many topics, too much data, or too many
    /// events of one transaction.
    pub fn emit(&mut self, topics: &[Hash], data: &[u8]) -> Result<(), Fault> {
        self.charge_host_call(0)?;
        self.check_writable("an event")?;
        check("topics of an event", topics.len(), MAX_EVENT_TOPICS)?;
        check("bytes of an event", data.len(), MAX_EVENT_DATA_BYTES)?;
        let schedule = self.schedule();
        let topic = schedule.event_topic.saturating_mul(topics.len() as u64);
        let bytes = schedule.event_byte.saturating_mul(data.len() as u64);
        self.charge(schedule.event.saturating_add(topic).saturating_add(bytes))?;
        self.world.emit(Event {
            emitter: self.address,
            topics: Topics::new(topics.to_vec()).unwrap_or_default(),
            data: EventData::new(data.to_vec()).unwrap_or_default(),
        })
    }

    /// Moves tokens of the contract, and makes that known as a transaction's transfer does. No code runs at `to`.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`], [`Fault::ReadOnly`] and [`Fault::Limit`] end the call. The inner error,
    /// [`Fault::AmountAboveBalance`], is an answer.
    pub fn transfer(&mut self, to: &Address, amount: Amount) -> Result<Result<(), Fault>, Fault> {
        self.charge_host_call(Self::ADDRESS_BYTES + Self::AMOUNT_BYTES)?;
        self.check_writable("a transfer")?;
        self.charge(self.schedule().transfer)?;
        let from = self.address;
        match self.world.transfer(&from, to, amount) {
            Err(fault @ Fault::AmountAboveBalance { .. }) => Ok(Err(fault)),
            other => other.map(Ok),
        }
    }

    /// Calls another contract with some of the contract's tokens; see [`ALLOW_REENTRY`] for `flags`. At most `gas` is
    /// passed on, and never more than all but a 64th.
    ///
    /// What it gives back, or the reason that it gave for reverting, is [`returned`](Self::returned) until the next call.
    ///
    /// # Errors
    /// The outer error ends this call, too: [`Fault::OutOfGas`], [`Fault::ReadOnly`], [`Fault::Limit`] for an input that is
    /// too long, [`Fault::InvalidArgument`] for unknown flags. The inner one is how the other call ended, all of whose
    /// effects are taken back.
    pub fn call(
        &mut self,
        to: &Address,
        value: Amount,
        input: &[u8],
        gas: u64,
        flags: u32,
    ) -> Result<Result<(), Fault>, Fault> {
        self.charge_call(input)?;
        if flags & !ALLOW_REENTRY != 0 {
            return Err(Fault::InvalidArgument("unknown flags of a call"));
        }
        if value != Amount::ZERO {
            self.check_writable("a call with tokens")?;
            self.charge(self.schedule().transfer)?;
        }
        let way = Way::Call {
            read_only: self.read_only,
        };
        self.enter(to, value, input, gas, flags & ALLOW_REENTRY != 0, way)
    }

    /// Calls another contract, which can change nothing, and nor can those that it calls.
    ///
    /// # Errors
    /// As [`Call::call`].
    pub fn query(
        &mut self,
        to: &Address,
        input: &[u8],
        gas: u64,
    ) -> Result<Result<(), Fault>, Fault> {
        self.charge_call(input)?;
        let way = Way::Call { read_only: true };
        self.enter(to, Amount::ZERO, input, gas, false, way)
    }

    /// Deploys a contract at [`Address::of_salted_contract`] and runs its `init`. The inner value is its address.
    ///
    /// # Errors
    /// As [`Call::call`].
    pub fn deploy(
        &mut self,
        code: &[u8],
        init: &[u8],
        salt: &[u8; 32],
        gas: u64,
    ) -> Result<Result<Address, Fault>, Fault> {
        self.charge_call(init)?;
        self.charge_copy(code.len())?;
        self.check_writable("a deployment")?;
        check("bytes of code", code.len(), MAX_CODE_BYTES)?;
        self.charge(self.schedule().hash(code.len() as u64).0)?;
        let hash = code_hash(code);
        let address = Address::of_salted_contract(&self.address, salt, &hash);
        let way = Way::Deploy {
            code: code.into(),
            hash,
        };
        let outcome = self.enter(&address, Amount::ZERO, init, gas, false, way)?;
        Ok(outcome.map(|()| address))
    }

    /// Gives the contract other code from the next transaction on. Its storage stays, and no `init` runs.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`], [`Fault::ReadOnly`] and [`Fault::Limit`] end the call. The inner error,
    /// [`Fault::InvalidCode`], is an answer.
    pub fn set_code(&mut self, code: &[u8]) -> Result<Result<(), Fault>, Fault> {
        self.charge_host_call(code.len())?;
        self.check_writable("other code")?;
        check("bytes of code", code.len(), MAX_CODE_BYTES)?;
        let bytes = (code.len() as u64).saturating_mul(self.schedule().deploy_byte);
        self.charge(bytes)?;
        let hash = code_hash(code);
        match self.world.prepare(&hash, code) {
            Err(fault @ Fault::InvalidCode(_)) => Ok(Err(fault)),
            Err(fault) => Err(self.world.transaction.failed_with(fault)),
            Ok(_) => {
                let upgrade = (self.address, hash, Bytes::from(code));
                self.world.transaction.upgrades.push(upgrade);
                Ok(Ok(()))
            }
        }
    }

    /// Says something to whoever debugs the contract.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`], and [`Fault::Limit`] for a text that is too long.
    pub fn debug(&mut self, text: &[u8]) -> Result<(), Fault> {
        self.charge_host_call(text.len())?;
        check("bytes of text", text.len(), MAX_DEBUG_BYTES)?;
        self.world.host.debug(&self.address, text);
        Ok(())
    }

    /// What the last call that was made from here gave back. Looking costs nothing; WebAssembly pays for the copy.
    #[must_use]
    pub fn returned(&self) -> &[u8] {
        &self.returned
    }

    /// The length of it.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`].
    pub fn returndata_len(&mut self) -> Result<usize, Fault> {
        self.charge_host_call(0)?;
        Ok(self.returned.len())
    }

    /// Pays for a copy of it into a room of `cap` bytes.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`].
    pub fn returndata_copy(&mut self, cap: usize) -> Result<&[u8], Fault> {
        self.charge_host_call(cap.min(self.returned.len()))?;
        Ok(&self.returned)
    }

    /// Pays for giving something back.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`], and [`Fault::Limit`] for what is too long.
    pub fn ret(&mut self, data: &[u8]) -> Result<(), Fault> {
        self.charge_host_call(data.len())?;
        check("bytes given back", data.len(), MAX_RETURN_DATA_BYTES)
    }

    /// The fault that reverts this call for a reason, of which the first bytes are kept.
    pub fn revert(&mut self, reason: &[u8]) -> Fault {
        let kept = reason.get(..MAX_REVERT_BYTES).unwrap_or(reason);
        match self.charge_host_call(kept.len()) {
            Ok(()) => Fault::Revert(kept.to_vec()),
            Err(fault) => fault,
        }
    }

    /// Charges for work that none of the other functions knows of, in units of gas.
    ///
    /// # Errors
    /// [`Fault::OutOfGas`]; all that was left is used then.
    pub fn charge(&mut self, gas: u64) -> Result<(), Fault> {
        let fuel = gas.saturating_mul(self.schedule().fuel_per_gas);
        self.burn(fuel)
    }

    const ADDRESS_BYTES: usize = 32;
    const AMOUNT_BYTES: usize = 16;

    pub(crate) const fn schedule(&self) -> &'static GasSchedule {
        self.world.environment.schedule
    }

    /// Takes fuel from what is left.
    pub(crate) const fn burn(&mut self, fuel: u64) -> Result<(), Fault> {
        match self.fuel.checked_sub(fuel) {
            Some(left) => {
                self.fuel = left;
                Ok(())
            }
            None => {
                self.fuel = 0;
                Err(Fault::OutOfGas)
            }
        }
    }

    /// The price of being there, and of so many bytes that are copied.
    fn charge_host_call(&mut self, bytes: usize) -> Result<(), Fault> {
        let copy = self.copy_price(bytes);
        self.charge(self.schedule().host_call.saturating_add(copy))
    }

    fn charge_copy(&mut self, bytes: usize) -> Result<(), Fault> {
        self.charge(self.copy_price(bytes))
    }

    const fn copy_price(&self, bytes: usize) -> u64 {
        let words = (bytes as u64).div_ceil(32);
        words.saturating_mul(self.schedule().host_copy_word)
    }

    const fn check_writable(&self, what: &'static str) -> Result<(), Fault> {
        if self.read_only {
            Err(Fault::ReadOnly(what))
        } else {
            Ok(())
        }
    }

    fn write(&mut self, key: &[u8], new: Option<&[u8]>) -> Result<(), Fault> {
        let len = new.map_or(0, <[u8]>::len);
        self.charge_host_call(key.len().saturating_add(len))?;
        self.check_writable("a write")?;
        check("bytes of a storage key", key.len(), MAX_STORAGE_KEY_BYTES)?;
        check("bytes of a stored value", len, MAX_STATE_VALUE_BYTES)?;
        // Every write costs at least what the look at the slot does.
        let look = self.schedule().storage_read().0;
        self.charge(look)?;
        let slot = self.world.host.slot(&self.address, key)?;
        let stood = slot.current.as_ref().map_or(0, |current| current.len());
        self.charge_copy(stood)?;
        let written = &mut self.world.transaction.written;
        *written = written.saturating_add(key.len().saturating_add(len).saturating_add(stood));
        check(
            "bytes written in a transaction",
            *written,
            MAX_WRITTEN_BYTES,
        )?;
        let charge = self.schedule().storage_write(&SlotWrite {
            original: slot.original.as_deref(),
            current: slot.current.as_deref(),
            new,
        });
        self.charge(charge.gas.0.saturating_sub(look))?;
        let refunds = &mut self.world.transaction.refunds;
        *refunds = refunds.saturating_add(charge.refund);
        if slot.current.as_deref() != new {
            let value = new.map(Bytes::from);
            self.world.host.set_value(&self.address, key, value)?;
        }
        Ok(())
    }

    /// Pays for an instance and the first pages of its memory, which are taken from those that the transaction may have.
    pub(crate) fn begin_instance(&mut self, shape: Shape) -> Result<u64, Fault> {
        let parts = u64::from(shape.parts).saturating_mul(self.schedule().instance_part);
        let data = self.copy_price(shape.data_bytes as usize);
        self.charge(parts.saturating_add(data))?;
        let pages = shape.initial_pages;
        let bytes = (pages as usize).saturating_mul(PAGE_BYTES);
        let words = (bytes as u64).div_ceil(32);
        self.charge(self.schedule().memory(words).0)?;
        let all = self.world.transaction.pages.saturating_add(pages);
        check(
            "pages of memory in a transaction",
            all as usize,
            MAX_TRANSACTION_PAGES as usize,
        )?;
        self.world.transaction.pages = all;
        Ok(self.fuel)
    }

    /// The price of a call before it is known of what.
    fn charge_call(&mut self, input: &[u8]) -> Result<(), Fault> {
        let words = Self::ADDRESS_BYTES + Self::AMOUNT_BYTES;
        self.charge_host_call(input.len().saturating_add(words))?;
        self.charge(self.schedule().contract_call)?;
        check("bytes of input", input.len(), MAX_CONTRACT_INPUT_BYTES)
    }

    /// Pays for a function of the interface that was given what lies outside of the memory, and gives the fault for it.
    pub(crate) fn out_of_bounds(&mut self) -> Fault {
        match self.charge_host_call(0) {
            Ok(()) => Fault::Trap("a pointer out of bounds"),
            Err(fault) => fault,
        }
    }

    /// Runs a call inside this one with a part of its fuel.
    fn enter(
        &mut self,
        to: &Address,
        value: Amount,
        input: &[u8],
        gas: u64,
        allows_reentry: bool,
        way: Way,
    ) -> Result<Result<(), Fault>, Fault> {
        let schedule = self.schedule();
        let kept = self.fuel.div_ceil(schedule.call_reserve_quotient.max(1));
        let most = self.fuel.saturating_sub(kept);
        let fuel = gas.saturating_mul(schedule.fuel_per_gas).min(most);
        self.fuel = self.fuel.saturating_sub(fuel);
        self.returned = Vec::new();
        let request = Request {
            caller: self.address,
            to: *to,
            value,
            input,
            fuel,
            way,
        };
        let Ended { fuel, outcome } = self.world.inside().enter(request, allows_reentry)?;
        self.fuel = self.fuel.saturating_add(fuel);
        match outcome {
            Ok(returned) => {
                self.returned = returned;
                Ok(Ok(()))
            }
            Err(fault) => {
                self.returned = fault.payload().to_vec();
                Ok(Err(fault))
            }
        }
    }
}

impl World<'_> {
    /// Makes an event known, if the transaction may have another one.
    pub(crate) fn emit(&mut self, event: Event) -> Result<(), Fault> {
        let events = self.transaction.events.saturating_add(1);
        check("events of a transaction", events, MAX_RECEIPT_EVENTS)?;
        self.transaction.events = events;
        self.host.emit(event);
        Ok(())
    }

    /// Moves tokens, and makes that known.
    pub(crate) fn transfer(
        &mut self,
        from: &Address,
        to: &Address,
        amount: Amount,
    ) -> Result<(), Fault> {
        if !self.host.transfer(from, to, amount)? {
            return Err(Fault::AmountAboveBalance {
                from: *from,
                amount,
            });
        }
        self.emit(Event::transfer(*from, *to, amount))
    }
}

/// Refuses what is above its limit.
fn check(what: &'static str, found: usize, limit: usize) -> Result<(), Fault> {
    if found > limit {
        let (found, limit) = (found as u64, limit as u64);
        return Err(Fault::Limit { what, found, limit });
    }
    Ok(())
}
