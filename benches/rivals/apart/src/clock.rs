//! What a piece of work takes.

use std::time::Instant;

use rustix::time::{ClockId, Timespec, clock_gettime};
use serde::{Deserialize, Serialize};

/// What one run took.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Taken {
    /// Wall time, in seconds.
    pub wall_s: f64,
    /// CPU time of all threads of the process, in seconds.
    pub cpu_s: f64,
}

impl Taken {
    /// What both took.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            wall_s: self.wall_s + other.wall_s,
            cpu_s: self.cpu_s + other.cpu_s,
        }
    }
}

/// Runs `work` once and says what it took.
pub fn taken<T>(work: impl FnOnce() -> T) -> (T, Taken) {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let wall = now();
    let result = work();
    let wall_s = wall.elapsed().as_secs_f64();
    let cpu_s = seconds(clock_gettime(ClockId::ProcessCPUTime)) - seconds(cpu);
    (result, Taken { wall_s, cpu_s })
}

/// The time.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a measurement needs the clock")]
pub fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "seconds of a process and nanoseconds of a second fit"
)]
fn seconds(time: Timespec) -> f64 {
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
