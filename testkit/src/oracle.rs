//! The sequential oracle: what a block does, written a second time.
//!
//! Purpose: an executor so plain that it can be read beside `docs/SPEC.md`, one transaction after another over one sorted
//! map, to compare the engine with.
//!
//! Invariant: it shares no rule with the code it judges. From `primitives` it takes types and the codec; every tag,
//! price, hash, root and check of a signature is its own. Signatures are checked by `ed25519-zebra`.

mod roots;
mod transition;

use std::collections::BTreeMap;

use ordlane_primitives::{
    Account, Address, Amount, BLOCK_VERSION, BlockHash, BlockHeader, BlockHeight, ChainParams,
    ErrorCode, Event, Extra, FeeRule, Gas, Genesis, Hash, Receipt, TimestampMs, TxBytes,
    batch::Sequential,
    codec::{decode, encode},
};

pub use self::roots::state_root;
use self::{
    roots::{COMPUTE_LEAF, EVENT_LEAF, GENESIS, HEADER, RECEIPT_LEAF, TX_LEAF, list_root, sha},
    transition::run,
};

/// Raw keys and values.
pub type State = BTreeMap<Vec<u8>, Vec<u8>>;
/// What becomes of raw keys: a new value, or none.
pub type Diff = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// What a block is told from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Its number.
    pub number: BlockHeight,
    /// Its timestamp.
    pub timestamp_ms: TimestampMs,
    /// Who is paid.
    pub proposer: Address,
    /// The hash of the block below.
    pub parent_hash: BlockHash,
    /// The header's free bytes.
    pub extra: Extra,
}

/// What a builder makes of one candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the block.
    Included(Receipt),
    /// It is skipped, and would make a block invalid that contains it.
    Invalid(ErrorCode),
    /// It is the first valid one that does not fit, or comes after that one and was not looked at.
    Cut,
}

/// A block that was executed and not committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OracleBlock {
    /// One for each candidate, in order.
    pub outcomes: Vec<Outcome>,
    /// The candidates that are in the block.
    pub transactions: Vec<TxBytes>,
    /// Their receipts.
    pub receipts: Vec<Receipt>,
    /// Their events, each with its transaction's index in the block.
    pub events: Vec<(u32, Event)>,
    /// What changed.
    pub writes: Diff,
    /// What stood there before.
    pub reverse: Diff,
    /// The sum of all fees.
    pub fees: Amount,
    /// The header, with all roots and the gas used.
    pub header: BlockHeader,
}

/// A chain: a state and the header on top of it.
#[derive(Clone, Debug)]
pub struct Oracle {
    state: State,
    head: BlockHeader,
}

impl Oracle {
    /// The chain of a genesis, at block 0.
    #[must_use]
    pub fn new(genesis: &Genesis) -> Self {
        let mut state = State::from([(vec![0x03], encode(genesis.params()))]);
        for given in genesis.accounts() {
            let account = Account {
                balance: given.balance,
                ..Account::default()
            };
            state.insert(account_key(&given.address), encode(&account));
        }
        let bytes = encode(genesis);
        let context = Context {
            number: BlockHeight(0),
            timestamp_ms: genesis.header(Hash::ZERO, &Sequential).timestamp_ms,
            proposer: Address::ZERO,
            parent_hash: Hash([0; 32]),
            extra: Extra::new(sha(&[GENESIS, &bytes]).to_vec()).expect("32 bytes"),
        };
        let head = header(&context, genesis.params(), &state, Lists::default(), 0);
        Self { state, head }
    }

    /// The state after the last committed block.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The header of the last committed block.
    #[must_use]
    pub const fn head(&self) -> &BlockHeader {
        &self.head
    }

    /// A context for the next block: the next number, on top of the head, one second later.
    #[must_use]
    pub fn next_context(&self, proposer: Address) -> Context {
        Context {
            number: BlockHeight(self.head.number.0 + 1),
            timestamp_ms: TimestampMs(self.head.timestamp_ms.0 + 1_000),
            proposer,
            parent_hash: Hash(sha(&[HEADER, &encode(&self.head)])),
            extra: Extra::default(),
        }
    }

    /// Builds a block from candidates as a builder does: it skips what is invalid and cuts at the first that does not fit.
    #[must_use]
    pub fn execute(&self, context: &Context, candidates: &[TxBytes]) -> OracleBlock {
        let params = decode::<ChainParams>(&self.state[&vec![0x03]]).expect("stored parameters");
        let mut state = self.state.clone();
        let (mut outcomes, mut lists) = (Vec::new(), Lists::default());
        let (mut gas_used, mut size_bytes, mut fees) = (0_u64, 0_u64, 0_u128);
        for bytes in candidates {
            let (receipt, changed) = match run(&state, &params, context.number, bytes) {
                Ok(valid) => valid,
                Err(code) => {
                    outcomes.push(Outcome::Invalid(code));
                    continue;
                }
            };
            let with_length = bytes.len() as u64 + 4;
            if receipt.gas_used.0 > params.block_gas_limit.0 - gas_used
                || lists.receipts.len() as u64 >= u64::from(params.max_block_txs)
                || size_bytes + with_length > u64::from(params.max_block_bytes)
            {
                break;
            }
            gas_used += receipt.gas_used.0;
            size_bytes += with_length;
            fees += receipt.fee.0;
            for (address, account) in &changed {
                store(&mut state, address, account);
            }
            lists.push(bytes, &receipt);
            outcomes.push(Outcome::Included(receipt));
        }
        outcomes.resize(candidates.len(), Outcome::Cut);
        if params.fee_rule == FeeRule::PayProposer {
            let mut proposer = load(&state, &context.proposer);
            proposer.balance.0 += fees;
            store(&mut state, &context.proposer, &proposer);
        }
        let (writes, reverse) = (changes(&self.state, &state), changes(&state, &self.state));
        let (transactions, receipts) = (lists.transactions.clone(), lists.receipts.clone());
        let events = lists.events.clone();
        let header = header(context, &params, &state, lists, gas_used);
        OracleBlock {
            outcomes,
            transactions,
            receipts,
            events,
            writes,
            reverse,
            fees: Amount(fees),
            header,
        }
    }

    /// Makes a block, executed on this state, the head.
    pub fn commit(&mut self, block: &OracleBlock) {
        apply(&mut self.state, &block.writes);
        self.head = block.header.clone();
    }
}

/// Brings a state to what a diff says.
pub fn apply(state: &mut State, diff: &Diff) {
    for (key, value) in diff {
        match value {
            Some(value) => drop(state.insert(key.clone(), value.clone())),
            None => drop(state.remove(key)),
        }
    }
}

#[derive(Default)]
struct Lists {
    transactions: Vec<TxBytes>,
    receipts: Vec<Receipt>,
    events: Vec<(u32, Event)>,
}

impl Lists {
    fn push(&mut self, bytes: &[u8], receipt: &Receipt) {
        let index = u32::try_from(self.receipts.len()).expect("at most a million transactions");
        self.events
            .extend(receipt.events.iter().map(|event| (index, event.clone())));
        self.transactions.push(bytes.to_vec());
        self.receipts.push(receipt.clone());
    }
}

fn header(
    context: &Context,
    params: &ChainParams,
    state: &State,
    lists: Lists,
    gas_used: u64,
) -> BlockHeader {
    BlockHeader {
        version: BLOCK_VERSION,
        chain_id: params.chain_id,
        parent_hash: context.parent_hash,
        number: context.number,
        timestamp_ms: context.timestamp_ms,
        proposer: context.proposer,
        state_root: state_root(state),
        transactions_root: list_root(TX_LEAF, lists.transactions),
        receipts_root: list_root(RECEIPT_LEAF, lists.receipts.iter().map(encode).collect()),
        events_root: list_root(EVENT_LEAF, lists.events.iter().map(encode).collect()),
        compute_receipts_root: list_root(COMPUTE_LEAF, Vec::new()),
        gas_limit: params.block_gas_limit,
        gas_used: Gas(gas_used),
        total_pouw_score: 0,
        provider_count: 0,
        extra: context.extra.clone(),
    }
}

fn account_key(address: &Address) -> Vec<u8> {
    [&[0x00], &address.as_bytes()[..]].concat()
}

fn load(state: &State, address: &Address) -> Account {
    let value = state.get(&account_key(address));
    value
        .map(|value| decode(value).expect("a stored account"))
        .unwrap_or_default()
}

fn store(state: &mut State, address: &Address, account: &Account) {
    if *account == Account::default() {
        state.remove(&account_key(address));
    } else {
        state.insert(account_key(address), encode(account));
    }
}

/// The keys whose values differ, with their values in `after`.
fn changes(before: &State, after: &State) -> Diff {
    let changed = after
        .iter()
        .filter(|(key, value)| before.get(*key) != Some(*value));
    let removed = before.keys().filter(|key| !after.contains_key(*key));
    let changed = changed.map(|(key, value)| (key.clone(), Some(value.clone())));
    changed
        .chain(removed.map(|key| (key.clone(), None)))
        .collect()
}
