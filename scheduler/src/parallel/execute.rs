//! One run of one transaction, and the publication of its writes.

use super::names::Names;
use super::run::Run;
use super::slot::{Record, SumState};
use super::view::{Ground, Halt, RunView, Sets};
use crate::attempt::{Outcome, attempt};
use crate::base::Base;
use crate::sink::Sink;
use crate::types::{TxIndex, Version};
use crate::vm::Vm;

/// What a run of this Vm leaves.
pub(crate) type RecordOf<M> =
    Record<<M as Vm>::Key, <M as Vm>::Value, <M as Vm>::Delta, <M as Vm>::Output>;

/// What one worker keeps over its transactions.
pub(crate) struct Scratch<M: Vm> {
    /// The Vm's own scratch state.
    pub(crate) worker: Option<M::Worker>,
    /// What the last run left; emptied before the next.
    pub(crate) record: RecordOf<M>,
    /// The numbers of keys that it has met.
    pub(crate) names: Names<M::Key>,
    pub(crate) executions: u64,
}

impl<M: Vm> Scratch<M> {
    /// For a block of so many transactions.
    pub(crate) fn new(txs: usize) -> Self {
        Self {
            worker: None,
            record: Record::default(),
            names: Names::new(txs.saturating_mul(2)),
            executions: 0,
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
    ) -> Option<Halt<B::Error>> {
        scratch.executions += 1;
        let record = &mut scratch.record;
        record.reads.clear();
        record.writes.clear();
        record.adds.clear();
        record.regions.clear();
        record.ids.clear();
        let ground = Ground {
            memory: &self.memory,
            base: self.base,
            progress: &self.progress,
            cancel: self.cancel,
        };
        let sets = Sets {
            reads: &mut record.reads,
            regions: &mut record.regions,
            writes: &mut record.writes,
            adds: &mut record.adds,
            names: &mut scratch.names,
        };
        let mut view = RunView::new(ground, tx, in_place, sets);
        let outcome = attempt(
            self.vm,
            &mut scratch.worker,
            tx,
            &self.txs[tx.as_usize()],
            &mut view,
        );
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
        let Scratch { record, names, .. } = scratch;
        record.writes.sort();
        let frontier = self.progress.frontier();
        for (key, value) in record.writes.as_slice() {
            let id = record
                .reads
                .get(key)
                .map_or_else(|| names.intern(&self.memory, key), |read| read.id);
            record.ids.push(id);
            self.memory.write(id, version, value.clone(), frontier);
        }
        for (_, sum) in record.adds.as_slice() {
            if sum.state == SumState::Open && sum.additions.any() {
                record.ids.push(sum.id);
                self.memory
                    .add(sum.id, version, sum.additions.clone(), frontier);
            }
        }
    }

    /// Turns the additions of a run on final state into writes; nothing is to be checked about them.
    pub(crate) fn close(record: &mut RecordOf<M>) {
        for (key, sum) in record.adds.drain() {
            if sum.state == SumState::Open && sum.additions.any() {
                record.writes.push(key, sum.now);
            }
        }
    }

    /// Whether every addition of a run ahead has on final state the outcome that it had. If so, they become writes of the
    /// record and final values in memory.
    pub(crate) fn settle_additions(
        &self,
        version: Version,
        record: &mut RecordOf<M>,
        conflict: &mut Option<M::Key>,
    ) -> bool {
        let frontier = self.progress.frontier();
        for (key, sum) in record.adds.drain() {
            let made = match sum.state {
                SumState::Read => continue,
                SumState::Open if sum.additions.any() => {
                    let made = self
                        .memory
                        .settle(sum.id, version, &sum.additions, frontier);
                    made.map(Some)
                }
                SumState::Open | SumState::Overwritten => self
                    .memory
                    .repeat(sum.id, version.tx, &sum.additions)
                    .map(|_| None),
            };
            match made {
                Some(Some(value)) => record.writes.push(key, value),
                Some(None) => {}
                None => {
                    *conflict = Some(key);
                    return false;
                }
            }
        }
        record.writes.sort();
        true
    }
}
