//! Events of the durable chain as they become durable, from any place in it on, each exactly once.
//!
//! A subscriber reads the store, block by block; a commit only wakes it. So nothing is kept for one who is slow, a commit
//! never waits for one, and who resumes at the cursor that he has kept misses nothing and sees nothing twice. What is in
//! memory is the block that is being told.
//!
//! Invariant: a cursor lies behind everything that was told, and the next thing that is told begins there; only undone
//! blocks move it back, and that is told first.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, PoisonError, Weak},
    time::Duration,
};

use ordlane_primitives::{BlockHash, BlockHeight, Event, TxId};
use ordlane_state::{EventFilter, EventPosition};

use crate::{
    Engine, EngineError, Head, SystemError, builder::header_at, durable::DurableChain,
    events::matches, query::receipts_at,
};

/// How many blocks a subscriber remembers, to find out how far they were undone.
const REMEMBERED: usize = 1_024;

/// A place in the list of all events: the next one to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventCursor {
    /// The block's height.
    pub height: BlockHeight,
    /// How many of the block's events, of all emitters, lie before it.
    pub index: u32,
}

impl EventCursor {
    /// Before all events of a block.
    #[must_use]
    pub const fn start_of(height: BlockHeight) -> Self {
        Self { height, index: 0 }
    }
}

/// What is subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Where to begin; what is committed next if nothing is said.
    pub from: Option<EventCursor>,
    /// Which events; all if nothing is said.
    pub filter: Option<EventFilter>,
    /// From how many blocks behind the durable one on a subscriber is told that he lags.
    pub max_lag_blocks: u64,
}

impl Default for Subscription {
    /// All events of what is committed next; 64 blocks behind are said to be a lag.
    fn default() -> Self {
        Self {
            from: None,
            filter: None,
            max_lag_blocks: 64,
        }
    }
}

/// What a subscriber is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// An event of a durable block.
    Event {
        /// Where it is.
        position: EventPosition,
        /// The transaction that made it known.
        tx_id: TxId,
        /// The event.
        event: Event,
        /// Where to resume behind it.
        next: EventCursor,
    },
    /// All events of a block were told, which is durable.
    BlockFinalized {
        /// The block.
        head: Head,
        /// Where to resume behind it.
        next: EventCursor,
    },
    /// The subscriber is so many blocks behind. What lies between is told now, and nothing is left out.
    Lagged {
        /// How many.
        blocks: u64,
    },
    /// The operator has undone blocks that were told. What was told of blocks above this one is no longer so.
    RolledBack {
        /// The block that is left.
        to: Head,
    },
}

/// Tells events; see [`Engine::subscribe`].
#[derive(Debug)]
pub struct EventStream {
    chain: Weak<DurableChain>,
    moved: Arc<Moved>,
    filter: Option<EventFilter>,
    max_lag_blocks: u64,
    cursor: EventCursor,
    /// The blocks that were told, or before which it began; the latest last.
    told: VecDeque<(BlockHeight, BlockHash)>,
    /// Notices of the block at the cursor that are still to be told.
    ready: VecDeque<Notice>,
    has_said_lag: bool,
}

/// Counts the moves of the durable block, and wakes who waits for one.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    state: Mutex<Moves>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Moves {
    count: u64,
    is_over: bool,
}

impl Moved {
    /// The durable block is another one.
    pub(crate) fn tell(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.count = state.count.wrapping_add(1);
        self.changed.notify_all();
    }

    /// There will be none any more.
    pub(crate) fn end(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_over = true;
        self.changed.notify_all();
    }

    fn count(&self) -> u64 {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.count
    }

    /// Waits until the count is another one, the engine ends, or the time is over; whether there is anything to look at.
    fn wait(&self, seen: u64, limit: Duration) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |state: &mut Moves| state.count == seen && !state.is_over;
        let (state, _) = self
            .changed
            .wait_timeout_while(state, limit, is_same)
            .unwrap_or_else(PoisonError::into_inner);
        state.count != seen
    }
}

impl Engine {
    /// Subscribes to events of durable blocks. Any number of subscribers may be there; none holds a commit up, and none
    /// keeps the store open.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ordlane::{BlockContext, Engine, Notice, Subscription};
    /// # use ordlane::primitives::{Address, ChainId, ChainParams, Genesis, TimestampMs};
    /// # let genesis = Genesis::new(ChainParams::development(ChainId(1)), TimestampMs(0), Vec::new())?;
    /// let engine = Engine::builder().genesis(genesis).build()?;
    /// let mut events = engine.subscribe(&Subscription::default());
    /// let context = BlockContext::new(TimestampMs(1), Address::ZERO);
    /// let executed = engine.execute(&engine.durable_head().hash, &context, &[])?;
    /// engine.commit(executed)?;
    /// while let Some(notice) = events.next(Duration::from_secs(1))? {
    ///     if let Notice::BlockFinalized { head, next } = notice {
    ///         println!("{} is durable; resume at {next:?}", head.height);
    ///         break;
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn subscribe(&self, subscription: &Subscription) -> EventStream {
        let durable = self.durable_head();
        let next = BlockHeight(durable.height.0.saturating_add(1));
        let cursor = subscription.from.unwrap_or(EventCursor::start_of(next));
        // Who begins behind the durable block knows it.
        let is_next = cursor == EventCursor::start_of(next);
        let told = is_next.then_some((durable.height, durable.hash));
        EventStream {
            chain: Arc::downgrade(&self.chain),
            moved: Arc::clone(&self.chain.moved),
            filter: subscription.filter,
            max_lag_blocks: subscription.max_lag_blocks,
            cursor,
            told: told.into_iter().collect(),
            ready: VecDeque::new(),
            has_said_lag: false,
        }
    }
}

impl EventStream {
    /// Where to resume: behind everything that was told.
    #[must_use]
    pub const fn cursor(&self) -> EventCursor {
        self.cursor
    }

    /// The next notice; none if there is none within `limit`, or the engine has ended.
    ///
    /// # Errors
    /// [`SystemError`] around [`StateError::Pruned`](ordlane_state::StateError::Pruned) when the events at the cursor are no
    /// longer kept, and when the store fails. The cursor stays.
    pub fn next(&mut self, limit: Duration) -> Result<Option<Notice>, EngineError> {
        loop {
            let seen = self.moved.count();
            if let Some(notice) = self.try_next()? {
                return Ok(Some(notice));
            }
            if !self.moved.wait(seen, limit) {
                return Ok(None);
            }
        }
    }

    /// The next notice, if there is one now.
    ///
    /// # Errors
    /// As [`EventStream::next`].
    pub fn try_next(&mut self) -> Result<Option<Notice>, EngineError> {
        let Some(chain) = self.chain.upgrade() else {
            return Ok(self.told_next());
        };
        if self.ready.is_empty() {
            // No block is undone while one is read.
            let _kept = chain.keep();
            let durable = chain.durable().head();
            if let Some(to) = self.undone(&chain, &durable)? {
                return Ok(Some(Notice::RolledBack { to }));
            }
            if self.cursor.height > durable.height {
                self.has_said_lag = false;
                return Ok(None);
            }
            let behind = durable.height.0.saturating_sub(self.cursor.height.0);
            if behind >= self.max_lag_blocks.max(1) && !self.has_said_lag {
                self.has_said_lag = true;
                let blocks = behind.saturating_add(1);
                return Ok(Some(Notice::Lagged { blocks }));
            }
            self.read_block(&chain)?;
        }
        Ok(self.told_next())
    }

    fn told_next(&mut self) -> Option<Notice> {
        let notice = self.ready.pop_front()?;
        match &notice {
            Notice::Event { next, .. } => self.cursor = *next,
            Notice::BlockFinalized { head, next } => {
                self.cursor = *next;
                self.told.push_back((head.height, head.hash));
                if self.told.len() > REMEMBERED {
                    self.told.pop_front();
                }
            }
            Notice::Lagged { .. } | Notice::RolledBack { .. } => {}
        }
        Some(notice)
    }

    /// The block down to which what was told has been undone, if it has. The cursor moves back behind it.
    fn undone(
        &mut self,
        chain: &DurableChain,
        durable: &Head,
    ) -> Result<Option<Head>, EngineError> {
        let mut is_undone = false;
        while let Some((height, hash)) = self.told.back().copied() {
            if height <= durable.height {
                let header = header_at(&chain.store, height)?;
                if header.hash() == hash {
                    if !is_undone {
                        return Ok(None);
                    }
                    self.cursor = EventCursor::start_of(BlockHeight(height.0.saturating_add(1)));
                    return Ok(Some(Head::of(&header, hash)));
                }
            }
            is_undone = true;
            self.told.pop_back();
        }
        // Nothing that it remembers is left, or it began in the middle and has told no whole block.
        let next = durable.height.0.saturating_add(1);
        if is_undone || self.cursor.height.0 > next {
            self.cursor = EventCursor::start_of(BlockHeight(next));
            self.told.push_back((durable.height, durable.hash));
            return Ok(Some(*durable));
        }
        Ok(None)
    }

    /// Makes the notices of the block at the cursor.
    fn read_block(&mut self, chain: &DurableChain) -> Result<(), EngineError> {
        let height = self.cursor.height;
        let header = header_at(&chain.store, height)?;
        let receipts = receipts_at(&chain.store, height)?.ok_or(SystemError::Corrupt {
            what: "receipts",
            source: None,
        })?;
        let mut index = 0_u32;
        for (tx_index, receipt) in (0_u32..).zip(receipts) {
            for (event_index, event) in (0_u32..).zip(receipt.events.iter()) {
                let here = index;
                index = index.saturating_add(1);
                let is_asked = self
                    .filter
                    .as_ref()
                    .is_none_or(|filter| matches(filter, event));
                if here < self.cursor.index || !is_asked {
                    continue;
                }
                self.ready.push_back(Notice::Event {
                    position: EventPosition {
                        height,
                        tx_index,
                        event_index,
                    },
                    tx_id: receipt.tx_id,
                    event: event.clone(),
                    next: EventCursor { height, index },
                });
            }
        }
        self.ready.push_back(Notice::BlockFinalized {
            head: Head::of(&header, header.hash()),
            next: EventCursor::start_of(BlockHeight(height.0.saturating_add(1))),
        });
        Ok(())
    }
}
