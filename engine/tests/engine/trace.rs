//! Traces: who asks gets one, and it changes nothing.

use ordlane::{BlockTrace, Engine, Executed, Field};
use ordlane_testkit::workload::{Distribution, Generator, Share};

use crate::support::{context, generator, parallel, workload};

fn engine(generator: &Generator, threads: usize, trace: bool) -> Engine {
    Engine::builder()
        .genesis(generator.genesis().clone())
        .threads(threads)
        .mode(parallel())
        .trace(trace)
        .build()
        .unwrap()
}

fn positions(trace: &BlockTrace) -> Vec<usize> {
    let traced = trace.transactions().iter();
    traced.map(|traced| traced.position).collect()
}

const fn is_sync<T: Send + Sync>() {}

#[test]
fn an_executed_block_can_be_shared_between_threads() {
    is_sync::<Executed>();
}

#[test]
fn nobody_who_has_not_asked_gets_a_trace_and_a_trace_changes_nothing() {
    for threads in [1, 2, 8] {
        let generator = generator(&workload(Distribution::Uniform, 80));
        let quiet = engine(&generator, threads, false);
        let traced = engine(&generator, threads, true);
        for block in generator {
            let execute = |engine: &Engine| {
                let parent = engine.durable_head().hash;
                engine.execute(&parent, &context(&block), &block.txs)
            };
            let (without, with) = (execute(&quiet).unwrap(), execute(&traced).unwrap());
            assert_eq!(without.trace(), None);
            assert_eq!(without.header(), with.header());
            assert_eq!(without.receipts(), with.receipts());
            assert_eq!(without.changes(), with.changes());
            let trace = with.trace().unwrap();
            assert_eq!(positions(trace), Vec::from_iter(0..block.txs.len()));
            let traced_txs = trace.transactions();
            assert!(traced_txs.is_sorted_by_key(|traced| traced.committed_at));
            assert!(traced_txs.iter().all(|traced| traced.runs > 0));
            quiet.commit(without).unwrap();
            traced.commit(with).unwrap();
        }
    }
}

#[test]
fn a_builders_trace_tells_the_positions_of_the_candidates() {
    for threads in [1, 2, 8] {
        let mut load = workload(Distribution::Uniform, 81);
        load.params.max_block_txs = 50;
        let generator = generator(&load);
        let engine = engine(&generator, threads, true);
        let mut block = generator.take(1).next().unwrap();
        block.txs.insert(0, b"no transaction".to_vec());
        block.txs.insert(10, block.txs[3].clone());
        let parent = engine.durable_head().hash;
        let built = engine
            .build_block(&parent, &context(&block), &block.txs)
            .unwrap();
        // What is no transaction never ran; the one sent twice did, and so did the first that had no room.
        let trace = built.executed.trace().unwrap();
        assert_eq!(positions(trace), Vec::from_iter(1..53));
    }
}

#[test]
fn the_hottest_field_of_a_chain_of_one_sender_is_its_own() {
    let mut load = workload(Distribution::Chains { senders: 1 }, 82);
    load.multi_sig = Share::NONE;
    let generator = generator(&load);
    let engine = engine(&generator, 2, true);
    for block in generator {
        let parent = engine.durable_head().hash;
        let built = engine
            .build_block(&parent, &context(&block), &block.txs)
            .unwrap();
        let sender = ordlane::decode::Decoded::from_bytes(&block.txs[0])
            .unwrap()
            .transaction()
            .payload
            .sender;
        for hot in built.executed.trace().unwrap().hottest(9) {
            assert_eq!(*hot.field.address(), sender, "{hot:?}");
            assert!(matches!(hot.field, Field::Nonce(_) | Field::Balance(_)));
            assert!(hot.transactions < block.txs.len());
        }
        engine.commit(built.executed).unwrap();
    }
}
