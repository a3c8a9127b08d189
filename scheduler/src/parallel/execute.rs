//! One run of one transaction, and the publication of its writes.

use std::mem;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::cell::Readers;
use super::memory::KeyId;
use super::room::Records;
use super::run::Run;
use super::slot::{Record, SumState};
use super::status::Owner;
use super::view::{Ground, Halt, RunView, Sets};
use crate::attempt::{Outcome, attempt};
use crate::base::Base;
use crate::faults::{Fault, planted};
use crate::sink::Sink;
use crate::types::{TxIndex, Version};
use crate::vm::Vm;

/// What a run of this Vm leaves.
pub(crate) type RecordOf<M> =
    Record<<M as Vm>::Key, <M as Vm>::Value, <M as Vm>::Delta, <M as Vm>::Output>;

/// Such, for their room.
pub(crate) type RecordsOf<M> =
    Records<<M as Vm>::Key, <M as Vm>::Value, <M as Vm>::Delta, <M as Vm>::Output>;

/// What one worker keeps over its transactions.
pub(crate) struct Scratch<M: Vm> {
    pub(crate) owner: Owner,
    /// The Vm's own scratch state.
    pub(crate) worker: Option<M::Worker>,
    /// What the last run left; emptied before the next.
    pub(crate) record: Box<RecordOf<M>>,
    /// Records that nobody needs, for their room. Whoever commits what others have run gets their records; without a limit
    /// they would pile up here.
    pub(crate) spare: RecordsOf<M>,
    spare_limit: usize,
    /// What an earlier run of the transaction has made visible, until the next one has ended. Else empty.
    pub(crate) visible: Vec<KeyId>,
    /// Transactions that the cursor has given to this worker.
    pub(crate) batch: Range<u32>,
    /// Whether the last run was given up for the sake of the frontier.
    pub(crate) gave_up: bool,
    pub(crate) executions: u64,
}

impl<M: Vm> Scratch<M> {
    /// For the worker with this name, with these records to use, which keeps so many.
    pub(crate) fn new(owner: Owner, mut spare: RecordsOf<M>, spare_limit: usize) -> Self {
        Self {
            owner,
            worker: None,
            record: spare.pop().unwrap_or_default(),
            spare,
            spare_limit,
            visible: Vec::new(),
            batch: 0..0,
            gave_up: false,
            executions: 0,
        }
    }

    /// Gives the record away.
    pub(crate) fn give_record(&mut self) -> Box<RecordOf<M>> {
        let spare = self.spare.pop().unwrap_or_default();
        mem::replace(&mut self.record, spare)
    }

    /// Takes another record in the place of the present one, which nobody needs.
    pub(crate) fn take_record(&mut self, record: Box<RecordOf<M>>) {
        let spare = mem::replace(&mut self.record, record);
        if self.spare.len() < self.spare_limit {
            self.spare.push(spare);
        }
    }
}

impl<M, B, S> Run<'_, M, B, S>
where
    M: Vm,
    B: Base<Key = M::Key, Value = M::Value>,
    S: Sink<M::Key, M::Value, M::Output>,
{
    /// Runs a transaction and leaves the result in `scratch.record`, where nobody else sees it. Without a halt the
    /// record is complete.
    pub(crate) fn execute(
        &self,
        tx: TxIndex,
        in_place: bool,
        scratch: &mut Scratch<M>,
    ) -> Option<Halt<M::Key, B::Error>> {
        scratch.executions = scratch.executions.saturating_add(1);
        let record = &mut scratch.record;
        record.clear();
        let Some(transaction) = self.input.get(tx) else {
            debug_assert!(false, "a transaction was handed out that is not there");
            return Some(Halt::HoldsUp);
        };
        let next_own = scratch.batch.clone();
        let ground = Ground {
            memory: &self.memory,
            base: self.base,
            progress: &self.progress,
            cancel: self.cancel,
            is_awaited: &|| self.frontier_waits_for_anyone() || self.starts_at_frontier(&next_own),
        };
        let sets = Sets {
            reads: &mut record.reads,
            regions: &mut record.regions,
            writes: &mut record.writes,
            adds: &mut record.adds,
        };
        let mut view = RunView::new(ground, tx, in_place, sets);
        let outcome = attempt(self.vm, &mut scratch.worker, tx, transaction, &mut view);
        let halt = view.into_halt();
        if !matches!(outcome, Outcome::Output(_)) {
            record.writes.clear();
            record.adds.clear();
        }
        record.outcome = Some(outcome);
        halt
    }

    /// Makes the writes and additions of the last run visible to higher transactions.
    pub(crate) fn publish(&self, version: Version, scratch: &mut Scratch<M>) {
        let record = &mut scratch.record;
        record.writes.sort();
        let frontier = self.progress.frontier();
        let mut readers = Readers::Below;
        for (key, value) in record.writes.as_slice() {
            let id = self.id_of(record, key);
            record.ids.push(id);
            let found = self.memory.write(id, version, value.clone(), frontier);
            readers = readers.max(found);
        }
        for (_, sum) in record.adds.as_slice() {
            if sum.state == SumState::Open && sum.additions.any() {
                record.ids.push(sum.id);
                let additions = sum.additions.clone();
                let found = self.memory.add(sum.id, version, additions, frontier);
                readers = readers.max(found);
            }
        }
        if readers == Readers::Above {
            self.progress.suspect_above(version.tx);
        }
    }

    /// Makes the writes of a run on final state final for higher transactions, and takes them out of the record.
    pub(crate) fn finish(&self, version: Version, scratch: &mut Scratch<M>) {
        let record = &mut scratch.record;
        let mut writes = mem::take(&mut record.writes);
        let mut readers = Readers::Below;
        for (key, value) in writes.drain() {
            let id = self.id_of(record, &key);
            if !scratch.visible.is_empty() {
                record.ids.push(id);
            }
            readers = readers.max(self.memory.finish(id, version, value));
        }
        record.writes = writes;
        if readers == Readers::Above {
            self.progress.suspect_above(version.tx);
        }
        self.remove_unwritten(version.tx, scratch);
    }

    /// The number of a key that the run has written: known if it has read it.
    fn id_of(&self, record: &RecordOf<M>, key: &M::Key) -> KeyId {
        let read = record.reads.get(key);
        read.map_or_else(|| self.memory.intern(key), |read| read.id)
    }

    /// Marks what an earlier run has made visible as about to come again.
    pub(crate) fn estimate_visible(&self, tx: TxIndex, scratch: &Scratch<M>) {
        if planted(Fault::SkipEstimate) {
            return;
        }
        for id in &scratch.visible {
            self.memory.estimate(*id, tx);
        }
    }

    /// Takes back what an earlier run has made visible and the last one has not written again.
    pub(crate) fn remove_unwritten(&self, tx: TxIndex, scratch: &mut Scratch<M>) {
        if scratch.visible.is_empty() {
            return;
        }
        let mut readers = Readers::Below;
        let written = &mut scratch.record.ids;
        written.sort_unstable();
        for id in scratch.visible.drain(..) {
            if written.binary_search(&id).is_err() {
                readers = readers.max(self.memory.remove(id, tx));
            }
        }
        if readers == Readers::Above {
            self.progress.suspect_above(tx);
        }
    }

    /// Turns the additions of a run on final state into writes; nothing is to be checked about them. Sorts the writes.
    pub(crate) fn close(record: &mut RecordOf<M>) {
        for (key, sum) in record.adds.drain() {
            if sum.state == SumState::Open && sum.additions.any() {
                record.writes.push(key, sum.now);
            }
        }
        record.writes.sort();
    }

    /// Whether every addition of a run ahead has on final state the outcome that it had. If so, they become writes of the
    /// record and final values in memory. One that panics has not: it panics again in the run on final state, which
    /// reports it.
    pub(crate) fn settle_additions(
        &self,
        version: Version,
        record: &mut RecordOf<M>,
        conflict: &mut Option<M::Key>,
    ) -> bool {
        for (key, sum) in record.adds.drain() {
            if sum.state == SumState::Read {
                continue;
            }
            let additions = &sum.additions;
            let made = catch_unwind(AssertUnwindSafe(|| {
                if sum.state == SumState::Open && additions.any() {
                    let settled = self.memory.settle(sum.id, version, additions);
                    settled.map(Some)
                } else {
                    let repeated = self.memory.repeat(sum.id, version.tx, additions);
                    repeated.map(|_| None)
                }
            }));
            match made {
                Ok(Some(Some(value))) => record.writes.push(key, value),
                Ok(Some(None)) => {}
                Ok(None) | Err(_) => {
                    *conflict = Some(key);
                    return false;
                }
            }
        }
        record.writes.sort();
        true
    }
}
