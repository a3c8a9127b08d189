//! The state as one run of one transaction sees it.
//!
//! Invariant: the first read of a key decides what every later read of it gives in this run, and it is in the read set
//! with its origin, so that the committer can tell whether it still holds.

use std::cell::Cell;
use std::hash::Hash;
use std::ops::Bound;

use super::cell::{Found, Origin};
use super::memory::{KeyId, MvMemory};
use super::progress::Progress;
use super::slot::{AddSet, Read, ReadSet, Region, Sum, SumState, WriteSet};
use super::validate::first_stale;
use crate::base::Base;
use crate::cancel::Cancel;
use crate::delta::{Additions, Delta, OutOfBounds};
use crate::sync::{EXPLORED, yield_now};
use crate::types::{Entries, TxIndex};
use crate::vm::{Stop, View};

/// A run that only reads looks so often whether it should stop.
const READS_BETWEEN_LOOKS: u32 = 32;
/// A run that looks so often while the frontier stands still asks whether it is for its own worker to move it.
const PATIENCE: u32 = if EXPLORED { 1 } else { 1 << 10 };

/// Why the view ended a run.
#[derive(Debug)]
pub(crate) enum Halt<K, E> {
    /// It read what this lower transaction is about to write again, and where.
    Blocked(TxIndex, K),
    /// All below is final, and something it had read is not so.
    Stale,
    /// The frontier has waited for its worker for long.
    HoldsUp,
    /// The whole run of the block is over.
    Over,
    /// The caller wants it to be over.
    Cancelled,
    /// The base failed.
    Base(E),
    /// The base has no ranges.
    Unordered,
}

/// What a view stands on.
pub(crate) struct Ground<'a, B: Base, D> {
    pub(crate) memory: &'a MvMemory<B::Key, B::Value, D>,
    pub(crate) base: &'a B,
    pub(crate) progress: &'a Progress,
    pub(crate) cancel: Option<&'a Cancel>,
    /// Whether the frontier waits for the worker that makes this run.
    pub(crate) is_awaited: &'a dyn Fn() -> bool,
}

/// Where a view puts what the run does.
pub(crate) struct Sets<'a, B: Base, D> {
    pub(crate) reads: &'a mut ReadSet<B::Key, B::Value>,
    pub(crate) regions: &'a mut Vec<Region<B::Key>>,
    pub(crate) writes: &'a mut WriteSet<B::Key, B::Value>,
    pub(crate) adds: &'a mut AddSet<B::Key, B::Value, D>,
}

/// A run's view.
pub(crate) struct RunView<'a, B: Base, D> {
    pub(crate) ground: Ground<'a, B, D>,
    pub(crate) tx: TxIndex,
    pub(crate) sets: Sets<'a, B, D>,
    halt: Cell<Option<Halt<B::Key, B::Error>>>,
    halted: Cell<bool>,
    /// Every read was found to hold while the transaction stood at the frontier; so will all later ones.
    final_state: Cell<bool>,
    reads_made: u32,
    /// Where the frontier was at the last look, and how often in a row.
    seen: Cell<(TxIndex, u32)>,
}

impl<'a, B, D> RunView<'a, B, D>
where
    B: Base<Key: Clone + Eq + Hash + Ord, Value: Clone + Eq>,
    D: Delta<B::Value>,
{
    /// A view of `tx` with empty sets. `in_place` says that the committer runs it at the frontier.
    pub(crate) fn new(
        ground: Ground<'a, B, D>,
        tx: TxIndex,
        in_place: bool,
        sets: Sets<'a, B, D>,
    ) -> Self {
        Self {
            ground,
            tx,
            sets,
            halt: Cell::new(None),
            halted: Cell::new(false),
            final_state: Cell::new(in_place),
            reads_made: 0,
            seen: Cell::new((tx, 0)),
        }
    }

    /// Why the view ended the run, if it did; nothing else that the Vm said counts then.
    pub(crate) fn into_halt(self) -> Option<Halt<B::Key, B::Error>> {
        self.halt.into_inner()
    }

    /// Every so many reads, and after a stop, asks whether the run goes on.
    pub(crate) fn look(&mut self) -> Result<(), Stop> {
        self.reads_made = self.reads_made.wrapping_add(1);
        let looks = self.reads_made.is_multiple_of(READS_BETWEEN_LOOKS);
        if self.halted.get() || looks && self.should_stop() {
            return Err(Stop::by_view());
        }
        Ok(())
    }

    pub(crate) fn stop(&self, halt: Halt<B::Key, B::Error>) -> Stop {
        self.halt.set(Some(halt));
        self.halted.set(true);
        Stop::by_view()
    }

    /// The first read of a key.
    fn fetch(&mut self, key: &B::Key) -> Result<Option<B::Value>, Stop> {
        let memory = self.ground.memory;
        let id = memory.intern(key);
        let (origin, value) = match memory.read(id, self.tx) {
            _ if self.found_absent(key) => (Origin::Several, None),
            Found::Value(origin, value) => (origin, value),
            Found::Estimate(writer) => return Err(self.stop(Halt::Blocked(writer, key.clone()))),
            Found::Unknown => (Origin::Base, self.ask_base(id, key)?),
        };
        let read = Read {
            id,
            origin,
            value: value.clone(),
        };
        self.sets.reads.push(key.clone(), read);
        Ok(value)
    }

    /// Makes a present value that was found a read.
    pub(crate) fn note(
        &mut self,
        key: &B::Key,
        id: KeyId,
        origin: Origin,
        value: B::Value,
    ) -> B::Value {
        let read = Read {
            id,
            origin,
            value: Some(value.clone()),
        };
        self.sets.reads.push(key.clone(), read);
        value
    }

    /// What the base says about a key that it has not been asked for yet.
    fn ask_base(&self, id: KeyId, key: &B::Key) -> Result<Option<B::Value>, Stop> {
        match self.ground.base.read(key) {
            Ok(value) => {
                self.ground.memory.remember_base(id, value.clone());
                Ok(value)
            }
            Err(error) => Err(self.stop(Halt::Base(error))),
        }
    }

    /// Makes the read and the write that together say what the run has added to `key`, now that it wants to know.
    pub(crate) fn read_sum(&mut self, key: &B::Key) -> Option<Option<B::Value>> {
        let sum = self.sets.adds.get_mut(key)?;
        if sum.state != SumState::Open {
            return None;
        }
        sum.state = SumState::Read;
        let read = Read {
            id: sum.id,
            origin: sum.origin,
            value: sum.below.take(),
        };
        let now = sum.now.take();
        if sum.additions.any() {
            self.sets.writes.push(key.clone(), now.clone());
        }
        self.sets.reads.push(key.clone(), read);
        Some(now)
    }

    /// The first addition to a key that was neither read nor written before.
    fn begin_sum(&mut self, key: B::Key, delta: D) -> Result<Result<(), OutOfBounds>, Stop> {
        let memory = self.ground.memory;
        let id = memory.intern(&key);
        let (origin, below) = match memory.guess(id, self.tx) {
            Found::Value(origin, value) => (origin, value),
            Found::Estimate(writer) => return Err(self.stop(Halt::Blocked(writer, key))),
            Found::Unknown => (Origin::Several, self.ask_base(id, &key)?),
        };
        let after = delta.apply(below.as_ref());
        let outcome = after.as_ref().map_or(Err(OutOfBounds), |_| Ok(()));
        let sum = Sum {
            id,
            origin,
            now: after.unwrap_or_else(|_| below.clone()),
            below,
            additions: Additions::new(delta, outcome),
            state: SumState::Open,
        };
        self.sets.adds.push(key, sum);
        Ok(outcome)
    }

    /// A write makes what was added before meaningless, but for the outcomes that the run was told.
    fn overwrite(&mut self, key: &B::Key) {
        if let Some(sum) = self.sets.adds.get_mut(key)
            && sum.state == SumState::Open
        {
            sum.state = SumState::Overwritten;
        }
    }

    /// At the frontier all below is final, so that a run can tell for itself whether it still counts.
    fn find_stale(&self) -> bool {
        if self.final_state.get() || self.ground.progress.frontier() != self.tx {
            return false;
        }
        let memory = self.ground.memory;
        let sums = self.sets.adds.as_slice();
        let holds = first_stale(memory, self.tx, self.sets.reads, self.sets.regions).is_none()
            && sums.iter().all(|(_, sum)| {
                sum.state == SumState::Read
                    || memory.repeat(sum.id, self.tx, &sum.additions).is_some()
            });
        self.final_state.set(holds);
        !holds
    }

    /// Whether the frontier cannot move because of this run. A run ahead may see what no order of transactions gives and
    /// never end by itself. If it is at the frontier, [`Self::find_stale`] ends it; if all workers make such runs above
    /// the frontier, one has to give up for the frontier to move.
    fn holds_up(&self) -> bool {
        let frontier = self.ground.progress.frontier();
        if self.final_state.get() || frontier == self.tx {
            return false;
        }
        let (seen, looks) = self.seen.get();
        let looks = if seen == frontier {
            looks.saturating_add(1)
        } else {
            0
        };
        let is_late = looks >= PATIENCE;
        self.seen.set((frontier, if is_late { 0 } else { looks }));
        if !is_late {
            return false;
        }
        if (self.ground.is_awaited)() {
            return true;
        }
        // With fewer cores than threads the one that could move the frontier may have none.
        yield_now();
        false
    }
}

impl<B, D> View for RunView<'_, B, D>
where
    B: Base<Key: Clone + Eq + Hash + Ord, Value: Clone + Eq>,
    D: Delta<B::Value>,
{
    type Key = B::Key;
    type Value = B::Value;
    type Delta = D;

    fn read(&mut self, key: &B::Key) -> Result<Option<B::Value>, Stop> {
        self.look()?;
        if let Some(written) = self.sets.writes.get(key) {
            return Ok(written.clone());
        }
        if let Some(read) = self.sets.reads.get(key) {
            return Ok(read.value.clone());
        }
        match self.read_sum(key) {
            Some(value) => Ok(value),
            None => self.fetch(key),
        }
    }

    fn scan(
        &mut self,
        from: Bound<&B::Key>,
        to: Bound<&B::Key>,
        limit: usize,
    ) -> Result<Entries<B::Key, B::Value>, Stop> {
        self.look()?;
        self.page(from, to, limit)
    }

    fn write(&mut self, key: B::Key, value: B::Value) {
        self.overwrite(&key);
        self.sets.writes.insert(key, Some(value));
    }

    fn delete(&mut self, key: B::Key) {
        self.overwrite(&key);
        self.sets.writes.insert(key, None);
    }

    fn add(&mut self, key: B::Key, delta: D) -> Result<Result<(), OutOfBounds>, Stop> {
        self.look()?;
        if let Some(written) = self.sets.writes.get_mut(&key) {
            return Ok(delta.apply(written.as_ref()).map(|after| *written = after));
        }
        if let Some(read) = self.sets.reads.get(&key) {
            return Ok(delta
                .apply(read.value.as_ref())
                .map(|after| self.sets.writes.push(key, after)));
        }
        if self.found_absent(&key) {
            let below = self.fetch(&key)?;
            return Ok(delta
                .apply(below.as_ref())
                .map(|after| self.sets.writes.push(key, after)));
        }
        match self.sets.adds.get_mut(&key) {
            Some(sum) => {
                let after = delta.apply(sum.now.as_ref());
                let outcome = after.map(|after| sum.now = after);
                sum.additions.push(delta, outcome);
                Ok(outcome)
            }
            None => self.begin_sum(key, delta),
        }
    }

    fn should_stop(&self) -> bool {
        if self.halted.get() {
            return true;
        }
        if self.ground.progress.is_over() {
            self.stop(Halt::Over);
        } else if self.ground.cancel.is_some_and(Cancel::is_cancelled) {
            self.stop(Halt::Cancelled);
        } else if self.find_stale() {
            self.stop(Halt::Stale);
        } else if self.holds_up() {
            self.stop(Halt::HoldsUp);
        }
        self.halted.get()
    }
}
