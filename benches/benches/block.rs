//! A block from bytes to its root, nothing durable: `block::execute/mode=..,accounts=..`.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on must stop")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ordlane::{BlockContext, Engine, Mode};
use ordlane_testkit::workload::Workload;

const TXS: u32 = 500;

fn execute(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("block::execute");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(u64::from(TXS)));
    for accounts in [2, 1_000] {
        let workload = Workload {
            accounts,
            txs_per_block: TXS,
            ..Workload::default()
        };
        let mut generator = workload.generator().unwrap();
        let genesis = generator.genesis().clone();
        let block = generator.next().unwrap();
        for (name, threads, mode) in [
            ("sequential", 1, Mode::Sequential),
            ("parallel", 2, Mode::Parallel),
        ] {
            let engine = Engine::builder()
                .genesis(genesis.clone())
                .threads(threads)
                .mode(mode)
                .build()
                .unwrap();
            let parent = engine.durable_head().hash;
            let context = BlockContext::new(block.timestamp_ms, block.proposer);
            group.bench_function(format!("mode={name},accounts={accounts}"), |bencher| {
                bencher.iter(|| {
                    engine
                        .execute(&parent, &context, black_box(&block.txs))
                        .unwrap()
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, execute);
criterion_main!(benches);
