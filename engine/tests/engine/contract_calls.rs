//! Deploying, calling, asking and trying contracts through the engine.

use std::sync::Arc;

use ordlane::{
    AccountDiff, BlockContext, ContractQuery, Engine, EngineError, SimulateError, SystemError,
    contracts::{
        Contracts, DEFAULT_CACHE_BYTES, Fault, Interpreter,
        native::{Names, Splitter},
    },
    primitives::{
        Address, Amount, Auth, BlockHeight, ChainId, ChainParams, Code, ContractInput, ErrorCode,
        Gas, GasPrice, Genesis, GenesisAccount, GenesisContract, IndexedSignature, Memo,
        MultiPolicy, Nonce, RawKey, Receipt, ReceiptStatus, SigningKey, TX_VERSION, TimestampMs,
        Transaction, TransactionPayload, TxKind,
        codec::{self, Bounded},
        hash::code_hash,
        limits::MAX_CONTRACT_INPUT_BYTES,
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
fn the_estimate_is_small_where_a_call_uses_all_that_it_is_given() {
    let mut chain = Chain::new();
    let (loopback, probe) = (
        chain.deploy(guests::LOOPBACK, b""),
        chain.deploy(guests::PROBE, b""),
    );
    // The probe never ends, and the loopback does not mind.
    let input = [&probe.as_bytes()[..], &[0], &[200; 9]].concat();
    let payload = chain.payload(call(loopback, &input, 0));
    let head = chain.engine.durable_head().hash;
    let with_limit = |gas_limit| {
        let payload = TransactionPayload {
            gas_limit,
            ..payload.clone()
        };
        let tried = chain
            .engine
            .simulate(&head, &chain.context(), &payload)
            .unwrap();
        (tried.receipt.status, tried.gas_estimate)
    };
    let (status, estimate) = with_limit(payload.gas_limit);
    assert_eq!(status, ReceiptStatus::Success);
    let estimate = estimate.unwrap();
    assert!(estimate.0 < 100_000, "{estimate}");
    assert_eq!(
        with_limit(estimate),
        (ReceiptStatus::Success, Some(estimate))
    );
    assert_ne!(with_limit(Gas(estimate.0 - 1)).0, ReceiptStatus::Success);
}

#[test]
fn signatures_are_part_of_what_a_trial_costs() {
    let chain = Chain::new();
    let payload = chain.payload(call(names(), b"\0alice", 0));
    let head = chain.engine.durable_head().hash;
    let one = chain
        .engine
        .simulate(&head, &chain.context(), &payload)
        .unwrap();
    let keys = (1..=3).map(|seed| SigningKey::from_seed([seed; 32]).public_key());
    let mut keys: Vec<_> = keys.collect();
    keys.sort_unstable();
    let signatures = (0..3).map(|index| IndexedSignature {
        index,
        signature: [0; 64],
    });
    let auth = Auth::Multi {
        policy: MultiPolicy::new(3, keys).unwrap(),
        signatures: Bounded::new(signatures.collect()).unwrap(),
    };
    let three = chain
        .engine
        .simulate_signed(&head, &chain.context(), &Transaction { payload, auth })
        .unwrap();
    let more = three.gas_estimate.unwrap().0 - one.gas_estimate.unwrap().0;
    assert!(more >= 2 * 3_000, "{more}");
    assert_eq!(three.receipt.gas_used.0 - one.receipt.gas_used.0, more);
}

#[test]
fn a_query_is_given_no_more_than_a_call() {
    let chain = Chain::new();
    let outcome = chain.ask(None, names(), &vec![0; MAX_CONTRACT_INPUT_BYTES + 1]);
    assert!(matches!(outcome, Err(Fault::Limit { .. })), "{outcome:?}");
}

#[test]
fn a_genesis_has_no_contract_where_there_is_one_in_rust_and_none_that_cannot_run() {
    let begin = |address, code: &[u8]| {
        let contract = GenesisContract {
            address,
            balance: Amount(0),
            code: Code::new(code.to_vec()).unwrap(),
            storage: Bounded::default(),
        };
        let params = ChainParams::development(ChainId(1));
        let genesis = Genesis::new(params, TimestampMs(0), Vec::new()).unwrap();
        let contracts = Contracts::new(Arc::new(Interpreter), DEFAULT_CACHE_BYTES)
            .with_native(names(), Arc::new(Names));
        let engine = Engine::builder()
            .genesis(genesis.with_contracts(vec![contract]).unwrap())
            .contracts(Arc::new(contracts));
        engine.build().map(drop)
    };
    assert!(begin(ANYBODY, guests::TOKEN).is_ok());
    let error = begin(names(), guests::TOKEN).unwrap_err();
    assert!(
        matches!(
            error,
            EngineError::System(SystemError::GenesisAddress { .. })
        ),
        "{error:?}"
    );
    // Its data does not fit into its memory, which the rules alone do not tell.
    let code =
        "(module (memory (export \"memory\") 1) (func (export \"init\")) (func (export \"call\"))
        (func (export \"ordlane_abi_1\")) (data (i32.const 65535) \"ab\"))";
    let error = begin(ANYBODY, &wat::parse_str(code).unwrap()).unwrap_err();
    assert!(
        matches!(error, EngineError::System(SystemError::GenesisCode { .. })),
        "{error:?}"
    );
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
