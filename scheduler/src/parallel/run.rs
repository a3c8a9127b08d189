//! One run of one block: what all its workers share, and its beginning and end.

use std::any::Any;
use std::panic::resume_unwind;

use super::commit::Committer;
use super::hints::Hints;
use super::idle::Idle;
use super::memory::MvMemory;
use super::pool::Turn;
use super::progress::Progress;
use super::requeue::Requeue;
use super::slot::Ring;
use super::sync::{AtomicU64, Mutex, Ordering, lock};
use super::window::Window;
use crate::base::Base;
use crate::cancel::Cancel;
use crate::error::RunError;
use crate::executor::{Options, Summary};
use crate::sink::Sink;
use crate::vm::Vm;

/// What the workers of a run share.
pub(crate) struct Run<'a, M: Vm, B: Base, S> {
    pub(crate) vm: &'a M,
    pub(crate) base: &'a B,
    pub(crate) txs: &'a [M::Tx],
    pub(crate) cancel: Option<&'a Cancel>,
    pub(crate) hints: Hints,
    pub(crate) memory: MvMemory<M::Key, M::Value, M::Delta>,
    pub(crate) ring: Ring<M::Key, M::Value, M::Delta, M::Output>,
    pub(crate) progress: Progress,
    pub(crate) requeue: Requeue,
    pub(crate) idle: Idle,
    pub(crate) committer: Mutex<Committer<'a, M::Key, S, B::Error>>,
    /// Calls of the Vm; each worker adds its own at the end.
    pub(crate) executions: AtomicU64,
    /// A panic outside the Vm, for the caller.
    pub(crate) panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// Runs the block on the threads of a pool. `window` is per thread; `txs` has no more transactions than there are indices.
pub(crate) fn run<M, B, S>(
    turn: &Turn<'_>,
    window: usize,
    vm: &M,
    base: &B,
    txs: &[M::Tx],
    sink: &mut S,
    options: Options<'_, M::Key>,
) -> Result<Summary, RunError<B::Error>>
where
    M: Vm,
    B: Base<Key = M::Key, Value = M::Value>,
    S: Sink<M::Key, M::Value, M::Output>,
{
    let Ok(total) = u32::try_from(txs.len()) else {
        return Err(RunError::TooManyTransactions {
            count: txs.len(),
            limit: u32::MAX as usize,
        });
    };
    let threads = u32::try_from(turn.threads()).unwrap_or(u32::MAX);
    let most = u32::try_from(window)
        .unwrap_or(u32::MAX)
        .saturating_mul(threads)
        .min(1 << 20);
    let shared = Run {
        vm,
        base,
        txs,
        cancel: options.cancel,
        hints: Hints::of(vm, txs),
        memory: MvMemory::new(txs.len()),
        // The cursor may go beyond the window by as many as there are threads.
        ring: Ring::new(most.saturating_add(threads).saturating_add(1)),
        progress: Progress::new(total, most),
        requeue: Requeue::default(),
        idle: Idle::default(),
        committer: Mutex::new(Committer::new(sink, options.trace, Window::new(most))),
        executions: AtomicU64::new(0),
        panic: Mutex::new(None),
    };
    turn.broadcast(|| shared.work());
    if let Some(payload) = lock(&shared.panic).take() {
        resume_unwind(payload);
    }
    let executions = shared.executions.load(Ordering::Relaxed);
    let mut committer = lock(&shared.committer);
    if let Some(error) = committer.error.take() {
        return Err(error);
    }
    Ok(Summary {
        executions,
        ..committer.summary
    })
}
