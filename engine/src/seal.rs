//! Stage 5: the end phase, the block's changes, its roots and its header.

use ordlane_gpu_kernels::{Dispatcher, Lanes};
use ordlane_primitives::{
    Account, Address, Amount, BLOCK_VERSION, BlockHash, BlockHeader, FeeRule, Gas, Hash, RawKey,
    Receipt, TxBytes, codec,
    list::{self, ListKind},
};
use ordlane_state::{Change, Tree, hash_changes};
use ordlane_wasm::Bytes;

use crate::{
    BlockContext, EngineError, SystemError,
    admit::Rules,
    execute::{ParentState, Writes},
};

/// Items per task when leaves of lists are hashed.
const LEAVES_PER_TASK: usize = 256;

/// The end phase: fees go to the proposer, or to nobody.
pub(crate) fn end_phase(
    rules: &Rules,
    proposer: &Address,
    fees: Amount,
    parent: &ParentState<'_>,
    writes: &mut Writes,
) -> Result<(), EngineError> {
    match rules.params.fee_rule {
        FeeRule::Burn => Ok(()),
        FeeRule::PayProposer if fees == Amount::ZERO => Ok(()),
        FeeRule::PayProposer => {
            let mut account = match writes.accounts.get(proposer) {
                Some(written) => *written,
                None => parent.account(proposer)?,
            };
            account.balance = account
                .balance
                .checked_add(fees)
                .ok_or_else(|| SystemError::Internal("fees exceed the total supply".into()))?;
            writes.accounts.insert(*proposer, account);
            Ok(())
        }
    }
}

/// The raw keys whose value differs from the parent's, ascending, with both values.
pub(crate) fn changes(
    writes: &Writes,
    parent: &ParentState<'_>,
) -> Result<Vec<Change>, SystemError> {
    // The encoding is canonical, so what was decoded encodes to what is stored.
    let bytes = |account: Option<Account>| account.map(|account| codec::encode(&account));
    let mut changes = Vec::with_capacity(writes.accounts.len().saturating_add(writes.slots.len()));
    for (address, account) in &writes.accounts {
        let old = parent.present_account(address)?;
        let new = Some(*account).filter(|account| !account.is_absent());
        if old != new {
            let (key, old, new) = (RawKey::account(address), bytes(old), bytes(new));
            changes.push(Change { key, old, new });
        }
    }
    // Addresses ascend, slots do by contract and key, and the keys of all accounts stand below those of all slots.
    for (slot, new) in &writes.slots {
        let old = parent.slot(slot)?;
        if old != *new {
            let key = slot.raw();
            let vec = |value: Option<&Bytes>| value.map(|value| value.to_vec());
            let (old, new) = (vec(old.as_ref()), vec(new.as_ref()));
            changes.push(Change { key, old, new });
        }
    }
    Ok(changes)
}

/// The parent's tree with the changes in it.
pub(crate) fn update_tree(
    parent: &Tree,
    changes: &[Change],
    dispatcher: &Dispatcher,
) -> Result<Tree, SystemError> {
    Ok(parent.update(&hash_changes(changes, dispatcher), dispatcher)?)
}

/// The root of the full bytes of transactions.
pub(crate) fn transactions_root(transactions: &[TxBytes], dispatcher: &Dispatcher) -> Hash {
    root(
        ListKind::Transactions,
        transactions,
        Vec::as_slice,
        dispatcher,
    )
}

/// The header of a block on `parent` whose state root is known.
pub(crate) fn header(
    parent: &BlockHash,
    rules: &Rules,
    context: &BlockContext,
    body: &Body<'_>,
    dispatcher: &Dispatcher,
) -> BlockHeader {
    let receipts = dispatcher
        .lanes()
        .map_chunks(body.receipts, LEAVES_PER_TASK, |part| {
            part.iter().map(codec::encode).collect()
        });
    let events: Vec<Vec<u8>> = (0_u32..)
        .zip(body.receipts)
        .flat_map(|(index, receipt)| {
            receipt
                .events
                .iter()
                .map(move |event| list::event_item(index, event))
        })
        .collect();
    BlockHeader {
        version: BLOCK_VERSION,
        chain_id: rules.params.chain_id,
        parent_hash: *parent,
        number: rules.height,
        timestamp_ms: context.timestamp_ms,
        proposer: context.proposer,
        state_root: body.state_root,
        transactions_root: body.transactions_root,
        receipts_root: root(ListKind::Receipts, &receipts, Vec::as_slice, dispatcher),
        events_root: root(ListKind::Events, &events, Vec::as_slice, dispatcher),
        compute_receipts_root: list::root(ListKind::ComputeReceipts, [], dispatcher),
        gas_limit: rules.params.block_gas_limit,
        gas_used: body.gas_used,
        total_pouw_score: 0,
        provider_count: 0,
        extra: context.extra.clone(),
    }
}

/// What a header commits to.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    pub(crate) state_root: Hash,
    pub(crate) transactions_root: Hash,
    pub(crate) receipts: &'a [Receipt],
    pub(crate) gas_used: Gas,
}

fn root<T: Sync>(
    kind: ListKind,
    items: &[T],
    bytes: fn(&T) -> &[u8],
    dispatcher: &Dispatcher,
) -> Hash {
    let lanes: &Lanes = dispatcher.lanes();
    let leaves = lanes.map_chunks(items, LEAVES_PER_TASK, |part| {
        part.iter().map(|item| kind.leaf(bytes(item))).collect()
    });
    list::root_of_leaves(leaves, dispatcher)
}
