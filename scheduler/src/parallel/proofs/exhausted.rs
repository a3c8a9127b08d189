//! How loom is asked, and the smallest block that there is.

use std::convert::Infallible;
use std::sync::Arc;

use crate::config::WINDOW_LIMIT;
use crate::executor::Summary;
use crate::idle::Idle;
use crate::input::Input;
use crate::parallel::commit::Committer;
use crate::parallel::hints::Hints;
use crate::parallel::lock::Lock;
use crate::parallel::memory::MvMemory;
use crate::parallel::progress::Progress;
use crate::parallel::requeue::Requeue;
use crate::parallel::run::Run;
use crate::parallel::slot::Ring;
use crate::parallel::window::Window;
use crate::sync::{AtomicU64, Mutex};
use crate::{Base, Flow, Incarnation, NoDelta, Sink, Stop, TxIndex, Version, View, Vm};

/// Explores every order of accesses; a thread is preempted at most so often, if that is said.
pub(super) fn exhaust(preemptions: Option<usize>, run: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions;
    model.max_branches = 5_000;
    model.check(run);
}

/// Reads its key and writes one more.
#[derive(Debug)]
pub(super) struct Increments;

impl Vm for Increments {
    type Key = u8;
    type Value = u8;
    type Delta = NoDelta;
    type Tx = u8;
    type Output = u8;
    type Worker = ();

    fn worker(&self) {}

    fn execute<V>(&self, (): &mut (), _: TxIndex, key: &u8, view: &mut V) -> Result<u8, Stop>
    where
        V: View<Key = u8, Value = u8>,
    {
        let value = view.read(key)?.unwrap_or(0);
        view.write(*key, value + 1);
        Ok(value)
    }
}

/// Holds nothing.
#[derive(Debug)]
pub(super) struct Nothing;

impl Base for Nothing {
    type Key = u8;
    type Value = u8;
    type Error = Infallible;

    fn read(&self, _: &u8) -> Result<Option<u8>, Infallible> {
        Ok(None)
    }
}

/// Has the outputs that the block must have, in order.
#[derive(Debug)]
pub(super) struct Expected {
    outputs: &'static [u8],
    committed: usize,
}

impl Sink<u8, u8, u8> for Expected {
    fn commit(&mut self, index: TxIndex, output: u8, _: &[(u8, Option<u8>)]) -> Flow {
        assert_eq!(index.as_usize(), self.committed);
        assert_eq!(output, self.outputs[self.committed]);
        self.committed += 1;
        Flow::Continue
    }
}

/// What the threads of a model share.
pub(super) type Shared = Run<'static, Increments, Nothing, Expected>;

/// A run of these transactions, which must give these outputs, on so many workers with a window of so many transactions.
pub(super) fn shared(
    txs: &'static [u8],
    outputs: &'static [u8],
    threads: u32,
    window: u32,
) -> Arc<Shared> {
    assert!(window as usize <= WINDOW_LIMIT);
    let input = Input::Slice(txs);
    // A few words, which nobody gives back: the threads of a model cannot borrow.
    let sink: &'static mut Expected = Box::leak(Box::new(Expected {
        outputs,
        committed: 0,
    }));
    Arc::new(Run {
        vm: &Increments,
        base: &Nothing,
        hints: Hints::of(&Increments, &input),
        cancel: None,
        memory: MvMemory::new(0),
        ring: Ring::new(window + 1),
        progress: Progress::new(threads, window),
        requeue: Requeue::default(),
        idle: Box::leak(Box::new(Idle::default())),
        committer: Lock::new(Committer::new(sink, None, Window::new(window))),
        records: Mutex::default(),
        window: window as usize,
        executions: AtomicU64::new(0),
        panic: Mutex::new(None),
        input,
    })
}

/// What the committer has counted at the end of a run.
pub(super) fn summary(shared: &Shared) -> Summary {
    shared.committer.lock().summary
}

/// A version's name.
pub(super) const fn version(tx: u32, incarnation: u32) -> Version {
    Version {
        tx: TxIndex::new(tx),
        incarnation: Incarnation::new(incarnation),
    }
}
