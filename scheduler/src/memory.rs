//! Room that one run leaves for the next.

use std::fmt;

use crate::vm::Vm;

/// The room that a run takes for its read and write sets and for the versions of keys, kept for the next run of the same
/// types, which then hardly allocates anything. No result depends on it: a run with it gives what a run without it gives.
///
/// Only the parallel mode uses it. It keeps what one run of up to some hundred thousand keys needs, values included until
/// the next run begins, and frees what goes beyond; a run that panics leaves nothing.
///
/// ```
/// # use std::collections::BTreeMap;
/// # use ordlane_scheduler::*;
/// # struct Increment;
/// # impl Vm for Increment {
/// #     type Key = u8;
/// #     type Value = u64;
/// #     type Delta = NoDelta;
/// #     type Tx = u8;
/// #     type Output = ();
/// #     type Worker = ();
/// #     fn worker(&self) {}
/// #     fn execute<V>(&self, (): &mut (), _: TxIndex, key: &u8, view: &mut V) -> Result<(), Stop>
/// #     where
/// #         V: View<Key = u8, Value = u64>,
/// #     {
/// #         let value = view.read(key)?.unwrap_or(0);
/// #         view.write(*key, value + 1);
/// #         Ok(())
/// #     }
/// # }
/// # let executor = Executor::new(Config { threads: 2, ..Config::default() })?;
/// # let base = BTreeMap::new();
/// let mut memory = Memory::default();
/// for block in [[1_u8; 20], [2; 20]] {
///     let mut sink = |_: TxIndex, (): (), _: &[(u8, Option<u64>)]| Flow::Continue;
///     let options = Options::default().memory(&mut memory);
///     executor.run_with(&Increment, &base, &block, &mut sink, options)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Memory<K, V, D, O> {
    #[cfg(feature = "rayon")]
    pub(crate) room: Option<crate::parallel::Room<K, V, D, O>>,
    #[cfg(not(feature = "rayon"))]
    #[expect(
        clippy::type_complexity,
        reason = "it says that there is none of the four"
    )]
    room: std::marker::PhantomData<fn() -> (K, V, D, O)>,
}

/// The memory for runs of one [`Vm`].
pub type MemoryFor<M> =
    Memory<<M as Vm>::Key, <M as Vm>::Value, <M as Vm>::Delta, <M as Vm>::Output>;

impl<K, V, D, O> Default for Memory<K, V, D, O> {
    fn default() -> Self {
        Self {
            room: Default::default(),
        }
    }
}

impl<K, V, D, O> fmt::Debug for Memory<K, V, D, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}
