//! The oracle's contracts: what a transaction that calls or deploys one does, over a journal that keeps a way back for
//! every step.

use std::collections::BTreeMap;

use ordlane_primitives::{
    Account, Address, Amount, ErrorCode, Event, GAS_SCHEDULE_V1, Gas, Hash, Receipt, ReceiptStatus,
    ReturnData, TransactionPayload, TxKind,
    codec::{Bounded, encode},
};
use ordlane_wasm::{Action, Bytes, Checkpoint, Environment, Host, Interrupt, Slot, transact};

use crate::oracle::{Oracle, World, tagged};

/// A slot's contract and key.
type SlotKey = (Address, Vec<u8>);
/// Takes one step back.
type Undo = Box<dyn FnOnce(&mut Journal<'_>)>;

struct Journal<'w> {
    world: &'w mut World,
    /// What slots held before the transaction, of those that it has written.
    originals: BTreeMap<SlotKey, Option<Vec<u8>>>,
    events: Vec<Event>,
    undo: Vec<Undo>,
}

/// What a valid transaction with a contract does, and the gas that it uses before refunds.
pub(crate) fn contract(
    chain: &mut Oracle,
    tx: &TransactionPayload,
    intrinsic: u64,
) -> (Receipt, u64) {
    let (limit, price) = (tx.gas_limit.0, u128::from(tx.gas_price.0));
    let action = match &tx.kind {
        TxKind::Call {
            contract,
            input,
            value,
        } => Action::Call {
            contract: *contract,
            input,
            value: *value,
        },
        TxKind::Deploy { code, init, salt } => {
            let descriptor = match salt {
                None => encode(&(2_u8, tx.sender, tx.nonce)),
                Some(salt) => encode(&(3_u8, tx.sender, salt, tagged("code", code))),
            };
            let address = Address::from_bytes(tagged("address", &descriptor));
            Action::Deploy {
                address,
                code,
                init,
            }
        }
        _ => unreachable!("the codec knows no other kind"),
    };
    let environment = Environment {
        schedule: &GAS_SCHEDULE_V1,
        chain_id: chain.params.chain_id,
        height: chain.header.number,
        timestamp_ms: chain.header.timestamp_ms,
        origin: tx.sender,
    };
    let sender = chain.world.accounts.entry(tx.sender).or_default();
    sender.nonce.0 += 1;
    sender.balance.0 -= u128::from(limit) * price;
    let before = chain.world.clone();
    let mut journal = Journal {
        world: &mut chain.world,
        originals: BTreeMap::new(),
        events: Vec::new(),
        undo: Vec::new(),
    };
    let gas = Gas(limit - intrinsic);
    let ran = transact(&mut journal, &chain.contracts, &environment, action, gas);
    let ran = ran.expect("nothing ends a run of the oracle");
    let events = journal.events;
    let gas = intrinsic + ran.gas_used.0;
    let (status, events, returned) = match &ran.outcome {
        Ok(returned) => (ReceiptStatus::Success, events, returned.clone()),
        Err(fault) => {
            // Not only what was taken back step by step.
            chain.world = before;
            let code: ErrorCode = fault.code().expect("a result has a code");
            let status = ReceiptStatus::Failed(code);
            (status, Vec::new(), fault.payload().to_vec())
        }
    };
    // At most half of the gas comes back.
    let charged = gas - ran.refund.0.min(gas / 2);
    let fee = u128::from(charged) * price;
    let sender = chain.world.accounts.entry(tx.sender).or_default();
    sender.balance.0 += u128::from(limit) * price - fee;
    let receipt = Receipt {
        tx_id: Hash(tagged("tx-id", &encode(tx))),
        status,
        gas_used: Gas(charged),
        fee: Amount(fee),
        events: Bounded::new(events).expect("a limited number"),
        return_data: ReturnData::new(returned).expect("a limited length"),
    };
    (receipt, gas)
}

impl Journal<'_> {
    fn account(&self, address: &Address) -> Account {
        let account = self.world.accounts.get(address);
        account.copied().unwrap_or_default()
    }

    fn set_account(&mut self, address: &Address, account: Account) {
        let before = self.world.accounts.insert(*address, account);
        let address = *address;
        self.undo.push(Box::new(move |journal| {
            match before {
                Some(before) => journal.world.accounts.insert(address, before),
                None => journal.world.accounts.remove(&address),
            };
        }));
    }

    fn stored(&self, contract: &Address, key: &[u8]) -> Option<Vec<u8>> {
        let slot = (*contract, key.to_vec());
        self.world.storage.get(&slot).cloned()
    }
}

impl Host for Journal<'_> {
    fn value(&mut self, contract: &Address, key: &[u8]) -> Result<Option<Bytes>, Interrupt> {
        Ok(self.stored(contract, key).map(Bytes::from))
    }

    fn slot(&mut self, contract: &Address, key: &[u8]) -> Result<Slot, Interrupt> {
        let current = self.stored(contract, key);
        let written = self.originals.get(&(*contract, key.to_vec()));
        let original = written.cloned().unwrap_or_else(|| current.clone());
        Ok(Slot {
            original: original.map(Bytes::from),
            current: current.map(Bytes::from),
        })
    }

    fn set_value(
        &mut self,
        contract: &Address,
        key: &[u8],
        value: Option<Bytes>,
    ) -> Result<(), Interrupt> {
        let slot = (*contract, key.to_vec());
        let before = match value {
            Some(value) => self.world.storage.insert(slot.clone(), value.to_vec()),
            None => self.world.storage.remove(&slot),
        };
        // What a slot held before the transaction stays known, whatever is taken back.
        let original = || before.clone();
        self.originals.entry(slot.clone()).or_insert_with(original);
        self.undo.push(Box::new(move |journal| {
            match before {
                Some(before) => journal.world.storage.insert(slot, before),
                None => journal.world.storage.remove(&slot),
            };
        }));
        Ok(())
    }

    fn balance(&mut self, address: &Address) -> Result<Amount, Interrupt> {
        Ok(self.account(address).balance)
    }

    fn transfer(
        &mut self,
        from: &Address,
        to: &Address,
        amount: Amount,
    ) -> Result<bool, Interrupt> {
        let mut payer = self.account(from);
        if payer.balance.0 - payer.locked.0 < amount.0 {
            return Ok(false);
        }
        payer.balance.0 -= amount.0;
        self.set_account(from, payer);
        let mut receiver = self.account(to);
        receiver.balance.0 += amount.0;
        self.set_account(to, receiver);
        Ok(true)
    }

    fn code_hash(&mut self, address: &Address) -> Result<Hash, Interrupt> {
        Ok(self.account(address).code_hash)
    }

    fn code(&mut self, address: &Address) -> Result<Bytes, Interrupt> {
        let hash = self.account(address).code_hash;
        Ok(Bytes::from(self.world.codes[&hash].as_slice()))
    }

    fn is_in_use(&mut self, address: &Address) -> Result<bool, Interrupt> {
        let account = self.account(address);
        Ok(account.nonce.0 > 0 || account.code_hash != Hash([0; 32]))
    }

    fn set_code(&mut self, address: &Address, hash: Hash, code: Bytes) -> Result<(), Interrupt> {
        assert_eq!(hash.0, tagged("code", &code), "the hash of the code");
        self.world.codes.insert(hash, code.to_vec());
        let mut account = self.account(address);
        account.code_hash = hash;
        self.set_account(address, account);
        Ok(())
    }

    fn emit(&mut self, event: Event) {
        self.events.push(event);
        self.undo.push(Box::new(|journal| {
            journal.events.pop();
        }));
    }

    fn checkpoint(&mut self) -> Checkpoint {
        Checkpoint(self.undo.len())
    }

    fn revert(&mut self, to: Checkpoint) {
        for undo in self.undo.split_off(to.0).into_iter().rev() {
            undo(self);
        }
    }

    /// Every step keeps its way back until the end.
    fn release(&mut self, _: Checkpoint) {}
}
