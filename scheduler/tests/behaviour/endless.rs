//! Runs that never end by themselves on states that never were. Every worker can be caught in one at once; the frontier
//! moves on nevertheless.

use std::sync::atomic::{AtomicU64, Ordering};

use ordlane_scheduler::Stop;

use super::calls::{Seen, add_one, burn, outputs};
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
    fn run(self, view: &mut dyn Seen) -> Stop {
        CAUGHT.fetch_add(1, Ordering::Relaxed);
        for key in 1_000.. {
            let stopped = match self {
                Self::Asks if view.should_stop() => Some(Stop::requested()),
                Self::Asks => None,
                Self::Reads => view.read(0).err(),
                Self::ReadsOn => view.read(key % 5_000).err(),
                Self::Scans => view.scan(0, 3, 3).err(),
            };
            if let Some(stop) = stopped {
                return stop;
            }
        }
        Stop::requested()
    }
}

const ALL: [Endless; 4] = [
    Endless::Asks,
    Endless::Reads,
    Endless::ReadsOn,
    Endless::Scans,
];

/// Calls that had no end. There are some, since on final state alone there are none.
static CAUGHT: AtomicU64 = AtomicU64::new(0);

fn never_hangs(call: impl Fn(u32, &mut dyn Seen, Endless) -> Result<u64, Stop> + Sync) {
    for threads in [2, 4] {
        let executor = parallel(threads);
        for round in 0..ROUNDS {
            let endless = ALL[round % ALL.len()];
            let call = |index: u32, view: &mut dyn Seen| call(index, view, endless);
            let seen = outputs(&executor, call, LENGTH);
            let expected = 0..LENGTH as u64;
            assert!(
                seen.into_iter().eq(expected),
                "{endless:?}, {threads} threads"
            );
        }
    }
    assert!(CAUGHT.load(Ordering::Relaxed) > 0, "all runs had an end");
}

#[test]
fn all_runs_ahead_of_a_counter_may_be_without_end() {
    let _watchdog = Watchdog::new("all_runs_ahead_of_a_counter_may_be_without_end");
    never_hangs(|index, view, endless| {
        let count = view.read(0)?.unwrap_or(0);
        if count != u64::from(index) {
            return Err(endless.run(view));
        }
        add_one(index, view)
    });
}

/// Two keys are equal in every state that some order of transactions gives.
#[test]
fn runs_that_see_two_keys_of_two_states_may_be_without_end() {
    let _watchdog = Watchdog::new("runs_that_see_two_keys_of_two_states_may_be_without_end");
    never_hangs(|index, view, endless| {
        let left = view.read(0)?.unwrap_or(0);
        burn(20_000 * (index % 3));
        let right = view.read(1)?.unwrap_or(0);
        if left != right {
            return Err(endless.run(view));
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
    never_hangs(|index, view, endless| {
        if index % 5 == 1 {
            burn(20_000);
        }
        let count = view.read(0)?.unwrap_or(0);
        if index % 3 != 0 && count != u64::from(index) {
            return Err(endless.run(view));
        }
        add_one(index, view)
    });
}
