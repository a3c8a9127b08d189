//! What the tests share: engines over workloads.

use ordlane::{
    BlockContext, Built, Engine, Mode, Refusal,
    primitives::{ErrorCode, Genesis},
};
use ordlane_testkit::{
    oracle::{Oracle, OracleBlock, Outcome, State},
    workload::{Distribution, GeneratedBlock, Generator, Workload},
};

pub(crate) fn engine(genesis: &Genesis, threads: usize) -> Engine {
    let mode = if threads == 1 {
        Mode::Sequential
    } else {
        parallel()
    };
    Engine::builder()
        .genesis(genesis.clone())
        .threads(threads)
        .mode(mode)
        .build()
        .unwrap()
}

#[cfg(feature = "rayon")]
pub(crate) const fn parallel() -> Mode {
    Mode::Parallel
}

#[cfg(not(feature = "rayon"))]
pub(crate) const fn parallel() -> Mode {
    Mode::Sequential
}

pub(crate) fn generator(workload: &Workload) -> Generator {
    workload.generator().unwrap()
}

/// A small load; tests change what they are about.
pub(crate) fn workload(distribution: Distribution, seed: u64) -> Workload {
    Workload {
        accounts: 30,
        txs_per_block: 120,
        blocks: 3,
        distribution,
        failing: "0.35".parse().unwrap(),
        multi_sig: "0.1".parse().unwrap(),
        memo_bytes: 5,
        proposer_among_senders: true,
        seed,
        ..Workload::default()
    }
}

pub(crate) fn context(block: &GeneratedBlock) -> BlockContext {
    BlockContext::new(block.timestamp_ms, block.proposer)
}

/// Builds a block on both and compares everything that reaches a result. Nothing is committed.
pub(crate) fn build_and_compare(
    engine: &Engine,
    oracle: &Oracle,
    generated: &GeneratedBlock,
) -> (Built, OracleBlock) {
    let mut outer = oracle.next_context(generated.proposer);
    outer.timestamp_ms = generated.timestamp_ms;
    let expected = oracle.execute(&outer, &generated.txs);
    let built = engine
        .build_block(
            &engine.durable_head().hash,
            &context(generated),
            &generated.txs,
        )
        .unwrap();
    compare(&built, oracle.state(), &expected);
    (built, expected)
}

/// `state` is the one before the block.
fn compare(built: &Built, mut state: State, expected: &OracleBlock) {
    let executed = &built.executed;
    assert_eq!(executed.receipts(), expected.receipts);
    assert_eq!(executed.block().transactions, expected.transactions);
    let events: Vec<_> = (0_u32..)
        .zip(executed.receipts())
        .flat_map(|(index, receipt)| {
            receipt
                .events
                .iter()
                .map(move |event| (index, event.clone()))
        })
        .collect();
    assert_eq!(events, expected.events);
    assert!(executed.changes().is_sorted_by(|a, b| a.key < b.key));
    for change in executed.changes() {
        let key = change.key.as_bytes();
        let old = match &change.new {
            Some(value) => state.insert(key.to_vec(), value.clone()),
            None => state.remove(key),
        };
        assert_eq!(old, change.old, "{}", change.key);
        assert_ne!(change.old, change.new, "{}", change.key);
    }
    assert_eq!(state, expected.state());
    assert_eq!(*executed.header(), expected.header);
    assert_eq!(outcomes(built, expected.outcomes.len()), codes(expected));
}

/// What the builder says of each candidate: nothing when it is in, a code when it is invalid, or that it was full.
type Verdict = Result<(), Option<ErrorCode>>;

fn outcomes(built: &Built, candidates: usize) -> Vec<Verdict> {
    let mut verdicts = vec![Ok(()); candidates];
    for left_out in &built.left_out {
        verdicts[left_out.position] = Err(match &left_out.reason {
            Refusal::Invalid(error) => Some(error.code()),
            Refusal::BlockFull => None,
            other => panic!("an unknown reason: {other}"),
        });
    }
    verdicts
}

fn codes(expected: &OracleBlock) -> Vec<Verdict> {
    let verdict = |outcome: &Outcome| match outcome {
        Outcome::Included(_) => Ok(()),
        Outcome::Invalid(code) => Err(Some(*code)),
        Outcome::Cut => Err(None),
    };
    expected.outcomes.iter().map(verdict).collect()
}
