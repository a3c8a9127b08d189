//! Whole blocks while a device takes a share of every batch and fails: the results are the oracle's.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::{sync::Arc, time::Duration};

use ordlane::{Backend, BlockContext, Engine, GpuOptions};
use ordlane_gpu_kernels::{
    Dispatcher, DispatcherConfig, Usage,
    gpu::{
        adapters,
        faults::{Failure, Faults, dispatcher},
    },
};
use ordlane_testkit::{
    oracle::Oracle,
    workload::{Distribution, Workload},
};

/// Longer than any start takes.
const LONG: Duration = Duration::from_secs(900);

/// Executes a hostile workload and compares every header and receipt; what the dispatcher did.
fn blocks_are_the_oracles(dispatcher: Dispatcher, seed: u64) -> Usage {
    let _ = dispatcher.wait_for_gpu(LONG);
    let workload = Workload {
        accounts: 40,
        txs_per_block: 150,
        blocks: 3,
        distribution: Distribution::Hostile,
        failing: "0.1".parse().unwrap(),
        proposer_among_senders: true,
        seed,
        ..Workload::default()
    };
    let dispatcher = Arc::new(dispatcher);
    let generator = workload.generator().unwrap();
    let mut oracle = Oracle::new(generator.genesis());
    let engine = Engine::builder()
        .genesis(generator.genesis().clone())
        .threads(2)
        .dispatcher(Arc::clone(&dispatcher))
        .build()
        .unwrap();
    for block in generator {
        let expected = oracle.execute(&oracle.next_context(block.proposer), &block.txs);
        let context = BlockContext::new(expected.header.timestamp_ms, block.proposer);
        let parent = engine.durable_head().hash;
        let built = engine.build_block(&parent, &context, &block.txs).unwrap();
        assert_eq!(built.executed.receipts(), expected.receipts, "seed {seed}");
        assert_eq!(*built.executed.header(), expected.header, "seed {seed}");
        engine.commit(built.executed).unwrap();
        oracle.commit(&expected);
    }
    dispatcher.usage()
}

fn config(share_permille: Option<u16>) -> DispatcherConfig {
    DispatcherConfig {
        backend: Backend::Gpu,
        threads: 2,
        gpu: GpuOptions {
            share_permille,
            start_timeout: LONG,
            ..GpuOptions::default()
        },
        ..DispatcherConfig::default()
    }
}

#[test]
fn a_device_that_works_changes_no_block_wherever_batches_are_split() {
    for (seed, share) in [
        (1, None),
        (2, Some(1)),
        (3, Some(333)),
        (4, Some(999)),
        (5, Some(0)),
    ] {
        let faults = Faults {
            job_items: 17,
            ..Faults::default()
        };
        let usage = blocks_are_the_oracles(dispatcher(config(share), faults).unwrap(), seed);
        let has_share = share.is_none_or(|share| share > 100);
        assert_eq!(usage.gpu_signatures > 0, has_share, "{share:?}: {usage:?}");
        assert_eq!(
            usage.cpu_signatures > 0,
            share.is_some(),
            "{share:?}: {usage:?}"
        );
    }
}

#[test]
fn a_device_that_errs_or_vanishes_changes_no_block() {
    let failures = [
        Failure::Wrong,
        Failure::AcceptsAll,
        Failure::Short,
        Failure::LostAtBegin,
        Failure::LostAtEnd,
        Failure::Refused,
        Failure::OutOfMemory,
    ];
    for (seed, failure) in (10..).zip(failures) {
        let faults = Faults {
            job_items: 29,
            jobs: (0..40).step_by(7).map(|job| (job, failure)).collect(),
            tries: 100,
            ..Faults::default()
        };
        // What accepts everything is only sure to be found out where accepts are confirmed.
        let mut config = config(Some(700));
        config.gpu.verify_accepts_on_cpu = failure == Failure::AcceptsAll;
        blocks_are_the_oracles(dispatcher(config, faults).unwrap(), seed);
    }
}

#[test]
fn any_bytes_are_faults_that_change_no_block() {
    for seed in 20..30_u8 {
        let bytes: Vec<u8> = (0..60)
            .map(|at: u8| at.wrapping_mul(seed).wrapping_add(seed))
            .collect();
        let (faults, share) = Faults::of_bytes(&bytes);
        let dispatcher = dispatcher(config(Some(share)), faults).unwrap();
        blocks_are_the_oracles(dispatcher, seed.into());
    }
}

#[test]
fn the_adapter_of_this_machine_changes_no_block() {
    if adapters().is_empty() {
        println!("skipped: no adapter");
        return;
    }
    let usage = blocks_are_the_oracles(Dispatcher::new(config(None)).unwrap(), 40);
    assert!(
        usage.gpu_signatures > 0 && usage.cpu_signatures == 0,
        "{usage:?}"
    );
}
