//! The commit frontier.
//!
//! Invariant: one thread at a time is the committer, by a lock that is only ever tried. It takes the transaction at the
//! frontier if nobody owns it: one that has run is validated against the final state below it and run again if it fails;
//! one that has not, or waits, or gave no output, is run in place. Either way its result is then what sequential execution gives.
//!
//! No wake-up is lost. A worker that moves a transaction on looks at the frontier afterwards and tries the lock; a
//! committer that gives the lock back looks at the frontier afterwards, too. Fences on both sides make one see the other.
//! For the same reason a worker may rest while the frontier waits and someone is marked as the committer.

use std::error::Error;
use std::mem;
use std::sync::TryLockError;

use super::execute::Scratch;
use super::faults::{Fault, planted, was_valid_early};
use super::run::Run;
use super::status::{Phase, next_incarnation};
use super::sync::{Ordering, fence, lock};
use super::validate::first_stale;
use super::view::Halt;
use super::window::Window;
use crate::attempt::Outcome;
use crate::base::Base;
use crate::cancel::Cancel;
use crate::error::RunError;
use crate::executor::Summary;
use crate::sink::{Flow, Sink};
use crate::trace::Trace;
use crate::types::{TxIndex, Version};
use crate::vm::Vm;

/// What only the committer touches.
#[derive(Debug)]
pub(crate) struct Committer<'a, K, S, E: Error + 'static> {
    sink: &'a mut S,
    trace: Option<&'a mut Trace<K>>,
    /// The key that the transaction at the frontier had read too early; kept for the trace.
    conflict: Option<K>,
    window: Window,
    pub(crate) summary: Summary,
    pub(crate) error: Option<RunError<E>>,
}

impl<'a, K, S, E: Error> Committer<'a, K, S, E> {
    pub(crate) fn new(sink: &'a mut S, trace: Option<&'a mut Trace<K>>, window: Window) -> Self {
        Self {
            sink,
            trace,
            conflict: None,
            window,
            summary: Summary::default(),
            error: None,
        }
    }
}

/// What the committer found at the frontier.
enum Turn {
    /// A final result lies in the committer's record.
    Settled(Version),
    /// Someone else has the transaction and will look here when it is done.
    Owned,
}

impl<M, B, S> Run<'_, M, B, S>
where
    M: Vm,
    B: Base<Key = M::Key, Value = M::Value>,
    S: Sink<M::Key, M::Value, M::Output>,
{
    /// Commits what can be committed, unless someone else is at it; `true` if that was something.
    pub(crate) fn commit(&self, scratch: &mut Scratch<M>) -> bool {
        let mut progressed = false;
        while !self.progress.is_over() && self.frontier_waits() {
            // Pairs with the fence below: a worker whose try fails was seen by the holder after it unlocked.
            fence(Ordering::SeqCst);
            let mut committer = match self.committer.try_lock() {
                Ok(committer) => committer,
                // The holder looks again; or it panicked, which ends the run.
                Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => break,
            };
            self.progress.set_committing(true);
            while !self.progress.is_over() {
                if self.is_cancelled() {
                    self.end_cancelled(&mut committer);
                    break;
                }
                match self.settle(&mut committer, scratch) {
                    Ok(Turn::Settled(version)) => {
                        self.deliver(version, &mut committer, scratch);
                        progressed = true;
                    }
                    Ok(Turn::Owned) => break,
                    Err(error) => {
                        committer.error = error;
                        self.end();
                    }
                }
            }
            self.progress.set_committing(false);
            drop(committer);
            fence(Ordering::SeqCst);
            if planted(Fault::ForgetFrontier) {
                break;
            }
        }
        progressed
    }

    /// Whether the transaction at the frontier waits for a committer.
    pub(crate) fn frontier_waits(&self) -> bool {
        let frontier = self.progress.frontier();
        let seen = self.ring.of(frontier).status.load();
        // Another name means that the frontier has moved on meanwhile; then look again.
        seen.phase != Phase::Executing || seen.version.tx != frontier
    }

    /// Whether the caller wants the run to end.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_some_and(Cancel::is_cancelled)
    }

    /// Ends a cancelled run, unless a committer is at work, who will do so.
    pub(crate) fn end_if_cancelled(&self) {
        if self.is_cancelled()
            && let Ok(mut committer) = self.committer.try_lock()
        {
            self.end_cancelled(&mut committer);
        }
    }

    fn end_cancelled(&self, committer: &mut Committer<'_, M::Key, S, B::Error>) {
        if !self.progress.is_over() {
            let index = self.progress.frontier();
            committer.error = Some(RunError::Cancelled { index });
            self.end();
        }
    }

    /// Ends the run.
    pub(crate) fn end(&self) {
        self.progress.end();
        self.idle.ring_all();
    }

    /// Brings a final result of the transaction at the frontier into the record. An error of `None` is a run that
    /// someone else ended.
    fn settle(
        &self,
        committer: &mut Committer<'_, M::Key, S, B::Error>,
        scratch: &mut Scratch<M>,
    ) -> Result<Turn, Option<RunError<B::Error>>> {
        let tx = self.progress.frontier();
        committer.conflict = None;
        let slot = self.ring.of(tx);
        let seen = slot.status.load();
        if seen.version.tx != tx {
            return Err(Some(RunError::Internal {
                index: tx,
                what: "the frontier has no slot",
            }));
        }
        if !slot.status.claim(seen) {
            return Ok(Turn::Owned);
        }
        let version = seen.version;
        if seen.phase == Phase::Executed {
            {
                let mut shelf = lock(&slot.shelf);
                mem::swap(&mut shelf.record, &mut scratch.record);
            }
            if !matches!(scratch.record.outcome, Some(Outcome::Output(_))) {
                // Whether it fails on final state, too, only a run there can tell: a read that ended it is not in its
                // read set. It has published nothing.
                return self.run_in_place(next_incarnation(version), scratch);
            }
            let conflict = &mut committer.conflict;
            if self.holds(tx, scratch, conflict)
                && self.settle_additions(version, &mut scratch.record, conflict)
            {
                committer.window.held();
                return Ok(Turn::Settled(version));
            }
            committer.window.conflicted();
            committer.summary.conflicts += 1;
            self.run_again(next_incarnation(version), scratch)
        } else {
            committer.window.ran_in_place();
            self.run_in_place(version, scratch)
        }
    }

    /// Whether all that the record's run has read is final.
    fn holds(&self, tx: TxIndex, scratch: &Scratch<M>, conflict: &mut Option<M::Key>) -> bool {
        if planted(Fault::SkipValidation) || was_valid_early(tx) {
            return true;
        }
        let record = &scratch.record;
        match first_stale(&self.memory, tx, &record.reads, &record.regions) {
            None => true,
            Some(key) => {
                *conflict = Some(key);
                false
            }
        }
    }

    /// Runs the transaction anew in the place of a run whose writes are visible.
    fn run_again(
        &self,
        version: Version,
        scratch: &mut Scratch<M>,
    ) -> Result<Turn, Option<RunError<B::Error>>> {
        let visible = mem::take(&mut scratch.record.ids);
        for id in &visible {
            if !planted(Fault::SkipEstimate) {
                self.memory.estimate(*id, version.tx);
            }
        }
        let turn = self.run_in_place(version, scratch);
        let mut written = scratch.record.ids.clone();
        written.sort_unstable();
        for id in visible {
            if written.binary_search(&id).is_err() {
                self.memory.remove(id, version.tx);
            }
        }
        turn
    }

    /// Runs the transaction on final state.
    fn run_in_place(
        &self,
        version: Version,
        scratch: &mut Scratch<M>,
    ) -> Result<Turn, Option<RunError<B::Error>>> {
        let index = version.tx;
        // Others may run ahead meanwhile.
        self.idle.ring(|| self.progress.is_open());
        match self.execute(index, true, scratch) {
            None => {
                Self::close(&mut scratch.record);
                self.publish(version, scratch);
                Ok(Turn::Settled(version))
            }
            Some(Halt::Base(source)) => Err(Some(RunError::Base { index, source })),
            Some(Halt::Unordered) => Err(Some(RunError::Unordered { index })),
            Some(Halt::Cancelled) => Err(Some(RunError::Cancelled { index })),
            Some(Halt::Over) => Err(None),
            Some(Halt::Blocked(_) | Halt::Stale) => Err(Some(RunError::Internal {
                index,
                what: "final state was not final",
            })),
        }
    }

    /// Gives the record to the sink and moves the frontier on.
    fn deliver(
        &self,
        version: Version,
        committer: &mut Committer<'_, M::Key, S, B::Error>,
        scratch: &mut Scratch<M>,
    ) {
        let index = version.tx;
        let record = &mut scratch.record;
        let output = match record.outcome.take() {
            Some(Outcome::Output(output)) => output,
            Some(Outcome::Panicked(message)) => {
                committer.error = Some(RunError::Panicked { index, message });
                return self.end();
            }
            Some(Outcome::Fatal(source)) => {
                committer.error = Some(RunError::Fatal { index, source });
                return self.end();
            }
            None => {
                committer.error = Some(RunError::Internal {
                    index,
                    what: "a run left nothing",
                });
                return self.end();
            }
        };
        let flow = committer
            .sink
            .commit(index, output, record.writes.as_slice());
        if let Some(trace) = &mut committer.trace {
            let waits = self.ring.of(index).waits.swap(0, Ordering::Relaxed);
            let runs = version.incarnation.get().saturating_add(1);
            trace.committed(index, runs, committer.conflict.take(), waits);
        }
        match flow {
            Flow::Continue | Flow::CutAfter => committer.summary.committed += 1,
            Flow::Skip => {
                committer.summary.skipped += 1;
                for id in &record.ids {
                    self.memory.remove(*id, index);
                }
            }
            Flow::CutBefore => {}
        }
        if matches!(flow, Flow::CutAfter | Flow::CutBefore) {
            committer.summary.cut = true;
            return self.end();
        }
        self.advance(index, committer.window.size());
    }

    /// Moves the frontier beyond `tx` and wakes who waited for it.
    fn advance(&self, tx: TxIndex, window: u32) {
        let slot = self.ring.of(tx);
        slot.status.hand_over(self.ring.successor(tx));
        let waiters = if self.requeue.has_blocked() {
            mem::take(&mut lock(&slot.shelf).waiters)
        } else {
            Vec::new()
        };
        if !waiters.is_empty() {
            self.requeue.unblock(waiters.len());
        }
        if self.progress.advance(window) {
            return self.end();
        }
        for waiter in waiters {
            if self.ring.of(waiter).status.wake(waiter) {
                self.requeue.push(waiter);
            }
        }
        self.idle
            .ring(|| self.progress.is_open() || !self.requeue.is_empty());
    }
}
