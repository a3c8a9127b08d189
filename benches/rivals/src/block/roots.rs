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

pub(super) fn transactions(transactions: &[TxBytes]) -> Hash {
    let items = transactions.iter().map(Vec::as_slice);
    list::root(ListKind::Transactions, items, &Sequential)
}

pub(super) fn receipts(receipts: &[Receipt]) -> Hash {
    let leaf = |receipt| ListKind::Receipts.leaf(&codec::encode(receipt));
    list::root_of_leaves(receipts.iter().map(leaf).collect(), &Sequential)
}

pub(super) fn events(receipts: &[Receipt]) -> Hash {
    let leaves = (0_u32..).zip(receipts).flat_map(|(index, receipt)| {
        let leaf = move |event| ListKind::Events.leaf(&list::event_item(index, event));
        receipt.events.iter().map(leaf)
    });
    list::root_of_leaves(leaves.collect(), &Sequential)
}
