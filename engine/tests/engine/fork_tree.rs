//! Forks: which chain is the best, what a node does about blocks that are refused, and what is final.

use std::sync::Arc;

use ordlane::{
    BlockContext, BlockError, Engine, Executed, ForkChoice, ForkError, ForkTree, Head, Reorg,
    TimeBound, TotalWeight, Verdict,
    primitives::{Address, Block, BlockHash, BlockHeader, Genesis, TimestampMs, codec},
};
use ordlane_testkit::workload::Distribution;
use proptest::prelude::*;

use crate::support::{engine, generator, workload};

fn genesis() -> Genesis {
    generator(&workload(Distribution::Uniform, 1))
        .genesis()
        .clone()
}

/// Makes blocks on any block that it has made, each with the time that it is told.
struct Maker {
    engine: Engine,
    made: Vec<Executed>,
}

impl Maker {
    fn new(genesis: &Genesis) -> Self {
        Self {
            engine: engine(genesis, 1),
            made: Vec::new(),
        }
    }

    fn make(&mut self, parent: &BlockHash, seconds: u64) -> Block {
        let context = BlockContext::new(TimestampMs(seconds * 1_000 + FIRST), Address::ZERO);
        let executed = self.engine.execute(parent, &context, &[]).unwrap();
        let block = executed.block().clone();
        self.made.push(executed);
        block
    }

    /// A chain of blocks, the first on `parent`.
    fn chain(&mut self, mut parent: BlockHash, seconds: &[u64]) -> Vec<Block> {
        let mut blocks = Vec::new();
        for seconds in seconds {
            let block = self.make(&parent, *seconds);
            parent = block.hash();
            blocks.push(block);
        }
        blocks
    }
}

/// Above the time of every genesis here.
const FIRST: u64 = 1_000_000_000_000_000;

fn tree(genesis: &Genesis) -> ForkTree {
    let engine = Arc::new(engine(genesis, 1));
    ForkTree::new(engine, Box::new(TotalWeight::default()))
}

fn insert(forks: &mut ForkTree, block: &Block) -> Option<Reorg> {
    forks.insert(&codec::encode(block), None).unwrap().reorg
}

fn rejected(forks: &mut ForkTree, block: &Block) -> (Verdict, BlockError) {
    match forks.insert(&codec::encode(block), None).unwrap_err() {
        ForkError::Rejected(rejected) => {
            assert_eq!(rejected.claimed.unwrap().hash, block.hash());
            (rejected.verdict, *rejected.source)
        }
        other => panic!("{other:?}"),
    }
}

fn hashes(heads: &[Head]) -> Vec<BlockHash> {
    heads.iter().map(|head| head.hash).collect()
}

fn hashes_of(blocks: &[Block]) -> Vec<BlockHash> {
    blocks.iter().map(Block::hash).collect()
}

#[test]
fn the_heavier_chain_is_the_best_and_the_way_to_it_is_told() {
    let genesis = genesis();
    let (mut maker, mut forks) = (Maker::new(&genesis), tree(&genesis));
    let root = forks.best();
    let common = maker.make(&root.hash, 1);
    let short = maker.chain(common.hash(), &[2]);
    let long = maker.chain(common.hash(), &[3, 4]);

    let grown = insert(&mut forks, &common).unwrap();
    assert_eq!((grown.common, grown.undone), (root, vec![]));
    insert(&mut forks, &short[0]).unwrap();
    assert_eq!(forks.best().hash, short[0].hash());
    let first = insert(&mut forks, &long[0]);
    let second = insert(&mut forks, &long[1]);
    assert_eq!(forks.best().hash, long[1].hash());
    // Of two that weigh the same, the lower hash; so either of the two may have been where the chain changed.
    let is_lower = long[0].hash() < short[0].hash();
    assert_eq!(first.is_some(), is_lower);
    let change = if is_lower { first } else { second }.unwrap();
    assert_eq!(change.common.hash, common.hash());
    assert_eq!(hashes(&change.undone), hashes_of(&short));
    let applied = if is_lower { &long[..1] } else { &long[..] };
    assert_eq!(hashes(&change.applied), hashes_of(applied));
    assert_eq!(forks.weight(&long[1].hash()), Some(3_000));
    assert!(
        forks
            .insert(&codec::encode(&common), None)
            .unwrap()
            .was_known
    );
    assert_eq!(forks.len(), 4);
}

#[test]
fn useful_work_outweighs_length() {
    let choice = TotalWeight::default();
    let header = |total_pouw_score| BlockHeader {
        total_pouw_score,
        ..genesis().header(
            ordlane::primitives::Hash::ZERO,
            &ordlane::primitives::batch::Sequential,
        )
    };
    // The example of the specification: three blocks with 500 in all, and one with 2,000 on its parent.
    let chain_a = 3 * choice.weight(&header(0)) + 500;
    assert_eq!(chain_a, 3_500);
    assert_eq!(choice.weight(&header(2_000)), 3_000);
    assert_eq!(choice.weight(&header(u64::MAX)), u64::MAX);
}

#[test]
fn what_is_final_stays_whatever_weighs_more() {
    let genesis = genesis();
    let (mut maker, mut forks) = (Maker::new(&genesis), tree(&genesis));
    let root = forks.best();
    let short = maker.chain(root.hash, &[1, 2]);
    let long = maker.chain(root.hash, &[3, 4, 5, 6]);
    for block in short.iter().chain(&long[..3]) {
        insert(&mut forks, block);
    }
    assert_eq!(forks.best().hash, long[2].hash());

    let finalized = forks.finalize(&short[0].hash()).unwrap();
    assert_eq!(finalized.committed.len(), 1);
    let reorg = finalized.reorg.unwrap();
    assert_eq!(reorg.common, root);
    assert_eq!(
        hashes(&reorg.undone),
        [&long[2], &long[1], &long[0]].map(Block::hash)
    );
    assert_eq!(hashes(&reorg.applied), hashes_of(&short));
    assert_eq!(forks.best().hash, short[1].hash());
    assert_eq!(forks.len(), 1);
    assert_eq!(forks.weight(&short[1].hash()), Some(1_000));
    assert_eq!(rejected(&mut forks, &long[0]).0, Verdict::BehindFinality);
    let (verdict, error) = rejected(&mut forks, &long[3]);
    assert!(
        matches!(verdict, Verdict::NeedsParent(parent) if parent == long[2].hash()),
        "{error}"
    );

    let rest = forks.finalize(&short[1].hash()).unwrap();
    assert_eq!((rest.committed.len(), rest.reorg), (1, None));
    assert!(forks.is_empty());
    assert_eq!(forks.best().hash, short[1].hash());
    assert!(matches!(
        forks.finalize(&long[0].hash()),
        Err(ForkError::Unknown { .. })
    ));
}

#[test]
fn an_invalid_block_is_remembered_with_all_that_stands_on_it() {
    let genesis = genesis();
    let (mut maker, mut forks) = (Maker::new(&genesis), tree(&genesis));
    let root = forks.best();
    let honest = maker.make(&root.hash, 1);
    let mut invalid = honest.clone();
    invalid.header.state_root.0[0] ^= 1;
    let mut child = honest.clone();
    child.header.parent_hash = invalid.hash();
    assert!(matches!(
        rejected(&mut forks, &invalid),
        (
            Verdict::Invalid,
            BlockError::Header {
                field: "state_root",
                ..
            }
        )
    ));
    for block in [&invalid, &child] {
        let (verdict, error) = rejected(&mut forks, block);
        assert_eq!(verdict, Verdict::Invalid);
        assert!(
            matches!(error, BlockError::KnownInvalid { hash } if hash == invalid.hash()),
            "{error}"
        );
    }
    insert(&mut forks, &honest);
    assert_eq!(forks.best().hash, honest.hash());
    forks.forget_invalid();
    assert!(matches!(
        rejected(&mut forks, &invalid).1,
        BlockError::Header { .. }
    ));
}

#[test]
fn another_body_under_the_same_hash_is_not_held_against_the_block() {
    let mut generator = generator(&workload(Distribution::Uniform, 1));
    let genesis = generator.genesis().clone();
    let generated = generator.next().unwrap();
    let maker = engine(&genesis, 1);
    let context = crate::support::context(&generated);
    let parent = maker.durable_head().hash;
    let executed = maker.execute(&parent, &context, &generated.txs).unwrap();
    let honest = executed.block().clone();
    let mut swapped = honest.clone();
    // Inside a signature, which the hash of the transaction does not see.
    let length = swapped.transactions[0].len();
    swapped.transactions[0][length - 10] ^= 1;
    assert_eq!(swapped.hash(), honest.hash());

    let mut forks = tree(&genesis);
    let (verdict, error) = rejected(&mut forks, &swapped);
    assert_eq!(verdict, Verdict::BadCopy, "{error}");
    assert!(verdict.blames_sender());
    insert(&mut forks, &honest);
    assert_eq!(forks.best().hash, honest.hash());
    let garbage = forks.insert(b"no block at all", None).unwrap_err();
    assert!(
        matches!(&garbage, ForkError::Rejected(rejected) if rejected.verdict == Verdict::BadCopy),
        "{garbage}"
    );
}

#[test]
fn a_block_that_comes_too_early_may_come_again() {
    let genesis = genesis();
    let (mut maker, mut forks) = (Maker::new(&genesis), tree(&genesis));
    let root = forks.best();
    let block = maker.make(&root.hash, 9);
    let bytes = codec::encode(&block);
    let at = |now_ms, max_drift_ms| TimeBound {
        now_ms: TimestampMs(now_ms),
        max_drift_ms,
    };
    let time = block.header.timestamp_ms.0;
    for bound in [at(time - 1, 0), at(time - 500, 499), at(0, 0)] {
        match forks.insert(&bytes, Some(&bound)).unwrap_err() {
            ForkError::Rejected(rejected) => {
                assert_eq!(rejected.verdict, Verdict::NotNow);
                assert!(!rejected.verdict.blames_sender());
            }
            other => panic!("{other:?}"),
        }
    }
    // A sum beyond the type is no way to be early.
    assert_eq!(at(u64::MAX, 1).latest(), TimestampMs(u64::MAX));
    assert!(
        !forks
            .insert(&bytes, Some(&at(time - 500, 500)))
            .unwrap()
            .was_known
    );
}

#[test]
fn a_block_on_one_that_is_not_in_the_tree_is_not_put_in() {
    let genesis = genesis();
    let engine = Arc::new(engine(&genesis, 1));
    let mut forks = ForkTree::new(Arc::clone(&engine), Box::new(TotalWeight::default()));
    let root = forks.best();
    let execute = |parent: &BlockHash, seconds: u64| {
        let context = BlockContext::new(TimestampMs(seconds * 1_000 + FIRST), Address::ZERO);
        engine.execute(parent, &context, &[]).unwrap()
    };
    // The engine knows it, since somebody holds it; the tree does not.
    let held = execute(&root.hash, 1);
    let above = execute(&held.hash(), 2);
    let again = above.block().clone();
    let needed = held.hash();
    for error in [
        forks.add(above).unwrap_err(),
        forks.insert(&codec::encode(&again), None).unwrap_err(),
    ] {
        assert!(
            matches!(&error, ForkError::Rejected(rejected)
                if rejected.verdict == Verdict::NeedsParent(needed)),
            "{error:?}"
        );
    }
    assert!(forks.is_empty());
    forks.add(held).unwrap();
    insert(&mut forks, &again);
    assert_eq!(forks.finalize(&again.hash()).unwrap().committed.len(), 2);
}

#[test]
fn where_there_is_no_room_something_must_become_final_or_go() {
    let genesis = genesis();
    let (mut maker, mut forks) = (Maker::new(&genesis), tree(&genesis));
    let root = forks.best();
    let seconds: Vec<u64> = (1..=16).collect();
    let chain = maker.chain(root.hash, &seconds);
    for block in &chain {
        insert(&mut forks, block);
    }
    maker.engine.commit(maker.made.remove(0)).unwrap();
    let next = maker.make(&chain[15].hash(), 17);
    assert_eq!(rejected(&mut forks, &next).0, Verdict::NotNow);
    let reorg = forks.drop_branch(&chain[8].hash()).unwrap();
    assert_eq!(reorg.undone.len(), 8);
    assert_eq!((forks.best().hash, forks.len()), (chain[7].hash(), 8));
    forks.finalize(&chain[0].hash()).unwrap();
    for block in &chain[8..] {
        insert(&mut forks, block);
    }
    insert(&mut forks, &next).unwrap();
    assert_eq!(forks.best().hash, next.hash());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Any tree in any order: the best block is that of a model, and the same in the end, whatever came first.
    #[test]
    fn the_best_chain_does_not_depend_on_the_order(
        parents in proptest::collection::vec(any::<prop::sample::Index>(), 1..14),
        seed in any::<u64>(),
    ) {
        let genesis = genesis();
        let mut maker = Maker::new(&genesis);
        let root = maker.engine.durable_head().hash;
        let mut blocks: Vec<(Block, u64)> = Vec::new();
        for (number, parent) in (1..).zip(&parents) {
            let (below, weight, time) = match parent.index(blocks.len() + 1) {
                0 => (root, 0, 0),
                at => {
                    let (block, weight) = &blocks[at - 1];
                    (block.hash(), *weight, block.header.timestamp_ms.0)
                }
            };
            let seconds = number.max(time.saturating_sub(FIRST) / 1_000 + 1);
            let block = maker.make(&below, seconds);
            if blocks.iter().any(|(other, _)| other.hash() == block.hash()) {
                continue;
            }
            blocks.push((block, weight + 1_000));
        }
        let best = blocks
            .iter()
            .max_by(|(a, a_weight), (b, b_weight)| {
                a_weight.cmp(b_weight).then_with(|| b.hash().cmp(&a.hash()))
            })
            .map(|(block, _)| block.hash())
            .unwrap();
        for turn in 0..3 {
            let mut forks = tree(&genesis);
            let mut waiting: Vec<&(Block, u64)> = blocks.iter().collect();
            if turn > 0 {
                let length = waiting.len();
                waiting.rotate_left(usize::try_from(seed % 97).unwrap() * turn % length);
            }
            while !waiting.is_empty() {
                waiting.retain(|(block, weight)| {
                    match forks.insert(&codec::encode(block), None) {
                        Ok(_) => {
                            assert_eq!(forks.weight(&block.hash()), Some(u128::from(*weight)));
                            false
                        }
                        Err(ForkError::Rejected(rejected)) => {
                            let parent = block.header.parent_hash;
                            assert_eq!(rejected.verdict, Verdict::NeedsParent(parent));
                            true
                        }
                        Err(error) => panic!("{error:?}"),
                    }
                });
            }
            prop_assert_eq!(forks.best().hash, best);
            forks.finalize(&best).unwrap();
            prop_assert!(forks.is_empty());
        }
    }
}
