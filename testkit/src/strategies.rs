//! proptest strategies for values of every type of the wire formats.
//!
//! Whatever comes out is valid in form: it encodes, and what it encodes to decodes. Transactions are really signed.

use ordlane_primitives::{
    Account, Address, Amount, Auth, BLOCK_VERSION, Block, BlockHeader, BlockHeight, BlockWitness,
    ChainId, ChainParams, Code, ContractInput, ErrorClass, ErrorCode, Event, EventData, Extra,
    FeeRule, Gas, GasPrice, Genesis, GenesisAccount, Hash, IndexedSignature, Memo, MultiPolicy,
    Nonce, RawKey, Receipt, ReceiptStatus, ReturnData, Salt, SigningKey, TX_VERSION, TimestampMs,
    Topics, Transaction, TransactionPayload, TxKind, WitnessEntry,
    codec::{Bounded, encode},
    hash::code_hash,
    limits::{
        MAX_BLOCK_BODY_BYTES, MAX_BLOCK_TXS, MAX_EVENT_TOPICS, MAX_EXTRA_BYTES, MAX_MEMO_BYTES,
        MAX_POLICY_KEYS, MAX_RAW_KEY_BYTES, MAX_TREE_DEPTH, MAX_TX_BYTES,
    },
    proof::{EndNode, MultiProof, OtherLeaf, PathEnd, StateProof, Terminal},
};
use proptest::{collection::vec, option, prelude::*, sample::select};

/// Most bytes of data in one event or receipt here; the formats allow more.
const SOME_BYTES: usize = 200;
/// Most items of a long list here; the formats allow more.
const SOME_ITEMS: usize = 6;

/// Any 32 bytes.
pub fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash)
}

/// Any address.
pub fn address() -> impl Strategy<Value = Address> {
    any::<[u8; 32]>().prop_map(Address::from_bytes)
}

/// Any key.
pub fn signing_key() -> impl Strategy<Value = SigningKey> {
    any::<[u8; 32]>().prop_map(SigningKey::from_seed)
}

/// Any account, also the absent one.
pub fn account() -> impl Strategy<Value = Account> {
    (number(), amount(), amount(), hash()).prop_map(|(nonce, a, b, code_hash)| Account {
        nonce: Nonce(nonce),
        balance: a.max(b),
        locked: a.min(b),
        code_hash,
    })
}

/// A transfer, a call or a deployment; code and inputs are any bytes.
pub fn kind() -> impl Strategy<Value = TxKind> {
    let bytes = || vec(any::<u8>(), 0..=SOME_BYTES);
    let input = move || bytes().prop_map(|input| ContractInput::new(input).expect("a short one"));
    prop_oneof![
        (address(), amount()).prop_map(|(to, amount)| TxKind::Transfer { to, amount }),
        (address(), input(), amount()).prop_map(|(contract, input, value)| TxKind::Call {
            contract,
            input,
            value,
        }),
        (bytes(), input(), option::of(any::<Salt>())).prop_map(|(code, init, salt)| {
            let code = Code::new(code).expect("a short one");
            TxKind::Deploy { code, init, salt }
        }),
    ]
}

/// A payload whose sender, any address, signs nothing yet.
pub fn payload() -> impl Strategy<Value = TransactionPayload> {
    let numbers = (number(), number(), number(), number(), option::of(number()));
    let memo = vec(any::<u8>(), 0..=MAX_MEMO_BYTES);
    (numbers, address(), kind(), memo).prop_map(|(numbers, sender, kind, memo)| {
        let (chain_id, nonce, gas_limit, gas_price, valid_until) = numbers;
        TransactionPayload {
            version: TX_VERSION,
            chain_id: ChainId(chain_id),
            sender,
            nonce: Nonce(nonce),
            gas_limit: Gas(gas_limit),
            gas_price: GasPrice(gas_price),
            valid_until: valid_until.map(BlockHeight),
            kind,
            memo: Memo::new(memo).expect("within the limit"),
        }
    })
}

/// A transaction with one signature, from the address of its key.
pub fn single_transaction() -> impl Strategy<Value = Transaction> {
    (payload(), signing_key()).prop_map(|(mut payload, key)| {
        payload.sender = key.address();
        key.sign_transaction(payload)
    })
}

/// A transaction that a policy of 1 to 16 keys signs.
pub fn multi_transaction() -> impl Strategy<Value = Transaction> {
    let seeds = proptest::collection::btree_set(any::<[u8; 32]>(), 1..=MAX_POLICY_KEYS);
    (payload(), seeds, any::<prop::sample::Index>(), any::<u16>()).prop_map(
        |(mut payload, seeds, threshold, from)| {
            let mut keys: Vec<SigningKey> = seeds.into_iter().map(SigningKey::from_seed).collect();
            keys.sort_by_key(SigningKey::public_key);
            let threshold = 1 + threshold.index(keys.len());
            let first = usize::from(from) % (keys.len() - threshold + 1);
            let public = keys.iter().map(SigningKey::public_key).collect();
            let needed = u8::try_from(threshold).expect("at most 16");
            let policy = MultiPolicy::new(needed, public).expect("distinct keys");
            payload.sender = Address::of_policy(&policy);
            let id = payload.id();
            let signed = (0_u8..).zip(&keys).skip(first).take(threshold);
            let signed = signed.map(|(index, key)| IndexedSignature {
                index,
                signature: key.sign(id.as_bytes()),
            });
            let auth = Auth::multi(policy, signed.collect()).expect("as many as the threshold");
            Transaction { payload, auth }
        },
    )
}

/// A transaction of either kind.
pub fn transaction() -> impl Strategy<Value = Transaction> {
    prop_oneof![3 => single_transaction(), 1 => multi_transaction()]
}

/// Any header.
pub fn block_header() -> impl Strategy<Value = BlockHeader> {
    let numbers = (
        number(),
        number(),
        number(),
        number(),
        number(),
        number(),
        any::<u32>(),
    );
    let extra = vec(any::<u8>(), 0..=MAX_EXTRA_BYTES);
    (
        numbers,
        [hash(), hash(), hash(), hash(), hash(), hash()],
        address(),
        extra,
    )
        .prop_map(|(numbers, hashes, proposer, extra)| {
            let (
                chain_id,
                number,
                timestamp_ms,
                gas_limit,
                gas_used,
                total_pouw_score,
                provider_count,
            ) = numbers;
            let [
                parent_hash,
                state_root,
                transactions_root,
                receipts_root,
                events_root,
                compute_receipts_root,
            ] = hashes;
            BlockHeader {
                version: BLOCK_VERSION,
                chain_id: ChainId(chain_id),
                parent_hash,
                number: BlockHeight(number),
                timestamp_ms: TimestampMs(timestamp_ms),
                proposer,
                state_root,
                transactions_root,
                receipts_root,
                events_root,
                compute_receipts_root,
                gas_limit: Gas(gas_limit),
                gas_used: Gas(gas_used),
                total_pouw_score,
                provider_count,
                extra: Extra::new(extra).expect("within the limit"),
            }
        })
}

/// A block of a few signed transactions; its header's roots are any.
pub fn block() -> impl Strategy<Value = Block> {
    let transactions = vec(transaction().prop_map(|tx| encode(&tx)), 0..SOME_ITEMS);
    let proposer_auth = option::of(transaction().prop_map(|tx| tx.auth));
    (block_header(), proposer_auth, transactions).prop_map(
        |(header, proposer_auth, transactions)| Block {
            header,
            proposer_auth,
            transactions,
        },
    )
}

/// Any event, with less data than it may have.
pub fn event() -> impl Strategy<Value = Event> {
    let topics = vec(hash(), 0..=MAX_EVENT_TOPICS);
    (address(), topics, vec(any::<u8>(), 0..=SOME_BYTES)).prop_map(|(emitter, topics, data)| {
        Event {
            emitter,
            topics: Topics::new(topics).expect("within the limit"),
            data: EventData::new(data).expect("within the limit"),
        }
    })
}

/// Any receipt; one that failed has no events.
pub fn receipt() -> impl Strategy<Value = Receipt> {
    let events = vec(event(), 0..SOME_ITEMS);
    let return_data = vec(any::<u8>(), 0..=SOME_BYTES);
    (hash(), status(), number(), amount(), events, return_data).prop_map(
        |(tx_id, status, gas_used, fee, mut events, return_data)| {
            if status != ReceiptStatus::Success {
                events.clear();
            }
            Receipt {
                tx_id,
                status,
                gas_used: Gas(gas_used),
                fee,
                events: Bounded::new(events).expect("within the limit"),
                return_data: ReturnData::new(return_data).expect("within the limit"),
            }
        },
    )
}

/// Success, or any runtime error.
pub fn status() -> impl Strategy<Value = ReceiptStatus> {
    let runtime = ErrorCode::ALL
        .iter()
        .copied()
        .filter(|code| code.class() == ErrorClass::Runtime)
        .collect::<Vec<_>>();
    prop_oneof![
        Just(ReceiptStatus::Success),
        select(runtime).prop_map(ReceiptStatus::Failed)
    ]
}

/// Parameters with which a chain can begin.
pub fn chain_params() -> impl Strategy<Value = ChainParams> {
    let limit = |limit: usize| u32::try_from(limit).expect("a limit of the formats");
    let limits = (
        1..=u64::MAX,
        1..=limit(MAX_BLOCK_TXS),
        limit(4 + MAX_TX_BYTES)..=limit(MAX_BLOCK_BODY_BYTES),
    );
    let fee_rule = select(vec![FeeRule::PayProposer, FeeRule::Burn]);
    (number(), fee_rule, number(), limits, 1..=u64::MAX).prop_map(
        |(chain_id, fee_rule, min_gas_price, limits, epoch_blocks)| {
            let (block_gas_limit, max_block_txs, max_block_bytes) = limits;
            ChainParams {
                chain_id: ChainId(chain_id),
                protocol_version: 1,
                gas_schedule: 1,
                fee_rule,
                min_gas_price: GasPrice(min_gas_price),
                block_gas_limit: Gas(block_gas_limit),
                max_block_txs,
                max_block_bytes,
                epoch_blocks,
            }
        },
    )
}

/// A valid genesis of a few accounts.
pub fn genesis() -> impl Strategy<Value = Genesis> {
    let balances =
        proptest::collection::btree_map(any::<[u8; 32]>(), 1..=u128::from(u64::MAX), 0..20);
    (chain_params(), number(), balances).prop_map(|(params, timestamp_ms, balances)| {
        let account = |(address, balance)| GenesisAccount {
            address: Address::from_bytes(address),
            balance: Amount(balance),
        };
        let accounts = balances.into_iter().map(account).collect();
        Genesis::new(params, TimestampMs(timestamp_ms), accounts)
            .expect("distinct accounts, a small supply")
    })
}

/// A proof that is valid in form; it proves nothing.
pub fn state_proof() -> impl Strategy<Value = StateProof> {
    let leaf = (hash(), hash()).prop_map(|(path, value_hash)| Terminal::Leaf { path, value_hash });
    let terminal = prop_oneof![Just(Terminal::Empty), leaf];
    (vec(hash(), 0..=MAX_TREE_DEPTH), terminal).prop_map(|(siblings, terminal)| StateProof {
        siblings: Bounded::new(siblings).expect("within the limit"),
        terminal,
    })
}

/// A proof of many keys that is valid in form; it proves nothing.
pub fn multi_proof() -> impl Strategy<Value = MultiProof> {
    let other = (hash(), hash()).prop_map(|(path, value_hash)| OtherLeaf { path, value_hash });
    let node = select(vec![EndNode::Empty, EndNode::Own, EndNode::Other]);
    let end = (0..=256_u16, node).prop_map(|(depth, node)| PathEnd { depth, node });
    (
        vec(end, 0..SOME_ITEMS),
        vec(other, 0..SOME_ITEMS),
        vec(hash(), 0..SOME_ITEMS),
    )
        .prop_map(|(ends, others, siblings)| {
            MultiProof::new(ends, others, siblings).expect("within the limits")
        })
}

/// A witness that is valid in form; it proves nothing.
pub fn block_witness() -> impl Strategy<Value = BlockWitness> {
    let entries = proptest::collection::btree_map(
        vec(any::<u8>(), 1..=MAX_RAW_KEY_BYTES),
        option::of(vec(any::<u8>(), 0..=SOME_BYTES)),
        0..SOME_ITEMS,
    );
    let entry = |(key, value)| WitnessEntry {
        key: RawKey::from_bytes(key),
        value,
    };
    let code = vec(any::<u8>(), 0..=SOME_BYTES).prop_map(Code::new);
    let codes = vec(
        code.prop_map(|code| code.expect("within the limit")),
        0..SOME_ITEMS,
    );
    (block_header(), block(), entries, multi_proof(), codes).prop_map(
        move |(parent, block, entries, proof, mut codes)| {
            codes.sort_by_key(|code| code_hash(code));
            codes.dedup();
            BlockWitness {
                parent,
                block,
                entries: entries.into_iter().map(entry).collect(),
                proof,
                codes: Bounded::new(codes).expect("within the limit"),
            }
        },
    )
}

/// The key of an account, of the parameters, or any bytes within the limit.
pub fn raw_key() -> impl Strategy<Value = RawKey> {
    prop_oneof![
        address().prop_map(|address| RawKey::account(&address)),
        Just(RawKey::params()),
        vec(any::<u8>(), 0..=MAX_RAW_KEY_BYTES).prop_map(RawKey::from_bytes),
    ]
}

/// A number, at the limits of its type more often than by chance.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(u64::MAX),
        any::<u64>(),
        0..100_000_u64
    ]
}

/// An amount, at the limits of its type more often than by chance.
fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![Just(0), Just(u128::MAX), any::<u128>(), 0..1_000_000_u128].prop_map(Amount)
}
