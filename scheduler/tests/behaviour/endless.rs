//! Runs that never end by themselves on states that never were. Every worker can be caught in one at once; the frontier
//! moves on nevertheless.

use std::sync::atomic::{AtomicU64, Ordering};

use ordlane_scheduler::Stop;

use super::calls::{Seen, add_one, burn, outputs, wait_for};
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
