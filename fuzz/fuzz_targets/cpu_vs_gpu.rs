//! A workload, a split and faults from any bytes: with a device that takes its share of every batch and fails, blocks have
//! the headers and receipts that the oracle gives.

#![no_main]

use std::{sync::Arc, time::Duration};

use libfuzzer_sys::fuzz_target;
use ordlane::{BlockContext, Engine, GpuOptions};
use ordlane_gpu_kernels::{
    DispatcherConfig,
    gpu::faults::{Faults, dispatcher},
};
use ordlane_testkit::{fuzz, oracle::Oracle};

/// Longer than any start takes.
const LONG: Duration = Duration::from_secs(60);

fuzz_target!(|bytes: &[u8]| {
    let Some((load, threads)) = fuzz::load(bytes) else {
        return;
    };
    let Ok(generator) = load.generator() else {
        return;
    };
    let (faults, share_permille) =
        Faults::of_bytes(bytes.get(fuzz::LOAD_BYTES..).unwrap_or_default());
    let config = DispatcherConfig {
        threads,
        gpu: GpuOptions {
            share_permille: Some(share_permille),
            ..GpuOptions::default()
        },
        ..DispatcherConfig::default()
    };
    let dispatcher = Arc::new(dispatcher(config, faults).expect("a dispatcher"));
    let genesis = generator.genesis().clone();
    let mut oracle = Oracle::new(&genesis);
    let builder = Engine::builder().genesis(genesis).threads(threads);
    let engine = builder
        .dispatcher(Arc::clone(&dispatcher))
        .build()
        .expect("an engine in memory");
    for block in generator {
        // Also after a loss in the block before, so that later faults are met.
        let _ = dispatcher.wait_for_gpu(LONG);
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
