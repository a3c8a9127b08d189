//! The commit frontier.
//!
//! Invariant: one thread at a time is the committer, by a lock that is only ever tried. It takes the transaction at the
//! frontier if nobody owns it: one that has run is validated against the final state below it and run again if it fails;
//! one that has not, or waits, or gave no output, is run in place. Either way its result is then what sequential execution gives.
//!
//! No wake-up is lost. A worker that moves a transaction on looks at the frontier afterwards and tries the lock; a
//! committer that gives the lock back looks at the frontier afterwards, too. Fences on both sides make one see the other.
//! For the same reason a worker may rest while the frontier waits and someone has the lock.

use std::error::Error;
use std::mem;
use std::ops::Range;

use super::execute::Scratch;
use super::run::Run;
use super::status::{Phase, Snapshot, next_incarnation};
use super::validate::first_stale;
use super::view::Halt;
use crate::faults::{Fault, planted, was_valid_early};
use crate::sync::{Ordering, fence};

use super::window::Window;
use crate::attempt::Outcome;
use crate::base::Base;
use crate::cancel::Cancel;
use crate::error::RunError;
use crate::executor::Summary;
use crate::sink::{Flow, Sink};
use crate::trace::{Trace, TxTrace};
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

/// Whose transactions a worker commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// Those that it has run or will run itself, and those that have left their owner: what it does not have in its own
    /// cache costs more to commit than to leave to whom has it, and who looks here after every transaction.
    Own,
    /// All: it has nothing else to do.
    All,
}

/// What the committer found at the frontier.
enum Turn {
    /// The result of a run ahead was found to be final; it lies in the committer's record and is visible.
    Held(Version),
    /// The transaction was run on final state; its result lies in the committer's record and is not visible yet.
    Ran(Version),
    /// Someone else has the transaction, or has run it, and will look here when it is done; or there is none yet.
    Owned,
}

impl<M, B, S> Run<'_, M, B, S>
where
    M: Vm,
    B: Base<Key = M::Key, Value = M::Value>,
    S: Sink<M::Key, M::Value, M::Output>,
{
    /// Commits what can be committed, unless someone else is at it; `true` if that was something.
    pub(crate) fn commit(&self, scratch: &mut Scratch<M>, share: Share) -> bool {
        let mut progressed = false;
        while !self.progress.is_over() && self.frontier_waits(scratch, share) {
            // Pairs with the fence below: a worker whose try fails was seen by the holder after it unlocked.
            fence(Ordering::SeqCst);
            // Else the holder looks again. One that panics has the transaction at the frontier, and ends the run.
            let Some(mut committer) = self.committer.try_lock() else {
                break;
            };
            while !self.progress.is_over() {
                if self.is_cancelled() {
                    self.end_cancelled(&mut committer);
                    break;
                }
                match self.settle(&mut committer, scratch, share) {
                    Ok(Turn::Owned) => break,
                    Ok(turn) => {
                        self.deliver(&turn, &mut committer, scratch);
                        progressed = true;
                    }
                    Err(error) => {
                        committer.error = error;
                        self.end();
                    }
                }
            }
            drop(committer);
            fence(Ordering::SeqCst);
            if planted(Fault::ForgetFrontier) {
                break;
            }
        }
        progressed
    }

    /// Whether the transaction at the frontier waits for this worker to commit it: because it is the next of its batch, or
    /// was handed out to nobody, or has left its owner, or was run by one whose share this is.
    fn frontier_waits(&self, scratch: &Scratch<M>, share: Share) -> bool {
        if self.starts_at_frontier(&scratch.batch) {
            return true;
        }
        let frontier = self.progress.frontier();
        let seen = self.ring.of(frontier).status.load();
        match seen.phase {
            // Another name means that the frontier has moved on meanwhile; then look again.
            _ if seen.version.tx != frontier => true,
            Phase::Ready | Phase::Blocked => true,
            Phase::Executed => self.is_for(seen, scratch, share),
            Phase::Executing => {
                self.progress.cursor() <= frontier && frontier.get() < self.input.total()
            }
        }
    }

    /// Whether these transactions, which a worker has for itself and has not run yet, begin with the one at the frontier.
    pub(crate) fn starts_at_frontier(&self, batch: &Range<u32>) -> bool {
        batch.start == self.progress.frontier().get() && !batch.is_empty()
    }

    /// The same for a worker that has nothing else to do.
    pub(crate) fn frontier_waits_for_anyone(&self) -> bool {
        let frontier = self.progress.frontier();
        let seen = self.ring.of(frontier).status.load();
        seen.phase != Phase::Executing
            || seen.version.tx != frontier
            || self.progress.cursor() <= frontier && frontier.get() < self.input.total()
    }

    /// Whether this worker commits what was run by whom the snapshot names. One who sleeps does not come for it.
    fn is_for(&self, seen: Snapshot, scratch: &Scratch<M>, share: Share) -> bool {
        share == Share::All || seen.owner == scratch.owner || self.idle.has_sleepers()
    }

    /// Whether every transaction of the block is committed.
    pub(crate) fn is_done(&self) -> bool {
        self.input.ends_at(self.progress.frontier())
    }

    /// Whether the caller wants the run to end.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_some_and(Cancel::is_cancelled)
    }

    /// Ends a run whose last transaction is committed, or that was cancelled; unless a committer is at work, who will look
    /// at the switch.
    pub(crate) fn end_if_done_or_cancelled(&self) {
        if self.is_done() {
            return self.end();
        }
        if self.is_cancelled()
            && let Some(mut committer) = self.committer.try_lock()
        {
            self.end_cancelled(&mut committer);
        }
    }

    fn end_cancelled(&self, committer: &mut Committer<'_, M::Key, S, B::Error>) {
        if !self.progress.is_over() && !self.is_done() {
            let index = self.progress.frontier();
            committer.error = Some(RunError::Cancelled { index });
        }
        self.end();
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
        share: Share,
    ) -> Result<Turn, Option<RunError<B::Error>>> {
        let tx = self.progress.frontier();
        committer.conflict = None;
        if self.progress.cursor() == tx
            && let Some(batch) = self.progress.take(self.input.total(), true)
        {
            // Nobody has a batch while the cursor is at the frontier, so this worker's is empty.
            scratch.batch = batch;
        }
        if scratch.batch.start == tx.get()
            && let Some(version) = scratch.next_of_batch()
        {
            committer.window.ran_in_place();
            return self.run_in_place(version, scratch);
        }
        let slot = self.ring.of(tx);
        let seen = slot.status.load();
        if seen.version.tx != tx {
            return Err(Some(RunError::Internal {
                index: tx,
                what: "the frontier has no slot",
            }));
        }
        let is_others = seen.phase == Phase::Executed && !self.is_for(seen, scratch, share);
        if is_others || !slot.status.claim(seen) {
            return Ok(Turn::Owned);
        }
        if seen.phase == Phase::Executed {
            return self.settle_executed(seen.version, committer, scratch);
        }
        committer.window.ran_in_place();
        self.run_in_place(seen.version, scratch)
    }

    /// Validates the result of a run ahead, which the committer owns, and runs the transaction again if it fails.
    fn settle_executed(
        &self,
        version: Version,
        committer: &mut Committer<'_, M::Key, S, B::Error>,
        scratch: &mut Scratch<M>,
    ) -> Result<Turn, Option<RunError<B::Error>>> {
        let record = self.ring.of(version.tx).shelf.lock().record.take();
        scratch.take_record(record.unwrap_or_default());
        if !matches!(scratch.record.outcome, Some(Outcome::Output(_))) {
            // Whether it fails on final state, too, only a run there can tell: a read that ended it is not in its
            // read set. It has published nothing.
            return self.run_in_place(next_incarnation(version), scratch);
        }
        let conflict = &mut committer.conflict;
        if self.holds(version.tx, scratch, conflict)
            && self.settle_additions(version, &mut scratch.record, conflict)
        {
            committer.window.held();
            return Ok(Turn::Held(version));
        }
        committer.window.conflicted();
        committer.summary.conflicts = committer.summary.conflicts.saturating_add(1);
        mem::swap(&mut scratch.record.ids, &mut scratch.visible);
        self.estimate_visible(version.tx, scratch);
        self.run_in_place(next_incarnation(version), scratch)
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

    /// Runs the transaction on final state.
    fn run_in_place(
        &self,
        version: Version,
        scratch: &mut Scratch<M>,
    ) -> Result<Turn, Option<RunError<B::Error>>> {
        let index = version.tx;
        // Others may run ahead meanwhile.
        self.idle.ring(|| self.has_work_for_many());
        match self.execute(index, true, scratch) {
            None => {
                Self::close(&mut scratch.record);
                Ok(Turn::Ran(version))
            }
            Some(Halt::Base(source)) => Err(Some(RunError::Base { index, source })),
            Some(Halt::Unordered) => Err(Some(RunError::Unordered { index })),
            Some(Halt::Cancelled) => Err(Some(RunError::Cancelled { index })),
            Some(Halt::Over) => Err(None),
            Some(Halt::Blocked(..) | Halt::Stale | Halt::HoldsUp) => {
                Err(Some(RunError::Internal {
                    index,
                    what: "final state was not final",
                }))
            }
        }
    }

    /// Gives the record to the sink and moves the frontier on.
    fn deliver(
        &self,
        turn: &Turn,
        committer: &mut Committer<'_, M::Key, S, B::Error>,
        scratch: &mut Scratch<M>,
    ) {
        let (Turn::Held(version) | Turn::Ran(version)) = *turn else {
            return;
        };
        let index = version.tx;
        let record = &mut scratch.record;
        let output = match final_output(index, record.outcome.take()) {
            Ok(output) => output,
            Err(error) => {
                committer.error = Some(error);
                return self.end();
            }
        };
        let writes = record.writes.as_slice();
        let flow = committer.sink.commit(index, output, writes);
        self.note(version, committer);
        let summary = &mut committer.summary;
        match flow {
            Flow::Continue | Flow::CutAfter => {
                summary.committed = summary.committed.saturating_add(1);
                if matches!(turn, Turn::Ran(_)) {
                    self.finish(version, scratch);
                }
            }
            Flow::Skip => {
                summary.skipped = summary.skipped.saturating_add(1);
                scratch.visible.append(&mut scratch.record.ids);
                self.remove_unwritten(index, scratch);
            }
            Flow::CutBefore => {}
        }
        if matches!(flow, Flow::CutAfter | Flow::CutBefore) {
            committer.summary.cut = true;
            return self.end();
        }
        self.advance(index, committer.window.size());
    }

    /// Takes note of a commit for the trace.
    fn note(&self, version: Version, committer: &mut Committer<'_, M::Key, S, B::Error>) {
        let Some(trace) = &mut committer.trace else {
            return;
        };
        let (waits, waited_on) = {
            let mut shelf = self.ring.of(version.tx).shelf.lock();
            (mem::take(&mut shelf.waits), shelf.waited_on.take())
        };
        trace.committed(TxTrace {
            index: version.tx,
            runs: version.incarnation.get().saturating_add(1),
            conflict: committer.conflict.take(),
            waits,
            waited_on,
            committed_at: 0,
        });
    }

    /// Moves the frontier beyond `tx` and wakes who waited for it.
    pub(super) fn advance(&self, tx: TxIndex, window: u32) {
        let slot = self.ring.of(tx);
        slot.status.hand_over(self.ring.successor(tx));
        self.progress.advance(window);
        if self.requeue.has_blocked() {
            let waiters = mem::take(&mut slot.shelf.lock().waiters);
            self.requeue.unblock(waiters.len());
            for waiter in waiters {
                if self.ring.of(waiter).status.wake(waiter) {
                    self.requeue.push(waiter);
                }
            }
        }
        if self.is_done() {
            return self.end();
        }
        self.idle.ring(|| self.has_work_for_many());
    }
}

/// The output of a run on final state; what else it may have left ends the block.
fn final_output<O, E: Error>(
    index: TxIndex,
    outcome: Option<Outcome<O>>,
) -> Result<O, RunError<E>> {
    match outcome {
        Some(Outcome::Output(output)) => Ok(output),
        Some(Outcome::Panicked(message)) => Err(RunError::Panicked { index, message }),
        Some(Outcome::Fatal(source)) => Err(RunError::Fatal { index, source }),
        None => Err(RunError::Internal {
            index,
            what: "a run left nothing",
        }),
    }
}
