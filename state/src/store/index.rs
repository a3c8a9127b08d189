//! Finding transactions and events: what they are indexed by, and events page by page.
//!
//! Events stand in lists of positions, one list or more for each emitter and topic of a block; the key ends with the last
//! position of its list, so that one seek finds the list in which a position is or would be.
//!
//! Invariant: the entries of a block follow from its height and its receipts alone, so they are written, undone and
//! pruned without being looked up.

use std::ops::ControlFlow;

use ordlane_primitives::{Address, BlockHeight, Hash, Receipt, TxId};

use super::{StateStore, keys};
use crate::{Space, StateError, Storage, WriteEntry};

/// Most events that are told at once.
pub const MAX_EVENT_PAGE: usize = 1_000;
/// Most positions of one filter that are looked at for one page.
const MAX_EVENTS_SCANNED: usize = 100_000;
/// Most positions in one list.
const POSITIONS_PER_LIST: usize = 512;

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

    /// The position right behind this one.
    fn next(self) -> Option<Self> {
        let Self {
            height,
            tx_index,
            event_index,
        } = self;
        let event = event_index.checked_add(1).map(|event_index| Self {
            event_index,
            ..self
        });
        let tx = || {
            tx_index.checked_add(1).map(|tx_index| Self {
                tx_index,
                ..Self::start_of(height)
            })
        };
        event
            .or_else(tx)
            .or_else(|| height.next().map(Self::start_of))
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
        self.core.check_healthy()?;
        let horizon = self.history.horizon();
        let mut found = None;
        let mut error = None;
        // One whose block is being committed stands before the last durable one.
        self.core
            .storage
            .scan(Space::TxIndex, &tx_id.0, &mut |key, _| {
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
        self.core.check_healthy()?;
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
        let mut lists = filter
            .words()
            .map(|word| word.map(|word| Lists::new(self.core.storage.as_ref(), word)));
        let last = |position: &EventPosition| position.height <= tip.height;
        let mut page = EventPositions {
            positions: Vec::new(),
            next: Some(from),
        };
        for _ in 0..MAX_EVENTS_SCANNED {
            let Some(from) = page.next.take() else {
                break;
            };
            let [first, second] = &mut lists;
            // A block that is being committed is there before it is acknowledged.
            let Some(candidate) = first_from(first, from)?.filter(last) else {
                break;
            };
            let Some(found) = first_from(second, candidate)?.filter(last) else {
                break;
            };
            if found != candidate {
                page.next = Some(found);
                continue;
            }
            if page.positions.len() == limit {
                page.next = Some(found);
                break;
            }
            page.positions.push(found);
            page.next = found.next();
        }
        Ok(page)
    }
}

/// The first position in the lists of a word, at or behind one; where no word is asked for, any position will do.
fn first_from(
    lists: &mut Option<Lists<'_>>,
    from: EventPosition,
) -> Result<Option<EventPosition>, StateError> {
    lists
        .as_mut()
        .map_or(Ok(Some(from)), |lists| lists.first_from(from))
}

impl EventFilter {
    /// What to look for: one word, or two that an event must have both.
    fn words(&self) -> [Option<Word>; 2] {
        let by_emitter = |emitter: &Address| word(BY_EMITTER, emitter.as_bytes());
        let by_topic = |topic: &Hash| word(BY_TOPIC, &topic.0);
        match self {
            Self::Emitter(emitter) => [Some(by_emitter(emitter)), None],
            Self::Topic(topic) => [Some(by_topic(topic)), None],
            Self::Both { emitter, topic } => [Some(by_topic(topic)), Some(by_emitter(emitter))],
        }
    }
}

/// The lists of one word, of which one at a time is held.
struct Lists<'a> {
    storage: &'a dyn Storage,
    word: Word,
    list: Vec<EventPosition>,
}

impl<'a> Lists<'a> {
    const fn new(storage: &'a dyn Storage, word: Word) -> Self {
        Self {
            storage,
            word,
            list: Vec::new(),
        }
    }

    /// The first position at or behind one. It is asked in ascending order.
    fn first_from(&mut self, from: EventPosition) -> Result<Option<EventPosition>, StateError> {
        if self.list.last().is_none_or(|last| *last < from) {
            self.list = self.load(from)?;
        }
        let at = self.list.partition_point(|position| *position < from);
        Ok(self.list.get(at).copied())
    }

    /// The first list that ends at a position or behind it.
    fn load(&self, from: EventPosition) -> Result<Vec<EventPosition>, StateError> {
        let key = keys::event_key(&self.word, from);
        match self.storage.first_at_or_after(Space::EventIndex, &key)? {
            Some((key, list)) if key.starts_with(&self.word) => read_list(&key, &list),
            _ => Ok(Vec::new()),
        }
    }
}

/// Everything that the indexes say about a block: its transactions and its events.
pub(super) fn entries(height: BlockHeight, receipts: &[Receipt]) -> Vec<WriteEntry> {
    let mut entries = Vec::new();
    let mut words: Vec<(Word, u32, u32)> = Vec::new();
    for (tx_index, receipt) in (0_u32..).zip(receipts) {
        let key = keys::tx_key(&receipt.tx_id, height, tx_index);
        entries.push((Space::TxIndex, key, Some(Vec::new())));
        for (event_index, event) in (0_u32..).zip(&receipt.events) {
            let mut add = |word| words.push((word, tx_index, event_index));
            add(word(BY_EMITTER, event.emitter.as_bytes()));
            for topic in &event.topics {
                add(word(BY_TOPIC, &topic.0));
            }
        }
    }
    words.sort_unstable();
    words.dedup();
    for of_word in words.chunk_by(|(a, ..), (b, ..)| a == b) {
        for list in of_word.chunks(POSITIONS_PER_LIST) {
            entries.extend(list_entry(height, list));
        }
    }
    entries
}

/// What events are found by: which of the two kinds, and 32 bytes.
type Word = [u8; 33];

/// The first byte of an emitter's word.
const BY_EMITTER: u8 = 0;
/// The first byte of a topic's word.
const BY_TOPIC: u8 = 1;

fn word(kind: u8, bytes: &[u8; 32]) -> Word {
    let mut word = [kind; 33];
    for (to, from) in word.iter_mut().skip(1).zip(bytes) {
        *to = *from;
    }
    word
}

/// The positions of one word in one block: indices of transactions and events, 4 bytes big-endian each.
fn list_entry(height: BlockHeight, list: &[(Word, u32, u32)]) -> Option<WriteEntry> {
    let &(word, tx_index, event_index) = list.last()?;
    let last = EventPosition {
        height,
        tx_index,
        event_index,
    };
    let positions = list
        .iter()
        .flat_map(|(_, tx_index, event_index)| [tx_index.to_be_bytes(), event_index.to_be_bytes()]);
    let value = positions.flatten().collect();
    Some((Space::EventIndex, keys::event_key(&word, last), Some(value)))
}

fn read_list(key: &[u8], list: &[u8]) -> Result<Vec<EventPosition>, StateError> {
    let damaged = || StateError::damaged("a list of events cannot be read");
    let (_, last) = key.split_first_chunk::<33>().ok_or_else(damaged)?;
    let last = keys::read_event_position(last)?;
    let (pairs, rest) = list.as_chunks::<8>();
    let positions: Vec<EventPosition> = pairs
        .iter()
        .map(|pair| keys::read_event_in(last.height, *pair))
        .collect();
    let whole = rest.is_empty() && positions.last() == Some(&last);
    if whole && positions.is_sorted_by(|a, b| a < b) {
        Ok(positions)
    } else {
        Err(damaged())
    }
}
