//! Every way of running gives what an independent oracle gives.

use proptest::collection::vec;
use proptest::prelude::*;

use ordlane_scheduler::{Bounded, Change};

use super::programs::{Colliding, Contention, Interpreter, Name, Op, base, oracle, random_block};
#[cfg(feature = "rayon")]
use super::support::parallel;
use super::support::{Watchdog, every_way, run};

fn all_ways_agree<K: Name>(label: &str, keys: u16, block: &[Vec<Op>]) {
    let base = base::<K>(keys);
    let expected = oracle(&base, block);
    for (way, executor) in every_way() {
        let (entries, said) = run(&executor, &Interpreter::<K>::new(), &base, block);
        let summary = said.unwrap();
        assert_eq!(summary.committed, block.len(), "{label}, {way}");
        assert!(summary.executions >= block.len() as u64, "{label}, {way}");
        assert!(entries == expected, "{label}, {way}: another result");
    }
}

#[test]
fn blocks_without_contention() {
    let _watchdog = Watchdog::new("blocks_without_contention");
    for seed in 0..6 {
        all_ways_agree::<u16>(
            &format!("seed {seed}"),
            4_000,
            &random_block(seed, 1_000, Contention::None),
        );
    }
}

#[test]
fn blocks_with_hot_keys() {
    let _watchdog = Watchdog::new("blocks_with_hot_keys");
    for seed in 0..20 {
        all_ways_agree::<u16>(
            &format!("seed {seed}"),
            64,
            &random_block(seed, 500, Contention::Skewed),
        );
    }
}

#[test]
fn blocks_where_all_meet() {
    let _watchdog = Watchdog::new("blocks_where_all_meet");
    for seed in 0..20 {
        all_ways_agree::<u16>(
            &format!("seed {seed}"),
            64,
            &random_block(seed, 500, Contention::Total),
        );
    }
}

/// With four threads and more, stale runs are found and made again behind the frontier.
#[cfg(feature = "rayon")]
#[test]
fn blocks_with_conflicts_over_many_threads() {
    let _watchdog = Watchdog::new("blocks_with_conflicts_over_many_threads");
    for threads in [4, 8, 16] {
        let executor = parallel(threads);
        for seed in 100..140 {
            for contention in [Contention::Skewed, Contention::Total] {
                let block = random_block(seed, 400, contention);
                let base = base::<u16>(64);
                let (entries, said) = run(&executor, &Interpreter::<u16>::new(), &base, &block);
                assert_eq!(said.unwrap().committed, block.len(), "seed {seed}");
                let expected = oracle(&base, &block);
                assert!(
                    entries == expected,
                    "seed {seed}, {contention:?}, {threads} threads"
                );
            }
        }
    }
}

#[test]
fn keys_with_one_hash_are_not_confused() {
    let _watchdog = Watchdog::new("keys_with_one_hash_are_not_confused");
    for seed in 0..4 {
        all_ways_agree::<Colliding>(
            &format!("seed {seed}"),
            64,
            &random_block(seed, 300, Contention::Skewed),
        );
    }
}

#[test]
fn blocks_of_every_small_length() {
    let _watchdog = Watchdog::new("blocks_of_every_small_length");
    for length in 0..40 {
        let block = random_block(7, length, Contention::Total);
        all_ways_agree::<u16>(&format!("length {length}"), 4, &block);
    }
}

#[cfg(feature = "rayon")]
#[test]
fn a_hundred_thousand_transactions() {
    let _watchdog = Watchdog::new("a_hundred_thousand_transactions");
    let block = random_block(3, 100_000, Contention::Skewed);
    let base = base::<u16>(64);
    let expected = oracle(&base, &block);
    for threads in [2, 8] {
        let (entries, said) = run(
            &parallel(threads),
            &Interpreter::<u16>::new(),
            &base,
            &block,
        );
        assert_eq!(said.unwrap().committed, block.len());
        assert!(entries == expected, "{threads} threads: another result");
    }
}

fn op(keys: u16) -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..keys).prop_map(Op::Read),
        2 => Just(Op::ReadAtAccumulator { keys }),
        4 => (0..keys).prop_map(Op::Write),
        2 => Just(Op::WriteAtAccumulator { keys }),
        1 => (0..keys).prop_map(Op::Delete),
        5 => (0..keys, delta()).prop_map(|(key, delta)| Op::Add { key, delta }),
        2 => (0..keys, 0..keys + 2, 0_usize..9).prop_map(|(from, to, limit)| Op::Scan { from, to, limit }),
        2 => (1_u64..4, 1_usize..3).prop_map(|(of, skip)| Op::UnlessMultiple { of, skip }),
        1 => (1_u64..4).prop_map(|of| Op::FailIfMultiple { of }),
        1 => (0_u8..4).prop_map(|times| Op::Repeat { times }),
        1 => (0_u32..3_000).prop_map(Op::Spin),
    ]
}

/// Between bounds that small values meet often.
fn delta() -> impl Strategy<Value = Bounded<u64>> {
    let change = prop_oneof![
        (0_u64..8).prop_map(Change::Plus),
        (0_u64..8).prop_map(Change::Minus),
        Just(Change::Plus(u64::MAX)),
    ];
    let max = prop_oneof![0_u64..20, Just(u64::MAX)];
    (change, 0_u64..4, max).prop_map(|(change, min, max)| Bounded { change, min, max })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_programs(block in (1_u16..24).prop_flat_map(|keys| vec(vec(op(keys), 0..12), 0..80))) {
        let _watchdog = Watchdog::new("random_programs");
        all_ways_agree::<u16>("random programs", 24, &block);
    }
}
