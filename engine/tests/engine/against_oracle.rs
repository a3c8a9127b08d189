//! Parallel execution gives what the oracle gives: writes, receipts, events, gas, roots, reverse diffs.

use std::collections::BTreeMap;

use ordlane::{
    Engine,
    primitives::{FeeRule, Gas, RawKey, ReceiptStatus, codec, limits::MAX_TX_BYTES},
};
use ordlane_testkit::{
    oracle::Oracle,
    workload::{Distribution, Workload},
};
use proptest::prelude::*;

use crate::support::{build_and_compare, engine, generator, workload};

const THREADS: [usize; 4] = [1, 2, 3, 8];

/// Runs a whole workload on both; gives the shares of failed and of left-out transactions in percent.
fn chain_equals_oracle(workload: &Workload, threads: usize) -> (usize, usize) {
    let generator = generator(workload);
    let genesis = generator.genesis().clone();
    let engine = engine(&genesis, threads);
    let importer = Engine::builder()
        .genesis(genesis.clone())
        .threads(threads)
        .build()
        .unwrap();
    let mut oracle = Oracle::new(&genesis);
    let (mut candidates, mut failed, mut left_out) = (0, 0, 0);
    for generated in generator {
        let (built, expected) = build_and_compare(&engine, &oracle, &generated);
        candidates += generated.txs.len();
        left_out += built.left_out.len();
        failed += built
            .executed
            .receipts()
            .iter()
            .filter(|receipt| receipt.status != ReceiptStatus::Success)
            .count();
        let imported = importer
            .import_block(&codec::encode(built.executed.block()))
            .unwrap();
        assert_eq!(imported.receipts(), built.executed.receipts());
        assert_eq!(imported.changes(), built.executed.changes());
        importer.commit(imported).unwrap();
        let height = engine.commit(built.executed).unwrap().head.height;

        let mut reversed: BTreeMap<RawKey, Vec<u8>> = expected
            .state()
            .into_iter()
            .map(|(key, value)| (RawKey::from_bytes(key), value))
            .collect();
        engine
            .reverse_diff(height)
            .unwrap()
            .unwrap()
            .apply(&mut reversed);
        let before: BTreeMap<RawKey, Vec<u8>> = oracle
            .state()
            .into_iter()
            .map(|(key, value)| (RawKey::from_bytes(key), value))
            .collect();
        assert_eq!(
            reversed, before,
            "a block, then its reverse diff, is nothing"
        );
        oracle.commit(&expected);
    }
    (failed * 100 / candidates, left_out * 100 / candidates)
}

#[test]
fn independent_and_skewed_blocks_equal_the_oracle() {
    let distributions = [
        Distribution::Uniform,
        Distribution::Zipf("1.2".parse().unwrap()),
        Distribution::HotReceiver,
        Distribution::Chains { senders: 2 },
        Distribution::Full,
    ];
    for (seed, distribution) in (100..).zip(distributions) {
        for threads in THREADS {
            let (failed, left_out) = chain_equals_oracle(&workload(distribution, seed), threads);
            assert!(
                failed >= 30,
                "{distribution:?}, {threads} threads: only {failed}% fail"
            );
            assert_eq!(left_out, 0);
        }
    }
}

#[test]
fn blocks_without_any_conflict_equal_the_oracle() {
    for threads in THREADS {
        let sparse = Workload {
            accounts: 5_000,
            ..workload(Distribution::Uniform, 7)
        };
        chain_equals_oracle(&sparse, threads);
    }
}

/// What the last blocks changed is read from memory, and the rest from the store.
#[test]
fn long_chains_over_many_accounts_equal_the_oracle() {
    for threads in [1, 2] {
        let long = Workload {
            accounts: 300,
            txs_per_block: 40,
            blocks: 14,
            ..workload(Distribution::Full, 14)
        };
        chain_equals_oracle(&long, threads);
    }
}

#[test]
fn blocks_of_nothing_but_conflicts_equal_the_oracle() {
    for accounts in [1, 2] {
        for threads in THREADS {
            let dense = Workload {
                accounts,
                ..workload(Distribution::Uniform, 8)
            };
            chain_equals_oracle(&dense, threads);
        }
    }
}

#[test]
fn hostile_candidates_are_left_out_as_the_oracle_leaves_them_out() {
    for seed in 0..4 {
        for threads in THREADS {
            let (_, left_out) =
                chain_equals_oracle(&workload(Distribution::Hostile, 200 + seed), threads);
            assert!(left_out >= 20, "only {left_out}% were left out");
        }
    }
}

#[test]
fn a_full_block_is_cut_where_the_oracle_cuts_it() {
    const ROOM: u32 = 10_000_000;
    let limits = [
        (23_100 * 50, 1_000, ROOM),
        (23_100 * 50 + 1, 1_000, ROOM),
        (1_000_000_000, 17, ROOM),
        (1_000_000_000, 1_000, 4 + MAX_TX_BYTES as u32),
    ];
    for (gas, txs, bytes) in limits {
        for distribution in [Distribution::Uniform, Distribution::Hostile] {
            for threads in THREADS {
                let mut small = workload(distribution, 9);
                small.params.block_gas_limit = Gas(gas);
                small.params.max_block_txs = txs;
                small.params.max_block_bytes = bytes;
                if bytes < ROOM {
                    small.memo_bytes = 1_000;
                    small.txs_per_block = 200;
                }
                let (_, left_out) = chain_equals_oracle(&small, threads);
                assert!(left_out > 10, "only {left_out}% were left out");
            }
        }
    }
}

#[test]
fn burned_fees_equal_the_oracle() {
    let mut burning = workload(Distribution::Uniform, 10);
    burning.params.fee_rule = FeeRule::Burn;
    chain_equals_oracle(&burning, 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn random_loads_equal_the_oracle(
        seed: u64,
        accounts in 1_u32..60,
        txs_per_block in 1_u32..150,
        kind in 0_u8..6,
        proposer_among_senders: bool,
        threads in 1_usize..5,
    ) {
        let distribution = match kind {
            0 => Distribution::Uniform,
            1 => Distribution::Zipf("0.9".parse().unwrap()),
            2 => Distribution::HotReceiver,
            3 => Distribution::Chains { senders: 3 },
            4 => Distribution::Full,
            _ => Distribution::Hostile,
        };
        let load = Workload {
            accounts,
            txs_per_block,
            blocks: 2,
            proposer_among_senders,
            ..workload(distribution, seed)
        };
        chain_equals_oracle(&load, threads);
    }
}
