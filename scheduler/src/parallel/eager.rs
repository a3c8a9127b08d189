//! Eager validation: with many threads, what has read too early is found and run again behind the frontier, by whoever has
//! nothing better to do, instead of one after another at the frontier.
//!
//! Whoever makes visible a change below a key's last reader notes where the readers begin; from there on every transaction
//! that has run is validated once. That finding is no promise: the committer validates all of them again.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::execute::Scratch;
use super::run::Run;
use super::status::{Phase, next_incarnation};
use super::validate::first_stale;
use crate::attempt::Outcome;
use crate::base::Base;
use crate::sink::Sink;
use crate::types::TxIndex;
use crate::vm::Vm;

/// With fewer threads the committer is fast enough, and a validation more would cost them time.
pub(crate) const EAGER_FROM_THREADS: u32 = 4;

impl<M, B, S> Run<'_, M, B, S>
where
    M: Vm,
    B: Base<Key = M::Key, Value = M::Value>,
    S: Sink<M::Key, M::Value, M::Output>,
{
    /// Validates a transaction that has run, and runs it again if it has read what is no longer so.
    pub(crate) fn check(&self, tx: TxIndex, scratch: &mut Scratch<M>) {
        let slot = self.ring.of(tx);
        let seen = slot.status.load();
        if seen.version.tx != tx || seen.phase != Phase::Executed || !slot.status.claim(seen) {
            return;
        }
        let record = slot.shelf.lock().record.take();
        scratch.take_record(record.unwrap_or_default());
        let record = &scratch.record;
        let is_output = matches!(record.outcome, Some(Outcome::Output(_)));
        // What is read here need not be what any order of transactions gives, so an addition may even panic on it.
        let find = || first_stale(&self.memory, tx, &record.reads, &record.regions);
        let stale = is_output.then(|| catch_unwind(AssertUnwindSafe(find)));
        if let Some(Ok(None)) = stale {
            slot.shelf.lock().record = Some(scratch.give_record());
            slot.status.leave_executed(seen.version, scratch.owner);
        } else {
            if let Some(Ok(Some(key))) = stale {
                slot.shelf.lock().conflict = Some(key);
            }
            mem::swap(&mut scratch.record.ids, &mut scratch.visible);
            self.run_ahead(next_incarnation(seen.version), scratch);
        }
    }
}
