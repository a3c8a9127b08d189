//! Transactions that meet in one account, but not in one field of it: no conflicts, and what the oracle gives.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use ordlane::{
    BlockContext, Built, Engine,
    primitives::{
        Address, Amount, ChainId, ChainParams, ErrorCode, Gas, GasPrice, Genesis, GenesisAccount,
        Nonce, ReceiptStatus, SigningKey, TX_VERSION, TimestampMs, TransactionPayload, TxBytes,
        TxKind, codec,
    },
    state::{BlockMark, MemoryStorage, Space, StateError, Storage, Visit, Witness, WriteBatch},
};
use ordlane_testkit::{oracle::Oracle, workload::GeneratedBlock};

use crate::support::{build_and_compare, parallel};

const THREADS: [usize; 4] = [1, 2, 4, 8];
const BALANCE: u128 = 1_000_000;
/// What a transfer without a memo costs at a price of 1.
const FEE: u128 = 23_100;
const OUTSIDE: Address = Address::from_bytes([9; 32]);

/// Keys with nonces, so that what they send is in turn.
struct Senders(Vec<(SigningKey, u64)>);

impl Senders {
    fn new(count: u8) -> Self {
        let key = |seed| (SigningKey::from_seed([seed; 32]), 0);
        Self((1..=count).map(key).collect())
    }

    fn address(&self, sender: usize) -> Address {
        self.0[sender].0.address()
    }

    /// All have [`BALANCE`], but for those whose balance is told.
    fn genesis(&self, told: &[(usize, u128)]) -> Genesis {
        let balance = |at| {
            let told = told.iter().find(|(sender, _)| *sender == at);
            told.map_or(BALANCE, |(_, balance)| *balance)
        };
        let accounts = (0..self.0.len())
            .filter(|at| balance(*at) > 0)
            .map(|at| GenesisAccount {
                address: self.address(at),
                balance: Amount(balance(at)),
            })
            .collect();
        let params = ChainParams::development(ChainId(1));
        Genesis::new(params, TimestampMs(0), accounts).unwrap()
    }

    fn send(&mut self, sender: usize, to: Address, amount: u128) -> TxBytes {
        let (key, nonce) = &mut self.0[sender];
        *nonce += 1;
        codec::encode(&key.sign_transaction(TransactionPayload {
            version: TX_VERSION,
            chain_id: ChainId(1),
            sender: key.address(),
            nonce: Nonce(*nonce - 1),
            gas_limit: Gas(23_100),
            gas_price: GasPrice(1),
            valid_until: None,
            kind: TxKind::Transfer {
                to,
                amount: Amount(amount),
            },
            memo: Default::default(),
        }))
    }
}

fn engine(genesis: &Genesis, threads: usize) -> Engine {
    let mode = match threads {
        1 => ordlane::Mode::Sequential,
        _ => parallel(),
    };
    Engine::builder()
        .genesis(genesis.clone())
        .threads(threads)
        .mode(mode)
        .trace(true)
        .build()
        .unwrap()
}

/// Builds the block with every number of threads, compares each with the oracle and commits it, and hands it to `look`.
fn equals_oracle(genesis: &Genesis, txs: &[TxBytes], look: impl Fn(&Engine, &Built)) {
    for threads in THREADS {
        let engine = engine(genesis, threads);
        let oracle = Oracle::new(genesis);
        let generated = GeneratedBlock {
            number: engine.durable_head().height.next().unwrap(),
            timestamp_ms: TimestampMs(1_000),
            proposer: OUTSIDE,
            txs: txs.to_vec(),
            expected: Vec::new(),
        };
        let (built, _) = build_and_compare(&engine, &oracle, &generated);
        assert!(built.left_out.is_empty(), "{threads} threads");
        look(&engine, &built);
        engine.commit(built.executed).unwrap();
    }
}

fn statuses(built: &Built) -> Vec<Result<(), ErrorCode>> {
    let receipts = built.executed.receipts().iter();
    receipts
        .map(|receipt| match receipt.status {
            ReceiptStatus::Success => Ok(()),
            ReceiptStatus::Failed(code) => Err(code),
        })
        .collect()
}

/// Nothing was run twice, had read anything stale, or waited.
fn met_nobody(built: &Built) {
    let trace = built.executed.trace().unwrap();
    for traced in trace.transactions() {
        let met = (traced.runs, traced.conflict.clone(), traced.waits);
        assert_eq!(met, (1, None, 0), "{traced:?}");
    }
    assert!(trace.hottest(1).is_empty());
}

fn balance(engine: &Engine, built: &Built, address: &Address) -> u128 {
    let state = engine.state_after(&built.executed);
    state.account(address).unwrap().balance.0
}

#[test]
fn transfers_of_many_senders_to_one_receiver_have_no_conflicts() {
    for hot in [Address::from_bytes([0xee; 32]), Senders::new(1).address(0)] {
        let mut senders = Senders::new(200);
        let genesis = senders.genesis(&[]);
        let first = usize::from(hot == senders.address(0));
        let txs: Vec<TxBytes> = (first..200).map(|at| senders.send(at, hot, 7)).collect();
        equals_oracle(&genesis, &txs, |engine, built| {
            met_nobody(built);
            let before = if first == 1 { BALANCE } else { 0 };
            let received = 7 * (200 - first as u128);
            assert_eq!(balance(engine, built, &hot), before + received);
        });
    }
}

#[test]
fn a_receiver_who_sends_in_between_spends_exactly_what_it_has_received() {
    const SENDERS: usize = 120;
    const CREDIT: u128 = 1_000;
    let mut senders = Senders::new(SENDERS as u8 + 1);
    let (hot, half) = (SENDERS, SENDERS / 2);
    let hot_address = senders.address(hot);
    // It begins absent and can pay one fee and not a token more than the first half brings.
    let genesis = senders.genesis(&[(hot, 0)]);
    let brought = CREDIT * half as u128;
    let mut txs: Vec<TxBytes> = Vec::new();
    txs.extend((0..half).map(|at| senders.send(at, hot_address, CREDIT)));
    txs.push(senders.send(hot, OUTSIDE, brought - FEE));
    txs.extend((half..SENDERS).map(|at| senders.send(at, hot_address, CREDIT)));
    txs.push(senders.send(hot, OUTSIDE, brought - FEE + 1));
    equals_oracle(&genesis, &txs, |engine, built| {
        let mut expected = vec![Ok(()); txs.len()];
        expected[txs.len() - 1] = Err(ErrorCode::AmountAboveBalance);
        assert_eq!(statuses(built), expected);
        assert_eq!(balance(engine, built, &hot_address), brought - FEE);
    });
}

#[test]
fn a_hundred_transfers_of_one_sender_are_all_in_turn() {
    let mut senders = Senders::new(2);
    let to = senders.address(1);
    let genesis = senders.genesis(&[(0, 100 * (FEE + 5))]);
    let txs: Vec<TxBytes> = (0..100).map(|_| senders.send(0, to, 5)).collect();
    equals_oracle(&genesis, &txs, |engine, built| {
        assert_eq!(statuses(built), vec![Ok(()); 100]);
        assert_eq!(balance(engine, built, &senders.address(0)), 0);
        assert_eq!(balance(engine, built, &to), BALANCE + 500);
        let nonce = Some(ordlane::Field::Nonce(senders.address(0)));
        let own = Some(ordlane::Field::Balance(senders.address(0)));
        for traced in built.executed.trace().unwrap().transactions() {
            assert_eq!(traced.waited_on.is_some(), traced.waits > 0, "{traced:?}");
            let on = traced.waited_on.clone();
            assert!(on.is_none() || on == nonce || on == own, "{traced:?}");
        }
    });
}

#[test]
fn a_transfer_to_oneself_changes_nothing_but_nonce_and_fee() {
    let mut senders = Senders::new(40);
    let genesis = senders.genesis(&[(0, 3 * FEE)]);
    let all = senders.address(0);
    let mut txs = vec![
        // All that is left beside the fee, then one more than that, then nothing.
        senders.send(0, all, 2 * FEE),
        senders.send(0, all, FEE + 1),
        senders.send(0, all, 0),
    ];
    for at in 1..40 {
        let own = senders.address(at);
        txs.push(senders.send(at, own, 10));
        txs.push(senders.send(at, all, 1));
        txs.push(senders.send(at, own, 10));
    }
    equals_oracle(&genesis, &txs, |engine, built| {
        let too_much = Err(ErrorCode::AmountAboveBalance);
        assert_eq!(statuses(built)[..3], [Ok(()), too_much, Ok(())]);
        assert_eq!(balance(engine, built, &all), 39);
        for at in 1..40 {
            let left = balance(engine, built, &senders.address(at));
            assert_eq!(left, BALANCE - 3 * FEE - 1);
        }
    });
}

#[test]
fn an_account_is_emptied_and_filled_again_in_one_block() {
    const ROUNDS: usize = 20;
    let mut senders = Senders::new(1 + ROUNDS as u8);
    let genesis = senders.genesis(&[(0, FEE + 1_000)]);
    let (emptied, sink) = (senders.address(0), Address::from_bytes([0xaa; 32]));
    let mut txs = Vec::new();
    for round in 0..ROUNDS {
        txs.push(senders.send(0, sink, 1_000));
        txs.push(senders.send(1 + round, emptied, FEE + 1_000));
    }
    equals_oracle(&genesis, &txs, |engine, built| {
        assert_eq!(statuses(built), vec![Ok(()); 2 * ROUNDS]);
        assert_eq!(balance(engine, built, &emptied), FEE + 1_000);
        assert_eq!(balance(engine, built, &sink), 1_000 * ROUNDS as u128);
    });
    // Without the last filling it ends empty, and is kept for its nonce.
    txs.pop();
    equals_oracle(&genesis, &txs, |engine, built| {
        let state = engine.state_after(&built.executed);
        let account = state.account(&emptied).unwrap();
        assert_eq!(account.balance, Amount::ZERO);
        assert_eq!(account.nonce, Nonce(ROUNDS as u64));
    });
}

#[test]
fn nothing_sent_to_an_absent_account_leaves_it_absent() {
    let mut senders = Senders::new(40);
    let genesis = senders.genesis(&[]);
    let absent = Address::from_bytes([0xbb; 32]);
    let txs: Vec<TxBytes> = (0..40).map(|at| senders.send(at, absent, 0)).collect();
    equals_oracle(&genesis, &txs, |_, built| {
        met_nobody(built);
        assert_eq!(statuses(built), vec![Ok(()); 40]);
        let key = ordlane::primitives::RawKey::account(&absent);
        let changes = built.executed.changes();
        assert!(changes.iter().all(|change| change.key != key));
    });
}

/// A store in memory that counts how often accounts are read.
#[derive(Debug, Default)]
struct Counting {
    storage: MemoryStorage,
    account_reads: AtomicUsize,
}

impl Storage for Counting {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        if space == Space::Flat && key.len() == 33 {
            self.account_reads.fetch_add(1, Ordering::SeqCst);
        }
        self.storage.get(space, key)
    }

    fn scan(&self, space: Space, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StateError> {
        self.storage.scan(space, from, visit)
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StateError> {
        self.storage.write(batch)
    }

    fn witness(&self) -> Result<Witness, StateError> {
        self.storage.witness()
    }

    fn attest(&self, tip: &BlockMark) -> Result<(), StateError> {
        self.storage.attest(tip)
    }
}

#[test]
fn an_account_is_read_from_the_store_once_and_not_at_all_when_it_was_written_lately() {
    let genesis = Senders::new(30).genesis(&[]);
    let absent = Address::from_bytes([0xcc; 32]);
    for threads in THREADS {
        let mut senders = Senders::new(30);
        let storage = Arc::new(Counting::default());
        let engine = Engine::builder()
            .store(Arc::<Counting>::clone(&storage))
            .genesis(genesis.clone())
            .threads(threads)
            .mode(parallel())
            .build()
            .unwrap();
        for round in 1..3 {
            let txs: Vec<TxBytes> = (0..90)
                .map(|at| {
                    let other = senders.address((at + 7) % 30);
                    senders.send(at % 30, if at % 2 == 0 { absent } else { other }, 1)
                })
                .collect();
            let context = BlockContext::new(TimestampMs(round), OUTSIDE);
            storage.account_reads.store(0, Ordering::SeqCst);
            let parent = engine.durable_head().hash;
            let executed = engine.execute(&parent, &context, &txs).unwrap();
            let reads = storage.account_reads.load(Ordering::SeqCst);
            // The thirty, the absent one and the proposer; threads that ask at the same time may each read it. The first
            // block writes them all.
            let expected = if round == 1 { 32..=32 * threads } else { 0..=0 };
            assert!(expected.contains(&reads), "{reads} reads");
            engine.commit(executed).unwrap();
        }
    }
}
