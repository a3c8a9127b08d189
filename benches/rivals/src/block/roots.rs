//! The roots of the lists of a block, with sha2.

use ordlane_primitives::batch::Sequential;
use ordlane_primitives::list::{self, ListKind};
use ordlane_primitives::{BlockHeader, Gas, Hash, Receipt, TxBytes, codec};

/// What a header says of a block's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Roots {
    pub(super) transactions: Hash,
    pub(super) receipts: Hash,
    pub(super) events: Hash,
    pub(super) gas_used: Gas,
}

impl Roots {
    pub(super) const fn of(header: &BlockHeader) -> Self {
        Self {
            transactions: header.transactions_root,
            receipts: header.receipts_root,
            events: header.events_root,
            gas_used: header.gas_used,
        }
    }
}

/// The leaves of transactions, receipts and events of transactions that begin at an index.
#[derive(Default)]
pub(super) struct Leaves {
    transactions: Vec<Hash>,
    receipts: Vec<Hash>,
    events: Vec<Hash>,
}

impl Leaves {
    pub(super) fn of(first: u32, transactions: &[TxBytes], receipts: &[Receipt]) -> Self {
        let transaction = |bytes: &TxBytes| ListKind::Transactions.leaf(bytes);
        let receipt = |receipt| ListKind::Receipts.leaf(&codec::encode(receipt));
        let events = (first..).zip(receipts).flat_map(|(index, receipt)| {
            let leaf = move |event| ListKind::Events.leaf(&list::event_item(index, event));
            receipt.events.iter().map(leaf)
        });
        Self {
            transactions: transactions.iter().map(transaction).collect(),
            receipts: receipts.iter().map(receipt).collect(),
            events: events.collect(),
        }
    }

    /// With those that come after.
    pub(super) fn then(mut self, next: Self) -> Self {
        self.transactions.extend(next.transactions);
        self.receipts.extend(next.receipts);
        self.events.extend(next.events);
        self
    }

    pub(super) fn roots(self, gas_used: Gas) -> Roots {
        let root = |leaves| list::root_of_leaves(leaves, &Sequential);
        Roots {
            transactions: root(self.transactions),
            receipts: root(self.receipts),
            events: root(self.events),
            gas_used,
        }
    }
}
