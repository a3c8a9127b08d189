//! A workload from any bytes: parallel execution gives the header and receipts that the oracle gives.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ordlane::{BlockContext, Engine, Mode};
use ordlane_testkit::{fuzz, oracle::Oracle};

fuzz_target!(|bytes: &[u8]| {
    let Some((load, threads)) = fuzz::load(bytes) else {
        return;
    };
    let Ok(generator) = load.generator() else {
        return;
    };
    let genesis = generator.genesis().clone();
    let mut oracle = Oracle::new(&genesis);
    let builder = Engine::builder()
        .genesis(genesis)
        .threads(threads)
        .mode(Mode::Parallel);
    let engine = builder.build().expect("an engine in memory");
    for block in generator {
        let expected = oracle.execute(&oracle.next_context(block.proposer), &block.txs);
        let context = BlockContext::new(expected.header.timestamp_ms, block.proposer);
        let parent = engine.durable_head().hash;
        let built = engine
            .build_block(&parent, &context, &block.txs)
            .expect("a block");
        assert_eq!(built.executed.receipts(), expected.receipts);
        assert_eq!(*built.executed.header(), expected.header);
        engine.commit(built.executed).expect("a commit");
        oracle.commit(&expected);
    }
});
