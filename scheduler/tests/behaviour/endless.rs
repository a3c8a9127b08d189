//! Runs that never end by themselves on states that never were. Every worker can be caught in one at once; the frontier
//! moves on nevertheless.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use ordlane_scheduler::{Bounded, Change, Flow, Stop, TxIndex};

use super::calls::{Call, Seen, add_one, burn, outputs, wait_for};
use super::support::{Watchdog, parallel};

const ROUNDS: usize = 200;
const LENGTH: usize = 40;

/// How a run goes on for ever.
#[derive(Clone, Copy, Debug)]
enum Endless {
    /// It asks whether it should stop.
    Asks,
    /// It reads one key again and again.
    Reads,
    /// It reads another key every time.
    ReadsOn,
    /// It reads pages.
    Scans,
}

impl Endless {
    /// The ways that look up many keys, and so come to a look at the frontier late, are taken now and then.
    fn of_round(number: usize) -> Self {
        match number % 20 {
            5 => Self::ReadsOn,
            10 => Self::Scans,
            15 | 16 => Self::Reads,
            _ => Self::Asks,
        }
    }
}

/// One run of a block.
struct Round {
    endless: Endless,
    /// How many times another transaction than the first has begun.
    others: AtomicU64,
    /// How many times the second has begun.
    second: AtomicU64,
    /// Runs that had no end.
    caught: AtomicU64,
}

impl Round {
    /// The first transaction waits until others are run ahead.
    fn begin(&self, index: u32) {
        if index == 0 {
            wait_for(|| self.others.load(Ordering::SeqCst) > 0);
        } else {
            self.others.fetch_add(1, Ordering::SeqCst);
            self.second
                .fetch_add(u64::from(index == 1), Ordering::SeqCst);
        }
    }

    fn for_ever(&self, view: &mut dyn Seen) -> Stop {
        self.caught.fetch_add(1, Ordering::SeqCst);
        for key in 1_000.. {
            let stopped = match self.endless {
                Endless::Asks if view.should_stop() => Some(Stop::requested()),
                Endless::Asks => None,
                Endless::Reads => view.read(0).err(),
                Endless::ReadsOn => view.read(key % 5_000).err(),
                Endless::Scans => view.scan(0, 3, 3).err(),
            };
            if let Some(stop) = stopped {
                return stop;
            }
        }
        Stop::requested()
    }
}

fn never_hangs(call: impl Fn(u32, &mut dyn Seen, &Round) -> Result<u64, Stop> + Sync) {
    for threads in [2, 4] {
        let executor = parallel(threads);
        let mut caught = 0;
        for number in 0..ROUNDS {
            let round = Round {
                endless: Endless::of_round(number),
                others: AtomicU64::new(0),
                second: AtomicU64::new(0),
                caught: AtomicU64::new(0),
            };
            let call = |index: u32, view: &mut dyn Seen| {
                round.begin(index);
                call(index, view, &round)
            };
            let seen = outputs(&executor, call, LENGTH);
            let right = seen.into_iter().eq(0..LENGTH as u64);
            assert!(right, "{:?}, {threads} threads", round.endless);
            caught += round.caught.into_inner();
        }
        assert!(
            caught >= ROUNDS as u64,
            "{threads} threads: {caught} runs without end"
        );
    }
}

#[test]
fn all_runs_ahead_of_a_counter_may_be_without_end() {
    let _watchdog = Watchdog::new("all_runs_ahead_of_a_counter_may_be_without_end");
    never_hangs(|index, view, round| {
        let count = view.read(0)?.unwrap_or(0);
        if count != u64::from(index) {
            return Err(round.for_ever(view));
        }
        add_one(index, view)
    });
}

/// Two keys are equal in every state that some order of transactions gives.
#[test]
fn runs_that_see_two_keys_of_two_states_may_be_without_end() {
    let _watchdog = Watchdog::new("runs_that_see_two_keys_of_two_states_may_be_without_end");
    never_hangs(|index, view, round| {
        let left = view.read(0)?.unwrap_or(0);
        if index >= 4 && left == 0 {
            // Meanwhile the first one, at least, becomes final.
            wait_for(|| round.second.load(Ordering::SeqCst) > 0);
        }
        burn(100 * (index % 7));
        let right = view.read(1)?.unwrap_or(0);
        if left != right {
            return Err(round.for_ever(view));
        }
        view.write(0, left + 1);
        view.write(1, right + 1);
        Ok(left)
    });
}

/// Some are without end, some quick, some slow: so that who is caught stands before and behind the frontier, with
/// transactions of its own that nobody else has.
#[test]
fn runs_without_end_among_others_hold_nobody_up() {
    let _watchdog = Watchdog::new("runs_without_end_among_others_hold_nobody_up");
    never_hangs(|index, view, round| {
        if index % 5 == 1 {
            burn(20_000);
        }
        let count = view.read(0)?.unwrap_or(0);
        if index % 3 != 0 && count != u64::from(index) {
            return Err(round.for_ever(view));
        }
        add_one(index, view)
    });
}

const fn within(change: Change<u64>) -> Bounded<u64> {
    Bounded {
        change,
        min: 0,
        max: u64::MAX,
    }
}

/// What a run does with a key that it had added to before it came to the frontier, and that holds something else there.
#[derive(Clone, Copy, Debug)]
enum Later {
    Reads,
    Scans,
    AddsAgain,
}

#[test]
fn a_run_that_has_added_too_early_sees_what_is_final_once_it_is_at_the_frontier() {
    let _watchdog = Watchdog::new("a_run_that_has_added_too_early_sees_what_is_final");
    const ADDER: u32 = 16;
    for threads in [2, 4, 8] {
        for later in [Later::Reads, Later::Scans, Later::AddsAgain] {
            let (added, committed) = (AtomicU64::new(0), AtomicU64::new(0));
            let endless = AtomicU64::new(0);
            let call = |index: u32, view: &mut dyn Seen| {
                if index == 0 {
                    wait_for(|| added.load(Ordering::SeqCst) > 0);
                    view.write(0, 7);
                }
                if index != ADDER {
                    return Ok(0);
                }
                // Fits on top of 100, which is there now, and of 7, which will be.
                view.add(0, within(Change::Plus(1)))?.map_err(Stop::fatal)?;
                added.fetch_add(1, Ordering::SeqCst);
                wait_for(|| {
                    committed.load(Ordering::SeqCst) >= u64::from(ADDER) || view.should_stop()
                });
                thread::sleep(Duration::from_millis(1));
                if view.should_stop() {
                    return Err(Stop::requested());
                }
                let is_final = match later {
                    Later::Reads => view.read(0)? == Some(8),
                    Later::Scans => view.scan(0, 5, 9)? == [(0, 8)],
                    Later::AddsAgain => view.add(0, within(Change::Minus(50)))?.is_err(),
                };
                // On no state that some order gives it would go on for ever here.
                for _ in 0..if is_final { 0 } else { 2_000 } {
                    if view.should_stop() {
                        return Err(Stop::requested());
                    }
                    thread::sleep(Duration::from_micros(100));
                }
                endless.fetch_add(u64::from(!is_final), Ordering::SeqCst);
                Ok(0)
            };
            let mut sink = |_: TxIndex, _: u64, _: &[(u64, Option<u64>)]| {
                committed.fetch_add(1, Ordering::SeqCst);
                Flow::Continue
            };
            let base = BTreeMap::from([(0, 100)]);
            let executor = parallel(threads);
            let summary = executor.run(&Call(call), &base, &[(); 32], &mut sink);
            assert_eq!(
                summary.unwrap().committed,
                32,
                "{later:?}, {threads} threads"
            );
            assert_eq!(endless.into_inner(), 0, "{later:?}, {threads} threads");
        }
    }
}
