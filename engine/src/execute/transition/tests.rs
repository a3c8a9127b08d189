use std::collections::BTreeMap;

use ordlane_primitives::{
    BlockHeight, ChainId, ChainParams, GAS_SCHEDULE_V1, GasPrice, SigningKey, TX_VERSION,
    TransactionPayload, codec, limits::MAX_TOTAL_SUPPLY,
};
use ordlane_scheduler::{Config, Executor, Flow, Mode, RunError};

use super::*;
use crate::builder::default_contracts;

const LARGEST: u128 = MAX_TOTAL_SUPPLY - 1;
const FEE: u128 = 23_100;
const RULES: Rules = Rules {
    params: ChainParams::development(ChainId(1)),
    schedule: &GAS_SCHEDULE_V1,
    height: BlockHeight(1),
};

fn vm(contracts: &Contracts) -> Transition<'_> {
    Transition {
        rules: &RULES,
        timestamp_ms: TimestampMs(1),
        contracts,
        codes: &|_| Ok(None),
    }
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn transfer(from: u8, nonce: u64, to: Address, amount: u128) -> Verified {
    let key = key(from);
    let payload = TransactionPayload {
        version: TX_VERSION,
        chain_id: ChainId(1),
        sender: key.address(),
        nonce: Nonce(nonce),
        gas_limit: Gas(23_100),
        gas_price: GasPrice(1),
        valid_until: None,
        kind: TxKind::Transfer {
            to,
            amount: Amount(amount),
        },
        memo: codec::BoundedBytes::default(),
    };
    let tx = key.sign_transaction(payload);
    Verified {
        id: tx.payload.id(),
        bytes: codec::encode(&tx),
        intrinsic: RULES.schedule.intrinsic(&tx.payload, &tx.auth),
        tx,
    }
}

/// No chain can have such balances; that is what the bound is for.
fn balances(balances: &[(u8, u128)]) -> BTreeMap<Field, FieldValue> {
    let field = |(seed, balance): &(u8, u128)| {
        let field = Field::Balance(key(*seed).address());
        (field, FieldValue::Amount(Amount(*balance)))
    };
    balances.iter().map(field).collect()
}

type Ran = (
    Vec<Outcome>,
    Option<RunError<std::convert::Infallible>>,
    BTreeMap<Field, FieldValue>,
);

/// What was committed, what ended the block if anything did, and the state then.
fn run(threads: usize, base: &BTreeMap<Field, FieldValue>, txs: &[Verified]) -> Ran {
    let config = Config {
        threads,
        mode: match threads {
            1 => Mode::Sequential,
            #[cfg(feature = "rayon")]
            _ => Mode::Parallel,
            #[cfg(not(feature = "rayon"))]
            _ => Mode::Sequential,
        },
        ..Config::default()
    };
    let (mut outcomes, mut state) = (Vec::new(), base.clone());
    let mut sink = |_: TxIndex, outcome: Outcome, writes: &[(Field, Option<FieldValue>)]| {
        outcomes.push(outcome);
        let written =
            |(field, value): &(Field, Option<FieldValue>)| (field.clone(), value.clone().unwrap());
        state.extend(writes.iter().map(written));
        Flow::Continue
    };
    let executor = Executor::new(config).unwrap();
    let ran = executor.run(&vm(&default_contracts()), base, txs, &mut sink);
    (outcomes, ran.err(), state)
}

#[test]
fn a_credit_beyond_the_supply_stops_the_block_at_its_transaction_and_leaves_those_below() {
    let full = key(1).address();
    let base = balances(&[(1, LARGEST - 20), (2, 30 * FEE), (3, 30 * FEE)]);
    let mut txs: Vec<Verified> = (0..20).map(|nonce| transfer(2, nonce, full, 1)).collect();
    txs.extend((0..20).map(|nonce| transfer(3, nonce, full, 1)));
    for threads in [1, 2, 4, 8] {
        let (outcomes, error, state) = run(threads, &base, &txs);
        assert_eq!(outcomes.len(), 20, "{threads} threads");
        assert_eq!(
            state[&Field::Balance(full)],
            FieldValue::Amount(Amount(LARGEST))
        );
        let Some(RunError::Fatal { index, source }) = error else {
            panic!("{error:?}");
        };
        assert_eq!(index.get(), 20);
        assert_eq!(source.to_string(), "a balance exceeds the total supply");
    }
}

#[test]
fn a_credit_fits_once_a_lower_transaction_has_made_room() {
    let (full, elsewhere) = (key(1).address(), Address::from_bytes([7; 32]));
    let mut state = balances(&[(1, LARGEST), (2, 60 * (FEE + 1_000))]);
    let expected_after = FieldValue::Amount(Amount(LARGEST - 30 * (FEE + 900)));
    state.insert(
        Field::Balance(elsewhere),
        FieldValue::Amount(Amount(LARGEST - 30 * 1_000)),
    );
    let mut txs = Vec::new();
    for nonce in 0..30 {
        // Run before the first of the two, the second would be one credit too many.
        txs.push(transfer(1, nonce, elsewhere, 1_000));
        txs.push(transfer(2, nonce, full, 100));
    }
    for threads in [1, 2, 4, 8] {
        let (outcomes, error, after) = run(threads, &state, &txs);
        assert!(error.is_none(), "{threads} threads: {error:?}");
        assert_eq!(outcomes.len(), 60);
        assert_eq!(after[&Field::Balance(full)], expected_after);
        assert_eq!(
            after[&Field::Balance(elsewhere)],
            FieldValue::Amount(Amount(LARGEST))
        );
    }
}

#[test]
fn a_locked_part_is_not_spent() {
    let (holder, to) = (key(1).address(), Address::from_bytes([7; 32]));
    let mut state = balances(&[(1, 10 * FEE)]);
    state.insert(
        Field::Locked(holder),
        FieldValue::Amount(Amount(8 * FEE + 5)),
    );
    let txs = [
        transfer(1, 0, to, FEE - 4),
        transfer(1, 1, to, 0),
        transfer(1, 1, to, 0),
    ];
    let (outcomes, error, _) = run(1, &state, &txs);
    assert!(error.is_none());
    let failed = |outcome: &Outcome| match outcome {
        Outcome::Included(included) => included.receipt.status,
        Outcome::Invalid(error) => panic!("{error}"),
    };
    assert_eq!(
        failed(&outcomes[0]),
        ReceiptStatus::Failed(ErrorCode::AmountAboveBalance)
    );
    // The first fee leaves less than another one beside what is locked.
    let short = Outcome::Invalid(TransitionError::InsufficientBalance {
        required: Amount(FEE),
        available: Amount(FEE - 5),
    });
    assert_eq!(outcomes[1..], [short.clone(), short]);
}

#[test]
fn a_hint_names_the_senders_nonce_and_nothing_else() {
    let mut keys = Vec::new();
    let tx = transfer(3, 0, key(4).address(), 1);
    vm(&default_contracts()).hints(TxIndex::new(0), &tx, &mut keys);
    assert_eq!(keys, [Field::Nonce(key(3).address())]);
}
