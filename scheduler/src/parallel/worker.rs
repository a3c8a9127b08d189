//! The loop of one worker: commit what waits at the frontier, else run what was blocked, else run ahead, else rest.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::execute::Scratch;
use super::faults::{Fault, planted, validate_early};
use super::run::Run;
use super::status::{Phase, next_incarnation};
use super::sync::{Ordering, lock};
use super::validate::first_stale;
use super::view::Halt;
use crate::base::Base;
use crate::sink::Sink;
use crate::types::{TxIndex, Version};
use crate::vm::Vm;

impl<M, B, S> Run<'_, M, B, S>
where
    M: Vm,
    B: Base<Key = M::Key, Value = M::Value>,
    S: Sink<M::Key, M::Value, M::Output>,
{
    /// Works until the run is over. A panic outside the Vm, of a sink for instance, ends the run and is kept.
    pub(crate) fn work(&self) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.work_on())) {
            lock(&self.panic).get_or_insert(payload);
            self.end();
        }
    }

    fn work_on(&self) {
        let mut scratch = Scratch::new(self.txs.len());
        while !self.progress.is_over() {
            self.end_if_cancelled();
            if self.commit(&mut scratch) {
                continue;
            }
            if let Some(version) = self.next() {
                self.run_ahead(version, &mut scratch);
                continue;
            }
            self.idle.wait(|| self.has_work());
            // Whoever rang did so for one; with more to do, ring for the next.
            self.idle
                .ring(|| self.progress.is_open() || !self.requeue.is_empty());
        }
        self.executions
            .fetch_add(scratch.executions, Ordering::Relaxed);
    }

    fn has_work(&self) -> bool {
        self.progress.is_over()
            || !self.progress.is_committing()
                && self.frontier_waits()
                && !planted(Fault::ForgetFrontier)
            || self.progress.is_open()
            || !self.requeue.is_empty()
    }

    /// Takes ownership of a transaction to run ahead of the frontier.
    fn next(&self) -> Option<Version> {
        loop {
            let woken = self.requeue.pop();
            let tx = woken.or_else(|| self.progress.take())?;
            let status = &self.ring.of(tx).status;
            let seen = status.load();
            // Otherwise the committer was faster.
            if seen.version.tx != tx || seen.phase != Phase::Ready || !status.claim(seen) {
                continue;
            }
            let hinted = self.hints.before(tx).filter(|_| woken.is_none());
            let parked = |before| {
                let has_not_run = |phase| phase != Phase::Executed;
                self.park(before, seen.version, has_not_run)
            };
            if !hinted.is_some_and(parked) {
                return Some(seen.version);
            }
        }
    }

    /// Runs a transaction on whatever state there is, for the committer to judge.
    fn run_ahead(&self, version: Version, scratch: &mut Scratch<M>) {
        let slot = self.ring.of(version.tx);
        match self.execute(version.tx, false, scratch) {
            None => self.publish(version, scratch),
            Some(Halt::Blocked(writer)) => return self.wait_for(writer, next_incarnation(version)),
            Some(Halt::Stale | Halt::Cancelled) => {
                return slot.status.leave(next_incarnation(version), Phase::Ready);
            }
            Some(Halt::Over) => return,
            // The base is asked again when it counts.
            Some(Halt::Base(_) | Halt::Unordered) => {
                scratch.record.writes.clear();
                scratch.record.adds.clear();
                scratch.record.outcome = None;
            }
        }
        let record = &scratch.record;
        validate_early(version.tx, || {
            first_stale(&self.memory, version.tx, &record.reads, &record.regions).is_none()
        });
        {
            let mut shelf = lock(&slot.shelf);
            mem::swap(&mut shelf.record, &mut scratch.record);
        }
        slot.status.leave(version, Phase::Executed);
    }

    /// Puts a transaction behind the lower one that is about to write what it read.
    fn wait_for(&self, writer: TxIndex, version: Version) {
        if !self.park(writer, version, |phase| phase == Phase::Executing) {
            let status = &self.ring.of(version.tx).status;
            status.leave(version, Phase::Ready);
            self.requeue.push(version.tx);
        }
    }

    /// Gives up an owned transaction until `before` is committed, if that is still to come and stands as `if_it_is` says.
    fn park(&self, before: TxIndex, version: Version, if_it_is: impl Fn(Phase) -> bool) -> bool {
        let own = self.ring.of(version.tx);
        let slot = self.ring.of(before);
        self.requeue.block();
        {
            let mut shelf = lock(&slot.shelf);
            let seen = slot.status.load();
            if seen.version.tx == before && if_it_is(seen.phase) {
                shelf.waiters.push(version.tx);
                own.waits.fetch_add(1, Ordering::Relaxed);
                own.status.leave(version, Phase::Blocked);
                return true;
            }
        }
        self.requeue.unblock(1);
        false
    }
}
