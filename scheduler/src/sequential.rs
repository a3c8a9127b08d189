//! One transaction after another on the calling thread: the definition of the result, and the faster way for tiny blocks.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::hash::Hash;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use foldhash::quality::RandomState;

use crate::attempt::{Outcome, attempt};
use crate::base::{Base, ScanError};
use crate::cancel::Cancel;
use crate::delta::{Delta, OutOfBounds};
use crate::error::RunError;
use crate::executor::{Options, Summary};
use crate::input::Input;
use crate::keyed::KeyedVec;
use crate::scan::{self, Ranged, SCAN_LIMIT};
use crate::sink::{Flow, Sink};
use crate::trace::TxTrace;
use crate::types::{Entries, TxIndex};
use crate::vm::{Stop, View, Vm};

/// The state above the base: what was read from it, and what the block wrote.
struct Overlay<K, V> {
    values: HashMap<K, Option<V>, RandomState>,
    /// The keys of `values` in order, once someone has asked for a range.
    order: Option<BTreeSet<K>>,
}

impl<K: Clone + Eq + Hash + Ord, V> Overlay<K, V> {
    fn insert(&mut self, key: K, value: Option<V>) {
        if let Some(order) = &mut self.order {
            order.insert(key.clone());
        }
        self.values.insert(key, value);
    }

    fn between(&mut self, from: Bound<&K>, to: Bound<&K>) -> Vec<K> {
        let values = &self.values;
        let order = self
            .order
            .get_or_insert_with(|| values.keys().cloned().collect());
        order.range::<K, _>((from, to)).cloned().collect()
    }
}

/// Why the view ended a run.
enum Failure<E: Error + 'static> {
    Base(E),
    Unordered,
}

/// Runs the block.
pub(crate) fn run<M, B, S>(
    vm: &M,
    base: &B,
    input: &Input<'_, M::Tx>,
    sink: &mut S,
    mut options: Options<'_, M>,
) -> Result<Summary, RunError<B::Error>>
where
    M: Vm,
    B: Base<Key = M::Key, Value = M::Value>,
    S: Sink<M::Key, M::Value, M::Output>,
{
    let mut overlay = Overlay {
        values: HashMap::default(),
        order: None,
    };
    let mut writes = KeyedVec::default();
    let mut worker = None;
    let mut summary = Summary::default();
    for index in (0..).map(TxIndex::new) {
        input.wait_for(index, options.cancel);
        if input.ends_at(index) {
            break;
        }
        let not_cancelled = !options.cancel.is_some_and(Cancel::is_cancelled);
        let Some(tx) = input.get(index).filter(|_| not_cancelled) else {
            return Err(RunError::Cancelled { index });
        };
        writes.clear();
        summary.executions = summary.executions.saturating_add(1);
        let mut view = OverlayView {
            overlay: &mut overlay,
            base,
            writes: &mut writes,
            cancel: options.cancel,
            asked_to_leave: Cell::new(false),
            failed: None,
            delta: PhantomData,
        };
        let outcome = attempt(vm, &mut worker, index, tx, &mut view);
        if view.asked_to_leave.get() {
            return Err(RunError::Cancelled { index });
        }
        match view.failed {
            Some(Failure::Base(source)) => return Err(RunError::Base { index, source }),
            Some(Failure::Unordered) => return Err(RunError::Unordered { index }),
            None => {}
        }
        let output = match outcome {
            Outcome::Output(output) => output,
            Outcome::Panicked(message) => return Err(RunError::Panicked { index, message }),
            Outcome::Fatal(source) => return Err(RunError::Fatal { index, source }),
        };
        writes.sort();
        let flow = sink.commit(index, output, writes.as_slice());
        if let Some(trace) = &mut options.trace {
            trace.committed(TxTrace {
                index,
                runs: 1,
                conflict: None,
                waits: 0,
                waited_on: None,
                committed_at: 0,
            });
        }
        match flow {
            Flow::Continue | Flow::CutAfter => {
                for (key, value) in writes.drain() {
                    overlay.insert(key, value);
                }
                summary.committed = summary.committed.saturating_add(1);
            }
            Flow::Skip => summary.skipped = summary.skipped.saturating_add(1),
            Flow::CutBefore => {}
        }
        if matches!(flow, Flow::CutAfter | Flow::CutBefore) {
            summary.cut = true;
            break;
        }
    }
    Ok(summary)
}

/// Final state: every read is of the overlay or the base.
struct OverlayView<'a, B: Base, D> {
    overlay: &'a mut Overlay<B::Key, B::Value>,
    base: &'a B,
    writes: &'a mut KeyedVec<B::Key, Option<B::Value>>,
    cancel: Option<&'a Cancel>,
    /// The run was told that it cannot count any more.
    asked_to_leave: Cell<bool>,
    /// The base failed; nothing that the Vm makes of it counts.
    failed: Option<Failure<B::Error>>,
    delta: PhantomData<D>,
}

impl<B, D> View for OverlayView<'_, B, D>
where
    B: Base<Key: Clone + Eq + Hash + Ord, Value: Clone>,
    D: Delta<B::Value>,
{
    type Key = B::Key;
    type Value = B::Value;
    type Delta = D;

    fn read(&mut self, key: &B::Key) -> Result<Option<B::Value>, Stop> {
        if self.should_stop() {
            return Err(Stop::by_view());
        }
        if let Some(written) = self.writes.get(key) {
            return Ok(written.clone());
        }
        if let Some(present) = self.overlay.values.get(key) {
            return Ok(present.clone());
        }
        match self.base.read(key) {
            Ok(value) => {
                self.overlay.insert(key.clone(), value.clone());
                Ok(value)
            }
            Err(error) => Err(self.fail(Failure::Base(error))),
        }
    }

    fn scan(
        &mut self,
        from: Bound<&B::Key>,
        to: Bound<&B::Key>,
        limit: usize,
    ) -> Result<Entries<B::Key, B::Value>, Stop> {
        if self.should_stop() {
            return Err(Stop::by_view());
        }
        if limit == 0 || scan::is_empty(from, to) {
            return Ok(Vec::new());
        }
        scan::page(self, from, to, limit.min(SCAN_LIMIT)).map(|page| page.entries)
    }

    fn write(&mut self, key: B::Key, value: B::Value) {
        self.writes.insert(key, Some(value));
    }

    fn delete(&mut self, key: B::Key) {
        self.writes.insert(key, None);
    }

    fn add(&mut self, key: B::Key, delta: D) -> Result<Result<(), OutOfBounds>, Stop> {
        let before = self.read(&key)?;
        Ok(delta
            .apply(before.as_ref())
            .map(|after| self.writes.insert(key, after)))
    }

    fn should_stop(&self) -> bool {
        if self.cancel.is_some_and(Cancel::is_cancelled) {
            self.asked_to_leave.set(true);
        }
        self.asked_to_leave.get() || self.failed.is_some()
    }
}

impl<B, D> OverlayView<'_, B, D>
where
    B: Base,
{
    fn fail(&mut self, failure: Failure<B::Error>) -> Stop {
        self.failed = Some(failure);
        Stop::by_view()
    }
}

impl<B, D> Ranged<B::Key, B::Value> for OverlayView<'_, B, D>
where
    B: Base<Key: Clone + Eq + Hash + Ord, Value: Clone>,
{
    fn chunk(
        &mut self,
        from: Bound<&B::Key>,
        to: Bound<&B::Key>,
        limit: usize,
    ) -> Result<Entries<B::Key, B::Value>, Stop> {
        self.base
            .scan(from, to, limit)
            .map_err(|error| match error {
                ScanError::Base(error) => self.fail(Failure::Base(error)),
                ScanError::Unordered => self.fail(Failure::Unordered),
            })
    }

    fn touched(&mut self, from: Bound<&B::Key>, to: Bound<&B::Key>) -> Vec<B::Key> {
        let mut keys = self.overlay.between(from, to);
        let own = self.writes.as_slice().iter().map(|(key, _)| key);
        keys.extend(own.filter(|key| (from, to).contains(*key)).cloned());
        keys
    }

    fn value(&mut self, key: &B::Key, base: Option<B::Value>) -> Result<Option<B::Value>, Stop> {
        let own = self.writes.get(key);
        Ok(match own.or_else(|| self.overlay.values.get(key)) {
            Some(present) => present.clone(),
            None => base,
        })
    }
}
