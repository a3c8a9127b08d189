//! An embedder's own types that panic: wherever it happens, no worker hangs, what the sink got is right, and the executor
//! works on.

use std::cmp::Ordering as Order;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::hash::{Hash, Hasher};
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use ordlane_scheduler::{
    Base, Delta, Executor, Flow, Memory, MemoryFor, Options, OutOfBounds, RunError, ScanResult,
    Stop, TxIndex, View, Vm,
};

use super::calls::wait_for;
use super::support::{Watchdog, every_way, parallel, run};

/// Counts down over all operations of all types below; at zero one panics.
static LEFT: AtomicU64 = AtomicU64::new(u64::MAX);

fn may_panic(what: &'static str) {
    // Two panics at once would end the process.
    if !thread::panicking() && LEFT.fetch_sub(1, Ordering::Relaxed) == 1 {
        // Without a message on the terminal.
        resume_unwind(Box::new(what));
    }
}

#[derive(Debug)]
struct Key(u64);

impl Clone for Key {
    fn clone(&self) -> Self {
        may_panic("a key's clone");
        Self(self.0)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        may_panic("a key's eq");
        self.0 == other.0
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Order> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Order {
        may_panic("a key's cmp");
        self.0.cmp(&other.0)
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        may_panic("a key's hash");
        self.0.hash(state);
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        may_panic("a key's drop");
    }
}

#[derive(Debug)]
struct Value(u64);

impl Clone for Value {
    fn clone(&self) -> Self {
        may_panic("a value's clone");
        Self(self.0)
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        may_panic("a value's eq");
        self.0 == other.0
    }
}

impl Eq for Value {}

impl Drop for Value {
    fn drop(&mut self) {
        may_panic("a value's drop");
    }
}

#[derive(Debug)]
struct Plus(u64);

impl Clone for Plus {
    fn clone(&self) -> Self {
        may_panic("a delta's clone");
        Self(self.0)
    }
}

impl Delta<Value> for Plus {
    fn apply(&self, value: Option<&Value>) -> Result<Option<Value>, OutOfBounds> {
        may_panic("a delta's apply");
        Ok(Some(Value(value.map_or(0, |value| value.0) + self.0)))
    }
}

/// Reads, scans, adds and writes a few keys that all share.
struct Accesses;

impl Vm for Accesses {
    type Key = Key;
    type Value = Value;
    type Delta = Plus;
    type Tx = ();
    type Output = u64;
    type Worker = ();

    fn worker(&self) {
        may_panic("the making of a worker");
    }

    fn execute<V>(&self, (): &mut (), index: TxIndex, (): &(), view: &mut V) -> Result<u64, Stop>
    where
        V: View<Key = Key, Value = Value, Delta = Plus>,
    {
        may_panic("the Vm");
        let index = u64::from(index.get());
        let mut seen = view.read(&Key(index % 5))?.map_or(0, |value| value.0);
        if index % 4 == 0 {
            let page = view.scan(Bound::Included(&Key(10)), Bound::Excluded(&Key(20)), 5)?;
            seen += page.iter().map(|(key, value)| key.0 + value.0).sum::<u64>();
        }
        view.add(Key(30), Plus(1))?.map_err(Stop::fatal)?;
        view.write(Key(index % 7), Value(seen % 1_000 + 1));
        match index % 3 {
            0 => view.write(Key(10 + index % 9), Value(index)),
            1 => view.delete(Key(10 + index % 8)),
            _ => seen += view.read(&Key(30))?.map_or(0, |value| value.0),
        }
        Ok(seen)
    }
}

struct Tens;

impl Base for Tens {
    type Key = Key;
    type Value = Value;
    type Error = Infallible;

    fn read(&self, key: &Key) -> Result<Option<Value>, Infallible> {
        may_panic("the base");
        Ok((key.0 < 10).then_some(Value(10)))
    }

    fn scan(&self, _: Bound<&Key>, _: Bound<&Key>, _: usize) -> ScanResult<Key, Value, Infallible> {
        may_panic("a page of the base");
        Ok(Vec::new())
    }
}

/// What the sink got, as numbers, and how the run ended: not at all, with an error, or with a panic.
type Ended = (Vec<(u64, Vec<(u64, Option<u64>)>)>, Result<bool, String>);

const LENGTH: usize = 48;

fn run_until_it_panics(
    executor: &Executor,
    memory: &mut MemoryFor<Accesses>,
    operations: u64,
) -> Ended {
    let mut got = Vec::new();
    let mut sink = |index: TxIndex, output: u64, writes: &[(Key, Option<Value>)]| {
        assert_eq!(index.as_usize(), got.len(), "each once, in order");
        let writes = writes.iter();
        let writes = writes.map(|(key, value)| (key.0, value.as_ref().map(|value| value.0)));
        got.push((output, writes.collect()));
        Flow::Continue
    };
    LEFT.store(operations, Ordering::Relaxed);
    let said = catch_unwind(AssertUnwindSafe(|| {
        let options = Options::default().memory(memory);
        executor.run_with(&Accesses, &Tens, &[(); LENGTH], &mut sink, options)
    }));
    LEFT.store(u64::MAX, Ordering::Relaxed);
    let ended = match said {
        Ok(Ok(summary)) => Ok(summary.committed == LENGTH),
        Ok(Err(RunError::Panicked { index, message })) => {
            assert_eq!(index.as_usize(), got.len(), "{message}");
            Ok(false)
        }
        Ok(Err(other)) => Err(other.to_string()),
        Err(_) => Ok(false),
    };
    (got, ended)
}

#[test]
fn a_panic_anywhere_in_the_types_of_an_embedder_leaves_a_prefix_and_an_executor_that_works() {
    let _watchdog = Watchdog::new("a_panic_anywhere_in_the_types_of_an_embedder");
    for (way, executor) in every_way() {
        let mut memory = Memory::default();
        let (expected, ended) = run_until_it_panics(&executor, &mut memory, u64::MAX);
        assert_eq!(ended, Ok(true), "{way}");
        let mut done = 0;
        for round in 0..60 {
            let operations = 1 + round * 97 % 4_000;
            let (got, ended) = run_until_it_panics(&executor, &mut memory, operations);
            assert!(got == expected[..got.len()], "{way}, after {operations}");
            match ended {
                Ok(true) => assert_eq!(got.len(), LENGTH, "{way}, after {operations}"),
                Ok(false) => {}
                Err(error) => panic!("{way}, after {operations}: {error}"),
            }
            done += usize::from(ended == Ok(true));
        }
        let (got, ended) = run_until_it_panics(&executor, &mut memory, u64::MAX);
        assert!(got == expected && ended == Ok(true), "{way}");
        assert!(done < 60, "{way}: nothing panicked");
    }
}

/// Cannot be added to 666.
#[derive(Clone, Debug)]
struct Afraid;

impl Delta<u64> for Afraid {
    fn apply(&self, value: Option<&u64>) -> Result<Option<u64>, OutOfBounds> {
        let value = value.copied().unwrap_or(0);
        if value == 666 {
            resume_unwind(Box::new("666"));
        }
        Ok(Some(value + 1))
    }
}

type Adds<'a> = dyn Fn(u32, &mut dyn Adding) -> Result<u64, Stop> + Sync + 'a;

/// The view of a [`WithAfraid`], as an object.
trait Adding {
    fn read(&mut self, key: u64) -> Result<u64, Stop>;
    fn write(&mut self, key: u64, value: u64);
    fn add(&mut self, key: u64) -> Result<(), Stop>;
}

impl<V: View<Key = u64, Value = u64, Delta = Afraid>> Adding for V {
    fn read(&mut self, key: u64) -> Result<u64, Stop> {
        Ok(View::read(self, &key)?.unwrap_or(0))
    }

    fn write(&mut self, key: u64, value: u64) {
        View::write(self, key, value);
    }

    fn add(&mut self, key: u64) -> Result<(), Stop> {
        View::add(self, key, Afraid)?.map_err(Stop::fatal)
    }
}

/// Runs a function.
struct WithAfraid<'a>(&'a Adds<'a>);

impl Vm for WithAfraid<'_> {
    type Key = u64;
    type Value = u64;
    type Delta = Afraid;
    type Tx = ();
    type Output = u64;
    type Worker = ();

    fn worker(&self) {}

    fn execute<V>(&self, (): &mut (), index: TxIndex, (): &(), view: &mut V) -> Result<u64, Stop>
    where
        V: View<Key = u64, Value = u64, Delta = Afraid>,
    {
        (self.0)(index.get(), view)
    }
}

#[test]
fn an_addition_that_panics_on_final_state_names_its_transaction() {
    let _watchdog = Watchdog::new("an_addition_that_panics_on_final_state");
    for (way, executor) in every_way() {
        let runs_ahead = executor.config().threads > 1 && executor.config().window > 1;
        let added = AtomicU64::new(0);
        let call = |index: u32, view: &mut dyn Adding| {
            match index {
                0 => {
                    if runs_ahead {
                        wait_for(|| added.load(Ordering::SeqCst) > 0);
                    }
                    view.write(0, 666);
                }
                16 => {
                    view.add(0)?;
                    added.fetch_add(1, Ordering::SeqCst);
                }
                _ => {}
            }
            Ok(0)
        };
        let (entries, said) = run(&executor, &WithAfraid(&call), &BTreeMap::new(), &[(); 32]);
        let named = matches!(said, Err(RunError::Panicked { index, .. }) if index.get() == 16);
        assert!(named && entries.len() == 16, "{way}: {said:?}");
    }
}

/// The first run of 4 writes under key 0, which it reads too early, what 8 has added to without harm; 12, which has read
/// the sum, is then looked at behind the frontier.
#[test]
fn an_addition_that_panics_on_a_state_that_never_was_does_no_harm() {
    let _watchdog = Watchdog::new("an_addition_that_panics_on_a_state_that_never_was");
    for threads in [4, 8] {
        for _ in 0..10 {
            let (added, summed, wrote) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
            let so_far = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
            let call = |index: u32, view: &mut dyn Adding| {
                match index {
                    0 => {
                        wait_for(|| so_far(&wrote) > 0);
                        thread::sleep(Duration::from_millis(2));
                        view.write(1, 1);
                    }
                    4 => {
                        let is_final = view.read(1)? == 1;
                        wait_for(|| so_far(&summed) > 0);
                        view.write(0, if is_final { 10 } else { 666 });
                        wrote.fetch_add(1, Ordering::SeqCst);
                    }
                    8 => {
                        view.add(0)?;
                        added.fetch_add(1, Ordering::SeqCst);
                    }
                    12 => {
                        wait_for(|| so_far(&added) > 0);
                        let seen = view.read(0)?;
                        summed.fetch_add(1, Ordering::SeqCst);
                        return Ok(seen);
                    }
                    _ => {}
                }
                Ok(0)
            };
            let executor = parallel(threads);
            let (entries, said) = run(&executor, &WithAfraid(&call), &BTreeMap::new(), &[(); 16]);
            assert_eq!(said.unwrap().committed, 16, "{threads} threads");
            assert_eq!(entries[12].output, 11, "{threads} threads");
        }
    }
}
