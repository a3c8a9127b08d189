//! The loop of one worker: commit what it has run itself, else run what was put back, else check what may have read too
//! early, else run ahead, else commit what others have run, else rest.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::commit::Share;
use super::execute::Scratch;
use super::run::Run;
use super::status::{Owner, Phase, next_incarnation};
use super::validate::first_stale;
use super::view::Halt;
use crate::base::Base;
use crate::faults::{Fault, planted, validate_early};
use crate::sink::Sink;
use crate::sync::{Ordering, lock};
use crate::types::{Incarnation, TxIndex, Version};
use crate::vm::Vm;

impl<M, B, S> Run<'_, M, B, S>
where
    M: Vm,
    B: Base<Key = M::Key, Value = M::Value>,
    S: Sink<M::Key, M::Value, M::Output>,
{
    /// Works until the run is over. A panic outside the Vm, of a sink for instance, ends the run and is kept.
    pub(crate) fn work(&self, worker: usize) {
        let spare = {
            let mut records = lock(&self.records);
            let left = records.len().saturating_sub(self.window);
            records.split_off(left)
        };
        let scratch = Scratch::new(Owner::new(worker), spare, self.window);
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.work_on(scratch))) {
            lock(&self.panic).get_or_insert(payload);
            self.end();
        }
    }

    fn work_on(&self, mut scratch: Scratch<M>) {
        while !self.progress.is_over() {
            self.end_if_done_or_cancelled();
            // The frontier is a cache line that the committer writes all the time: to look there after every transaction
            // would cost both more than it brings.
            let did_something = mem::take(&mut scratch.gave_up)
                && self.commit(&mut scratch, Share::All)
                || scratch.batch.is_empty() && self.commit(&mut scratch, Share::Own)
                || self.run_next(&mut scratch)
                || self.commit(&mut scratch, Share::All);
            if did_something {
                continue;
            }
            // Nobody rings when a run is cancelled; while transactions are still to come, all may be asleep then.
            let rings = self.input.is_complete();
            self.idle.wait(rings, || self.has_work());
            // Whoever rang did so for one; with more to do, ring for the next.
            self.idle.ring(|| self.has_work_for_many());
        }
        self.executions
            .fetch_add(scratch.executions, Ordering::Relaxed);
        let mut records = lock(&self.records);
        records.push(scratch.record);
        records.append(&mut scratch.spare);
    }

    fn has_work(&self) -> bool {
        self.progress.is_over()
            || !self.committer.is_taken()
                && self.frontier_waits_for_anyone()
                && !planted(Fault::ForgetFrontier)
            || self.has_work_for_many()
            || self.is_done()
            || self.is_cancelled()
    }

    /// Whether there is something to do that is not the committer's.
    pub(crate) fn has_work_for_many(&self) -> bool {
        self.progress.is_open(self.input.total())
            || !self.requeue.is_empty()
            || self.progress.has_suspects()
    }

    /// Does one thing that is not the committer's, if there is one.
    fn run_next(&self, scratch: &mut Scratch<M>) -> bool {
        if let Some(version) = self.next_put_back() {
            self.run_ahead(version, scratch);
        } else if let Some(tx) = self.progress.next_suspect() {
            self.check(tx, scratch);
        } else if let Some(version) = self.next_of_batch(scratch) {
            let has_not_run = |phase| phase != Phase::Executed;
            let hint = self.hints.before(self.vm, &self.input, version.tx);
            if !hint.is_some_and(|before| self.park(before, version, None, has_not_run)) {
                self.run_ahead(version, scratch);
            }
        } else {
            return false;
        }
        true
    }

    /// Takes ownership of a transaction that has left its owner.
    fn next_put_back(&self) -> Option<Version> {
        loop {
            let tx = self.requeue.pop()?;
            let status = &self.ring.of(tx).status;
            let seen = status.load();
            // Otherwise the committer was faster.
            if seen.version.tx == tx && seen.phase == Phase::Ready && status.claim(seen) {
                return Some(seen.version);
            }
        }
    }

    /// The next transaction that the cursor has given to this worker, or gives now.
    fn next_of_batch(&self, scratch: &mut Scratch<M>) -> Option<Version> {
        if scratch.batch.is_empty() {
            scratch.batch = self.progress.take(self.input.total(), false)?;
        }
        scratch.next_of_batch()
    }

    /// Runs a transaction on whatever state there is, for the committer to judge. What its last run has made visible, if
    /// anything, stands in `scratch.visible`.
    pub(crate) fn run_ahead(&self, version: Version, scratch: &mut Scratch<M>) {
        let slot = self.ring.of(version.tx);
        self.estimate_visible(version.tx, scratch);
        let halt = self.execute(version.tx, false, scratch);
        match halt {
            None => self.publish(version, scratch),
            Some(Halt::Base(_) | Halt::Unordered) => {
                // The base is asked again when it counts.
                scratch.record.writes.clear();
                scratch.record.adds.clear();
                scratch.record.outcome = None;
            }
            Some(
                Halt::Blocked(..) | Halt::Stale | Halt::HoldsUp | Halt::Cancelled | Halt::Over,
            ) => {}
        }
        self.remove_unwritten(version.tx, scratch);
        match halt {
            None | Some(Halt::Base(_) | Halt::Unordered) => {
                let record = &scratch.record;
                validate_early(version.tx, || {
                    first_stale(&self.memory, version.tx, &record.reads, &record.regions).is_none()
                });
                slot.shelf.lock().record = Some(scratch.give_record());
                slot.status.leave_executed(version, scratch.owner);
            }
            Some(Halt::Blocked(writer, key)) => {
                self.wait_for(writer, next_incarnation(version), key);
            }
            Some(Halt::Stale | Halt::HoldsUp | Halt::Cancelled) => {
                scratch.gave_up = true;
                slot.status.leave(next_incarnation(version), Phase::Ready);
            }
            Some(Halt::Over) => {}
        }
    }

    /// Puts a transaction behind the lower one that is about to write what it read.
    fn wait_for(&self, writer: TxIndex, version: Version, key: M::Key) {
        let is_running = |phase| phase == Phase::Executing;
        if !self.park(writer, version, Some(key), is_running) {
            let status = &self.ring.of(version.tx).status;
            status.leave(version, Phase::Ready);
            self.requeue.push(version.tx);
        }
    }

    /// Gives up an owned transaction until `before` is committed, if that is still to come and stands as `if_it_is` says.
    pub(super) fn park(
        &self,
        before: TxIndex,
        version: Version,
        key: Option<M::Key>,
        if_it_is: impl Fn(Phase) -> bool,
    ) -> bool {
        let own = self.ring.of(version.tx);
        let slot = self.ring.of(before);
        self.requeue.block();
        {
            let mut shelf = slot.shelf.lock();
            let seen = slot.status.load();
            if seen.version.tx == before
                && if_it_is(seen.phase)
                && self.progress.frontier() <= before
            {
                // Locks are nested upwards only: `before` is the lower one, and if it is committed meanwhile, its slot is
                // spared until it is unlocked; see `Ring::new`.
                let mut own_shelf = own.shelf.lock();
                own_shelf.waits = own_shelf.waits.saturating_add(1);
                own_shelf.waited_on = key.or(own_shelf.waited_on.take());
                drop(own_shelf);
                shelf.waiters.push(version.tx);
                own.status.leave(version, Phase::Blocked);
                return true;
            }
        }
        self.requeue.unblock(1);
        false
    }
}

impl<M: Vm> Scratch<M> {
    /// Takes the next transaction of the batch: its first run is to come.
    pub(crate) fn next_of_batch(&mut self) -> Option<Version> {
        let tx = self.batch.next()?;
        Some(Version {
            tx: TxIndex::new(tx),
            incarnation: Incarnation::new(0),
        })
    }
}
