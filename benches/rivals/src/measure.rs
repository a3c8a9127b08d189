//! Clocks, a calibrated spin, and medians.

use std::hint::{black_box, spin_loop};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

pub(crate) use ordlane_rivals_apart::{Taken, now, taken};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// A clock that counts nanoseconds from now on.
pub(crate) fn clock_ns() -> impl Fn() -> u64 {
    let start = now();
    move || u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "seconds of a process and nanoseconds of a second fit"
)]
fn seconds(time: Timespec) -> f64 {
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Waits until no other thread of this process works, or so long that waiting is no use: what a store still does in the
/// background is not to be counted as another's.
pub(crate) fn settle() {
    const STEP: Duration = Duration::from_millis(5);
    const STEPS: u32 = 1_000;
    const IDLE_S: f64 = 0.000_5;
    for _ in 0..STEPS {
        let ((), waited) = taken(|| thread::sleep(STEP));
        if waited.cpu_s < IDLE_S {
            return;
        }
    }
}

/// Spins for so many rounds; the result depends on the start.
pub(crate) fn spin(start: u64, rounds: u64) -> u64 {
    let mut x = start;
    for _ in 0..rounds {
        x = black_box(x.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (x >> 29));
    }
    x
}

/// Rounds of [`spin`] per microsecond of thread CPU time: the median of several tries.
#[expect(clippy::cast_precision_loss, reason = "a count of rounds")]
pub(crate) fn spin_rounds_per_us() -> f64 {
    const ROUNDS: u64 = 4_000_000;
    let mut rates = Vec::new();
    for attempt in 0..9 {
        let before = seconds(clock_gettime(ClockId::ThreadCPUTime));
        black_box(spin(attempt, ROUNDS));
        let spent = seconds(clock_gettime(ClockId::ThreadCPUTime)) - before;
        rates.push(ROUNDS as f64 / (spent * 1e6));
    }
    Spread::of(&rates).median
}

/// How much more work `threads` independent spinning threads do than one in the same time. `rounds` is what each spins.
#[expect(clippy::cast_precision_loss, reason = "a count of threads")]
pub(crate) fn machine_parallelism(threads: usize, rounds: u64) -> f64 {
    let together = spin_on(threads, rounds);
    let alone = spin_on(1, rounds);
    threads as f64 * alone / together
}

/// Nanoseconds in which a cache line goes from one core to another. Everything that threads share costs a multiple of it,
/// and virtual machines change it from one minute to the next.
pub(crate) fn handoff_ns() -> f64 {
    const TURNS: u32 = 20_000;
    /// On cores that others have, too, all turns would take minutes.
    const LIMIT: Duration = Duration::from_millis(20);
    const OVER: u32 = u32::MAX;
    let turn = AtomicU32::new(0);
    // Waits for one's turn; false once the other has had enough.
    let is_mine = |next: u32| loop {
        match turn.load(Ordering::Acquire) {
            OVER => return false,
            now if now == next => return true,
            _ => spin_loop(),
        }
    };
    let wall = now();
    let turns = thread::scope(|scope| {
        scope.spawn(|| {
            for next in (1..TURNS).step_by(2).take_while(|next| is_mine(*next)) {
                turn.store(next + 1, Ordering::Release);
            }
        });
        for next in (0..TURNS).step_by(2) {
            is_mine(next);
            if wall.elapsed() > LIMIT {
                turn.store(OVER, Ordering::Release);
                return next;
            }
            turn.store(next + 1, Ordering::Release);
        }
        TURNS
    });
    wall.elapsed().as_secs_f64() * 1e9 / f64::from(turns.max(1))
}

/// The wall time in which `threads` threads spin `rounds` each.
fn spin_on(threads: usize, rounds: u64) -> f64 {
    let start = Barrier::new(threads + 1);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    black_box(spin(1, rounds));
                })
            })
            .collect();
        start.wait();
        let wall = now();
        for worker in workers {
            // A spinning thread cannot panic, and if it did, the scope would say so.
            let _ = worker.join();
        }
        wall.elapsed().as_secs_f64()
    })
}

/// A median with the middle half of the values around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) lower_quartile: f64,
    pub(crate) upper_quartile: f64,
}

impl Spread {
    /// The spread of some values; zero of none.
    pub(crate) fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |quarter: usize| {
            let place = (sorted.len().saturating_sub(1)) * quarter;
            let value = |index: usize| sorted.get(index).copied().unwrap_or(0.0);
            let part = [0.0, 0.25, 0.5, 0.75][place % 4];
            value(place / 4) * (1.0 - part) + value(place / 4 + 1) * part
        };
        Self {
            median: at(2),
            lower_quartile: at(1),
            upper_quartile: at(3),
        }
    }

    /// The spread of a figure of many things, of rounds for instance.
    pub(crate) fn over<T>(things: &[T], figure: impl Fn(&T) -> f64) -> Self {
        Self::of(&things.iter().map(figure).collect::<Vec<_>>())
    }

    /// The lower and the upper quartile.
    pub(crate) const fn quartiles(self) -> [f64; 2] {
        [self.lower_quartile, self.upper_quartile]
    }

    /// The same in another unit.
    pub(crate) fn scaled(self, factor: f64) -> Self {
        Self {
            median: self.median * factor,
            lower_quartile: self.lower_quartile * factor,
            upper_quartile: self.upper_quartile * factor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn quartiles_lie_between_the_values() {
        let spread = Spread::of(&[5.0, 1.0, 2.0, 4.0, 3.0]);
        assert!((spread.median - 3.0).abs() < 1e-9);
        assert!((spread.lower_quartile - 2.0).abs() < 1e-9);
        assert!((spread.upper_quartile - 4.0).abs() < 1e-9);
        assert!((Spread::of(&[1.0, 2.0]).median - 1.5).abs() < 1e-9);
        assert!((Spread::of(&[7.0]).median - 7.0).abs() < 1e-9);
    }
}
