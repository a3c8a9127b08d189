//! Replay protection (seed specification, 7.3): what was executed once is never executed again.

use std::collections::BTreeMap;

use ordlane::{
    BlockContext, Refusal,
    primitives::{ErrorCode, TimestampMs},
};
use ordlane_testkit::workload::{Distribution, Workload};

use crate::support::{context, engine, generator, workload};

/// How many transactions are replayed; fewer where the build is slow.
const REPLAYS: usize = if cfg!(debug_assertions) {
    6_000
} else {
    100_000
};

#[test]
fn none_of_many_replays_is_executed() {
    let blocks = 4;
    let load = Workload {
        accounts: 200,
        txs_per_block: (REPLAYS / blocks / 2) as u32,
        blocks: blocks as u64,
        multi_sig: "0".parse().unwrap(),
        ..workload(Distribution::Uniform, 73)
    };
    let generator = generator(&load);
    let engine = engine(generator.genesis(), 2);
    let mut seen: Vec<Vec<u8>> = Vec::new();
    let (mut replayed, mut codes) = (0, BTreeMap::new());
    let mut time = 0;
    for block in generator {
        let parent = engine.durable_head().hash;
        // In the same block: the second copy comes right behind the first one.
        let twice: Vec<Vec<u8>> = block
            .txs
            .iter()
            .flat_map(|tx| [tx.clone(), tx.clone()])
            .collect();
        let built = engine
            .build_block(&parent, &context(&block), &twice)
            .unwrap();
        assert_eq!(built.executed.receipts().len(), block.txs.len());
        let mut refused = |reason: &Refusal| {
            let Refusal::Invalid(error) = reason else {
                panic!("{reason:?}");
            };
            replayed += 1;
            *codes.entry(error.code()).or_insert(0_usize) += 1;
        };
        assert_eq!(built.left_out.len(), block.txs.len());
        built.left_out.iter().for_each(|left| refused(&left.reason));
        time = block.timestamp_ms.0;
        engine.commit(built.executed).unwrap();
        seen.extend(block.txs);

        // In a later block.
        let parent = engine.durable_head().hash;
        let later = BlockContext::new(TimestampMs(time + 1), block.proposer);
        let last = seen.len() - block_length(&load);
        let again = engine.build_block(&parent, &later, &seen[last..]).unwrap();
        assert_eq!(again.executed.receipts().len(), 0);
        assert_eq!(again.left_out.len(), seen.len() - last);
        again.left_out.iter().for_each(|left| refused(&left.reason));
        // Nor in a block that somebody else makes of one of them.
        for tx in &seen[last..last + 20] {
            let error = engine
                .execute(&parent, &later, std::slice::from_ref(tx))
                .unwrap_err();
            assert!(
                matches!(error.to_string().as_str(), "the block is refused"),
                "{error}"
            );
        }
    }
    assert!(time > 0);
    println!("0 of {replayed} replays were executed; refused with {codes:?}");
    assert!(replayed >= REPLAYS * 9 / 10, "{replayed}");
    assert!(codes.contains_key(&ErrorCode::InvalidNonce));
}

fn block_length(load: &Workload) -> usize {
    load.txs_per_block as usize
}
