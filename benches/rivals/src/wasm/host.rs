//! State in a hash map, for both.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use ordlane_primitives::{Address, Amount, Event, Hash};
use ordlane_wasm::{Bytes, Checkpoint, Host, Interrupt, Slot};

/// Who calls, and who is sent tokens.
pub(super) const SENDER: [u8; 32] = [1; 32];
pub(super) const RECEIVER: [u8; 32] = [2; 32];
/// Where the token is, and what computes.
pub(super) const TOKEN_ADDRESS: Address = Address::from_bytes([3; 32]);
pub(super) const COMPUTE_ADDRESS: Address = Address::from_bytes([4; 32]);
/// What the sender has in the beginning.
const TOKENS: u128 = 1 << 100;

/// What a contract has stored.
pub(super) type Stored = HashMap<Box<[u8]>, Bytes, RandomState>;

/// The first balances.
pub(super) fn stored() -> Stored {
    let mut stored = Stored::default();
    stored.insert(SENDER.into(), TOKENS.to_le_bytes()[..].into());
    stored.insert(RECEIVER.into(), 1_u128.to_le_bytes()[..].into());
    stored
}

/// The host of one contract that never fails.
#[derive(Debug)]
pub(super) struct MapHost {
    pub(super) stored: Stored,
    pub(super) events: Vec<Event>,
    /// The codes at both addresses.
    pub(super) codes: [(Hash, Bytes); 2],
}

impl Host for MapHost {
    fn value(&mut self, _: &Address, key: &[u8]) -> Result<Option<Bytes>, Interrupt> {
        Ok(self.stored.get(key).cloned())
    }

    fn slot(&mut self, _: &Address, key: &[u8]) -> Result<Slot, Interrupt> {
        let current = self.stored.get(key).cloned();
        Ok(Slot {
            original: current.clone(),
            current,
        })
    }

    fn set_value(
        &mut self,
        _: &Address,
        key: &[u8],
        value: Option<Bytes>,
    ) -> Result<(), Interrupt> {
        match value {
            Some(value) => self.stored.insert(key.into(), value),
            None => self.stored.remove(key),
        };
        Ok(())
    }

    fn balance(&mut self, _: &Address) -> Result<Amount, Interrupt> {
        Ok(Amount(0))
    }

    fn transfer(&mut self, _: &Address, _: &Address, _: Amount) -> Result<bool, Interrupt> {
        Ok(false)
    }

    fn code_hash(&mut self, address: &Address) -> Result<Hash, Interrupt> {
        Ok(self.codes[usize::from(*address == COMPUTE_ADDRESS)].0)
    }

    fn code(&mut self, address: &Address) -> Result<Bytes, Interrupt> {
        Ok(self.codes[usize::from(*address == COMPUTE_ADDRESS)]
            .1
            .clone())
    }

    fn is_in_use(&mut self, _: &Address) -> Result<bool, Interrupt> {
        Ok(true)
    }

    fn set_code(&mut self, _: &Address, _: Hash, _: Bytes) -> Result<(), Interrupt> {
        Ok(())
    }

    fn emit(&mut self, event: Event) {
        self.events.push(event);
    }

    fn checkpoint(&mut self) -> Checkpoint {
        Checkpoint(0)
    }

    fn revert(&mut self, _: Checkpoint) {}

    fn release(&mut self, _: Checkpoint) {}
}
