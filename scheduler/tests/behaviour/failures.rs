//! Panics, errors and endless loops count on final state only, and end the block with its prefix committed.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use ordlane_scheduler::{Base, Flow, NoDelta, RunError, Stop, TxIndex, View, Vm};

#[cfg(feature = "rayon")]
use super::support::parallel;
use super::support::{Watchdog, every_way, run};

/// What a transaction does after it has read the counter under key 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// Adds one. All transactions do, so the counter equals the index on final state.
    Add,
    Panic,
    Fatal,
    /// The three below only if the counter is not what it is on final state.
    PanicIfStale,
    FatalIfStale,
    /// Loops until it is asked to stop.
    LoopIfStale,
    /// Loops over a read, without asking.
    ReadForEverIfStale,
    /// Leaves although nobody asked.
    LeaveUnasked,
    /// Takes no notice of a stop, and says all is well.
    ReadUnreadable,
}

/// A key that the base cannot read.
const UNREADABLE: u8 = 255;

#[derive(Debug)]
struct Counter;

#[derive(Debug, thiserror::Error)]
#[error("the disk is gone")]
struct DiskGone;

impl Vm for Counter {
    type Key = u8;
    type Value = u32;
    type Delta = NoDelta;
    type Tx = Then;
    type Output = u32;
    type Worker = u32;

    fn worker(&self) -> u32 {
        0
    }

    fn execute<V>(
        &self,
        worker: &mut u32,
        index: TxIndex,
        tx: &Then,
        view: &mut V,
    ) -> Result<u32, Stop>
    where
        V: View<Key = u8, Value = u32>,
    {
        assert_eq!(
            *worker, 0,
            "a worker state that a panic left half changed was used again"
        );
        let counter = view.read(&0)?.unwrap_or(0);
        let stale = counter != index.get();
        match tx {
            Then::Panic => {
                *worker = 1;
                view.write(0, 999);
                panic!("this cannot go on at {counter}");
            }
            Then::PanicIfStale if stale => {
                *worker = 1;
                panic!("this must not be seen");
            }
            Then::Fatal => return Err(Stop::fatal(DiskGone)),
            Then::FatalIfStale if stale => return Err(Stop::fatal("this must not be seen")),
            Then::LeaveUnasked => return Err(Stop::requested()),
            Then::LoopIfStale if stale => {
                while !view.should_stop() {
                    std::hint::spin_loop();
                }
                return Err(Stop::requested());
            }
            Then::ReadForEverIfStale if stale => loop {
                view.read(&0)?;
            },
            Then::ReadUnreadable => {
                let _ = view.read(&UNREADABLE);
            }
            _ => {}
        }
        for round in 0..200 {
            std::hint::black_box(round);
        }
        view.write(0, counter + 1);
        Ok(counter)
    }
}

/// Fails for one key, so many times.
struct Flaky {
    state: BTreeMap<u8, u32>,
    failures_left: AtomicU32,
}

impl Flaky {
    fn failing(times: u32) -> Self {
        Self {
            state: BTreeMap::new(),
            failures_left: AtomicU32::new(times),
        }
    }
}

impl Base for Flaky {
    type Key = u8;
    type Value = u32;
    type Error = DiskGone;

    fn read(&self, key: &u8) -> Result<Option<u32>, DiskGone> {
        let spent = |left: u32| left.checked_sub(1);
        if *key == UNREADABLE
            && self
                .failures_left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, spent)
                .is_ok()
        {
            return Err(DiskGone);
        }
        Ok(self.state.get(key).copied())
    }
}

/// A block of additions with one other transaction.
fn block_with(at: usize, other: Then) -> Vec<Then> {
    let mut block = vec![Then::Add; 120];
    block[at] = other;
    block
}

fn counts_up(entries: &[super::support::Committed<u8, u32, u32>]) -> bool {
    entries
        .iter()
        .zip(0_u32..)
        .all(|(entry, index)| entry.output == index && entry.writes == [(0, Some(index + 1))])
}

#[test]
fn a_panic_on_final_state_names_its_transaction_and_leaves_the_prefix() {
    let _watchdog = Watchdog::new("a_panic_on_final_state");
    for (way, executor) in every_way() {
        for at in [0, 1, 60, 119] {
            let (entries, said) = run(
                &executor,
                &Counter,
                &Flaky::failing(0),
                &block_with(at, Then::Panic),
            );
            match said {
                Err(RunError::Panicked { index, message }) => {
                    assert_eq!(index.as_usize(), at, "{way}");
                    assert_eq!(message, format!("this cannot go on at {at}"), "{way}");
                }
                other => panic!("{way}: {other:?}"),
            }
            assert_eq!(entries.len(), at, "{way}");
            assert!(counts_up(&entries), "{way}");
        }
    }
}

#[test]
fn a_fatal_error_on_final_state_names_its_transaction_and_leaves_the_prefix() {
    let _watchdog = Watchdog::new("a_fatal_error_on_final_state");
    for (way, executor) in every_way() {
        for other in [Then::Fatal, Then::LeaveUnasked] {
            let (entries, said) = run(
                &executor,
                &Counter,
                &Flaky::failing(0),
                &block_with(60, other),
            );
            match said {
                Err(RunError::Fatal { index, source }) => {
                    assert_eq!(index.as_usize(), 60, "{way}");
                    assert_eq!(source.is::<DiskGone>(), other == Then::Fatal, "{way}");
                }
                other => panic!("{way}: {other:?}"),
            }
            assert_eq!(entries.len(), 60, "{way}");
            assert!(counts_up(&entries), "{way}");
        }
    }
}

#[test]
fn what_goes_wrong_on_states_that_never_were_does_no_harm() {
    let _watchdog = Watchdog::new("what_goes_wrong_on_states_that_never_were_does_no_harm");
    for other in [
        Then::PanicIfStale,
        Then::FatalIfStale,
        Then::LoopIfStale,
        Then::ReadForEverIfStale,
    ] {
        let block = vec![other; 120];
        for (way, executor) in every_way() {
            let (entries, said) = run(&executor, &Counter, &Flaky::failing(0), &block);
            assert_eq!(said.unwrap().committed, 120, "{other:?}, {way}");
            assert!(counts_up(&entries), "{other:?}, {way}");
        }
    }
}

#[test]
fn a_storage_error_ends_the_block_and_never_fails_a_transaction() {
    let _watchdog = Watchdog::new("a_storage_error_ends_the_block");
    for (way, executor) in every_way() {
        for at in [0, 1, 60, 119] {
            let block = block_with(at, Then::ReadUnreadable);
            let (entries, said) = run(&executor, &Counter, &Flaky::failing(u32::MAX), &block);
            match said {
                Err(RunError::Base { index, .. }) => assert_eq!(index.as_usize(), at, "{way}"),
                other => panic!("{way}: {other:?}"),
            }
            assert_eq!(entries.len(), at, "{way}");
            assert!(counts_up(&entries), "{way}");
        }
    }
}

#[cfg(feature = "rayon")]
#[test]
fn a_storage_error_while_running_ahead_is_asked_again() {
    let _watchdog = Watchdog::new("a_storage_error_while_running_ahead_is_asked_again");
    for _ in 0..50 {
        // One failure: ahead of the frontier it is forgiven, at the frontier it ends the block, and nothing else happens.
        let block = block_with(60, Then::ReadUnreadable);
        let (entries, said) = run(&parallel(3), &Counter, &Flaky::failing(1), &block);
        match said {
            Ok(summary) => assert_eq!(summary.committed, 120),
            Err(RunError::Base { index, .. }) => {
                assert_eq!((index.as_usize(), entries.len()), (60, 60))
            }
            other => panic!("{other:?}"),
        }
        assert!(counts_up(&entries));
    }
}

#[test]
fn an_executor_works_on_after_every_failure() {
    let _watchdog = Watchdog::new("an_executor_works_on_after_every_failure");
    for (way, executor) in every_way() {
        for other in [Then::Panic, Then::Fatal, Then::ReadUnreadable] {
            let failed = run(
                &executor,
                &Counter,
                &Flaky::failing(u32::MAX),
                &block_with(5, other),
            )
            .1;
            assert!(failed.is_err(), "{way}");
            let (entries, said) = run(
                &executor,
                &Counter,
                &Flaky::failing(0),
                &block_with(5, Then::Add),
            );
            assert_eq!(said.unwrap().committed, 120, "{way}");
            assert!(counts_up(&entries), "{way}");
        }
    }
}

#[test]
fn a_panic_of_the_sink_reaches_the_caller() {
    let _watchdog = Watchdog::new("a_panic_of_the_sink_reaches_the_caller");
    for (way, executor) in every_way() {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let mut sink = |index: TxIndex, _: u32, _: &[(u8, Option<u32>)]| {
                assert!(index.get() < 30, "the sink had enough");
                Flow::Continue
            };
            executor.run(&Counter, &Flaky::failing(0), &[Then::Add; 100], &mut sink)
        }));
        let payload = caught.expect_err(&way);
        assert_eq!(
            payload.downcast_ref::<&str>(),
            Some(&"the sink had enough"),
            "{way}"
        );
    }
}

/// Cannot give the keys that the first transaction writes.
struct Holed {
    panics: bool,
}

impl Base for Holed {
    type Key = u8;
    type Value = u32;
    type Error = DiskGone;

    fn read(&self, key: &u8) -> Result<Option<u32>, DiskGone> {
        assert!(!(self.panics && *key == 7), "this must not be seen");
        if *key == 7 { Err(DiskGone) } else { Ok(None) }
    }
}

/// The first transaction writes key 7 late; all others read it.
struct LateWriter;

impl Vm for LateWriter {
    type Key = u8;
    type Value = u32;
    type Delta = NoDelta;
    type Tx = ();
    type Output = Option<u32>;
    type Worker = ();

    fn worker(&self) {}

    fn execute<V>(
        &self,
        (): &mut (),
        index: TxIndex,
        (): &(),
        view: &mut V,
    ) -> Result<Option<u32>, Stop>
    where
        V: View<Key = u8, Value = u32>,
    {
        if index.get() > 0 {
            return view.read(&7);
        }
        for round in 0..300_000 {
            std::hint::black_box(round);
        }
        view.write(7, 1);
        Ok(None)
    }
}

#[test]
fn a_base_that_fails_where_a_lower_transaction_writes_is_not_asked_on_final_state() {
    let _watchdog = Watchdog::new("a_base_that_fails_where_a_lower_transaction_writes");
    for (way, executor) in every_way() {
        for panics in [false, true] {
            for _ in 0..10 {
                let (entries, said) = run(&executor, &LateWriter, &Holed { panics }, &[(); 40]);
                assert_eq!(said.unwrap().committed, 40, "{way}");
                assert!(
                    entries.iter().skip(1).all(|entry| entry.output == Some(1)),
                    "{way}"
                );
            }
        }
    }
}
