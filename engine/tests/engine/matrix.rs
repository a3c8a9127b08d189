//! The handling matrix (seed specification, 8.3): what each error does to gas, state and block, for whoever builds the
//! block and for whoever is given one with it. Permuted blocks, too: what is independent has no order.
//!
//! Of its other rows, a violated invariant is in `supply`, a panic in the unit tests of `build`; invalid compute receipts
//! come with useful work.

use ordlane::{
    BlockContext, BlockError, Engine, EngineError, Refusal,
    primitives::{
        Account, Address, Amount, Auth, BlockHeight, ChainId, ChainParams, ErrorClass, ErrorCode,
        Gas, GasPrice, Genesis, GenesisAccount, Hash, Nonce, ReceiptStatus, SigningKey, TX_VERSION,
        TimestampMs, Transaction, TransactionPayload, TxBytes, TxKind, codec,
    },
};
use proptest::prelude::*;

use crate::support::engine;

const BALANCE: u128 = 1_000_000_000;
const PRICE: u64 = 3;
const LIMIT: u64 = 50_000;
/// What a transfer without memo uses.
const TRANSFER: u64 = 23_100;
const PROPOSER: Address = Address::from_bytes([8; 32]);

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn genesis(accounts: u8) -> Genesis {
    let accounts = (1..=accounts).map(|seed| GenesisAccount {
        address: key(seed).address(),
        balance: Amount(BALANCE),
    });
    let params = ChainParams::development(ChainId(1));
    Genesis::new(params, TimestampMs(0), accounts.collect()).unwrap()
}

fn payload(sender: u8) -> TransactionPayload {
    TransactionPayload {
        version: TX_VERSION,
        chain_id: ChainId(1),
        sender: key(sender).address(),
        nonce: Nonce(0),
        gas_limit: Gas(LIMIT),
        gas_price: GasPrice(PRICE),
        valid_until: None,
        kind: transfer(100),
        memo: Default::default(),
    }
}

const fn transfer(amount: u128) -> TxKind {
    TxKind::Transfer {
        to: Address::from_bytes([9; 32]),
        amount: Amount(amount),
    }
}

fn signed(payload: TransactionPayload) -> Transaction {
    key(1).sign_transaction(payload)
}

/// What is charged for a transaction that is in the block.
#[derive(Clone, Copy)]
enum Charged {
    /// It is in no block.
    Nothing,
    Used(u64),
    /// All of the limit.
    All,
}

struct Row {
    code: ErrorCode,
    tx: TxBytes,
    charged: Charged,
}

fn row(code: ErrorCode, tx: &Transaction, charged: Charged) -> Row {
    Row {
        code,
        tx: codec::encode(tx),
        charged,
    }
}

fn changed(code: ErrorCode, change: impl FnOnce(&mut TransactionPayload)) -> Row {
    let mut payload = payload(1);
    change(&mut payload);
    row(code, &signed(payload), Charged::Nothing)
}

fn rows() -> Vec<Row> {
    let mut forged = signed(payload(1));
    let Auth::Ed25519 { signature, .. } = &mut forged.auth else {
        panic!("one key signs");
    };
    signature[3] ^= 1;
    let mut cut = codec::encode(&signed(payload(1)));
    cut.pop();
    let out_of_gas = TransactionPayload {
        gas_limit: Gas(TRANSFER - 1),
        ..payload(1)
    };
    let too_much = TransactionPayload {
        kind: transfer(BALANCE),
        ..payload(1)
    };
    vec![
        row(ErrorCode::InvalidSignature, &forged, Charged::Nothing),
        changed(ErrorCode::InvalidNonce, |payload| payload.nonce = Nonce(1)),
        changed(ErrorCode::InsufficientBalance, |payload| {
            payload.gas_price = GasPrice(u64::MAX);
        }),
        // The bytes of a transaction that are none; what is inside of one comes with contracts.
        Row {
            code: ErrorCode::InvalidFormat,
            tx: cut,
            charged: Charged::Nothing,
        },
        changed(ErrorCode::WrongChain, |payload| {
            payload.chain_id = ChainId(2)
        }),
        changed(ErrorCode::TxExpired, |payload| {
            payload.valid_until = Some(BlockHeight(0));
        }),
        changed(ErrorCode::SignerMismatch, |payload| {
            payload.sender = key(2).address()
        }),
        changed(ErrorCode::GasPriceTooLow, |payload| {
            payload.gas_price = GasPrice(0)
        }),
        changed(ErrorCode::GasLimitTooLow, |payload| {
            payload.gas_limit = Gas(20_999)
        }),
        changed(ErrorCode::GasLimitTooHigh, |payload| {
            payload.gas_limit = Gas(u64::MAX)
        }),
        row(ErrorCode::OutOfGas, &signed(out_of_gas), Charged::All),
        row(
            ErrorCode::AmountAboveBalance,
            &signed(too_much),
            Charged::Used(TRANSFER),
        ),
    ]
}

fn context() -> BlockContext {
    BlockContext::new(TimestampMs(1), PROPOSER)
}

/// The only difference between the state after the block and the one before it.
fn is_charged(engine: &Engine, executed: &ordlane::Executed, gas: Option<Gas>) {
    let sender = engine
        .state_after(executed)
        .account(&key(1).address())
        .unwrap();
    let fee = gas.map_or(0, |gas| u128::from(gas.0) * u128::from(PRICE));
    let expected = Account {
        nonce: Nonce(u64::from(gas.is_some())),
        balance: Amount(BALANCE - fee),
        ..Account::default()
    };
    assert_eq!(sender, expected);
    let proposer = engine.state_after(executed).account(&PROPOSER).unwrap();
    assert_eq!(proposer.balance, Amount(fee));
    assert_eq!(executed.changes().len(), if gas.is_some() { 2 } else { 0 });
}

#[test]
fn every_error_is_handled_as_the_matrix_says() {
    let engine = engine(&genesis(2), 1);
    let parent = engine.durable_head().hash;
    for Row { code, tx, charged } in rows() {
        let built = engine
            .build_block(&parent, &context(), std::slice::from_ref(&tx))
            .unwrap();
        let given = engine.execute(&parent, &context(), std::slice::from_ref(&tx));
        let gas = match charged {
            Charged::Nothing => {
                // The sender acts: no gas, no state, and the block is built without it.
                assert_eq!(code.class(), ErrorClass::Validation, "{code}");
                let Refusal::Invalid(error) = &built.left_out[0].reason else {
                    panic!("{code}");
                };
                assert_eq!(error.code(), code);
                assert!(built.executed.receipts().is_empty(), "{code}");
                is_charged(&engine, &built.executed, None);
                // One that contains it is not valid.
                let Err(EngineError::Block(error)) = given else {
                    panic!("{code}: {given:?}");
                };
                assert!(matches!(
                    error,
                    BlockError::InvalidTransaction { index: 0, .. }
                ));
                assert_eq!(error.code(), code);
                continue;
            }
            Charged::Used(gas) => Gas(gas),
            Charged::All => codec::decode::<Transaction>(&tx).unwrap().payload.gas_limit,
        };
        // Nobody acts: the receipt says it, and the block is valid.
        assert_eq!(code.class(), ErrorClass::Runtime, "{code}");
        assert!(built.left_out.is_empty(), "{code}");
        for executed in [&built.executed, &given.unwrap()] {
            let [receipt] = executed.receipts() else {
                panic!("{code}");
            };
            assert_eq!(receipt.status, ReceiptStatus::Failed(code));
            assert_eq!(receipt.gas_used, gas, "{code}");
            assert!(receipt.events.is_empty());
            is_charged(&engine, executed, Some(gas));
        }
    }
}

/// One transfer of each sender, to one of a few that do not send.
fn independent(receivers: &[u8]) -> Vec<TxBytes> {
    (1..)
        .zip(receivers)
        .map(|(sender, receiver)| {
            let payload = TransactionPayload {
                kind: TxKind::Transfer {
                    to: Address::from_bytes([200 + receiver % 4; 32]),
                    amount: Amount(u128::from(*receiver) + 1),
                },
                ..payload(sender)
            };
            codec::encode(&key(sender).sign_transaction(payload))
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the order of transactions that have nothing to do with each other, the state is the same.
    #[test]
    fn independent_transactions_have_no_order(
        (txs, shuffled) in proptest::collection::vec(any::<u8>(), 1..20)
            .prop_map(|receivers| independent(&receivers))
            .prop_flat_map(|txs| (Just(txs.clone()), Just(txs).prop_shuffle())),
    ) {
        let genesis = genesis(20);
        let roots: Vec<(Hash, Vec<_>)> = [(&txs, 1), (&shuffled, 1), (&shuffled, 2)]
            .map(|(txs, threads)| {
                let engine = engine(&genesis, threads);
                let parent = engine.durable_head().hash;
                let executed = engine.execute(&parent, &context(), txs).unwrap();
                let mut receipts = executed.receipts().to_vec();
                receipts.sort_by_key(|receipt| receipt.tx_id);
                (*executed.state_root(), receipts)
            })
            .into();
        prop_assert!(roots.iter().all(|other| *other == roots[0]));
    }
}
