//! Calls from the jobs of somebody else's rayon pool, which must not wait for each other for ever.
#![cfg(feature = "rayon")]

use std::{sync::mpsc::channel, thread, time::Duration};

use ordlane::Engine;
use ordlane_testkit::workload::{Distribution, GeneratedBlock};

use crate::support::{context, engine, generator, workload};

/// Ends the process when `work` hangs: a test that waits for ever tells nobody anything.
fn must_end(what: &str, work: impl FnOnce() + Send) {
    let (done, ended) = channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            if ended.recv_timeout(Duration::from_secs(120)).is_err() {
                eprintln!("{what} hangs");
                std::process::abort();
            }
        });
        work();
        done.send(()).unwrap();
    });
}

fn one_block(seed: u64) -> (Engine, GeneratedBlock) {
    let generator = generator(&workload(Distribution::Uniform, seed));
    let engine = engine(generator.genesis(), 2);
    (engine, generator.take(1).next().unwrap())
}

#[test]
fn blocks_are_executed_and_committed_from_the_jobs_of_a_rayon_pool() {
    let (engine, block) = one_block(71);
    let parent = engine.durable_head().hash;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(2)
        .build()
        .unwrap();
    must_end("executing and committing in a pool", || {
        pool.scope(|scope| {
            for _ in 0..24 {
                scope.spawn(|_| {
                    if let Ok(executed) = engine.execute(&parent, &context(&block), &block.txs) {
                        let _ = engine.commit(executed);
                    }
                });
            }
        });
    });
    assert_eq!(engine.durable_head().height.0, 1);
}

#[test]
fn transactions_are_prechecked_in_a_rayon_pool_while_others_commit() {
    let (engine, block) = one_block(72);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(2)
        .build()
        .unwrap();
    must_end("prechecking in a pool", || {
        thread::scope(|scope| {
            scope.spawn(|| {
                for later in 0..100 {
                    let mut context = context(&block);
                    context.timestamp_ms.0 += later;
                    let parent = engine.durable_head().hash;
                    engine
                        .commit(engine.execute(&parent, &context, &[]).unwrap())
                        .unwrap();
                }
            });
            pool.scope(|scope| {
                for _ in 0..60 {
                    scope.spawn(|_| drop(engine.precheck(&block.txs).unwrap()));
                }
            });
        });
    });
}
