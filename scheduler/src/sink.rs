//! Where the results go, one transaction after another.

use crate::types::TxIndex;

/// Takes the outputs and writes in block order: 0, 1, 2, ..., each once, each final.
///
/// A panic in a sink ends the run and reaches the caller of [`Executor::run`](crate::Executor::run).
pub trait Sink<K, V, O>: Send {
    /// Takes what the transaction at `index` did. `writes` is sorted by key, holds every key once, and a `None` is a
    /// deletion. The answer decides what becomes of it and of the block.
    fn commit(&mut self, index: TxIndex, output: O, writes: &[(K, Option<V>)]) -> Flow;
}

impl<K, V, O, F> Sink<K, V, O> for F
where
    F: FnMut(TxIndex, O, &[(K, Option<V>)]) -> Flow + Send,
{
    fn commit(&mut self, index: TxIndex, output: O, writes: &[(K, Option<V>)]) -> Flow {
        self(index, output, writes)
    }
}

/// What a sink decides about the transaction it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// The transaction stands; the block goes on.
    Continue,
    /// The transaction stands; the block ends after it.
    CutAfter,
    /// The transaction's writes are dropped; the block ends before it.
    CutBefore,
    /// The transaction's writes are dropped; the block goes on without it.
    Skip,
}
