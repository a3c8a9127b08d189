//! Times of the scheduler on transfers without a cost of their own, so that what is seen is the engine.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ordlane_scheduler::{
    Config, Executor, Flow, Mode, NoDelta, RunError, Stop, Summary, TxIndex, View, Vm,
};

/// Transactions per block.
const BLOCK: u32 = 1_000;

/// Moves one unit from an account to another, after so many rounds of work.
struct Transfers {
    accounts: u32,
    spin: u32,
}

impl Vm for Transfers {
    type Key = u32;
    type Value = u64;
    type Delta = NoDelta;
    type Tx = u32;
    type Output = u64;
    type Worker = ();

    fn worker(&self) {}

    fn execute<V>(&self, (): &mut (), _: TxIndex, tx: &u32, view: &mut V) -> Result<u64, Stop>
    where
        V: View<Key = u32, Value = u64>,
    {
        let from = tx.wrapping_mul(0x9E37_79B9) % self.accounts;
        let to = (from + 1 + tx % (self.accounts - 1)) % self.accounts;
        let from_balance = view.read(&from)?.unwrap_or(0);
        let to_balance = view.read(&to)?.unwrap_or(0);
        for round in 0..self.spin {
            black_box(round);
        }
        view.write(from, from_balance.wrapping_sub(1));
        view.write(to, to_balance.wrapping_add(1));
        Ok(from_balance)
    }
}

fn run(
    executor: &Executor,
    vm: &Transfers,
    block: &[u32],
) -> Result<Summary, RunError<Infallible>> {
    let mut outputs = Vec::with_capacity(block.len());
    let mut sink = |_: TxIndex, output: u64, _: &[(u32, Option<u64>)]| {
        outputs.push(output);
        Flow::Continue
    };
    let summary = executor.run(vm, &BTreeMap::new(), block, &mut sink)?;
    black_box(outputs);
    Ok(summary)
}

fn scheduler(criterion: &mut Criterion) {
    let block: Vec<u32> = (0..BLOCK).collect();
    let mut group = criterion.benchmark_group("scheduler::run");
    group.sample_size(20);
    group.warm_up_time(Duration::from_millis(300));
    group.measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::Elements(u64::from(BLOCK)));
    for (name, mode, threads) in [
        ("sequential", Mode::Sequential, 1),
        ("parallel", Mode::Parallel, 1),
        ("parallel", Mode::Parallel, 2),
    ] {
        let executor = match Executor::new(Config {
            threads,
            mode,
            ..Config::default()
        }) {
            Ok(executor) => executor,
            Err(error) => {
                eprintln!("skipped {name} with {threads} threads: {error}");
                continue;
            }
        };
        for accounts in [2, 10_000] {
            for spin in [0, 2_000] {
                let vm = Transfers { accounts, spin };
                let label =
                    format!("mode={name},threads={threads},accounts={accounts},spin={spin}");
                group.bench_function(label, |bencher| {
                    bencher.iter(|| run(&executor, &vm, &block))
                });
            }
        }
    }
    group.finish();
}

criterion_group!(benches, scheduler);
criterion_main!(benches);
