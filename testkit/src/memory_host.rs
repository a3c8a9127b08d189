//! A small world in memory for contracts: the host of tests and fuzz targets of the `wasm` crate alone.

use std::collections::BTreeMap;

use ordlane_primitives::{
    Account, Address, Amount, BlockHeight, ChainId, Event, GAS_SCHEDULE_V1, Gas, Hash, Nonce,
    TimestampMs, hash::code_hash,
};
use ordlane_wasm::{
    Action, Bytes, Checkpoint, Contracts, Environment, Host, Interrupt, Slot, TransactError,
    Transacted, transact,
};

/// Who sends every transaction.
pub const SENDER: Address = Address::from_bytes([1; 32]);

/// What there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryState {
    /// Accounts that are not all default.
    pub accounts: BTreeMap<Address, Account>,
    /// What contracts have stored.
    pub storage: BTreeMap<(Address, Vec<u8>), Bytes>,
    /// Codes by their hashes.
    pub codes: BTreeMap<Hash, Bytes>,
    /// What was made known since the last transaction began.
    pub events: Vec<Event>,
}

/// The world, and what it was before the transaction.
#[derive(Clone, Debug, Default)]
pub struct MemoryHost {
    /// What there is now.
    pub state: MemoryState,
    /// What contracts have said to whoever debugs them.
    pub said: Vec<Vec<u8>>,
    /// After how many questions the host ends the execution, if it does.
    pub patience: Option<u32>,
    before: MemoryState,
    /// The state at every checkpoint of the transaction.
    moments: Vec<MemoryState>,
}

impl MemoryHost {
    /// A world with so much money of the sender's.
    #[must_use]
    pub fn new(balance: u128) -> Self {
        let mut host = Self::default();
        let account = Account {
            nonce: Nonce(1),
            balance: Amount(balance),
            ..Account::default()
        };
        host.state.accounts.insert(SENDER, account);
        host
    }

    /// Puts a contract somewhere, without running its `init`.
    pub fn place(&mut self, address: Address, code: &[u8]) {
        let hash = code_hash(code);
        self.state.codes.insert(hash, code.into());
        self.state.accounts.entry(address).or_default().code_hash = hash;
    }

    /// Runs what a transaction does; a failure takes everything back.
    ///
    /// # Errors
    /// As [`transact`].
    pub fn transact(
        &mut self,
        contracts: &Contracts,
        action: Action<'_>,
        gas: u64,
    ) -> Result<Transacted, TransactError> {
        self.state.events.clear();
        self.before = self.state.clone();
        self.moments.clear();
        let environment = Environment {
            schedule: &GAS_SCHEDULE_V1,
            chain_id: ChainId(7),
            height: BlockHeight(5),
            timestamp_ms: TimestampMs(9_000),
            origin: SENDER,
        };
        let done = transact(self, contracts, &environment, action, Gas(gas));
        if !matches!(&done, Ok(done) if done.outcome.is_ok()) {
            self.state = self.before.clone();
        }
        done
    }

    fn asked(&mut self) -> Result<(), Interrupt> {
        match &mut self.patience {
            Some(0) => Err(Interrupt),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn account(&self, address: &Address) -> Account {
        let account = self.state.accounts.get(address);
        account.copied().unwrap_or_default()
    }
}

impl Host for MemoryHost {
    fn value(&mut self, contract: &Address, key: &[u8]) -> Result<Option<Bytes>, Interrupt> {
        self.asked()?;
        Ok(self.state.storage.get(&(*contract, key.to_vec())).cloned())
    }

    fn slot(&mut self, contract: &Address, key: &[u8]) -> Result<Slot, Interrupt> {
        self.asked()?;
        let slot = (*contract, key.to_vec());
        Ok(Slot {
            original: self.before.storage.get(&slot).cloned(),
            current: self.state.storage.get(&slot).cloned(),
        })
    }

    fn set_value(
        &mut self,
        contract: &Address,
        key: &[u8],
        value: Option<Bytes>,
    ) -> Result<(), Interrupt> {
        self.asked()?;
        let slot = (*contract, key.to_vec());
        match value {
            Some(value) => self.state.storage.insert(slot, value),
            None => self.state.storage.remove(&slot),
        };
        Ok(())
    }

    fn balance(&mut self, address: &Address) -> Result<Amount, Interrupt> {
        self.asked()?;
        Ok(self.account(address).balance)
    }

    fn transfer(
        &mut self,
        from: &Address,
        to: &Address,
        amount: Amount,
    ) -> Result<bool, Interrupt> {
        self.asked()?;
        let Some(left) = self.account(from).balance.checked_sub(amount) else {
            return Ok(false);
        };
        self.state.accounts.entry(*from).or_default().balance = left;
        self.state.accounts.entry(*to).or_default().balance.0 += amount.0;
        Ok(true)
    }

    fn code_hash(&mut self, address: &Address) -> Result<Hash, Interrupt> {
        self.asked()?;
        Ok(self.account(address).code_hash)
    }

    fn code(&mut self, address: &Address) -> Result<Bytes, Interrupt> {
        self.asked()?;
        let hash = self.account(address).code_hash;
        Ok(self.state.codes[&hash].clone())
    }

    fn is_in_use(&mut self, address: &Address) -> Result<bool, Interrupt> {
        self.asked()?;
        let account = self.account(address);
        Ok(account.nonce != Nonce(0) || account.code_hash != Hash::ZERO)
    }

    fn set_code(&mut self, address: &Address, hash: Hash, code: Bytes) -> Result<(), Interrupt> {
        self.asked()?;
        self.state.codes.insert(hash, code);
        let account = self.state.accounts.entry(*address).or_default();
        account.code_hash = hash;
        Ok(())
    }

    fn emit(&mut self, event: Event) {
        self.state.events.push(event);
    }

    fn checkpoint(&mut self) -> Checkpoint {
        self.moments.push(self.state.clone());
        Checkpoint(self.moments.len() - 1)
    }

    fn revert(&mut self, to: Checkpoint) {
        self.moments.truncate(to.0 + 1);
        self.state = self.moments.pop().expect("there was such a checkpoint");
    }

    fn release(&mut self, checkpoint: Checkpoint) {
        self.moments.truncate(checkpoint.0);
    }

    fn debug(&mut self, _: &Address, text: &[u8]) {
        self.said.push(text.to_vec());
    }
}
