//! The sequential oracle: what a block does, written a second time, to be read beside `docs/SPEC.md`.
//!
//! Invariant: it shares no rule with the code it judges. From `primitives` it takes types and the codec; every tag,
//! price, hash, root and check of a signature is its own. Signatures are checked by `ed25519-zebra`. Contracts run by the
//! crate that runs them everywhere, over a journal of the oracle's own.

use std::{collections::BTreeMap, sync::Arc};

use curve25519_dalek::edwards::CompressedEdwardsY;
use ed25519_zebra::VerificationKey;
use ordlane_primitives::{
    Account, Address, Amount, Auth, BLOCK_VERSION, BlockHeader, BlockHeight, ChainParams,
    ErrorCode, Event, EventData, Extra, FeeRule, Gas, Genesis, Hash, Receipt, ReceiptStatus,
    ReturnData, TimestampMs, Topics, Transaction, TransactionPayload, TxBytes, TxKind,
    codec::{Bounded, DecodeCause, decode, encode},
};
use ordlane_wasm::{Contracts, DEFAULT_CACHE_BYTES, Interpreter};
use sha2::{Digest as _, Sha256};

use crate::oracle_contracts::contract;

/// Raw keys and values.
pub type State = BTreeMap<Vec<u8>, Vec<u8>>;
/// What a block is told from outside: a header whose roots and gas are not known yet.
pub type Context = BlockHeader;
/// A block that was executed and not committed: the chain that ends in it.
pub type OracleBlock = Oracle;
/// A valid payload, its intrinsic gas, and what its sender can spend beside the highest fee.
pub(crate) type Valid = (TransactionPayload, u64, u128);

/// Raw keys with what they hold before and after.
pub type Diff = BTreeMap<Vec<u8>, (Option<Vec<u8>>, Option<Vec<u8>>)>;
/// What blocks change.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    /// Those that are not absent.
    pub(crate) accounts: BTreeMap<Address, Account>,
    /// By contract and key.
    pub(crate) storage: BTreeMap<(Address, Vec<u8>), Vec<u8>>,
    /// By their hashes, outside of the state.
    pub(crate) codes: BTreeMap<Hash, Vec<u8>>,
}

/// What a builder makes of one candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the block.
    Included(Receipt),
    /// It is left out, and would make a block invalid that contains it.
    Invalid(ErrorCode),
    /// It is the first valid one that does not fit, or comes after that one and was not looked at.
    Cut,
}

/// A chain: its last block, and what there is after it.
#[derive(Clone, Debug)]
pub struct Oracle {
    pub(crate) params: ChainParams,
    pub(crate) contracts: Arc<Contracts>,
    pub(crate) world: World,
    /// One for each candidate, in order.
    pub outcomes: Vec<Outcome>,
    /// The candidates that are in the block.
    pub transactions: Vec<TxBytes>,
    /// Their receipts.
    pub receipts: Vec<Receipt>,
    /// Their events, each with its transaction's index in the block.
    pub events: Vec<(u32, Event)>,
    /// What each of them changes, and last what the end phase does.
    pub diffs: Vec<Diff>,
    /// The header, with all roots and the gas used.
    pub header: BlockHeader,
}

impl Oracle {
    /// The chain of a genesis, at block 0.
    pub fn new(genesis: &Genesis) -> Self {
        let mut chain = Self {
            params: *genesis.params(),
            contracts: Arc::new(Contracts::new(Arc::new(Interpreter), DEFAULT_CACHE_BYTES)),
            world: World::default(),
            outcomes: Vec::new(),
            transactions: Vec::new(),
            receipts: Vec::new(),
            events: Vec::new(),
            diffs: Vec::new(),
            header: BlockHeader {
                version: BLOCK_VERSION,
                chain_id: genesis.params().chain_id,
                parent_hash: Hash([0; 32]),
                number: BlockHeight(0),
                timestamp_ms: genesis.timestamp_ms(),
                proposer: Address::from_bytes([0; 32]),
                state_root: Hash([0; 32]),
                transactions_root: Hash([0; 32]),
                receipts_root: Hash([0; 32]),
                events_root: Hash([0; 32]),
                compute_receipts_root: list_root("l-comp", []),
                gas_limit: genesis.params().block_gas_limit,
                gas_used: Gas(0),
                total_pouw_score: 0,
                provider_count: 0,
                extra: Extra::new(tagged("genesis", &encode(genesis)).to_vec()).expect("a hash"),
            },
        };
        for given in genesis.accounts() {
            let account = chain.world.accounts.entry(given.address).or_default();
            account.balance = given.balance;
        }
        for given in genesis.contracts() {
            let hash = Hash(tagged("code", &given.code));
            let account = chain.world.accounts.entry(given.address).or_default();
            (account.balance, account.code_hash) = (given.balance, hash);
            chain.world.codes.insert(hash, given.code.to_vec());
            for slot in &given.storage {
                let key = (given.address, slot.key.to_vec());
                chain.world.storage.insert(key, slot.value.to_vec());
            }
        }
        // The roots are those of a block without transactions.
        chain.execute(&chain.header, &[])
    }

    /// The state after the block.
    pub fn state(&self) -> State {
        let mut state = self.world.raw();
        state.insert(vec![3], encode(&self.params));
        state
    }

    /// The same chain with contracts in Rust, or other ones.
    #[must_use]
    pub fn with_contracts(mut self, contracts: Arc<Contracts>) -> Self {
        self.contracts = contracts;
        self
    }

    /// What becomes of fees.
    pub const fn fee_rule(&self) -> FeeRule {
        self.params.fee_rule
    }

    /// A context for the next block, one second later.
    pub fn next_context(&self, proposer: Address) -> Context {
        BlockHeader {
            parent_hash: Hash(tagged("header", &encode(&self.header))),
            number: BlockHeight(self.header.number.0 + 1),
            timestamp_ms: TimestampMs(self.header.timestamp_ms.0 + 1_000),
            proposer,
            extra: Extra::default(),
            ..self.header.clone()
        }
    }

    /// Builds a block of the valid candidates, up to the first that does not fit.
    pub fn execute(&self, context: &Context, candidates: &[TxBytes]) -> OracleBlock {
        let mut block = self.clone();
        (block.outcomes, block.transactions) = (Vec::new(), Vec::new());
        (block.receipts, block.events) = (Vec::new(), Vec::new());
        block.diffs = Vec::new();
        block.header = context.clone();
        let (max_gas, max_txs) = (self.params.block_gas_limit.0, self.params.max_block_txs);
        let (mut gas_used, mut size, mut count, mut fees) = (0, 0, 0, 0);
        for bytes in candidates {
            let valid = match validate(&block, bytes) {
                Ok(valid) => valid,
                Err(code) => {
                    block.outcomes.push(Outcome::Invalid(code));
                    continue;
                }
            };
            let before = block.world.clone();
            let (receipt, gas) = transition(&mut block, &valid);
            size += 4 + bytes.len();
            if gas_used + gas > max_gas
                || count == max_txs
                || size > self.params.max_block_bytes as usize
            {
                block.world = before;
                break;
            }
            block.diffs.push(difference(&before, &block.world));
            let events = receipt.events.iter().map(|event| (count, event.clone()));
            block.events.extend(events);
            block.transactions.push(bytes.clone());
            block.receipts.push(receipt.clone());
            (gas_used, count, fees) = (gas_used + gas, count + 1, fees + receipt.fee.0);
            block.outcomes.push(Outcome::Included(receipt));
        }
        block.outcomes.resize(candidates.len(), Outcome::Cut);

        let before = block.world.clone();
        if self.params.fee_rule == FeeRule::PayProposer {
            let proposer = block.world.accounts.entry(context.proposer).or_default();
            proposer.balance.0 += fees;
        }
        block.diffs.push(difference(&before, &block.world));
        let absent = Account::default();
        block.world.accounts.retain(|_, account| *account != absent);
        assert_invariants(self, &block, fees);
        block.header.state_root = state_root(&block.state());
        block.header.transactions_root = list_root("l-tx", block.transactions.iter().cloned());
        block.header.receipts_root = list_root("l-rcpt", block.receipts.iter().map(encode));
        block.header.events_root = list_root("l-event", block.events.iter().map(encode));
        block.header.gas_used = Gas(gas_used);
        block
    }

    /// Makes a block, executed on this state, the head.
    pub fn commit(&mut self, block: &OracleBlock) {
        *self = block.clone();
    }
}

/// What holds after every block. The genesis block has no block before it.
fn assert_invariants(before: &Oracle, after: &Oracle, fees: u128) {
    let supply = |chain: &Oracle| -> u128 {
        let accounts = chain.world.accounts.values();
        accounts.map(|account| account.balance.0).sum()
    };
    let burned = match before.params.fee_rule {
        FeeRule::Burn => fees,
        FeeRule::PayProposer => 0,
    };
    assert_eq!(supply(before), supply(after) + burned, "the total supply");
    let nonce =
        |chain: &Oracle, address| chain.world.accounts.get(address).map_or(0, |a| a.nonce.0);
    let mut sent: BTreeMap<Address, u64> = BTreeMap::new();
    for bytes in &after.transactions {
        let tx: Transaction = decode(bytes).expect("it is in the block");
        *sent.entry(tx.payload.sender).or_default() += 1;
    }
    for (address, account) in &after.world.accounts {
        let rise = sent.get(address).copied().unwrap_or(0);
        assert_eq!(
            account.nonce.0,
            nonce(before, address) + rise,
            "the nonce of {address}"
        );
        assert!(account.locked <= account.balance, "the stake of {address}");
    }
    let keeps = |address| after.world.accounts.contains_key(address) || nonce(before, address) == 0;
    assert!(
        before.world.accounts.keys().all(keeps),
        "a used nonce is never deleted"
    );
}

impl World {
    /// Raw keys and values. An account that is all default is absent.
    fn raw(&self) -> State {
        let there = |(_, account): &(&Address, &Account)| **account != Account::default();
        let account = |(key, value): (&Address, &Account)| (encode(&(0_u8, key)), encode(value));
        let slot = |((contract, key), value): (&(Address, Vec<u8>), &Vec<u8>)| {
            (
                [&[1], &contract.as_bytes()[..], key].concat(),
                value.clone(),
            )
        };
        let accounts = self.accounts.iter().filter(there).map(account);
        accounts.chain(self.storage.iter().map(slot)).collect()
    }
}

/// What differs between two states.
fn difference(before: &World, after: &World) -> Diff {
    let (before, after) = (before.raw(), after.raw());
    let both = before.keys().chain(after.keys());
    let pairs = both.map(|key| (key, before.get(key).cloned(), after.get(key).cloned()));
    pairs
        .filter(|(_, old, new)| old != new)
        .map(|(key, old, new)| (key.clone(), (old, new)))
        .collect()
}

/// Validation: the first failing check decides the code.
pub(crate) fn validate(chain: &Oracle, bytes: &[u8]) -> Result<Valid, ErrorCode> {
    let Transaction { payload: tx, auth } = decode(bytes).map_err(|error| match error.cause {
        DecodeCause::Undersized { .. } => ErrorCode::MalformedTransaction,
        DecodeCause::Oversized { .. } => ErrorCode::OversizedTransaction,
        DecodeCause::UnsupportedVersion { .. } => ErrorCode::UnsupportedVersion,
        DecodeCause::UnsupportedKind { .. } => ErrorCode::UnsupportedKind,
        DecodeCause::UnsupportedScheme { .. } => ErrorCode::UnsupportedScheme,
        _ => ErrorCode::InvalidFormat,
    })?;
    let (descriptor, keys, signatures) = match auth {
        Auth::Ed25519 { key, signature } => (encode(&(0_u8, key)), vec![key], vec![(0, signature)]),
        Auth::Multi { policy, signatures } => {
            let signatures = signatures.iter().map(|s| (s.index, s.signature)).collect();
            (encode(&(1_u8, &policy)), policy.keys().to_vec(), signatures)
        }
        _ => return Err(ErrorCode::UnsupportedScheme),
    };
    let signer = Address::from_bytes(tagged("address", &descriptor));
    let id = tagged("tx-id", &encode(&tx));
    let verifies = |(index, signature): &(u8, [u8; 64])| {
        let key = VerificationKey::try_from(keys[usize::from(*index)]);
        key.is_ok_and(|key| key.verify(&(*signature).into(), &id).is_ok())
    };
    let data = match &tx.kind {
        TxKind::Deploy { code, init, .. } => [&tx.memo[..], code, init].concat(),
        TxKind::Call { input, .. } => [&tx.memo[..], input].concat(),
        _ => tx.memo.to_vec(),
    };
    let zeros = data.iter().filter(|byte| **byte == 0).count() as u64;
    let data_gas = 4 * zeros + 16 * (data.len() as u64 - zeros);
    let intrinsic = 21_000 + data_gas + 3_000 * (signatures.len() as u64 - 1);
    let (limit, price, rules) = (tx.gas_limit.0, tx.gas_price.0, &chain.params);
    let sender = chain.world.accounts.get(&tx.sender);
    let sender = sender.copied().unwrap_or_default();
    let spendable = sender.balance.0 - sender.locked.0;
    let reserved = u128::from(limit) * u128::from(price);
    let in_time = |last| last >= chain.header.number;
    let in_turn = tx.nonce == sender.nonce && tx.nonce.0 < u64::MAX;
    let checks = [
        (tx.chain_id == rules.chain_id, ErrorCode::WrongChain),
        (tx.sender == signer, ErrorCode::SignerMismatch),
        (!keys.iter().any(is_weak), ErrorCode::WeakPublicKey),
        (tx.valid_until.is_none_or(in_time), ErrorCode::TxExpired),
        (price >= rules.min_gas_price.0, ErrorCode::GasPriceTooLow),
        (limit >= intrinsic, ErrorCode::GasLimitTooLow),
        (limit <= rules.block_gas_limit.0, ErrorCode::GasLimitTooHigh),
        (signatures.iter().all(verifies), ErrorCode::InvalidSignature),
        (in_turn, ErrorCode::InvalidNonce),
        (spendable >= reserved, ErrorCode::InsufficientBalance),
    ];
    match checks.iter().find(|(holds, _)| !holds) {
        Some((_, code)) => Err(*code),
        None => Ok((tx, intrinsic, spendable - reserved)),
    }
}

/// Execution: what a valid transaction does, and the gas that it uses before refunds.
fn transition(chain: &mut Oracle, valid: &Valid) -> (Receipt, u64) {
    let (tx, intrinsic, left) = valid;
    match tx.kind {
        TxKind::Transfer { to, amount } => {
            transfer(chain, tx, intrinsic + 2_100, *left, to, amount)
        }
        _ => contract(chain, tx, *intrinsic),
    }
}

/// Execution: what a valid transfer does.
fn transfer(
    chain: &mut Oracle,
    tx: &TransactionPayload,
    needed: u64,
    left: u128,
    to: Address,
    amount: Amount,
) -> (Receipt, u64) {
    let status = match (tx.gas_limit.0 < needed, amount.0 > left) {
        (true, _) => ReceiptStatus::Failed(ErrorCode::OutOfGas),
        (_, true) => ReceiptStatus::Failed(ErrorCode::AmountAboveBalance),
        _ => ReceiptStatus::Success,
    };
    // What runs out of gas uses all of its limit.
    let gas = needed.min(tx.gas_limit.0);
    let fee = u128::from(gas) * u128::from(tx.gas_price.0);
    let sender = chain.world.accounts.entry(tx.sender).or_default();
    sender.nonce.0 += 1;
    sender.balance.0 -= fee;
    let mut events = Vec::new();
    if status == ReceiptStatus::Success {
        sender.balance.0 -= amount.0;
        let receiver = chain.world.accounts.entry(to).or_default();
        receiver.balance.0 += amount.0;
        let name = Hash(tagged("ev-name", b"Transfer"));
        events.push(Event {
            emitter: Address::from_bytes(tagged("address", &[4, 1, 0, 0, 0])),
            topics: Topics::new(vec![name, tx.sender.into(), to.into()]).expect("three"),
            data: EventData::new(encode(&amount)).expect("16 bytes"),
        });
    }
    let receipt = Receipt {
        tx_id: Hash(tagged("tx-id", &encode(tx))),
        status,
        gas_used: Gas(gas),
        fee: Amount(fee),
        events: Bounded::new(events).expect("one event"),
        return_data: ReturnData::default(),
    };
    (receipt, gas)
}

/// Of small order, or not what its point compresses to, or with a coordinate that is not below 2^255 − 19.
pub(crate) fn is_weak(key: &[u8; 32]) -> bool {
    let reduced = key[31] & 0x7f != 0x7f || key[1..31].iter().any(|b| *b != 0xff) || key[0] < 0xed;
    let point = CompressedEdwardsY(*key).decompress();
    !reduced || point.is_some_and(|point| point.is_small_order() || point.compress().0 != *key)
}

/// The root of a state.
fn state_root(state: &State) -> Hash {
    let leaf = |(key, value): (&Vec<u8>, &Vec<u8>)| [tagged("path", key), sha(value)].concat();
    let mut leaves: Vec<_> = state.iter().map(leaf).collect();
    leaves.sort_unstable();
    Hash(node(&leaves, 0))
}

/// The node over sorted leaves, path ‖ value hash, whose paths share `depth` bits.
fn node(leaves: &[Vec<u8>], depth: usize) -> [u8; 32] {
    let mut hash = match leaves {
        [] => return [0; 32],
        [leaf] => sha(leaf),
        _ => {
            let bit = |leaf: &Vec<u8>| leaf[depth / 8] >> (7 - depth % 8) & 1;
            let (left, right) = leaves.split_at(leaves.partition_point(|leaf| bit(leaf) == 0));
            sha([node(left, depth + 1), node(right, depth + 1)].as_flattened())
        }
    };
    hash[0] = hash[0] & 0x7f | u8::from(leaves.len() == 1) << 7;
    hash
}

/// The root of a list, whose leaves have a tag of their own.
pub(crate) fn list_root(tag: &str, items: impl IntoIterator<Item = Vec<u8>>) -> Hash {
    let mut level: Vec<_> = items.into_iter().map(|item| tagged(tag, &item)).collect();
    let count = level.len() as u64;
    while level.len() > 1 {
        let (pairs, odd) = level.as_chunks::<2>();
        let parents = pairs.iter().map(|pair| sha(pair.as_flattened()));
        level = parents.chain(odd.iter().copied()).collect();
    }
    let top = level.first().copied().unwrap_or([0; 32]);
    Hash(tagged("list", &encode(&(count, top))))
}

/// SHA-256 behind a tag of 16 bytes.
pub(crate) fn tagged(tag: &str, data: &[u8]) -> [u8; 32] {
    sha(&[format!("ordlane:{tag:\0<8}").as_bytes(), data].concat())
}

fn sha(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}
