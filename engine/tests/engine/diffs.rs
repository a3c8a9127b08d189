//! Diffs of blocks and of their transactions, on random workloads.

use std::{collections::BTreeMap, num::NonZeroU64};

use ordlane::{
    AccountDiff, Engine, EngineError, SystemError,
    primitives::{BlockHeight, Hash, RawKey},
    state::{Change, StateDiff, StateError},
};
use ordlane_testkit::{
    oracle::{Diff, Oracle},
    workload::Distribution,
};

use crate::support::{build_and_compare, engine, generator, workload};

type State = BTreeMap<RawKey, Vec<u8>>;

fn of_oracle(oracle: &Oracle) -> State {
    let raw = |(key, value)| (RawKey::from_bytes(key), value);
    oracle.state().into_iter().map(raw).collect()
}

/// A diff as the oracle has it.
fn raw(diff: &StateDiff) -> Diff {
    let changes = diff.changes().iter().cloned();
    let pair = |change: Change| (change.key.as_bytes().to_vec(), (change.old, change.new));
    changes.map(pair).collect()
}

/// Runs a workload, and compares the diffs of each block with the oracle's states.
fn check(distribution: Distribution, seed: u64, threads: usize) {
    let generator = generator(&workload(distribution, seed));
    let genesis = generator.genesis().clone();
    let engine = engine(&genesis, threads);
    let mut oracle = Oracle::new(&genesis);
    let mut executed = Vec::new();
    let mut states = vec![of_oracle(&oracle)];
    for generated in generator {
        let (built, expected) = build_and_compare(&engine, &oracle, &generated);
        let ids = built.executed.tx_ids().to_vec();
        executed.push((
            built.executed.diff(),
            built.executed.changes().to_vec(),
            ids,
            expected.diffs.clone(),
        ));
        engine.commit(built.executed).unwrap();
        oracle = expected;
        states.push(of_oracle(&oracle));
    }
    for (height, (diff, changes, ids, of_oracle)) in (1..).map(BlockHeight).zip(executed) {
        assert_eq!(diff.changes(), changes);
        assert_eq!(engine.diff(height).unwrap().unwrap(), diff);
        let (before, after) = (&states[height.0 as usize - 1], &states[height.0 as usize]);
        let mut state = before.clone();
        diff.apply(&mut state).unwrap();
        assert_eq!(state, *after);
        diff.reverse().apply(&mut state).unwrap();
        assert_eq!(state, *before);
        parts_make_the_whole(&engine, height, &diff, &ids);
        let parts = engine.transaction_diffs(height).unwrap().unwrap();
        let parts = parts.transactions.iter().chain([&parts.end]);
        assert_eq!(parts.map(raw).collect::<Vec<_>>(), of_oracle);
    }
}

fn parts_make_the_whole(engine: &Engine, height: BlockHeight, diff: &StateDiff, ids: &[Hash]) {
    let parts = engine.transaction_diffs(height).unwrap().unwrap();
    assert_eq!(parts.transactions.len(), ids.len());
    let none = StateDiff::default();
    let composed = parts
        .transactions
        .iter()
        .chain([&parts.end])
        .fold(none, |all, part| all.then(part).unwrap());
    assert_eq!(composed, *diff);
    assert_eq!(parts.whole(), *diff);
    for (id, part) in ids.iter().zip(&parts.transactions).step_by(29) {
        assert_eq!(engine.transaction_diff(id).unwrap().as_ref(), Some(part));
    }
    for (index, part) in parts.transactions.iter().enumerate() {
        let record = engine.transaction(&ids[index]).unwrap().unwrap();
        let sender = record.transaction.payload.sender;
        let accounts = AccountDiff::all_of(part).unwrap();
        let own = accounts.iter().find(|diff| diff.address == sender).unwrap();
        let nonce = |account: Option<ordlane::primitives::Account>| account.unwrap().nonce.0;
        // Seed 001, 5.4: the nonce rises by one in every transaction.
        assert_eq!(nonce(own.after), nonce(own.before) + 1);
        assert!(accounts.iter().all(|diff| diff.before != diff.after));
        assert!(accounts.iter().all(|diff| !diff.is_deleted()));
    }
}

#[test]
fn the_diffs_of_transactions_and_end_phase_make_that_of_the_block() {
    check(Distribution::Uniform, 300, 2);
    check(Distribution::Zipf("1.2".parse().unwrap()), 301, 1);
    check(Distribution::Hostile, 302, 3);
}

#[test]
fn the_genesis_block_creates_everything_and_above_the_tip_is_nothing() {
    let generator = generator(&workload(Distribution::Uniform, 303));
    let genesis = generator.genesis().clone();
    let engine = engine(&genesis, 1);
    let diff = engine.diff(BlockHeight(0)).unwrap().unwrap();
    let mut state = State::new();
    diff.apply(&mut state).unwrap();
    assert_eq!(state, of_oracle(&Oracle::new(&genesis)));
    let accounts = AccountDiff::all_of(&diff).unwrap();
    assert!(accounts.iter().all(AccountDiff::is_created));
    let parts = engine.transaction_diffs(BlockHeight(0)).unwrap().unwrap();
    assert_eq!((parts.transactions.len(), parts.end), (0, diff));
    assert_eq!(engine.diff(BlockHeight(1)).unwrap(), None);
    assert_eq!(engine.transaction_diffs(BlockHeight(1)).unwrap(), None);
    assert_eq!(engine.transaction_diff(&Hash([1; 32])).unwrap(), None);
}

#[test]
fn a_pruned_block_is_said_to_be_and_the_first_kept_one_has_its_diffs() {
    let generator = generator(&workload(Distribution::Uniform, 304));
    let engine = Engine::builder()
        .genesis(generator.genesis().clone())
        .keep_blocks(NonZeroU64::new(2).unwrap())
        .threads(1)
        .build()
        .unwrap();
    let mut diffs = Vec::new();
    for generated in generator {
        let parent = engine.durable_head().hash;
        let context = crate::support::context(&generated);
        let executed = engine.execute(&parent, &context, &generated.txs).unwrap();
        diffs.push((executed.diff(), executed.tx_ids().to_vec()));
        engine.commit(executed).unwrap();
    }
    let kept = engine.horizon();
    assert_eq!(kept, BlockHeight(2));
    let (diff, ids) = &diffs[1];
    assert_eq!(engine.diff(kept).unwrap().as_ref(), Some(diff));
    parts_make_the_whole(&engine, kept, diff, ids);
    let pruned = |error| {
        matches!(
            error,
            EngineError::System(SystemError::State(StateError::Pruned { .. }))
        )
    };
    assert!(pruned(engine.diff(BlockHeight(1)).unwrap_err()));
    assert!(pruned(
        engine.transaction_diffs(BlockHeight(1)).unwrap_err()
    ));
}
