//! One run of one transaction, and the publication of its writes.

use super::run::Run;
use super::slot::Record;
use super::view::{Ground, Halt, RunView};
use crate::attempt::{Outcome, attempt};
use crate::base::Base;
use crate::sink::Sink;
use crate::types::{TxIndex, Version};
use crate::vm::Vm;

/// What one worker keeps over its transactions.
pub(crate) struct Scratch<M: Vm> {
    /// The Vm's own scratch state.
    pub(crate) worker: Option<M::Worker>,
    /// What the last run left; emptied before the next.
    pub(crate) record: Record<M::Key, M::Value, M::Output>,
    pub(crate) executions: u64,
}

impl<M: Vm> Scratch<M> {
    pub(crate) fn new() -> Self {
        Self {
            worker: None,
            record: Record::default(),
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
        record.ids.clear();
        let ground = Ground {
            memory: &self.memory,
            base: self.base,
            progress: &self.progress,
        };
        let mut view = RunView::new(ground, tx, in_place, &mut record.reads, &mut record.writes);
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
        }
        record.outcome = Some(outcome);
        halt
    }

    /// Makes the writes of a record visible to higher transactions.
    pub(crate) fn publish(
        &self,
        version: Version,
        record: &mut Record<M::Key, M::Value, M::Output>,
    ) {
        record.writes.sort();
        let frontier = self.progress.frontier();
        for (key, value) in record.writes.as_slice() {
            let id = record
                .reads
                .get(key)
                .map_or_else(|| self.memory.intern(key), |read| read.id);
            record.ids.push(id);
            self.memory.write(id, version, value.clone(), frontier);
        }
    }
}
