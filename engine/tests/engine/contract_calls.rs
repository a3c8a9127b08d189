//! Deploying, calling, asking and trying contracts through the engine.

use std::sync::Arc;

use ordlane::{
    AccountDiff, BlockContext, ContractQuery, Engine, SimulateError,
    contracts::{
        Contracts, DEFAULT_CACHE_BYTES, Fault, Interpreter,
        native::{Names, Splitter},
    },
    primitives::{
        Address, Amount, BlockHeight, ChainId, ChainParams, Code, ContractInput, ErrorCode, Gas,
        GasPrice, Genesis, GenesisAccount, Memo, Nonce, RawKey, Receipt, ReceiptStatus, SigningKey,
        TX_VERSION, TimestampMs, TransactionPayload, TxKind, codec, hash::code_hash,
    },
};
use ordlane_testkit::{guests, workload::token_transfer};

const PLENTY: u128 = 1 << 80;

struct Chain {
    engine: Engine,
    key: SigningKey,
    nonce: u64,
}

impl Chain {
    fn new() -> Self {
        let contracts = Contracts::new(Arc::new(Interpreter), DEFAULT_CACHE_BYTES)
            .with_native(names(), Arc::new(Names))
            .with_native(splitter(), Arc::new(Splitter));
        let key = SigningKey::from_seed([1; 32]);
        let account = GenesisAccount {
            address: key.address(),
            balance: Amount(PLENTY),
        };
        let params = ChainParams::development(ChainId(1));
        let genesis = Genesis::new(params, TimestampMs(0), vec![account]).unwrap();
        let engine = Engine::builder()
            .genesis(genesis)
            .threads(2)
            .contracts(Arc::new(contracts))
            .build()
            .unwrap();
        Self {
            engine,
            key,
            nonce: 0,
        }
    }

    fn context(&self) -> BlockContext {
        let head = self.engine.durable_head();
        BlockContext::new(TimestampMs(head.height.0 * 1_000 + 1_000), Address::ZERO)
    }

    fn payload(&self, kind: TxKind) -> TransactionPayload {
        TransactionPayload {
            version: TX_VERSION,
            chain_id: ChainId(1),
            sender: self.key.address(),
            nonce: Nonce(self.nonce),
            gas_limit: Gas(5_000_000),
            gas_price: GasPrice(1),
            valid_until: None,
            kind,
            memo: Memo::default(),
        }
    }

    /// A block with one transaction, committed; what it did.
    fn run(&mut self, kind: TxKind) -> Receipt {
        let tx = self.key.sign_transaction(self.payload(kind));
        let parent = self.engine.durable_head().hash;
        let transactions = [codec::encode(&tx)];
        let executed = self
            .engine
            .execute(&parent, &self.context(), &transactions)
            .unwrap();
        let receipt = executed.receipts()[0].clone();
        self.engine.commit(executed).unwrap();
        self.nonce += 1;
        receipt
    }

    fn deploy(&mut self, wasm: &[u8], init: &[u8]) -> Address {
        let address = Address::of_contract(&self.key.address(), Nonce(self.nonce));
        let receipt = self.run(deploy(wasm, init));
        assert_eq!(receipt.status, ReceiptStatus::Success);
        address
    }

    fn ask(&self, height: Option<u64>, contract: Address, input: &[u8]) -> Result<Vec<u8>, Fault> {
        let query = ContractQuery {
            contract,
            input: input.to_vec(),
            caller: self.key.address(),
            gas_limit: Gas(1_000_000),
        };
        let height = height.map(BlockHeight);
        self.engine.query(height, &query).unwrap().outcome
    }
}

fn names() -> Address {
    Address::native(1_024)
}

fn splitter() -> Address {
    Address::native(1_025)
}

fn deploy(wasm: &[u8], init: &[u8]) -> TxKind {
    TxKind::Deploy {
        code: Code::new(wasm.to_vec()).unwrap(),
        init: ContractInput::new(init.to_vec()).unwrap(),
        salt: None,
    }
}

fn call(contract: Address, input: &[u8], value: u128) -> TxKind {
    TxKind::Call {
        contract,
        input: ContractInput::new(input.to_vec()).unwrap(),
        value: Amount(value),
    }
}

fn balance_of(holder: &Address) -> Vec<u8> {
    [&[1][..], holder.as_bytes()].concat()
}

const ANYBODY: Address = Address::from_bytes([7; 32]);

#[test]
fn a_token_is_deployed_called_and_asked_at_every_height_that_is_kept() {
    for wasm in [
        guests::TOKEN,
        guests::TOKEN_CLANG,
        guests::TOKEN_RUST,
        guests::TOKEN_ASSEMBLYSCRIPT,
    ] {
        let mut chain = Chain::new();
        let token = chain.deploy(wasm, &1_000_u128.to_le_bytes());
        let account = chain.engine.state().account(&token).unwrap();
        assert_eq!(account.code_hash, code_hash(wasm));
        for _ in 0..3 {
            let receipt = chain.run(call(token, &token_transfer(&ANYBODY, 10), 0));
            assert_eq!(receipt.status, ReceiptStatus::Success);
            assert_eq!(receipt.events[0].emitter, token);
        }
        for height in 1..=4_u64 {
            let held = chain.ask(Some(height), token, &balance_of(&ANYBODY));
            let expected = u128::from(height - 1) * 10;
            assert_eq!(held.unwrap(), expected.to_le_bytes());
        }
        let held = chain.ask(None, token, &balance_of(&ANYBODY));
        assert_eq!(held.unwrap(), 30_u128.to_le_bytes());
        let before = chain.ask(Some(0), token, &balance_of(&ANYBODY));
        assert_eq!(before, Err(Fault::NoContract(token)));
        let writes = chain.ask(None, token, &token_transfer(&ANYBODY, 1));
        assert_eq!(
            writes.unwrap_err().code(),
            Some(ErrorCode::StateAccessDenied)
        );
    }
}

#[test]
fn trying_a_transaction_says_what_committing_it_does_and_changes_nothing() {
    let mut chain = Chain::new();
    let token = chain.deploy(guests::TOKEN, &1_000_u128.to_le_bytes());
    let head = chain.engine.durable_head();
    let kind = call(token, &token_transfer(&ANYBODY, 10), 0);
    let payload = chain.payload(kind.clone());
    let tried = chain
        .engine
        .simulate(&head.hash, &chain.context(), &payload)
        .unwrap();
    assert_eq!(chain.engine.durable_head(), head);
    assert_eq!(tried.failure, None);
    let slot = RawKey::storage(&token, ANYBODY.as_bytes());
    assert!(tried.access.contains(&slot) && tried.access.contains(&RawKey::account(&token)));
    assert!(tried.access.is_sorted());

    let estimate = tried.gas_estimate.unwrap();
    let with_limit = |gas_limit| {
        let payload = TransactionPayload {
            gas_limit,
            ..payload.clone()
        };
        let head = chain.engine.durable_head().hash;
        let tried = chain.engine.simulate(&head, &chain.context(), &payload);
        tried.unwrap().receipt.status
    };
    assert_eq!(with_limit(estimate), ReceiptStatus::Success);
    let one_less = ReceiptStatus::Failed(ErrorCode::OutOfGas);
    assert_eq!(with_limit(Gas(estimate.0 - 1)), one_less);

    let receipt = chain.run(kind);
    assert_eq!(tried.receipt, receipt);
    let diff = chain.engine.diff(BlockHeight(2)).unwrap().unwrap();
    let of_tokens = |diff: &ordlane::state::StateDiff| {
        let slots = diff.changes().iter();
        let slots = slots.filter(|change| change.key.storage_slot().is_some());
        slots.cloned().collect::<Vec<_>>()
    };
    assert_eq!(of_tokens(&tried.diff), of_tokens(&diff));
    assert_eq!(of_tokens(&diff).len(), 2);
    assert!(!AccountDiff::all_of(&tried.diff).unwrap().is_empty());
}

#[test]
fn what_could_not_be_in_a_block_cannot_be_tried() {
    let chain = Chain::new();
    let head = chain.engine.durable_head().hash;
    let payload = TransactionPayload {
        nonce: Nonce(9),
        ..chain.payload(call(names(), b"", 0))
    };
    let tried = chain.engine.simulate(&head, &chain.context(), &payload);
    let Err(SimulateError::Invalid(error)) = tried else {
        panic!("{tried:?}")
    };
    assert_eq!(error.code(), ErrorCode::InvalidNonce);
}

#[test]
fn contracts_in_rust_are_called_like_others() {
    let mut chain = Chain::new();
    let receipt = chain.run(call(names(), b"\0alice", 0));
    assert_eq!(receipt.status, ReceiptStatus::Success);
    assert_eq!(receipt.events[0].emitter, names());
    let owner = chain.ask(None, names(), b"\x01alice").unwrap();
    assert_eq!(owner, chain.key.address().as_bytes());
    let receipt = chain.run(call(names(), b"\0alice", 0));
    assert_eq!(receipt.status, ReceiptStatus::Failed(ErrorCode::Revert));
    assert_eq!(&*receipt.return_data, b"taken");
    assert!(receipt.events.is_empty());

    let receivers = [[8; 32], [9; 32], [10; 32]];
    let receipt = chain.run(call(splitter(), receivers.as_flattened(), 100));
    assert_eq!(receipt.status, ReceiptStatus::Success);
    // What came in, and three parts.
    assert_eq!(receipt.events.len(), 4);
    let held = |address| {
        let address = Address::from_bytes(address);
        chain.engine.state().account(&address).unwrap().balance.0
    };
    assert_eq!(receivers.map(held), [34, 33, 33]);
    assert_eq!(held(*splitter().as_bytes()), 0);
}

#[test]
fn a_deployment_is_charged_whether_it_succeeds_or_not() {
    let mut chain = Chain::new();
    let base = 21_000 + 700;
    let data = |bytes: &[u8]| {
        let zeros = bytes.iter().filter(|byte| **byte == 0).count() as u64;
        4 * zeros + 16 * (bytes.len() as u64 - zeros)
    };
    let junk = [1; 100];
    let receipt = chain.run(deploy(&junk, b""));
    let status = ReceiptStatus::Failed(ErrorCode::InvalidCode);
    assert_eq!(receipt.status, status);
    assert_eq!(receipt.gas_used.0, base + data(&junk) + 200 * 100);

    let receipt = chain.run(TxKind::Deploy {
        code: Code::new(guests::TOKEN.to_vec()).unwrap(),
        init: ContractInput::default(),
        salt: Some([3; 32]),
    });
    assert_eq!(receipt.status, ReceiptStatus::Success);
    let address =
        Address::of_salted_contract(&chain.key.address(), &[3; 32], &code_hash(guests::TOKEN));
    assert!(chain.ask(None, address, &balance_of(&ANYBODY)).is_ok());
    // The same salt again.
    let receipt = chain.run(TxKind::Deploy {
        code: Code::new(guests::TOKEN.to_vec()).unwrap(),
        init: ContractInput::default(),
        salt: Some([3; 32]),
    });
    let status = ReceiptStatus::Failed(ErrorCode::AddressInUse);
    assert_eq!(receipt.status, status);
}

#[test]
fn a_contract_is_deployed_where_tokens_were_sent_before() {
    let mut chain = Chain::new();
    let address = Address::of_contract(&chain.key.address(), Nonce(1));
    chain.run(TxKind::Transfer {
        to: address,
        amount: Amount(5),
    });
    let deployed = chain.deploy(guests::TOKEN, b"");
    assert_eq!(deployed, address);
    let account = chain.engine.state().account(&address).unwrap();
    assert_eq!(account.balance, Amount(5));
    assert_eq!(account.code_hash, code_hash(guests::TOKEN));
}

#[test]
fn calls_nest_sixteen_deep_and_no_deeper() {
    let mut chain = Chain::new();
    let probe = chain.deploy(guests::PROBE, b"");
    let receipt = chain.run(call(probe, &[203, 0, 0, 0, 0, 0, 0, 0, 0], 0));
    assert_eq!(receipt.status, ReceiptStatus::Success);
    assert_eq!(receipt.return_data[..4], 15_u32.to_le_bytes());

    let loopback = chain.deploy(guests::LOOPBACK, b"");
    let through = |target: &Address, flags: u8, payload: &[u8]| {
        [target.as_bytes(), &[flags][..], payload].concat()
    };
    for (flags, expected) in [(0, ErrorCode::ReentrancyRefused.code()), (1, 0)] {
        let receipt = chain.run(call(loopback, &through(&loopback, flags, b"there"), 0));
        assert_eq!(receipt.return_data[..4], u32::from(expected).to_le_bytes());
    }
    // A key of 129 bytes.
    let input = [
        &[0][..],
        &0_u32.to_le_bytes(),
        &129_u32.to_le_bytes(),
        &[0; 8],
    ]
    .concat();
    let receipt = chain.run(call(probe, &input, 0));
    let status = ReceiptStatus::Failed(ErrorCode::ContractLimit);
    assert_eq!(receipt.status, status);
}
