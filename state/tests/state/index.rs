//! Events by emitter and topic, page by page, against a look at all receipts.

use ordlane_primitives::{BlockHeight, Event};
use ordlane_state::{EventFilter, EventPosition, MAX_EVENT_PAGE, StateStore};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::chain::{Chain, emitter, in_memory, topic};

fn filters() -> Vec<EventFilter> {
    let mut filters = Vec::new();
    for e in 0..4 {
        filters.push(EventFilter::Emitter(emitter(e)));
        for t in 0..5 {
            filters.push(EventFilter::Topic(topic(t)));
            let (emitter, topic) = (emitter(e), topic(t));
            filters.push(EventFilter::Both { emitter, topic });
        }
    }
    filters
}

fn matches(filter: &EventFilter, event: &Event) -> bool {
    match filter {
        EventFilter::Emitter(emitter) => event.emitter == *emitter,
        EventFilter::Topic(topic) => event.topics.contains(topic),
        EventFilter::Both { emitter, topic } => {
            event.emitter == *emitter && event.topics.contains(topic)
        }
    }
}

/// Every event of a chain that matches, in order.
fn scanned(chain: &Chain, filter: &EventFilter) -> Vec<EventPosition> {
    let mut found = Vec::new();
    for block in &chain.blocks {
        for (tx_index, receipt) in (0..).zip(&block.receipts) {
            for (event_index, event) in (0..).zip(&receipt.events) {
                if matches(filter, event) {
                    found.push(EventPosition {
                        height: block.tip.height,
                        tx_index,
                        event_index,
                    });
                }
            }
        }
    }
    found
}

/// All pages, put together; each as long as it may be.
fn paged(
    store: &StateStore,
    filter: &EventFilter,
    mut from: Option<EventPosition>,
    limit: usize,
) -> Vec<EventPosition> {
    let mut found = Vec::new();
    loop {
        let page = store.event_positions(filter, from, limit).unwrap();
        assert!(page.positions.len() <= limit.clamp(1, MAX_EVENT_PAGE));
        found.extend(page.positions);
        from = page.next;
        if from.is_none() {
            return found;
        }
    }
}

#[test]
fn pages_of_events_are_what_a_look_at_all_receipts_finds() {
    let store = in_memory();
    let mut chain = Chain::new(90);
    for filter in filters() {
        assert_eq!(paged(&store, &filter, None, 5), []);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(90);
    for blocks in [1, 30, 60] {
        for _ in 0..blocks {
            store.commit(chain.next_block()).unwrap();
        }
        for filter in filters() {
            let expected = scanned(&chain, &filter);
            for limit in [1, 2, 7, MAX_EVENT_PAGE, usize::MAX] {
                assert_eq!(paged(&store, &filter, None, limit), expected, "{filter:?}");
            }
            if expected.is_empty() {
                continue;
            }
            let from = expected[rng.random_range(0..expected.len())];
            let later: Vec<_> = expected.iter().copied().filter(|p| *p >= from).collect();
            assert_eq!(paged(&store, &filter, Some(from), 3), later, "{filter:?}");
        }
    }
    let some = scanned(&chain, &EventFilter::Emitter(emitter(0)));
    assert!(some.len() > 100, "the chain has events to find");
    assert_eq!(scanned(&chain, &EventFilter::Emitter(emitter(3))), []);
}

/// A block with more events of one emitter than one list of the index takes.
#[test]
fn long_blocks_are_paged_through() {
    let store = in_memory();
    let mut chain = Chain::new(93);
    for _ in 0..3 {
        store.commit(chain.next_block()).unwrap();
        store.commit(chain.block_of_many_events(700)).unwrap();
    }
    let mut rng = ChaCha8Rng::seed_from_u64(93);
    for filter in filters() {
        let expected = scanned(&chain, &filter);
        for limit in [90, MAX_EVENT_PAGE] {
            assert_eq!(paged(&store, &filter, None, limit), expected, "{filter:?}");
        }
        for _ in 0..20 {
            let from = EventPosition {
                height: BlockHeight(rng.random_range(0..6)),
                tx_index: rng.random_range(0..800),
                event_index: rng.random_range(0..5),
            };
            let later = expected.iter().find(|position| **position >= from);
            let page = store.event_positions(&filter, Some(from), 1).unwrap();
            assert_eq!(page.positions.first(), later, "{filter:?} {from:?}");
        }
    }
    assert!(scanned(&chain, &EventFilter::Emitter(emitter(0))).len() > 1_024);
}

#[test]
fn a_limit_of_nothing_gives_one_event() {
    let store = in_memory();
    let mut chain = Chain::new(91);
    for _ in 0..20 {
        store.commit(chain.next_block()).unwrap();
    }
    let filter = EventFilter::Topic(topic(1));
    let page = store.event_positions(&filter, None, 0).unwrap();
    assert_eq!(page.positions.len(), 1);
    let rest = paged(&store, &filter, page.next, 4);
    assert_eq!(rest, scanned(&chain, &filter)[1..]);
}

#[test]
fn undone_blocks_have_no_events() {
    let store = in_memory();
    let mut chain = Chain::new(92);
    for _ in 0..10 {
        store.commit(chain.next_block()).unwrap();
    }
    let before = chain.clone();
    for _ in 0..10 {
        store.commit(chain.next_block()).unwrap();
    }
    store.rollback_to(before.tip().unwrap().height).unwrap();
    for filter in filters() {
        let expected = scanned(&before, &filter);
        assert_eq!(paged(&store, &filter, None, 4), expected, "{filter:?}");
    }
}
