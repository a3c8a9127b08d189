//! Finding transactions and events: what they are indexed by, and events page by page.
//!
//! Invariant: the entries of a block follow from its height and its receipts alone, so they are written, undone and
//! pruned without being looked up.

use std::ops::ControlFlow;

use ordlane_primitives::{Address, BlockHeight, Hash, Receipt, TxId};

use super::{StateStore, keys};
use crate::{Space, StateError, WriteEntry};

/// Most events that are told at once.
pub const MAX_EVENT_PAGE: usize = 1_000;
/// Most entries of the index that are looked at for one page.
const MAX_EVENTS_SCANNED: usize = 100_000;

/// Where an event is in the chain. Positions order as the events happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventPosition {
    /// The block's height.
    pub height: BlockHeight,
    /// The transaction's index in the block.
    pub tx_index: u32,
    /// The event's index in the transaction's receipt.
    pub event_index: u32,
}

impl EventPosition {
    /// Where the events of a block begin.
    #[must_use]
    pub const fn start_of(height: BlockHeight) -> Self {
        Self {
            height,
            tx_index: 0,
            event_index: 0,
        }
    }
}

/// Which events are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventFilter {
    /// Those of one emitter: a contract, or a module of the protocol.
    Emitter(Address),
    /// Those that have this topic, in any place.
    Topic(Hash),
    /// Those of one emitter that have this topic.
    Both {
        /// The emitter.
        emitter: Address,
        /// The topic.
        topic: Hash,
    },
}

/// Some of the events that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventPositions {
    /// Where they are, in the order of the chain.
    pub positions: Vec<EventPosition>,
    /// From where to ask on; none when there are no more up to the tip.
    pub next: Option<EventPosition>,
}

impl StateStore {
    /// The block and the index in it of the transaction with an id, or none. Of several with one id, the last committed.
    ///
    /// # Errors
    /// [`StateError`] when it cannot be read, is damaged, or the store is poisoned.
    pub fn tx_position(&self, tx_id: &TxId) -> Result<Option<(BlockHeight, u32)>, StateError> {
        self.check_healthy()?;
        let horizon = self.history.horizon();
        let mut found = None;
        let mut error = None;
        // One whose block is being committed stands before the last durable one.
        self.storage.scan(Space::TxIndex, &tx_id.0, &mut |key, _| {
            if !key.starts_with(&tx_id.0) {
                return ControlFlow::Break(());
            }
            match keys::read_tx_key(key) {
                Ok(position) if self.is_durable(position.0) => found = Some(position),
                Ok(_) => return ControlFlow::Continue(()),
                Err(damage) => error = Some(damage),
            }
            ControlFlow::Break(())
        })?;
        match error {
            Some(error) => Err(error),
            None => Ok(found.filter(|(height, _)| height >= &*horizon)),
        }
    }

    /// Events from a position on, or from the first block that is kept: at most `limit`, and at most
    /// [`MAX_EVENT_PAGE`]. A page may have fewer than asked for and still a next one.
    ///
    /// # Errors
    /// [`StateError::Pruned`] when the position is in a block that is no longer kept; otherwise [`StateError`] when the
    /// index cannot be read, is damaged, or the store is poisoned.
    pub fn event_positions(
        &self,
        filter: &EventFilter,
        from: Option<EventPosition>,
        limit: usize,
    ) -> Result<EventPositions, StateError> {
        self.check_healthy()?;
        let horizon = self.history.horizon();
        let from = from.unwrap_or_else(|| EventPosition::start_of(*horizon));
        if from.height < *horizon {
            return Err(StateError::Pruned {
                height: from.height,
                horizon: *horizon,
            });
        }
        let limit = limit.clamp(1, MAX_EVENT_PAGE);
        let Some(tip) = self.tip() else {
            return Ok(EventPositions::default());
        };
        let (prefix, emitter) = filter.searched();
        let mut page = EventPositions::default();
        let mut scanned: usize = 0;
        let mut error = None;
        let start = keys::event_key(&prefix, from);
        self.storage
            .scan(Space::EventIndex, &start, &mut |key, value| {
                let Some(position) = key.strip_prefix(prefix.as_slice()) else {
                    return ControlFlow::Break(());
                };
                let position = match keys::read_event_position(position) {
                    Ok(position) => position,
                    Err(damage) => {
                        error = Some(damage);
                        return ControlFlow::Break(());
                    }
                };
                if position.height > tip.height {
                    return ControlFlow::Break(());
                }
                if page.positions.len() >= limit || scanned >= MAX_EVENTS_SCANNED {
                    page.next = Some(position);
                    return ControlFlow::Break(());
                }
                scanned = scanned.saturating_add(1);
                if emitter.is_none_or(|emitter| value == emitter.as_bytes()) {
                    page.positions.push(position);
                }
                ControlFlow::Continue(())
            })?;
        error.map_or(Ok(page), Err)
    }
}

impl EventFilter {
    /// The prefix of the keys to look at, and the emitter to compare.
    fn searched(&self) -> (Vec<u8>, Option<&Address>) {
        match self {
            Self::Emitter(emitter) => (emitter_prefix(emitter), None),
            Self::Topic(topic) => (topic_prefix(topic), None),
            Self::Both { emitter, topic } => (topic_prefix(topic), Some(emitter)),
        }
    }
}

/// Everything that the indexes say about a block: its transactions and its events. An event under a topic names its
/// emitter.
pub(super) fn entries(height: BlockHeight, receipts: &[Receipt]) -> Vec<WriteEntry> {
    let mut entries = Vec::new();
    for (tx_index, receipt) in (0_u32..).zip(receipts) {
        let key = keys::tx_key(&receipt.tx_id, height, tx_index);
        entries.push((Space::TxIndex, key, Some(Vec::new())));
        for (event_index, event) in (0_u32..).zip(&receipt.events) {
            let position = EventPosition {
                height,
                tx_index,
                event_index,
            };
            let key = keys::event_key(&emitter_prefix(&event.emitter), position);
            entries.push((Space::EventIndex, key, Some(Vec::new())));
            for topic in &event.topics {
                let key = keys::event_key(&topic_prefix(topic), position);
                let emitter = event.emitter.as_bytes().to_vec();
                entries.push((Space::EventIndex, key, Some(emitter)));
            }
        }
    }
    entries
}

/// The first byte of keys by emitter.
const BY_EMITTER: u8 = 0;
/// The first byte of keys by topic.
const BY_TOPIC: u8 = 1;

fn emitter_prefix(emitter: &Address) -> Vec<u8> {
    [&[BY_EMITTER], &emitter.as_bytes()[..]].concat()
}

fn topic_prefix(topic: &Hash) -> Vec<u8> {
    [&[BY_TOPIC], &topic.0[..]].concat()
}
