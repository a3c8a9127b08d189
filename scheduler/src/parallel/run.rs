//! One run of one block: what all its workers share, and its beginning and end.

use std::any::Any;
use std::panic::resume_unwind;

use super::commit::Committer;
use super::execute::RecordsOf;
use super::hints::Hints;
use super::lock::Lock;
use super::memory::MvMemory;
use super::pool::Turn;
use super::progress::Progress;
use super::requeue::Requeue;
use super::room::Room;
use super::slot::Ring;
use super::window::Window;
use crate::base::Base;
use crate::cancel::Cancel;
use crate::error::RunError;
use crate::executor::{Options, Summary};
use crate::idle::Idle;
use crate::input::Input;
use crate::sink::Sink;
use crate::sync::{AtomicU64, Mutex, Ordering, lock};
use crate::vm::Vm;

/// A memory has room for so many keys per transaction before it grows.
const KEYS_PER_TRANSACTION: usize = 1;
/// What is taken for the length of a block of which nobody knows it yet.
const UNKNOWN_LENGTH: usize = 4_096;
/// The most transactions that may be alive at once, whatever the settings.
const LIVE_LIMIT: u32 = 1 << 20;

/// What the workers of a run share.
pub(crate) struct Run<'a, M: Vm, B: Base, S> {
    pub(crate) vm: &'a M,
    pub(crate) base: &'a B,
    pub(crate) input: Input<'a, M::Tx>,
    pub(crate) cancel: Option<&'a Cancel>,
    /// The most transactions that are alive at once, per thread.
    pub(crate) window: usize,
    pub(crate) hints: Hints<M::Key>,
    pub(crate) memory: MvMemory<M::Key, M::Value, M::Delta>,
    pub(crate) ring: Ring<M::Key, M::Value, M::Delta, M::Output>,
    /// Records that no worker has.
    pub(crate) records: Mutex<RecordsOf<M>>,
    pub(crate) progress: Progress,
    pub(crate) requeue: Requeue,
    pub(crate) idle: &'a Idle,
    pub(crate) committer: Lock<Committer<'a, M::Key, S, B::Error>>,
    /// Calls of the Vm; each worker adds its own at the end.
    pub(crate) executions: AtomicU64,
    /// A panic outside the Vm, for the caller.
    pub(crate) panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// Runs the block on the threads of a pool. `window` is per thread.
pub(crate) fn run<M, B, S>(
    turn: &Turn<'_>,
    window: usize,
    vm: &M,
    base: &B,
    input: Input<'_, M::Tx>,
    sink: &mut S,
    mut options: Options<'_, M>,
) -> Result<Summary, RunError<B::Error>>
where
    M: Vm,
    B: Base<Key = M::Key, Value = M::Value>,
    S: Sink<M::Key, M::Value, M::Output>,
{
    let threads = u32::try_from(turn.threads()).unwrap_or(u32::MAX);
    let most = u32::try_from(window)
        .unwrap_or(u32::MAX)
        .saturating_mul(threads)
        .min(LIVE_LIMIT);
    let own_idle = Idle::default();
    let (idle, expected) = match &input {
        Input::Slice(txs) => (&own_idle, txs.len()),
        Input::Feed(feed) => (feed.idle(), UNKNOWN_LENGTH),
    };
    let keys = expected.saturating_mul(KEYS_PER_TRANSACTION);
    let left = options
        .memory
        .as_mut()
        .and_then(|memory| memory.room.take());
    let room = Room::make(left, keys, most.saturating_add(1));
    let shared = Run {
        vm,
        base,
        hints: Hints::of(vm, &input),
        cancel: options.cancel,
        window,
        memory: room.memory,
        ring: room.ring,
        records: Mutex::new(room.records),
        progress: Progress::new(threads, most),
        requeue: Requeue::default(),
        idle,
        committer: Lock::new(Committer::new(sink, options.trace, Window::new(most))),
        executions: AtomicU64::new(0),
        panic: Mutex::new(None),
        input,
    };
    turn.broadcast(|worker| shared.work(worker));
    if let Some(payload) = lock(&shared.panic).take() {
        resume_unwind(payload);
    }
    let executions = shared.executions.load(Ordering::Relaxed);
    if let Some(memory) = options.memory {
        let used = Room {
            memory: shared.memory,
            ring: shared.ring,
            records: lock(&shared.records).split_off(0),
        };
        memory.room = used.keep();
    }
    let mut committer = shared.committer.lock();
    if let Some(error) = committer.error.take() {
        return Err(error);
    }
    Ok(Summary {
        executions,
        ..committer.summary
    })
}
