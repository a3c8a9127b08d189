//! The state as one run of one transaction sees it.
//!
//! Invariant: the first read of a key decides what every later read of it gives in this run, and it is in the read set
//! with its origin, so that the committer can tell whether it still holds.

use std::cell::Cell;
use std::hash::Hash;

use super::cell::{Found, Origin};
use super::memory::MvMemory;
use super::progress::Progress;
use super::slot::{Read, ReadSet, WriteSet};
use crate::base::Base;
use crate::types::TxIndex;
use crate::vm::{Stop, View};

/// A run that only reads looks so often whether it should stop.
const READS_BETWEEN_LOOKS: u32 = 32;

/// Why the view ended a run.
#[derive(Debug)]
pub(crate) enum Halt<E> {
    /// It read what this lower transaction is about to write again.
    Blocked(TxIndex),
    /// All below is final, and something it had read is not so.
    Stale,
    /// The whole run of the block is over.
    Over,
    /// The base failed.
    Base(E),
}

/// What a view stands on.
pub(crate) struct Ground<'a, B: Base> {
    pub(crate) memory: &'a MvMemory<B::Key, B::Value>,
    pub(crate) base: &'a B,
    pub(crate) progress: &'a Progress,
}

/// A run's view.
pub(crate) struct RunView<'a, B: Base> {
    ground: Ground<'a, B>,
    tx: TxIndex,
    reads: &'a mut ReadSet<B::Key, B::Value>,
    writes: &'a mut WriteSet<B::Key, B::Value>,
    halt: Cell<Option<Halt<B::Error>>>,
    halted: Cell<bool>,
    /// Every read was found to hold while the transaction stood at the frontier; so will all later ones.
    final_state: Cell<bool>,
    reads_made: u32,
}

impl<'a, B> RunView<'a, B>
where
    B: Base<Key: Clone + Eq + Hash, Value: Clone + Eq>,
{
    /// A view of `tx` with empty sets. `in_place` says that the committer runs it at the frontier.
    pub(crate) fn new(
        ground: Ground<'a, B>,
        tx: TxIndex,
        in_place: bool,
        reads: &'a mut ReadSet<B::Key, B::Value>,
        writes: &'a mut WriteSet<B::Key, B::Value>,
    ) -> Self {
        Self {
            ground,
            tx,
            reads,
            writes,
            halt: Cell::new(None),
            halted: Cell::new(false),
            final_state: Cell::new(in_place),
            reads_made: 0,
        }
    }

    /// Why the view ended the run, if it did; nothing else that the Vm said counts then.
    pub(crate) fn into_halt(self) -> Option<Halt<B::Error>> {
        self.halt.into_inner()
    }

    fn stop(&self, halt: Halt<B::Error>) -> Stop {
        self.halt.set(Some(halt));
        self.halted.set(true);
        Stop::by_view()
    }

    /// The first read of a key.
    fn fetch(&mut self, key: &B::Key) -> Result<Option<B::Value>, Stop> {
        let memory = self.ground.memory;
        let id = memory.intern(key);
        let (origin, value) = match memory.read(id, self.tx) {
            Found::Value(origin, value) => (origin, value),
            Found::Estimate(writer) => return Err(self.stop(Halt::Blocked(writer))),
            Found::Unknown => match self.ground.base.read(key) {
                Ok(value) => {
                    memory.remember_base(id, value.clone());
                    (Origin::Base, value)
                }
                Err(error) => return Err(self.stop(Halt::Base(error))),
            },
        };
        self.reads.push(
            key.clone(),
            Read {
                id,
                origin,
                value: value.clone(),
            },
        );
        Ok(value)
    }

    /// At the frontier all below is final, so that a run can tell for itself whether it still counts.
    fn find_stale(&self) -> bool {
        if self.final_state.get() || self.ground.progress.frontier() != self.tx {
            return false;
        }
        let holds = self.reads.as_slice().iter().all(|(_, read)| {
            self.ground
                .memory
                .still_holds(read.id, self.tx, read.origin, read.value.as_ref())
        });
        self.final_state.set(holds);
        !holds
    }
}

impl<B> View for RunView<'_, B>
where
    B: Base<Key: Clone + Eq + Hash, Value: Clone + Eq>,
{
    type Key = B::Key;
    type Value = B::Value;

    fn read(&mut self, key: &B::Key) -> Result<Option<B::Value>, Stop> {
        self.reads_made = self.reads_made.wrapping_add(1);
        let looks = self.reads_made.is_multiple_of(READS_BETWEEN_LOOKS);
        if self.halted.get() || looks && self.should_stop() {
            return Err(Stop::by_view());
        }
        if let Some(written) = self.writes.get(key) {
            return Ok(written.clone());
        }
        if let Some(read) = self.reads.get(key) {
            return Ok(read.value.clone());
        }
        self.fetch(key)
    }

    fn write(&mut self, key: B::Key, value: B::Value) {
        self.writes.insert(key, Some(value));
    }

    fn delete(&mut self, key: B::Key) {
        self.writes.insert(key, None);
    }

    fn should_stop(&self) -> bool {
        if self.halted.get() {
            return true;
        }
        if self.ground.progress.is_over() {
            self.stop(Halt::Over);
        } else if self.find_stale() {
            self.stop(Halt::Stale);
        }
        self.halted.get()
    }
}
