//! One transaction after another on the calling thread: the definition of the result, and the faster way for tiny blocks.

use std::collections::HashMap;
use std::hash::Hash;
use std::marker::PhantomData;

use crate::attempt::{Outcome, attempt};
use crate::base::Base;
use crate::delta::{Delta, OutOfBounds};
use crate::error::RunError;
use crate::executor::Summary;
use crate::keyed::KeyedVec;
use crate::sink::{Flow, Sink};
use crate::types::TxIndex;
use crate::vm::{Stop, View, Vm};

/// The state above the base: what was read from it, and what the block wrote.
type Overlay<K, V> = HashMap<K, Option<V>>;

/// Runs the block; `txs` has no more transactions than there are indices.
pub(crate) fn run<M, B, S>(
    vm: &M,
    base: &B,
    txs: &[M::Tx],
    sink: &mut S,
) -> Result<Summary, RunError<B::Error>>
where
    M: Vm,
    B: Base<Key = M::Key, Value = M::Value>,
    S: Sink<M::Key, M::Value, M::Output>,
{
    let mut overlay = Overlay::new();
    let mut writes = KeyedVec::default();
    let mut worker = None;
    let mut summary = Summary::default();
    for (index, tx) in (0..).map(TxIndex::new).zip(txs) {
        writes.clear();
        summary.executions += 1;
        let mut view = OverlayView {
            overlay: &mut overlay,
            base,
            writes: &mut writes,
            failed: None,
            delta: PhantomData,
        };
        let outcome = attempt(vm, &mut worker, index, tx, &mut view);
        if let Some(source) = view.failed {
            return Err(RunError::Base { index, source });
        }
        let output = match outcome {
            Outcome::Output(output) => output,
            Outcome::Panicked(message) => return Err(RunError::Panicked { index, message }),
            Outcome::Fatal(source) => return Err(RunError::Fatal { index, source }),
        };
        writes.sort();
        let flow = sink.commit(index, output, writes.as_slice());
        match flow {
            Flow::Continue | Flow::CutAfter => {
                overlay.extend(writes.drain());
                summary.committed += 1;
            }
            Flow::Skip => summary.skipped += 1,
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
    /// The base failed; nothing that the Vm makes of it counts.
    failed: Option<B::Error>,
    delta: PhantomData<D>,
}

impl<B, D> View for OverlayView<'_, B, D>
where
    B: Base<Key: Clone + Eq + Hash, Value: Clone>,
    D: Delta<B::Value>,
{
    type Key = B::Key;
    type Value = B::Value;
    type Delta = D;

    fn read(&mut self, key: &B::Key) -> Result<Option<B::Value>, Stop> {
        if self.failed.is_some() {
            return Err(Stop::by_view());
        }
        if let Some(written) = self.writes.get(key) {
            return Ok(written.clone());
        }
        if let Some(present) = self.overlay.get(key) {
            return Ok(present.clone());
        }
        match self.base.read(key) {
            Ok(value) => {
                self.overlay.insert(key.clone(), value.clone());
                Ok(value)
            }
            Err(error) => {
                self.failed = Some(error);
                Err(Stop::by_view())
            }
        }
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
        self.failed.is_some()
    }
}
