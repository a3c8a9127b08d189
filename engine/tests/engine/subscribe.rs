//! Subscribers are told each event of the durable chain once, wherever they begin and however slow they are.

use std::{num::NonZeroU64, thread, time::Duration};

use ordlane::{
    BlockContext, Engine, EngineError, EventCursor, EventStream, Notice, Subscription, SystemError,
    primitives::{Address, BlockHeight, TimestampMs},
    state::{EventFilter, EventPosition, StateError},
};
use ordlane_testkit::workload::{Distribution, Generator, Workload};

use crate::support::{context, engine, generator, workload};

const NOW: Duration = Duration::ZERO;
/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

fn load() -> Workload {
    Workload {
        txs_per_block: 12,
        blocks: 5,
        ..workload(Distribution::Uniform, 21)
    }
}

fn commit_all(engine: &Engine, blocks: Generator) {
    for block in blocks {
        let parent = engine.durable_head().hash;
        let executed = engine
            .execute(&parent, &context(&block), &block.txs)
            .unwrap();
        engine.commit(executed).unwrap();
    }
}

fn from(cursor: EventCursor) -> Subscription {
    Subscription {
        from: Some(cursor),
        max_lag_blocks: u64::MAX,
        ..Subscription::default()
    }
}

fn drain(stream: &mut EventStream) -> Vec<Notice> {
    std::iter::from_fn(|| stream.next(NOW).unwrap()).collect()
}

/// Where each event is, of the chain as it is stored.
fn stored(engine: &Engine) -> Vec<EventPosition> {
    let tip = engine.durable_head().height.0;
    let mut positions = Vec::new();
    for height in (1..=tip).map(BlockHeight) {
        let receipts = engine.receipts(height).unwrap().unwrap();
        for (tx_index, receipt) in (0..).zip(receipts) {
            positions.extend((0..).zip(receipt.events.iter()).map(|(event_index, _)| {
                EventPosition {
                    height,
                    tx_index,
                    event_index,
                }
            }));
        }
    }
    positions
}

fn positions(notices: &[Notice]) -> Vec<EventPosition> {
    let position = |notice: &Notice| match notice {
        Notice::Event { position, .. } => Some(*position),
        _ => None,
    };
    notices.iter().filter_map(position).collect()
}

const START: EventCursor = EventCursor::start_of(BlockHeight(0));

#[test]
fn who_resumes_at_any_cursor_is_told_the_rest_once() {
    let generator = generator(&load());
    let engine = engine(generator.genesis(), 1);
    commit_all(&engine, generator);
    let all = drain(&mut engine.subscribe(&from(START)));
    let expected = stored(&engine);
    assert!(expected.len() > 20);
    assert_eq!(positions(&all), expected);
    for told in 0..=all.len() {
        let mut stream = engine.subscribe(&from(START));
        for notice in &all[..told] {
            assert_eq!(stream.next(NOW).unwrap().as_ref(), Some(notice));
        }
        let cursor = stream.cursor();
        drop(stream);
        let rest = drain(&mut engine.subscribe(&from(cursor)));
        assert_eq!(rest, all[told..], "from {cursor:?}");
    }
    // What comes is told once it is there.
    let mut latest = engine.subscribe(&Subscription::default());
    assert_eq!(drain(&mut latest), []);
}

#[test]
fn a_slow_subscriber_is_told_that_he_lags_and_misses_nothing() {
    let generator = generator(&Workload {
        blocks: 40,
        ..load()
    });
    let engine = engine(generator.genesis(), 1);
    let subscription = Subscription {
        max_lag_blocks: 4,
        ..Subscription::default()
    };
    let mut slow = engine.subscribe(&subscription);
    let mut fast = engine.subscribe(&subscription);
    let (told, lagged) = thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let (mut told, mut blocks) = (Vec::new(), 0);
            while blocks < 40 {
                let notice = fast.next(LONG).unwrap().unwrap();
                blocks += u64::from(matches!(notice, Notice::BlockFinalized { .. }));
                told.push(notice);
            }
            told
        });
        commit_all(&engine, generator);
        let first = slow.next(NOW).unwrap();
        (reader.join().unwrap(), first)
    });
    assert_eq!(lagged, Some(Notice::Lagged { blocks: 40 }));
    let expected = stored(&engine);
    assert_eq!(positions(&told), expected);
    let rest = drain(&mut slow);
    assert_eq!(positions(&rest), expected);
    assert!(
        !rest
            .iter()
            .any(|notice| matches!(notice, Notice::Lagged { .. }))
    );
}

#[test]
fn a_filter_leaves_out_what_is_not_asked_for_and_no_block() {
    let generator = generator(&load());
    let receiver = generator.genesis().accounts()[3].address;
    let engine = engine(generator.genesis(), 1);
    commit_all(&engine, generator);
    let topic = ordlane::primitives::Hash(*receiver.as_bytes());
    let mut stream = engine.subscribe(&Subscription {
        filter: Some(EventFilter::Topic(topic)),
        ..from(START)
    });
    let told = drain(&mut stream);
    let blocks = told
        .iter()
        .filter(|notice| matches!(notice, Notice::BlockFinalized { .. }));
    assert_eq!(blocks.count(), 6);
    let events = told.iter().filter_map(|notice| match notice {
        Notice::Event { event, .. } => Some(event),
        _ => None,
    });
    let mut count = 0;
    for event in events {
        assert!(event.topics.contains(&topic));
        count += 1;
    }
    assert!(count > 0);
    assert_eq!(
        engine.subscribe(&from(START)).next(NOW).unwrap().is_some(),
        stream.next(NOW).unwrap().is_none()
    );
}

fn empty(engine: &Engine, time: u64) {
    let parent = engine.durable_head().hash;
    let context = BlockContext::new(TimestampMs(1_000_000_000_000_000 + time), Address::ZERO);
    let executed = engine.execute(&parent, &context, &[]).unwrap();
    engine.commit(executed).unwrap();
}

#[test]
fn blocks_that_are_undone_are_told_of_and_those_in_their_place() {
    let generator = generator(&load());
    let engine = engine(generator.genesis(), 1);
    commit_all(&engine, generator);
    let mut stream = engine.subscribe(&from(START));
    let all = drain(&mut stream);
    let mut half = engine.subscribe(&from(START));
    let third = all
        .iter()
        .position(
            |notice| matches!(notice, Notice::BlockFinalized { head, .. } if head.height.0 == 3),
        )
        .unwrap();
    for _ in 0..=third {
        half.next(NOW).unwrap();
    }

    let to = engine.rollback_to(BlockHeight(2)).unwrap();
    assert_eq!(stream.next(NOW).unwrap(), Some(Notice::RolledBack { to }));
    assert_eq!(stream.next(NOW).unwrap(), None);
    for time in 0..4 {
        empty(&engine, time);
    }
    assert_eq!(half.next(NOW).unwrap(), Some(Notice::RolledBack { to }));
    for stream in [&mut stream, &mut half] {
        let heads: Vec<u64> = drain(stream)
            .iter()
            .map(|notice| match notice {
                Notice::BlockFinalized { head, .. } => head.height.0,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(heads, [3, 4, 5, 6]);
    }
    // Who began at a place that is no longer there begins at the end.
    let mut beyond = engine.subscribe(&from(EventCursor {
        height: BlockHeight(100),
        index: 3,
    }));
    let head = engine.durable_head();
    assert_eq!(
        beyond.next(NOW).unwrap(),
        Some(Notice::RolledBack { to: head })
    );
    empty(&engine, 9);
    assert!(matches!(
        beyond.next(NOW).unwrap(),
        Some(Notice::BlockFinalized { head, .. }) if head.height.0 == 7
    ));
}

#[test]
fn what_is_no_longer_kept_is_an_error_and_an_engine_that_ends_ends_its_streams() {
    let generator = generator(&Workload {
        blocks: 12,
        ..load()
    });
    let engine = Engine::builder()
        .genesis(generator.genesis().clone())
        .threads(1)
        .keep_blocks(NonZeroU64::new(3).unwrap())
        .build()
        .unwrap();
    commit_all(&engine, generator);
    while !engine.prune_step(1_000).unwrap().done {}
    let mut stream = engine.subscribe(&from(EventCursor::start_of(BlockHeight(2))));
    for _ in 0..2 {
        let error = stream.next(NOW).unwrap_err();
        assert!(
            matches!(
                error,
                EngineError::System(SystemError::State(StateError::Pruned { .. }))
            ),
            "{error:?}"
        );
    }
    let mut waiting = engine.subscribe(&Subscription::default());
    thread::scope(|scope| {
        let waits = scope.spawn(move || waiting.next(LONG).unwrap());
        drop(engine);
        assert_eq!(waits.join().unwrap(), None);
    });
    assert_eq!(stream.next(LONG).unwrap(), None);
}
