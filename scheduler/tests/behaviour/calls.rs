//! A Vm made of a closure, for tests that are easier to say in Rust than in the language of `programs`.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::thread;
use std::time::Duration;

use ordlane_scheduler::{Bounded, Executor, OutOfBounds, Stop, TxIndex, View, Vm};

use super::support::run;

/// A Vm made of a function over `u64` keys and values.
pub(crate) struct Call<F>(pub(crate) F);

/// The view of a [`Call`], as an object, since closures are not generic.
pub(crate) trait Seen {
    fn read(&mut self, key: u64) -> Result<Option<u64>, Stop>;
    /// The first entries from `from` on and below `to`.
    fn scan(&mut self, from: u64, to: u64, limit: usize) -> Result<Vec<(u64, u64)>, Stop>;
    fn write(&mut self, key: u64, value: u64);
    fn delete(&mut self, key: u64);
    fn add(&mut self, key: u64, delta: Bounded<u64>) -> Result<Result<(), OutOfBounds>, Stop>;
    fn should_stop(&self) -> bool;
}

impl<V: View<Key = u64, Value = u64, Delta = Bounded<u64>>> Seen for V {
    fn read(&mut self, key: u64) -> Result<Option<u64>, Stop> {
        View::read(self, &key)
    }

    fn scan(&mut self, from: u64, to: u64, limit: usize) -> Result<Vec<(u64, u64)>, Stop> {
        View::scan(self, Bound::Included(&from), Bound::Excluded(&to), limit)
    }

    fn write(&mut self, key: u64, value: u64) {
        View::write(self, key, value);
    }

    fn delete(&mut self, key: u64) {
        View::delete(self, key);
    }

    fn add(&mut self, key: u64, delta: Bounded<u64>) -> Result<Result<(), OutOfBounds>, Stop> {
        View::add(self, key, delta)
    }

    fn should_stop(&self) -> bool {
        View::should_stop(self)
    }
}

impl<F> Vm for Call<F>
where
    F: Fn(u32, &mut dyn Seen) -> Result<u64, Stop> + Sync,
{
    type Key = u64;
    type Value = u64;
    type Delta = Bounded<u64>;
    type Tx = ();
    type Output = u64;
    type Worker = ();

    fn worker(&self) {}

    fn execute<V>(&self, (): &mut (), index: TxIndex, (): &(), view: &mut V) -> Result<u64, Stop>
    where
        V: View<Key = u64, Value = u64, Delta = Bounded<u64>>,
    {
        (self.0)(index.get(), view)
    }
}

/// Runs `length` calls over an empty base and gives the outputs.
pub(crate) fn outputs<F>(executor: &Executor, call: F, length: usize) -> Vec<u64>
where
    F: Fn(u32, &mut dyn Seen) -> Result<u64, Stop> + Sync,
{
    let (entries, said) = run(executor, &Call(call), &BTreeMap::new(), &vec![(); length]);
    assert_eq!(said.unwrap().committed, length);
    entries.into_iter().map(|entry| entry.output).collect()
}

/// Adds one to key 0 and gives what stood there: its own index, on final state, if every transaction does so.
pub(crate) fn add_one(_: u32, view: &mut dyn Seen) -> Result<u64, Stop> {
    let count = view.read(0)?.unwrap_or(0);
    view.write(0, count + 1);
    Ok(count)
}

/// Burns time that no optimiser takes away.
pub(crate) fn burn(rounds: u32) {
    for round in 0..rounds {
        std::hint::black_box(round);
    }
}

/// Waits for what another thread is about to do; not for ever, should it have no reason to.
pub(crate) fn wait_for(done: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if done() {
            return;
        }
        thread::sleep(Duration::from_micros(100));
    }
}
