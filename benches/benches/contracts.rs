//! Contracts: `contracts::prepare/<guest>`, from code to a contract that is ready, and `contracts::execute/mode=..`, a block
//! of token transfers between distinct holders from bytes to its root, nothing durable.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on must stop")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ordlane::{Backend, BlockContext, Engine, Mode};
use ordlane_primitives::GAS_SCHEDULE_V1;
use ordlane_testkit::{
    guests,
    workload::{ContractLoad, Distribution, Holders, Share, Workload},
};
use ordlane_wasm::{ContractEngine as _, Interpreter};

const TXS: u32 = 1_000;

fn prepare(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("contracts::prepare");
    for (name, code) in guests::ALL {
        group.throughput(Throughput::Bytes(code.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                Interpreter
                    .prepare(black_box(code), &GAS_SCHEDULE_V1)
                    .unwrap()
            });
        });
    }
    group.finish();
}

fn execute(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("contracts::execute");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(u64::from(TXS)));
    let workload = Workload {
        accounts: 2 * TXS,
        txs_per_block: TXS,
        distribution: Distribution::Contracts(ContractLoad::Token(Holders::Disjoint)),
        failing: Share::NONE,
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
            .backend(Backend::Cpu)
            .threads(threads)
            .mode(mode)
            .build()
            .unwrap();
        let parent = engine.durable_head().hash;
        let context = BlockContext::new(block.timestamp_ms, block.proposer);
        group.bench_function(format!("mode={name}"), |bencher| {
            bencher.iter(|| {
                engine
                    .execute(&parent, &context, black_box(&block.txs))
                    .unwrap()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, prepare, execute);
criterion_main!(benches);
