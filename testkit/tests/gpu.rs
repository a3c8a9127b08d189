//! Whole blocks while a device takes a share of every batch and fails: the results are the oracle's.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::{sync::Arc, time::Duration};

use ordlane::{Backend, BlockContext, Engine, GpuOptions};
use ordlane_gpu_kernels::{
    Dispatcher, DispatcherConfig, GpuState, Usage,
    gpu::{
        adapters,
        faults::{Failure, Faults, dispatcher},
    },
};
use ordlane_testkit::{
    fuzz,
    oracle::Oracle,
    workload::{Distribution, Workload},
};

/// Longer than any start takes.
const LONG: Duration = Duration::from_secs(900);

/// What came of some blocks.
#[derive(Debug)]
struct Done {
    usage: Usage,
    /// In how many blocks the CPU did something: where the device gets everything, it failed in so many at least.
    on_cpu: usize,
    /// How the device was before each block, and at last.
    states: Vec<GpuState>,
}

/// A hostile workload.
fn workload(seed: u64, blocks: u64) -> Workload {
    Workload {
        accounts: 40,
        txs_per_block: 150,
        blocks,
        distribution: Distribution::Hostile,
        failing: "0.1".parse().unwrap(),
        proposer_among_senders: true,
        seed,
        ..Workload::default()
    }
}

/// Executes a workload and compares every header and receipt. Each block finds the device as ready as it gets.
fn blocks_are_the_oracles(dispatcher: Dispatcher, workload: &Workload) -> Done {
    let seed = workload.seed;
    let (mut states, mut on_cpu) = (Vec::new(), 0);
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
        states.push(dispatcher.wait_for_gpu(LONG));
        let before = dispatcher.usage();
        let expected = oracle.execute(&oracle.next_context(block.proposer), &block.txs);
        let context = BlockContext::new(expected.header.timestamp_ms, block.proposer);
        let parent = engine.durable_head().hash;
        let built = engine.build_block(&parent, &context, &block.txs).unwrap();
        assert_eq!(built.executed.receipts(), expected.receipts, "seed {seed}");
        assert_eq!(*built.executed.header(), expected.header, "seed {seed}");
        engine.commit(built.executed).unwrap();
        oracle.commit(&expected);
        let after = dispatcher.usage();
        let by_cpu = |usage: Usage| usage.cpu_signatures + usage.cpu_hashes;
        on_cpu += usize::from(by_cpu(after) > by_cpu(before));
    }
    states.push(dispatcher.wait_for_gpu(LONG));
    Done {
        usage: dispatcher.usage(),
        on_cpu,
        states,
    }
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
        let dispatcher = dispatcher(config(share), faults).unwrap();
        let done = blocks_are_the_oracles(dispatcher, &workload(seed, 3));
        let usage = done.usage;
        // So where it has all, whatever the CPU does is for a failure.
        assert_eq!(done.on_cpu == 0, share.is_none(), "{share:?}: {usage:?}");
        let has_share = share.is_none_or(|share| share > 100);
        assert_eq!(usage.gpu_signatures > 0, has_share, "{share:?}: {usage:?}");
        assert_eq!(
            usage.cpu_signatures > 0,
            share.is_some(),
            "{share:?}: {usage:?}"
        );
    }
}

/// From the tenth job on every third one fails, so that a block has several failures and the first block begins without.
fn failing(failure: Failure) -> Faults {
    Faults {
        // What is refused for want of memory is halved, and small jobs cannot be.
        job_items: match failure {
            Failure::OutOfMemory => 1 << 16,
            _ => 29,
        },
        jobs: (10..1_000).step_by(3).map(|job| (job, failure)).collect(),
        tries: u32::MAX,
        pause: Duration::ZERO,
        ..Faults::default()
    }
}

#[test]
fn a_device_that_fails_in_every_block_and_comes_back_changes_none() {
    let failures = [
        Failure::LostAtBegin,
        Failure::LostAtEnd,
        Failure::Refused,
        Failure::OutOfMemory,
    ];
    for (seed, failure) in (10..).zip(failures) {
        let dispatcher = dispatcher(config(None), failing(failure)).unwrap();
        let done = blocks_are_the_oracles(dispatcher, &workload(seed, 4));
        assert!(
            done.usage.gpu_signatures > 0 && done.usage.gpu_hashes > 0,
            "{failure:?}: {done:?}"
        );
        assert!(done.on_cpu > 1, "{failure:?}: {done:?}");
        assert_eq!(done.states, [GpuState::Ready; 5], "{failure:?}");
    }
}

#[test]
fn a_device_that_errs_changes_no_block_and_is_not_used_again() {
    let failures = [Failure::Wrong, Failure::AcceptsAll, Failure::Short];
    for (seed, failure) in (10..).zip(failures) {
        // What accepts everything is only sure to be found out where accepts are confirmed.
        let mut config = config(None);
        config.gpu.verify_accepts_on_cpu = failure == Failure::AcceptsAll;
        let dispatcher = dispatcher(config, failing(failure)).unwrap();
        let done = blocks_are_the_oracles(dispatcher, &workload(seed, 4));
        assert!(done.usage.gpu_signatures > 0, "{failure:?}: {done:?}");
        let is_found = failure != Failure::AcceptsAll;
        let last = done.states.last().copied();
        assert_eq!(last == Some(GpuState::Quarantined), is_found, "{done:?}");
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
        blocks_are_the_oracles(dispatcher, &workload(seed.into(), 3));
    }
}

/// The bytes are those of the fuzz target: a workload, then a split and faults.
#[test]
fn what_fuzzing_begins_with_has_devices_that_work_and_fail_and_changes_no_block() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/cpu_vs_gpu");
    let mut inputs = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // A fuzzer puts what it finds beside them, named by a hash.
        let name = path.file_name().unwrap().to_string_lossy();
        if !name.starts_with("sample_") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let (load, _) = fuzz::load(&bytes).unwrap();
        let (faults, share) = Faults::of_bytes(&bytes[fuzz::LOAD_BYTES..]);
        assert!(faults.jobs.len() > 1, "{path:?}");
        let dispatcher = dispatcher(config(Some(share)), faults).unwrap();
        let done = blocks_are_the_oracles(dispatcher, &load);
        assert!(
            done.usage.gpu_signatures + done.usage.gpu_hashes > 0,
            "{path:?}: {done:?}"
        );
        assert!(share < 1_000 || done.on_cpu > 0, "{path:?}: {done:?}");
        inputs += 1;
    }
    assert!(inputs > 3, "{inputs}");
}

#[test]
fn the_adapter_of_this_machine_changes_no_block() {
    if adapters().is_empty() {
        let required = std::env::var("ORDLANE_REQUIRE_ADAPTER").is_ok_and(|value| value == "1");
        assert!(!required, "no adapter");
        println!("skipped: no adapter");
        return;
    }
    let dispatcher = Dispatcher::new(config(None)).unwrap();
    let usage = blocks_are_the_oracles(dispatcher, &workload(40, 3)).usage;
    assert!(
        usage.gpu_signatures > 0 && usage.cpu_signatures == 0,
        "{usage:?}"
    );
}
