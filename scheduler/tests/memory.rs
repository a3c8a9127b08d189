//! How much memory a run takes: a constant per distinct key, a constant per live transaction, and nothing per transaction
//! of the block.
//!
//! Measured by an allocator that counts the bytes of all threads, live at the peak of a run, beyond what was live before
//! it. `--nocapture` prints the figures.

#![cfg(feature = "rayon")]
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests stop the test, as the tests themselves do"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::convert::Infallible;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use ordlane_scheduler::{
    Base, Config, Delta, Executor, Flow, Memory, Mode, Options, OutOfBounds, Stop, TxIndex, View,
    Vm,
};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[expect(
    unsafe_code,
    reason = "an allocator cannot be written without; it only counts and passes on"
)]
// SAFETY: every call goes to the system's allocator with the caller's own arguments, so its contract is the caller's.
// A reallocation is the default one: allocate, copy, free, so that both buffers count while both live.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller upholds the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the pointer came from `System.alloc` with this layout, by the caller's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One measurement at a time: the counters are the process's.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The bytes live at the peak of some work beyond those before it.
fn peak_of(work: impl FnOnce()) -> usize {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    work();
    PEAK.load(Ordering::Relaxed) - before
}

/// What each transaction of a block does.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// Keys that all transactions take turns with.
    keys: u64,
    reads: u64,
    writes: u64,
    /// Additions to keys that all share.
    adds: u64,
    /// Keys named by hints; every two transactions name the same.
    hints: u64,
    /// The first transaction waits until so many have been run, so that as many as can be are alive at once.
    stall: u64,
    /// Rounds of work that the sink does per transaction.
    sink: u64,
}

const TRANSFERS: Shape = Shape {
    keys: 500,
    reads: 2,
    writes: 2,
    adds: 0,
    hints: 0,
    stall: 0,
    sink: 0,
};

/// Reads, writes and adds as it is told.
struct Accesses {
    shape: Shape,
    runs: AtomicU64,
}

/// 32 bytes, as in many chains.
type Value = [u64; 4];

/// One more in the first word.
#[derive(Clone, Copy, Debug)]
struct One;

impl Delta<Value> for One {
    fn apply(&self, value: Option<&Value>) -> Result<Option<Value>, OutOfBounds> {
        let mut value = value.copied().unwrap_or_default();
        value[0] = value[0].checked_add(1).ok_or(OutOfBounds)?;
        Ok(Some(value))
    }
}

impl Vm for Accesses {
    type Key = u64;
    type Value = Value;
    type Delta = One;
    type Tx = ();
    type Output = u64;
    type Worker = ();

    fn worker(&self) {}

    fn hints(&self, index: TxIndex, (): &(), keys: &mut Vec<u64>) {
        let start = u64::from(index.get() / 2) * self.shape.hints;
        keys.extend((0..self.shape.hints).map(|hint| start + hint));
    }

    fn execute<V>(&self, (): &mut (), index: TxIndex, (): &(), view: &mut V) -> Result<u64, Stop>
    where
        V: View<Key = u64, Value = Value, Delta = One>,
    {
        let shape = self.shape;
        let index = u64::from(index.get());
        let start = index * shape.reads.max(shape.writes);
        let mut sum = 0;
        for read in 0..shape.reads {
            let value = view.read(&((start + read) % shape.keys))?;
            sum += value.unwrap_or_default()[0];
        }
        for write in 0..shape.writes {
            view.write((start + write) % shape.keys, [0, 0, 0, index]);
        }
        for key in 0..shape.adds {
            view.add(u64::MAX - key, One)?.map_err(Stop::fatal)?;
        }
        self.runs.fetch_add(1, Ordering::Relaxed);
        if index == 0 {
            for _ in 0..2_000 {
                if self.runs.load(Ordering::Relaxed) >= shape.stall {
                    break;
                }
                thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(sum)
    }
}

/// Allocates nothing.
struct Zeros;

impl Base for Zeros {
    type Key = u64;
    type Value = Value;
    type Error = Infallible;

    fn read(&self, _: &u64) -> Result<Option<Value>, Infallible> {
        Ok(Some([0; 4]))
    }
}

fn parallel(threads: usize, window: usize) -> Executor {
    Executor::new(Config {
        threads,
        mode: Mode::Parallel,
        window,
    })
    .unwrap()
}

fn run_once(executor: &Executor, shape: Shape, block: &[()]) {
    let mut committed = 0;
    let mut sink = |_: TxIndex, _: u64, _: &[(u64, Option<Value>)]| {
        committed += 1;
        for round in 0..shape.sink {
            black_box(round);
        }
        Flow::Continue
    };
    let vm = Accesses {
        shape,
        runs: AtomicU64::new(0),
    };
    executor.run(&vm, &Zeros, block, &mut sink).unwrap();
    assert_eq!(committed, block.len());
}

/// The peak of one run of a block that lies ready, after one that is thrown away.
fn peak(executor: &Executor, shape: Shape, length: usize) -> usize {
    let block = vec![(); length];
    run_once(executor, shape, &block);
    peak_of(|| run_once(executor, shape, &block))
}

/// What the directory of keys and the map's first room take per transaction, as long as the block is short enough for them
/// to follow its length: 2 words that become a power of two of them, and an entry of the map.
const ROOM_PER_TRANSACTION: usize = 96;
/// What may differ between two runs of one block: how far vectors have grown when transactions meet by chance.
const CHANCE: usize = 256 * 1024;

#[test]
fn live_records_are_bounded_by_the_window_and_not_by_the_block() {
    let _alone = alone();
    let lengths = [1_000, 10_000, 100_000, 1_000_000];
    for threads in [1, 2, 4] {
        let executor = parallel(threads, 16);
        let peaks = lengths.map(|length| peak(&executor, TRANSFERS, length));
        for (length, peak) in lengths.iter().zip(peaks) {
            println!(
                "{threads} threads, 500 keys, {length:>9} transactions: {peak:>9} bytes, {:>4} each",
                peak / length
            );
        }
        for (grown, more) in [(1, 9_000), (2, 90_000)] {
            let limit = peaks[grown - 1] + more * ROOM_PER_TRANSACTION + CHANCE;
            assert!(peaks[grown] <= limit, "{threads} threads: {peaks:?}");
        }
        // Room is made for so many at most; beyond, ten times the block takes no more.
        assert!(
            peaks[3] <= peaks[2] + CHANCE,
            "{threads} threads: {peaks:?}"
        );
    }
}

/// With a slow sink one thread commits all the time what the others run.
#[test]
fn records_do_not_pile_up_with_the_thread_that_commits() {
    let _alone = alone();
    for threads in [2, 4] {
        let executor = parallel(threads, 16);
        let slow = Shape {
            sink: 2_000,
            ..TRANSFERS
        };
        let [shorter, longer] = [2_000, 30_000].map(|length| peak(&executor, slow, length));
        println!("{threads} threads, a slow sink: {shorter} bytes, then {longer}");
        let limit = shorter + 28_000 * ROOM_PER_TRANSACTION + CHANCE;
        assert!(longer <= limit, "{threads} threads: {shorter}, {longer}");
    }
}

#[test]
fn a_key_that_all_write_takes_no_more_the_longer_the_block() {
    let _alone = alone();
    for threads in [1, 2, 4] {
        let executor = parallel(threads, 16);
        let shape = |adds| Shape {
            keys: 1,
            reads: 1 - adds,
            writes: 1 - adds,
            adds,
            ..TRANSFERS
        };
        for adds in [0, 1] {
            let [shorter, longer] =
                [100_000, 500_000].map(|length| peak(&executor, shape(adds), length));
            println!("{threads} threads, one key, adds {adds}: {shorter} bytes, then {longer}");
            assert!(
                longer <= shorter + CHANCE,
                "{threads} threads: {shorter}, {longer}"
            );
        }
    }
}

/// What a distinct key takes: a cell of three cache lines in a table that may be twice as long as it needs to be, and an
/// entry in the map, which may be, too, beside its predecessor while it grows.
const PER_KEY: usize = 512;

#[test]
fn a_distinct_key_takes_a_constant() {
    let _alone = alone();
    const LENGTH: usize = 100_000;
    for threads in [1, 2, 4] {
        let executor = parallel(threads, 16);
        let with = |keys| peak(&executor, Shape { keys, ..TRANSFERS }, LENGTH);
        let without = with(2);
        for keys in [1_000_u16, 10_000, 50_000].map(u64::from) {
            let more = with(keys).saturating_sub(without);
            let each = more / usize::try_from(keys).unwrap();
            println!(
                "{threads} threads, {keys:>6} keys of 8 bytes with values of 32: {more:>9} bytes, {each} each"
            );
            assert!(
                more <= CHANCE + PER_KEY * usize::try_from(keys).unwrap(),
                "{threads} threads, {keys} keys: {each}"
            );
        }
    }
}

/// What a read and a write of one live transaction take together: an entry in each set, in an index of each beyond a dozen,
/// and in the list of versions of the key; each in a vector that may be twice as long as it needs to be.
const PER_ACCESS: usize = 640;
/// What a live transaction takes beside its accesses.
const PER_TRANSACTION: usize = 1_024;

#[test]
fn a_live_transaction_takes_a_constant_and_one_per_access() {
    let _alone = alone();
    for accesses in [2, 12, 13, 64] {
        for window in [16, 256, 1_024] {
            let live = 2 * window;
            let shape = Shape {
                keys: 128,
                reads: accesses,
                writes: accesses,
                ..TRANSFERS
            };
            let executor = parallel(2, window);
            let narrow = parallel(2, 1);
            // The first thread has three more, which it cannot run while it waits.
            let stalled = Shape {
                stall: live as u64 - 4,
                ..shape
            };
            let more = peak(&executor, stalled, 4_000).saturating_sub(peak(&narrow, shape, 4_000));
            let limit = live * (PER_TRANSACTION + PER_ACCESS * usize::try_from(accesses).unwrap());
            println!(
                "{live:>4} live transactions of {accesses:>2} reads and writes: {more:>9} bytes, {:>6} each, {:>4} per access",
                more / live,
                more / live / usize::try_from(accesses).unwrap()
            );
            assert!(
                more <= CHANCE + limit,
                "{accesses} accesses, {live} live: {more} of {limit}"
            );
        }
    }
}

#[test]
fn hints_take_a_constant_per_transaction_and_per_key_that_they_name() {
    let _alone = alone();
    let executor = parallel(2, 16);
    for length in [10_000, 100_000] {
        let [without, with] =
            [0, 1].map(|hints| peak(&executor, Shape { hints, ..TRANSFERS }, length));
        let more = with.saturating_sub(without);
        println!(
            "{length} transactions with a hint each: {more} bytes, {} each",
            more / length
        );
        assert!(more <= CHANCE + 128 * length, "{more}");
    }
}

#[test]
fn a_thousand_runs_leave_nothing_behind() {
    let _alone = alone();
    for threads in [1, 4] {
        let executor = parallel(threads, 16);
        let block = [(); 300];
        let shape = Shape {
            adds: 1,
            keys: 50,
            ..TRANSFERS
        };
        let run_some = |times| (0..times).for_each(|_| run_once(&executor, shape, &block));
        run_some(100);
        let before = LIVE.load(Ordering::Relaxed);
        run_some(1_000);
        let after = LIVE.load(Ordering::Relaxed);
        println!("{threads} threads: {before} bytes before a thousand runs, {after} after them");
        // Threads keep a few things of their own, the queues of the pool for instance.
        assert!(after <= before + 16 * 1_024, "{before}, {after}");
    }
}

/// Runs that leave records behind: those that end, and those that are cut while others run ahead.
#[test]
fn a_memory_does_not_grow_with_the_runs_that_use_it() {
    let _alone = alone();
    for (threads, window) in [(1, 1), (2, 1), (2, 16), (4, 16)] {
        let executor = parallel(threads, window);
        let mut memory = Memory::default();
        let mut run_some = |times| {
            for round in 0..times {
                let vm = Accesses {
                    shape: Shape {
                        adds: 1,
                        keys: 50,
                        ..TRANSFERS
                    },
                    runs: AtomicU64::new(0),
                };
                let mut sink = |index: TxIndex, _: u64, _: &[(u64, Option<Value>)]| {
                    if round % 2 == 1 && index.get() == 150 {
                        Flow::CutAfter
                    } else {
                        Flow::Continue
                    }
                };
                let options = Options::default().memory(&mut memory);
                executor
                    .run_with(&vm, &Zeros, &[(); 300], &mut sink, options)
                    .unwrap();
            }
        };
        run_some(100);
        let before = LIVE.load(Ordering::Relaxed);
        run_some(1_000);
        let after = LIVE.load(Ordering::Relaxed);
        println!("{threads} threads, window {window}: {before} bytes, after 1,000 runs {after}");
        assert!(after <= before + 64 * 1_024, "{before}, {after}");
    }
}
