//! What a block does to the accounts, one transaction after another: the state transition of both rivals.
//!
//! Source: `docs/SPEC.md`, execution.

use foldhash::{HashMap, HashSet};
use ordlane_primitives::{
    Account, Address, BlockHeader, BlockHeight, ChainParams, ErrorCode, Event, FeeRule, Gas,
    GasSchedule, Genesis, GenesisAccount, RawKey, Receipt, ReceiptStatus, ReturnData, TxKind,
    codec::{self, Bounded},
    tree,
};

use super::check::{Checked, Rules};
use crate::error::CompareError;
use crate::state::workload::Op;

/// All accounts, in memory.
pub(super) struct Ledger {
    params: ChainParams,
    schedule: &'static GasSchedule,
    accounts: HashMap<Address, Account>,
}

/// What became of a block.
#[derive(Default)]
pub(super) struct Executed {
    pub(super) receipts: Vec<Receipt>,
    pub(super) gas_used: Gas,
    /// The accounts that it may have changed.
    pub(super) touched: HashSet<Address>,
}

impl Ledger {
    pub(super) fn begin(genesis: &Genesis) -> Result<Self, CompareError> {
        let given = |given: &GenesisAccount| {
            let account = Account {
                balance: given.balance,
                ..Account::default()
            };
            (given.address, account)
        };
        Ok(Self {
            params: *genesis.params(),
            schedule: genesis.params().schedule()?,
            accounts: genesis.accounts().iter().map(given).collect(),
        })
    }

    /// What the transactions of a block at that height are checked by.
    pub(super) const fn rules(&self, height: BlockHeight) -> Rules {
        Rules {
            params: self.params,
            schedule: self.schedule,
            height,
        }
    }

    /// Executes a block's transactions and pays its proposer.
    pub(super) fn execute(
        &mut self,
        header: &BlockHeader,
        transactions: &[Checked],
    ) -> Result<Executed, CompareError> {
        let mut executed = Executed::default();
        let mut fees = 0;
        for tx in transactions {
            let receipt = self.transfer(tx, &mut executed.touched)?;
            executed.gas_used.0 += receipt.gas_used.0;
            fees += receipt.fee.0;
            executed.receipts.push(receipt);
        }
        if self.params.fee_rule == FeeRule::PayProposer && fees > 0 {
            self.account(header.proposer).balance.0 += fees;
            executed.touched.insert(header.proposer);
        }
        Ok(executed)
    }

    /// Executes one transaction.
    fn transfer(
        &mut self,
        tx: &Checked,
        touched: &mut HashSet<Address>,
    ) -> Result<Receipt, CompareError> {
        let payload = &tx.payload;
        let TxKind::Transfer { to, amount } = payload.kind else {
            return Err(CompareError::Refused(ErrorCode::UnsupportedKind));
        };
        let sender = self.account(payload.sender);
        if payload.nonce != sender.nonce {
            return Err(CompareError::Refused(ErrorCode::InvalidNonce));
        }
        let spendable = sender.spendable().checked_sub(payload.max_fee());
        let left = spendable.ok_or(CompareError::Refused(ErrorCode::InsufficientBalance))?;
        let needed = Gas(tx.intrinsic.0 + self.schedule.transfer);
        let status = if needed > payload.gas_limit {
            ReceiptStatus::Failed(ErrorCode::OutOfGas)
        } else if amount > left {
            ReceiptStatus::Failed(ErrorCode::AmountAboveBalance)
        } else {
            ReceiptStatus::Success
        };
        // What runs out of gas uses all of its limit.
        let gas_used = needed.min(payload.gas_limit);
        let fee = gas_used.cost(payload.gas_price);
        let sender = self.account(payload.sender);
        sender.nonce.0 += 1;
        sender.balance.0 -= fee.0;
        touched.insert(payload.sender);
        let mut events = Vec::new();
        if status == ReceiptStatus::Success {
            sender.balance.0 -= amount.0;
            self.account(to).balance.0 += amount.0;
            touched.insert(to);
            events.push(Event::transfer(payload.sender, to, amount));
        }
        Ok(Receipt {
            tx_id: tx.id,
            status,
            gas_used,
            fee,
            events: Bounded::new(events).unwrap_or_default(),
            return_data: ReturnData::default(),
        })
    }

    fn account(&mut self, address: Address) -> &mut Account {
        self.accounts.entry(address).or_default()
    }

    /// What a tree must put at the places of accounts, by ascending path: their values, or nothing where there is none.
    pub(super) fn leaves(&self, addresses: &HashSet<Address>) -> Vec<Op> {
        sorted(addresses.iter().map(|address| self.leaf(address)).collect())
    }

    fn leaf(&self, address: &Address) -> Op {
        let account = self.accounts.get(address);
        let value = account.filter(|account| !account.is_absent());
        leaf(&RawKey::account(address), value.map(codec::encode))
    }
}

/// The state that a chain begins with, as a tree takes it.
pub(super) fn first_leaves(genesis: &Genesis) -> Vec<Op> {
    let state = genesis.state().into_iter();
    sorted(state.map(|(key, value)| leaf(&key, Some(value))).collect())
}

fn leaf(key: &RawKey, value: Option<Vec<u8>>) -> Op {
    Op::put(tree::path_of(key.as_bytes()).0, value)
}

/// Trees want them by ascending path.
fn sorted(mut leaves: Vec<Op>) -> Vec<Op> {
    leaves.sort_unstable_by_key(|op| op.key);
    leaves
}
