//! One call of the Vm, with its panic caught.

use std::any::Any;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::types::TxIndex;
use crate::vm::{Stop, StopKind, UnaskedStop, View, Vm};

/// How a call of the Vm ended, if the view did not end it.
#[derive(Debug)]
pub(crate) enum Outcome<O> {
    /// It returned an output.
    Output(O),
    /// It panicked with this text.
    Panicked(String),
    /// It reported a failure of the system.
    Fatal(Box<dyn Error + Send + Sync>),
}

/// Runs `tx` once. A worker state that a panic may have left half changed is replaced before the next call.
pub(crate) fn attempt<M, V>(
    vm: &M,
    worker: &mut Option<M::Worker>,
    index: TxIndex,
    tx: &M::Tx,
    view: &mut V,
) -> Outcome<M::Output>
where
    M: Vm,
    V: View<Key = M::Key, Value = M::Value, Delta = M::Delta>,
{
    let scratch = worker.get_or_insert_with(|| vm.worker());
    // Nothing that a panic leaves half changed is used again: the scratch state is replaced, the view's writes dropped.
    match catch_unwind(AssertUnwindSafe(|| vm.execute(scratch, index, tx, view))) {
        Ok(Ok(output)) => Outcome::Output(output),
        Ok(Err(Stop(StopKind::Fatal(error)))) => Outcome::Fatal(error),
        Ok(Err(Stop(StopKind::View | StopKind::Requested))) => {
            Outcome::Fatal(Box::new(UnaskedStop))
        }
        Err(payload) => {
            *worker = None;
            Outcome::Panicked(text(payload.as_ref()))
        }
    }
}

fn text(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a text".to_owned()
    }
}
