//! One value of each type, and the tables of names and numbers.

use ordlane_primitives::{
    Account, Address, Amount, Auth, BLOCK_VERSION, Block, BlockHeader, BlockHeight, ChainId,
    ChainParams, Code, ContractInput, ErrorCode, Event, Extra, FeeRule, GAS_SCHEDULE_V1, Gas,
    GasPrice, Genesis, GenesisAccount, GenesisContract, GenesisSlot, Hash, IndexedSignature, Memo,
    MultiPolicy, Nonce, RawKey, Receipt, ReceiptStatus, ReturnData, Salt, SigningKey, TX_VERSION,
    TimestampMs, Transaction, TransactionPayload, TxKind,
    batch::Sequential,
    codec::{Bounded, BoundedBytes, encode},
    hash::Domain,
    list::{self, ListKind},
    proof::{EndNode, MultiProof, OtherLeaf, PathEnd, StateProof, Terminal},
    tree,
};
use serde_json::{Map, Value, json};

/// One sample of each type: its bytes, and what is hashed from it.
pub(super) fn samples() -> Value {
    let (single, multi, header, genesis) = (single(), multi(), header(), genesis());
    let block = Block {
        header: header.clone(),
        proposer_auth: Some(key(1).sign_header(&header)),
        transactions: vec![encode(&single), encode(&multi)],
    };
    let [empty_proof, leaf_proof] = proofs();
    let with_contract = with_contract();
    json!({
        "account": { "bytes": hex(&account()), "value_hash": tree::value_hash(&encode(&account())).to_string() },
        "block": { "bytes": hex(&block), "hash": block.hash().to_string() },
        "chain_params": { "bytes": hex(&params()) },
        "event": { "bytes": hex(&event()), "name_topic": Event::name_topic("Transfer").to_string() },
        "genesis": { "bytes": hex(&genesis), "hash": genesis.hash().to_string() },
        "header": { "bytes": hex(&header), "hash": header.hash().to_string() },
        "multi_proof": { "bytes": hex(&multi_proof()) },
        "raw_key_account": raw_key(&RawKey::account(&key(1).address())),
        "raw_key_params": raw_key(&RawKey::params()),
        "receipt_failed": { "bytes": hex(&receipt(ReceiptStatus::Failed(ErrorCode::OutOfGas))) },
        "receipt_success": { "bytes": hex(&receipt(ReceiptStatus::Success)) },
        "state_proof_empty": { "bytes": hex(&empty_proof) },
        "state_proof_leaf": { "bytes": hex(&leaf_proof) },
        "genesis_with_contract": {
            "bytes": hex(&with_contract),
            "hash": with_contract.hash().to_string(),
        },
        "transaction_call": transaction(&of_kind(call())),
        "transaction_deploy": transaction(&of_kind(deploy(None))),
        "transaction_deploy_salted": transaction(&of_kind(deploy(Some([5; 32])))),
        "transaction_multi": transaction(&multi),
        "transaction_single": transaction(&single),
    })
}

/// Every domain's tag as text, its padding left out.
pub(super) fn domain_tags() -> Value {
    let tag = |domain: &Domain| {
        String::from_utf8_lossy(domain.tag())
            .trim_end_matches('\0')
            .to_owned()
    };
    table(
        Domain::ALL
            .iter()
            .map(|domain| (format!("{domain:?}"), json!(tag(domain)))),
    )
}

/// An address of each kind.
pub(super) fn addresses() -> Value {
    let creator = Address::from_bytes([1; 32]);
    let policy = MultiPolicy::new(1, vec![[2; 32], [1; 32]]).expect("two distinct keys");
    json!({
        "ed25519_key(01..)": Address::of_key(&[1; 32]).to_string(),
        "multi_policy(1 of 01.., 02..)": Address::of_policy(&policy).to_string(),
        "contract_by_nonce(01.., 5)": Address::of_contract(&creator, Nonce(5)).to_string(),
        "contract_by_salt(01.., 02.., 03..)": Address::of_salted_contract(&creator, &[2; 32], &Hash([3; 32])).to_string(),
        "native(1)": Address::token_module().to_string(),
        "native(2)": Address::native(2).to_string(),
        "zero": Address::ZERO.to_string(),
    })
}

/// Every error's number by its name.
pub(super) fn error_codes() -> Value {
    table(
        ErrorCode::ALL
            .iter()
            .map(|error| (error.name().to_owned(), json!(error.code()))),
    )
}

/// The root of each kind of list, without items.
pub(super) fn list_roots() -> Value {
    let kinds = [
        ListKind::Transactions,
        ListKind::Receipts,
        ListKind::Events,
        ListKind::ComputeReceipts,
    ];
    let root = |kind| json!(list::root(kind, [], &Sequential).to_string());
    table(
        kinds
            .into_iter()
            .map(|kind| (format!("{kind:?}"), root(kind))),
    )
}

/// The prices of the first schedule.
pub(super) fn gas_schedule() -> Value {
    let s = &GAS_SCHEDULE_V1;
    json!({
        "version": s.version,
        "transaction_base": s.transaction_base,
        "transfer": s.transfer,
        "storage_read": s.storage_read,
        "storage_write_new": s.storage_write_new,
        "storage_write_update": s.storage_write_update,
        "storage_delete": s.storage_delete,
        "storage_delete_refund": s.storage_delete_refund,
        "signature_verification": s.signature_verification,
        "hash_per_word": s.hash_per_word,
        "memory_per_word": s.memory_per_word,
        "data_nonzero_byte": s.data_nonzero_byte,
        "data_zero_byte": s.data_zero_byte,
        "storage_new_extra_word": s.storage_new_extra_word,
        "storage_update_extra_word": s.storage_update_extra_word,
        "refund_quotient": s.refund_quotient,
    })
}

fn table(rows: impl Iterator<Item = (String, Value)>) -> Value {
    Value::Object(rows.collect::<Map<_, _>>())
}

fn hex<T: borsh::BorshSerialize>(value: &T) -> String {
    hex::encode(encode(value))
}

fn raw_key(key: &RawKey) -> Value {
    json!({ "bytes": key.to_string(), "path": tree::path_of(key.as_bytes()).to_string() })
}

fn transaction(tx: &Transaction) -> Value {
    json!({ "bytes": hex(tx), "id": tx.id().to_string(), "sender": tx.payload.sender.to_string() })
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn payload(sender: Address, valid_until: Option<BlockHeight>) -> TransactionPayload {
    TransactionPayload {
        version: TX_VERSION,
        chain_id: ChainId(7),
        sender,
        nonce: Nonce(2),
        gas_limit: Gas(30_000),
        gas_price: GasPrice(4),
        valid_until,
        kind: TxKind::Transfer {
            to: Address::from_bytes([6; 32]),
            amount: Amount(1 << 70),
        },
        memo: Memo::new(vec![8, 0, 9]).expect("three bytes"),
    }
}

fn single() -> Transaction {
    key(1).sign_transaction(payload(key(1).address(), None))
}

fn of_kind(kind: TxKind) -> Transaction {
    let payload = payload(key(1).address(), None);
    key(1).sign_transaction(TransactionPayload { kind, ..payload })
}

fn call() -> TxKind {
    TxKind::Call {
        contract: Address::from_bytes([6; 32]),
        input: ContractInput::new(vec![1, 2, 3]).expect("three bytes"),
        value: Amount(5),
    }
}

fn code() -> Code {
    Code::new(vec![0, b'a', b's', b'm', 1, 0, 0, 0]).expect("eight bytes")
}

fn deploy(salt: Option<Salt>) -> TxKind {
    TxKind::Deploy {
        code: code(),
        init: ContractInput::new(vec![9]).expect("one byte"),
        salt,
    }
}

fn multi() -> Transaction {
    let mut keys = [key(1), key(2), key(3)];
    keys.sort_by_key(SigningKey::public_key);
    let policy = MultiPolicy::new(2, keys.iter().map(SigningKey::public_key).collect())
        .expect("three distinct keys");
    let payload = payload(Address::of_policy(&policy), Some(BlockHeight(5)));
    let id = payload.id();
    let signed = |index: u8| IndexedSignature {
        index,
        signature: keys[usize::from(index)].sign(id.as_bytes()),
    };
    let auth = Auth::multi(policy, vec![signed(0), signed(2)]).expect("two signatures");
    Transaction { payload, auth }
}

const fn account() -> Account {
    Account {
        nonce: Nonce(1),
        balance: Amount(1 << 90),
        locked: Amount(3),
        code_hash: Hash([4; 32]),
    }
}

const fn params() -> ChainParams {
    ChainParams {
        fee_rule: FeeRule::Burn,
        ..ChainParams::development(ChainId(7))
    }
}

fn genesis() -> Genesis {
    let accounts = [[2; 32], [1; 32]].map(Address::from_bytes);
    let accounts = accounts.map(|address| GenesisAccount {
        address,
        balance: Amount(1_000),
    });
    Genesis::new(params(), TimestampMs(1_700_000_000_000), accounts.to_vec())
        .expect("a valid genesis")
}

fn with_contract() -> Genesis {
    let slot = GenesisSlot {
        key: BoundedBytes::new(vec![1]).expect("one byte"),
        value: BoundedBytes::new(vec![2, 3]).expect("two bytes"),
    };
    let contract = GenesisContract {
        address: Address::from_bytes([3; 32]),
        balance: Amount(4),
        code: code(),
        storage: Bounded::new(vec![slot]).expect("one slot"),
    };
    let genesis = genesis().with_contracts(vec![contract]);
    genesis.expect("a valid genesis")
}

fn header() -> BlockHeader {
    BlockHeader {
        version: BLOCK_VERSION,
        chain_id: ChainId(7),
        parent_hash: Hash([1; 32]),
        number: BlockHeight(2),
        timestamp_ms: TimestampMs(3),
        proposer: key(1).address(),
        state_root: Hash([5; 32]),
        transactions_root: Hash([6; 32]),
        receipts_root: Hash([7; 32]),
        events_root: Hash([8; 32]),
        compute_receipts_root: Hash([9; 32]),
        gas_limit: Gas(10),
        gas_used: Gas(11),
        total_pouw_score: 12,
        provider_count: 13,
        extra: Extra::new(vec![14; 3]).expect("three bytes"),
    }
}

fn event() -> Event {
    Event::transfer(
        Address::from_bytes([1; 32]),
        Address::from_bytes([2; 32]),
        Amount(3),
    )
}

fn receipt(status: ReceiptStatus) -> Receipt {
    let events = if status == ReceiptStatus::Success {
        vec![event()]
    } else {
        Vec::new()
    };
    Receipt {
        tx_id: Hash([1; 32]),
        status,
        gas_used: Gas(23_100),
        fee: Amount(92_400),
        events: Bounded::new(events).expect("one event"),
        return_data: ReturnData::new(vec![1, 2]).expect("two bytes"),
    }
}

fn multi_proof() -> MultiProof {
    let other = OtherLeaf {
        path: Hash([3; 32]),
        value_hash: Hash([4; 32]),
    };
    let ends = [
        (2, EndNode::Own),
        (256, EndNode::Other),
        (3, EndNode::Empty),
    ];
    let ends = ends.map(|(depth, node)| PathEnd { depth, node });
    MultiProof::new(ends.to_vec(), vec![other], vec![Hash([1; 32]), Hash::ZERO])
        .expect("a few parts")
}

fn proofs() -> [StateProof; 2] {
    let siblings =
        Bounded::new(vec![Hash([1; 32]), Hash::ZERO, Hash([2; 32])]).expect("three siblings");
    let leaf = Terminal::Leaf {
        path: Hash([3; 32]),
        value_hash: Hash([4; 32]),
    };
    [
        StateProof {
            siblings: Bounded::default(),
            terminal: Terminal::Empty,
        },
        StateProof {
            siblings,
            terminal: leaf,
        },
    ]
}
