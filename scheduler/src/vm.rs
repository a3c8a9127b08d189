//! What runs a transaction, and what it sees while it runs.

use std::error::Error;
use std::fmt::Debug;
use std::hash::Hash;
use std::ops::Bound;

use crate::delta::{Delta, OutOfBounds};
use crate::types::{Entries, TxIndex};

/// Runs one transaction against a [`View`].
///
/// `execute` must be a function of the transaction, its index and what it reads through the view. It may be called
/// several times for one transaction, from several threads, and on states that no sequential execution would show it;
/// only a call that read final values counts.
///
/// A call must not wait for another transaction. A loop that an inconsistent state could keep alive for ever asks
/// [`View::should_stop`], or reads.
pub trait Vm: Sync {
    /// Names one value of the state. Two keys are the same exactly when they are equal; the hash is only a hint.
    type Key: Clone + Eq + Hash + Ord + Debug + Send + Sync;
    /// A value of the state. Equal values are interchangeable.
    type Value: Clone + Eq + Send + Sync;
    /// What can be added to a value without reading it; [`NoDelta`](crate::NoDelta) if nothing can.
    type Delta: Delta<Self::Value>;
    /// A transaction.
    type Tx: Send + Sync;
    /// What a transaction leaves beside its writes, for instance a receipt.
    type Output: Send;
    /// Scratch state that one thread reuses over its transactions. It must not carry a result from one to the next.
    type Worker;

    /// Makes the scratch state of one thread; again after a panic, since that may have left it half changed.
    fn worker(&self) -> Self::Worker;

    /// Names keys that `tx` will probably both read and write, its sender's for instance, by pushing them to `keys`.
    ///
    /// Of two transactions that name the same key, the higher one is not run ahead while the lower one has not run. Hints
    /// never change a result: wrong ones cost time, missing ones leave conflicts to be found, and a panic here is as good
    /// as no hint. They are asked for on the calling thread before the block is run in parallel, so they should be cheap.
    /// There are none by default.
    fn hints(&self, index: TxIndex, tx: &Self::Tx, keys: &mut Vec<Self::Key>) {
        let _ = (index, tx, keys);
    }

    /// Runs `tx`, which stands at `index` in its block.
    ///
    /// # Errors
    /// A [`Stop`] that came from the view is passed on with `?`. [`Stop::fatal`] reports a failure of the system, which
    /// ends the block. A transaction that fails by the rules of the chain is no error here: that is an `Output`.
    fn execute<V>(
        &self,
        worker: &mut Self::Worker,
        index: TxIndex,
        tx: &Self::Tx,
        view: &mut V,
    ) -> Result<Self::Output, Stop>
    where
        V: View<Key = Self::Key, Value = Self::Value, Delta = Self::Delta>;
}

/// The state as one run of one transaction sees it.
pub trait View {
    /// As in [`Vm::Key`].
    type Key;
    /// As in [`Vm::Value`].
    type Value;
    /// As in [`Vm::Delta`].
    type Delta;

    /// The value under `key`, or `None` where there is none.
    ///
    /// The run's own writes are visible to it, and every other read of one key gives the same answer throughout a run.
    ///
    /// # Errors
    /// The run must end, and its result is thrown away; pass the [`Stop`] on.
    fn read(&mut self, key: &Self::Key) -> Result<Option<Self::Value>, Stop>;

    /// The first entries between two bounds, ascending by key, with this run's own writes among them.
    ///
    /// It gives at most `limit` of them and never more than [`SCAN_LIMIT`](crate::SCAN_LIMIT); fewer mean that there are
    /// no more. The next page starts behind the last key of this one. A page counts as a read of every key up to its
    /// last, the absent ones included: a lower transaction that puts a key there conflicts with this run. Bounds between
    /// which no key can lie give nothing.
    ///
    /// # Errors
    /// As in [`View::read`]. A base without an order ends the block with
    /// [`RunError::Unordered`](crate::RunError::Unordered).
    fn scan(
        &mut self,
        from: Bound<&Self::Key>,
        to: Bound<&Self::Key>,
        limit: usize,
    ) -> Result<Entries<Self::Key, Self::Value>, Stop>;

    /// Puts `value` under `key`; nobody else sees it before the run has ended.
    fn write(&mut self, key: Self::Key, value: Self::Value);

    /// Takes away what stands under `key`.
    fn delete(&mut self, key: Self::Key);

    /// Adds `delta` to what stands under `key`, without reading it: transactions that only add to a key do not conflict
    /// with each other. An addition out of bounds changes nothing, and the run decides what that means.
    ///
    /// Like a write it is visible to later reads of this run; a read before or after it is a read like any other.
    ///
    /// # Errors
    /// The outer one as in [`View::read`]. The inner one says that the sum would leave the bounds of `delta`.
    fn add(&mut self, key: Self::Key, delta: Self::Delta) -> Result<Result<(), OutOfBounds>, Stop>;

    /// True once this run cannot count any more, so that a long one can leave with [`Stop::requested`].
    fn should_stop(&self) -> bool;
}

/// Ends a run before its time. A [`Vm`] gets it from its view and passes it on.
#[derive(Debug, thiserror::Error)]
#[error("the run of the transaction was stopped")]
pub struct Stop(#[source] pub(crate) StopKind);

/// Why a run ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StopKind {
    /// The view ended it and knows why.
    #[error("the view ended the run")]
    View,
    /// The Vm left because it was asked to.
    #[error("the run was asked to leave")]
    Requested,
    /// The Vm met a failure of the system.
    #[error("the system failed")]
    Fatal(#[source] Box<dyn Error + Send + Sync>),
}

impl Stop {
    /// A failure of the system, not of the transaction: on final state it ends the block with
    /// [`RunError::Fatal`](crate::RunError::Fatal).
    pub fn fatal(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(StopKind::Fatal(error.into()))
    }

    /// The answer to [`View::should_stop`]. Unasked, it counts as a fatal error.
    #[must_use]
    pub const fn requested() -> Self {
        Self(StopKind::Requested)
    }

    /// The view has noted the reason.
    pub(crate) const fn by_view() -> Self {
        Self(StopKind::View)
    }
}

/// A Vm ended a run with a [`Stop`] although nothing had stopped it.
#[derive(Debug, thiserror::Error)]
#[error("the Vm stopped a run that nobody had asked to stop")]
pub(crate) struct UnaskedStop;
