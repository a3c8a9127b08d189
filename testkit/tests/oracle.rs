//! The oracle against what the generators mean, against `primitives`, and at the edges of the specification.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests stop the test, as the tests themselves do"
)]

use ordlane_primitives::{
    Account, Address, Amount, Auth, BlockHeight, ChainId, ChainParams, ErrorCode, FeeRule, Gas,
    GasPrice, Genesis, GenesisAccount, Memo, Nonce, RawKey, ReceiptStatus, SigningKey, TimestampMs,
    Transaction, TransactionPayload, TxBytes, TxKind,
    batch::Sequential,
    codec::{decode, encode},
    limits::MAX_MEMO_BYTES,
    list::{self, ListKind},
};
use ordlane_testkit::{
    oracle::{Oracle, OracleBlock, Outcome, apply},
    workload::{Distribution, Expected, Share, Workload},
};

const BALANCE: u128 = 1_000_000;
const TRANSFER_GAS: u64 = 23_100;

fn params() -> ChainParams {
    ChainParams::development(ChainId(1))
}

fn chain(params: ChainParams, balances: &[(&SigningKey, u128)]) -> Oracle {
    let accounts = balances
        .iter()
        .map(|(key, balance)| GenesisAccount {
            address: key.address(),
            balance: Amount(*balance),
        })
        .collect();
    Oracle::new(&Genesis::new(params, TimestampMs(5), accounts).unwrap())
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn payload(sender: &SigningKey, nonce: u64, amount: u128) -> TransactionPayload {
    TransactionPayload {
        version: 1,
        chain_id: ChainId(1),
        sender: sender.address(),
        nonce: Nonce(nonce),
        gas_limit: Gas(TRANSFER_GAS),
        gas_price: GasPrice(1),
        valid_until: None,
        kind: TxKind::Transfer {
            to: Address::from_bytes([9; 32]),
            amount: Amount(amount),
        },
        memo: Memo::default(),
    }
}

fn sign(sender: &SigningKey, payload: TransactionPayload) -> TxBytes {
    encode(&sender.sign_transaction(payload))
}

fn execute(oracle: &Oracle, txs: &[TxBytes]) -> OracleBlock {
    oracle.execute(&oracle.next_context(Address::from_bytes([8; 32])), txs)
}

fn account(oracle: &Oracle, address: &Address) -> Account {
    let value = oracle.state().get(RawKey::account(address).as_bytes());
    value
        .map(|value| decode(value).unwrap())
        .unwrap_or_default()
}

fn statuses(block: &OracleBlock) -> Vec<ReceiptStatus> {
    block
        .receipts
        .iter()
        .map(|receipt| receipt.status)
        .collect()
}

/// Runs a workload and compares every outcome with what its transaction was made for.
fn check(workload: &Workload) {
    let mut generator = workload.generator().unwrap();
    let mut oracle = Oracle::new(generator.genesis());
    for block in &mut generator {
        let mut context = oracle.next_context(block.proposer);
        assert_eq!(context.number, block.number);
        context.timestamp_ms = block.timestamp_ms;
        let result = oracle.execute(&context, &block.txs);
        for (i, (outcome, expected)) in result.outcomes.iter().zip(&block.expected).enumerate() {
            let seen = match outcome {
                Outcome::Invalid(code) => Expected::Invalid(*code),
                Outcome::Included(receipt) => match receipt.status {
                    ReceiptStatus::Success => Expected::Success,
                    ReceiptStatus::Failed(code) => Expected::Failed(code),
                },
                Outcome::Cut => panic!("transaction {i} was cut"),
            };
            assert_eq!(
                seen, *expected,
                "seed {}, block {}, {i}",
                workload.seed, block.number
            );
        }
        check_against_primitives(&oracle, &result);
        oracle.commit(&result);
    }
}

/// Lists, diffs and the account of all money, computed another way.
fn check_against_primitives(oracle: &Oracle, block: &OracleBlock) {
    let header = &block.header;
    let root =
        |kind, items: Vec<Vec<u8>>| list::root(kind, items.iter().map(Vec::as_slice), &Sequential);
    let receipts = block.receipts.iter().map(encode).collect();
    let events = block
        .events
        .iter()
        .map(|(index, event)| list::event_item(*index, event))
        .collect();
    assert_eq!(
        header.transactions_root,
        root(ListKind::Transactions, block.transactions.clone())
    );
    assert_eq!(header.receipts_root, root(ListKind::Receipts, receipts));
    assert_eq!(header.events_root, root(ListKind::Events, events));
    assert_eq!(
        header.compute_receipts_root,
        root(ListKind::ComputeReceipts, Vec::new())
    );
    assert_eq!(header.parent_hash, oracle.head().hash());

    let mut state = oracle.state().clone();
    apply(&mut state, &block.writes);
    assert_eq!(
        ordlane_testkit::oracle::state_root(&state),
        header.state_root
    );
    let supply = |state: &ordlane_testkit::oracle::State| -> u128 {
        let accounts = state.iter().filter(|(key, _)| key[0] == 0);
        accounts
            .map(|(_, value)| decode::<Account>(value).unwrap().balance.0)
            .sum()
    };
    assert_eq!(supply(&state), supply(oracle.state()));
    apply(&mut state, &block.reverse);
    assert_eq!(&state, oracle.state());
}

#[test]
fn every_outcome_is_the_one_that_the_generator_meant() {
    let distributions = [
        Distribution::Uniform,
        Distribution::Zipf("1.2".parse().unwrap()),
        Distribution::HotReceiver,
        Distribution::Chains { senders: 3 },
    ];
    for (distribution, seed) in distributions.into_iter().zip(1..) {
        check(&Workload {
            accounts: 30,
            txs_per_block: 60,
            blocks: 3,
            distribution,
            failing: Share::per_million(200_000),
            multi_sig: Share::per_million(200_000),
            memo_bytes: 20,
            proposer_among_senders: seed % 2 == 0,
            seed,
            ..Workload::default()
        });
    }
}

#[test]
fn every_hostile_candidate_gives_the_code_that_it_was_made_for() {
    for seed in 0..4 {
        check(&Workload {
            accounts: 20,
            txs_per_block: 400,
            blocks: 3,
            distribution: Distribution::Hostile,
            failing: Share::per_million(50_000),
            multi_sig: Share::per_million(300_000),
            memo_bytes: 9,
            proposer_among_senders: seed % 2 == 0,
            seed,
            ..Workload::default()
        });
    }
}

#[test]
fn the_genesis_is_that_of_primitives() {
    let generator = Workload::default().generator().unwrap();
    let genesis = generator.genesis();
    let oracle = Oracle::new(genesis);
    let state: Vec<_> = genesis
        .state()
        .into_iter()
        .map(|(key, value)| (key.as_bytes().to_vec(), value))
        .collect();
    assert_eq!(
        oracle.state().clone().into_iter().collect::<Vec<_>>(),
        state
    );
    assert_eq!(
        oracle.head(),
        &genesis.header(oracle.head().state_root, &Sequential)
    );
}

#[test]
fn the_amount_may_be_all_that_the_reservation_leaves_and_no_more() {
    let sender = key(1);
    let oracle = chain(params(), &[(&sender, BALANCE)]);
    let left = BALANCE - u128::from(TRANSFER_GAS);
    for (amount, status) in [
        (left, ReceiptStatus::Success),
        (
            left + 1,
            ReceiptStatus::Failed(ErrorCode::AmountAboveBalance),
        ),
    ] {
        let block = execute(&oracle, &[sign(&sender, payload(&sender, 0, amount))]);
        assert_eq!(statuses(&block), [status]);
        assert_eq!(block.fees, Amount(u128::from(TRANSFER_GAS)));
        assert_eq!(
            block.events.len(),
            usize::from(status == ReceiptStatus::Success)
        );
    }
}

#[test]
fn the_reservation_counts_and_not_the_fee_that_is_paid_in_the_end() {
    let sender = key(1);
    let oracle = chain(params(), &[(&sender, BALANCE)]);
    let mut tx = payload(&sender, 0, BALANCE - u128::from(TRANSFER_GAS));
    tx.gas_limit = Gas(TRANSFER_GAS + 1);
    let block = execute(&oracle, &[sign(&sender, tx)]);
    assert_eq!(
        statuses(&block),
        [ReceiptStatus::Failed(ErrorCode::AmountAboveBalance)]
    );
    assert_eq!(block.fees, Amount(u128::from(TRANSFER_GAS)));
}

#[test]
fn an_emptied_account_stays_for_its_nonce() {
    let sender = key(1);
    let mut oracle = chain(params(), &[(&sender, BALANCE)]);
    let amount = BALANCE - u128::from(TRANSFER_GAS);
    let block = execute(&oracle, &[sign(&sender, payload(&sender, 0, amount))]);
    oracle.commit(&block);
    let emptied = Account {
        nonce: Nonce(1),
        ..Account::default()
    };
    assert_eq!(account(&oracle, &sender.address()), emptied);
    assert!(
        oracle
            .state()
            .contains_key(RawKey::account(&sender.address()).as_bytes())
    );
}

#[test]
fn a_proposer_without_fees_and_a_receiver_of_nothing_stay_absent() {
    let sender = key(1);
    let mut free = params();
    free.min_gas_price = GasPrice(0);
    let oracle = chain(free, &[(&sender, BALANCE)]);
    let mut tx = payload(&sender, 0, 0);
    tx.gas_price = GasPrice(0);
    let block = execute(&oracle, &[sign(&sender, tx)]);
    assert_eq!(statuses(&block), [ReceiptStatus::Success]);
    let written: Vec<_> = block.writes.keys().collect();
    assert_eq!(written, [RawKey::account(&sender.address()).as_bytes()]);
}

#[test]
fn fees_are_out_of_reach_within_their_own_block() {
    let (rich, proposer) = (key(1), key(2));
    let oracle = chain(params(), &[(&rich, BALANCE), (&proposer, 10)]);
    let context = oracle.next_context(proposer.address());
    let txs = [
        sign(&rich, payload(&rich, 0, 1)),
        sign(&proposer, payload(&proposer, 0, 1)),
    ];
    let block = oracle.execute(&context, &txs);
    assert_eq!(
        block.outcomes[1],
        Outcome::Invalid(ErrorCode::InsufficientBalance)
    );
    assert_eq!(block.receipts.len(), 1);
}

#[test]
fn burned_fees_leave_the_supply() {
    let sender = key(1);
    let mut burning = params();
    burning.fee_rule = FeeRule::Burn;
    let mut oracle = chain(burning, &[(&sender, BALANCE)]);
    let block = execute(&oracle, &[sign(&sender, payload(&sender, 0, 7))]);
    oracle.commit(&block);
    let left = account(&oracle, &sender.address()).balance.0
        + account(&oracle, &Address::from_bytes([9; 32])).balance.0;
    assert_eq!(left, BALANCE - u128::from(TRANSFER_GAS));
    assert_eq!(
        account(&oracle, &Address::from_bytes([8; 32])),
        Account::default()
    );
}

#[test]
fn a_block_is_cut_before_the_transaction_that_exceeds_its_gas_and_not_at_its_limit() {
    let (sender, other) = (key(1), key(2));
    let txs = |gas_limit: u64| -> Vec<TxBytes> {
        let mut first = payload(&sender, 0, 1);
        // What is reserved does not count, only what is used.
        first.gas_limit = Gas(gas_limit);
        vec![
            sign(&sender, first),
            sign(&sender, payload(&sender, 7, 1)),
            sign(&sender, payload(&sender, 1, 1)),
            sign(&other, payload(&other, 0, 1)),
        ]
    };
    for (limit, included) in [
        (3 * TRANSFER_GAS, 3),
        (3 * TRANSFER_GAS - 1, 2),
        (TRANSFER_GAS, 1),
    ] {
        let mut small = params();
        small.block_gas_limit = Gas(limit);
        let oracle = chain(small, &[(&sender, BALANCE), (&other, BALANCE)]);
        let block = execute(&oracle, &txs(limit));
        assert_eq!(block.receipts.len(), included, "limit {limit}");
        assert_eq!(block.header.gas_used, Gas(TRANSFER_GAS * included as u64));
        assert_eq!(block.outcomes[1], Outcome::Invalid(ErrorCode::InvalidNonce));
        assert_eq!(
            block
                .outcomes
                .iter()
                .filter(|o| **o == Outcome::Cut)
                .count(),
            3 - included
        );
    }
}

/// What a builder makes of candidates, a letter each: included, out (invalid), cut.
fn letters(block: &OracleBlock) -> String {
    let letter = |outcome: &Outcome| match outcome {
        Outcome::Included(_) => 'i',
        Outcome::Invalid(_) => 'o',
        Outcome::Cut => 'c',
    };
    block.outcomes.iter().map(letter).collect()
}

/// Transfers of one sender with these nonces; those out of turn are invalid.
fn transfers(sender: &SigningKey, nonces: &[u64]) -> Vec<TxBytes> {
    let transfer = |nonce: &u64| sign(sender, payload(sender, *nonce, 1));
    nonces.iter().map(transfer).collect()
}

#[test]
fn a_count_that_is_full_cuts_at_the_next_valid_candidate_and_not_before() {
    let sender = key(1);
    for (count, expected) in [
        (1, "oioccccc"),
        (2, "oioioocc"),
        (3, "oioiooio"),
        (4, "oioiooio"),
    ] {
        let mut small = params();
        small.max_block_txs = count;
        let oracle = chain(small, &[(&sender, BALANCE)]);
        let txs = transfers(&sender, &[9, 0, 9, 1, 9, 9, 2, 9]);
        assert_eq!(letters(&execute(&oracle, &txs)), expected, "{count}");
    }
}

#[test]
fn gas_that_is_used_up_cuts_at_the_next_valid_candidate_and_not_before() {
    let (sender, other) = (key(1), key(2));
    let mut frugal = payload(&other, 0, 1);
    frugal.gas_limit = Gas(21_000);
    let mut txs = transfers(&sender, &[9, 0, 9, 1, 9]);
    txs.push(sign(&other, frugal));
    for (limit, expected) in [
        (TRANSFER_GAS, "oioccc"),
        // The last candidate would fit behind the first, but nothing is looked at behind the cut.
        (TRANSFER_GAS + 21_000, "oioccc"),
        (2 * TRANSFER_GAS - 1, "oioccc"),
        (2 * TRANSFER_GAS, "oioioc"),
        (2 * TRANSFER_GAS + 20_999, "oioioc"),
        (2 * TRANSFER_GAS + 21_000, "oioioi"),
    ] {
        let mut small = params();
        small.block_gas_limit = Gas(limit);
        let oracle = chain(small, &[(&sender, BALANCE), (&other, BALANCE)]);
        assert_eq!(letters(&execute(&oracle, &txs)), expected, "{limit}");
    }
}

#[test]
fn bytes_that_are_used_up_cut_at_the_next_valid_candidate_and_not_before() {
    const LARGE: usize = 110;
    let (sender, other) = (key(1), key(2));
    let large = |nonce| {
        let mut large = payload(&sender, nonce, 1);
        large.memo = Memo::new(vec![0; MAX_MEMO_BYTES]).unwrap();
        large.gas_limit = Gas(100_000);
        sign(&sender, large)
    };
    let mut txs: Vec<_> = (0..110).map(large).collect();
    txs.extend([117, 110, 117].map(large));
    txs.push(sign(&other, payload(&other, 0, 1)));
    // Each counts with the four bytes of its length; invalid ones do not count.
    let (next, last) = (txs[0].len() + 4, txs[LARGE + 3].len() + 4);
    let full = LARGE * next;
    let included = |count| "i".repeat(count);
    for (limit, expected) in [
        (full - 1, included(LARGE - 1) + "ccccc"),
        (full, included(LARGE) + "occc"),
        // The last candidate would fit, but nothing is looked at behind the cut.
        (full + next - 1, included(LARGE) + "occc"),
        (full + next, included(LARGE) + "oioc"),
        (full + next + last - 1, included(LARGE) + "oioc"),
        (full + next + last, included(LARGE) + "oioi"),
    ] {
        let mut small = params();
        small.max_block_bytes = u32::try_from(limit).unwrap();
        let oracle = chain(small, &[(&sender, 100 * BALANCE), (&other, BALANCE)]);
        assert_eq!(letters(&execute(&oracle, &txs)), expected, "{limit}");
    }
}

#[test]
fn the_last_height_is_included() {
    let sender = key(1);
    let oracle = chain(params(), &[(&sender, BALANCE)]);
    for (last, valid) in [(0, false), (1, true), (2, true)] {
        let mut tx = payload(&sender, 0, 1);
        tx.valid_until = Some(BlockHeight(last));
        assert_eq!(
            execute(&oracle, &[sign(&sender, tx)]).receipts.len(),
            usize::from(valid)
        );
    }
}

/// Encodings at the edges: small coordinates, those from p on, −1 and its neighbours, each with either sign.
fn edge_keys() -> Vec<[u8; 32]> {
    let mut keys = Vec::new();
    for low in 0..=u8::MAX {
        for (middle, high) in [(0, 0), (0xff, 0x7f)] {
            for sign in [0, 0x80] {
                let mut key = [middle; 32];
                (key[0], key[31]) = (low, high | sign);
                keys.push(key);
            }
        }
    }
    keys.extend(curve25519_dalek::constants::EIGHT_TORSION.map(|point| point.compress().0));
    keys
}

#[test]
fn two_criteria_for_weak_keys_agree_at_every_edge() {
    let oracle = chain(params(), &[]);
    let mut weak = 0;
    for key in edge_keys() {
        let mut signature = [0; 64];
        signature[0] = 1;
        let mut payload = payload(&self::key(1), 0, 1);
        payload.sender = Address::of_key(&key);
        let auth = Auth::Ed25519 { key, signature };
        let outcomes = execute(&oracle, &[encode(&Transaction { payload, auth })]).outcomes;
        let expected = ordlane_primitives::signature::is_weak_key(&key);
        weak += usize::from(expected);
        assert_eq!(
            outcomes == [Outcome::Invalid(ErrorCode::WeakPublicKey)],
            expected,
            "{key:02x?}"
        );
    }
    // y = 0, 1, −1 and the 19 from p on, with either sign, and the torsion group once more.
    assert_eq!(weak, 2 * (3 + 19) + 8);
}

#[test]
fn a_key_that_is_no_point_is_not_weak_and_signs_nothing() {
    let oracle = chain(params(), &[]);
    let mut key = [0; 32];
    key[0] = 2;
    let mut payload = payload(&self::key(1), 0, 1);
    payload.sender = Address::of_key(&key);
    let auth = Auth::Ed25519 {
        key,
        signature: [0; 64],
    };
    let outcomes = execute(&oracle, &[encode(&Transaction { payload, auth })]).outcomes;
    assert_eq!(outcomes, [Outcome::Invalid(ErrorCode::InvalidSignature)]);
}
