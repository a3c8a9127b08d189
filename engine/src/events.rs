//! Events of the durable chain, by emitter and by topic, page by page.

use ordlane_primitives::{BlockHeight, Event, Receipt, TxId};
use ordlane_state::{EventFilter, EventPosition};

use crate::{Engine, EngineError, SystemError};

/// Which events, from where, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventQuery {
    /// Which.
    pub filter: EventFilter,
    /// Where to begin: at the `next` of the page before, or at the first block that is kept.
    pub from: Option<EventPosition>,
    /// How many at most; never more than [`MAX_EVENT_PAGE`](ordlane_state::MAX_EVENT_PAGE).
    pub limit: usize,
}

/// Some of the events that were asked for, in the order of the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventPage {
    /// The events.
    pub events: Vec<EventRecord>,
    /// Where the next page begins; none when there are no more.
    pub next: Option<EventPosition>,
}

/// An event of a durable block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// Where it is.
    pub position: EventPosition,
    /// The transaction that made it known.
    pub tx_id: TxId,
    /// The event.
    pub event: Event,
}

impl Engine {
    /// Events of durable blocks. A page may have fewer than asked for and still a next one; events of blocks that are
    /// committed meanwhile come at the end.
    ///
    /// # Errors
    /// [`SystemError`] around [`StateError::Pruned`](ordlane_state::StateError::Pruned) when the query begins in a block
    /// that is no longer kept, and when the store fails.
    pub fn events(&self, query: &EventQuery) -> Result<EventPage, EngineError> {
        let found = self
            .store
            .event_positions(&query.filter, query.from, query.limit)
            .map_err(SystemError::from)?;
        let mut events = Vec::with_capacity(found.positions.len());
        let mut block: (Option<BlockHeight>, Vec<Receipt>) = (None, Vec::new());
        for position in found.positions {
            if block.0 != Some(position.height) {
                let receipts = self.receipts(position.height)?.unwrap_or_default();
                block = (Some(position.height), receipts);
            }
            // A block that was undone since the look at the index has taken its events with it.
            let found = record(position, &block.1);
            events.extend(found.filter(|found| matches(&query.filter, &found.event)));
        }
        Ok(EventPage {
            events,
            next: found.next,
        })
    }
}

pub(crate) fn matches(filter: &EventFilter, event: &Event) -> bool {
    match filter {
        EventFilter::Emitter(emitter) => event.emitter == *emitter,
        EventFilter::Topic(topic) => event.topics.contains(topic),
        EventFilter::Both { emitter, topic } => {
            event.emitter == *emitter && event.topics.contains(topic)
        }
    }
}

fn record(position: EventPosition, receipts: &[Receipt]) -> Option<EventRecord> {
    let receipt = receipts.get(position.tx_index as usize)?;
    let event = receipt.events.get(position.event_index as usize)?;
    Some(EventRecord {
        position,
        tx_id: receipt.tx_id,
        event: event.clone(),
    })
}
