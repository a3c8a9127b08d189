//! What operators are told through the `metrics` facade. Alone in its process, which has one recorder.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use ordlane::{
    BlockContext, Engine, ForkTree, Refusal, Stage, TotalWeight,
    primitives::{Block, ReceiptStatus, TimestampMs, codec},
};
use ordlane_testkit::workload::{Distribution, Workload};

/// What was counted and how often something was timed, by name and labels.
#[derive(Clone, Debug, Default)]
struct Told(Arc<Mutex<BTreeMap<String, u64>>>);

struct Line {
    told: Told,
    key: String,
}

impl Told {
    fn line(&self, key: &Key) -> Arc<Line> {
        let labels = key
            .labels()
            .map(|label| format!(" {}={}", label.key(), label.value()));
        let key = format!("{}{}", key.name(), labels.collect::<String>());
        let told = self.clone();
        Arc::new(Line { told, key })
    }

    fn get(&self, key: &str) -> u64 {
        self.0.lock().unwrap().get(key).copied().unwrap_or(0)
    }
}

impl CounterFn for Line {
    fn increment(&self, value: u64) {
        *self
            .told
            .0
            .lock()
            .unwrap()
            .entry(self.key.clone())
            .or_default() += value;
    }

    fn absolute(&self, _: u64) {}
}

impl HistogramFn for Line {
    fn record(&self, _: f64) {
        self.increment(1);
    }
}

impl Recorder for Told {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.line(key))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.line(key))
    }
}

#[test]
fn what_is_refused_and_what_is_committed_is_counted_by_stage_and_code() {
    let told = Told::default();
    metrics::set_global_recorder(told.clone()).unwrap();
    let mut generator = Workload {
        accounts: 30,
        txs_per_block: 300,
        distribution: Distribution::Hostile,
        failing: "0.1".parse().unwrap(),
        ..Workload::default()
    }
    .generator()
    .unwrap();
    let genesis = generator.genesis().clone();
    let engine = Engine::builder()
        .genesis(genesis)
        .threads(2)
        .build()
        .unwrap();
    let generated = generator.next().unwrap();
    let context = BlockContext::new(generated.timestamp_ms, generated.proposer);
    let parent = engine.durable_head().hash;
    let built = engine
        .build_block(&parent, &context, &generated.txs)
        .unwrap();

    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for left_out in &built.left_out {
        let Refusal::Invalid(error) = &left_out.reason else {
            panic!("{:?}", left_out.reason);
        };
        let (stage, code) = (error.stage().name(), error.code().name());
        let key = format!("ordlane_transactions_refused_total stage={stage} code={code}");
        *expected.entry(key).or_default() += 1;
    }
    assert!(expected.len() > 10, "{expected:?}");
    for (key, count) in &expected {
        assert_eq!(told.get(key), *count, "{key}");
    }

    let failed = (built.executed.receipts().iter())
        .filter(|receipt| receipt.status != ReceiptStatus::Success)
        .count();
    let (bytes, txs) = (
        codec::encode(built.executed.block()),
        built.executed.receipts().len(),
    );
    engine.commit(built.executed).unwrap();
    assert_eq!(told.get("ordlane_blocks_committed_total"), 1);
    assert_eq!(told.get("ordlane_transactions_committed_total"), txs as u64);
    assert!(failed > 0);
    assert_eq!(told.get("ordlane_transactions_failed_total"), failed as u64);
    for stage in Stage::ALL {
        let key = format!("ordlane_stage_seconds stage={}", stage.name());
        assert_eq!(told.get(&key), 1, "{key}");
    }
    refused_blocks_are_counted_once(engine, &told, &context, &bytes);
}

/// A block that is durable comes again, its first transaction in another one, and siblings are committed.
fn refused_blocks_are_counted_once(
    engine: Engine,
    told: &Told,
    context: &BlockContext,
    bytes: &[u8],
) {
    let refused = |code| told.get(&format!("ordlane_blocks_refused_total code={code}"));
    // The same block once more: alone, among many, and into a tree. And none at all.
    engine.import_block(bytes).unwrap_err();
    engine.import_blocks([bytes], |_| ()).unwrap_err();
    assert_eq!(refused("StaleParent"), 2);
    let engine = Arc::new(engine);
    let mut tree = ForkTree::new(Arc::clone(&engine), Box::new(TotalWeight::default()));
    tree.insert(bytes, None).unwrap_err();
    assert_eq!(refused("StaleParent"), 3);
    engine.import_block(&[]).unwrap_err();
    tree.insert(&[], None).unwrap_err();
    assert_eq!(refused("MalformedBlock"), 2);

    // A transaction that was in the block already is refused by the state, in a block whose maker must know.
    let key = "ordlane_transactions_refused_total stage=execute code=InvalidNonce";
    let before = told.get(key);
    let block: Block = codec::decode(bytes).unwrap();
    let parent = engine.durable_head().hash;
    let later = |by| BlockContext {
        timestamp_ms: TimestampMs(context.timestamp_ms.0 + by),
        ..context.clone()
    };
    engine
        .execute(&parent, &later(1), &block.transactions[..1])
        .unwrap_err();
    assert_eq!((told.get(key), refused("InvalidNonce")), (before + 1, 1));

    // Of two siblings the second is refused when it is committed, whether somebody waits for that or not.
    let sibling = |by| engine.execute(&parent, &later(by), &[]).unwrap();
    let (first, second, third) = (sibling(1), sibling(2), sibling(3));
    engine.commit(first).unwrap();
    engine.commit(second).unwrap_err();
    drop(engine.submit(third));
    engine.flush().unwrap();
    assert_eq!(refused("NotOnTip"), 2);
}
