//! How long a batch takes: a latency and a rate, and what follows for who does how much of it.
//!
//! A model of two numbers is enough, since it is corrected by every batch that a device has a part in: what it says decides
//! who computes, and never what comes of it.

use std::time::Duration;

/// A batch is split when that saves at least one part in so many of the CPU's time.
const WORTHWHILE: u64 = 10;
/// A new measurement counts one part in so many.
const INERTIA: u64 = 4;
/// Of so many sizes the calibration asks at most, each four times the one before.
const SIZES: u32 = 6;

/// How long work takes: so much for any, and so much more for each unit of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) latency_ns: u64,
    /// Per unit, in picoseconds.
    pub(crate) unit_ps: u64,
}

impl Cost {
    pub(crate) const fn time_ns(self, units: u64) -> u64 {
        self.latency_ns.saturating_add(self.units_ns(units))
    }

    /// That of a device that does no such work.
    pub(crate) const UNUSABLE: Self = Self {
        latency_ns: u64::MAX,
        unit_ps: u64::MAX,
    };

    /// How many units take so long.
    pub(crate) fn units_within(self, time: Duration) -> u64 {
        let left = nanos(time).saturating_sub(self.latency_ns);
        per(left.saturating_mul(1_000), self.unit_ps)
    }

    const fn units_ns(self, units: u64) -> u64 {
        units.saturating_mul(self.unit_ps) / 1_000
    }

    /// The same after `units` took `time`, which moves the rate towards what was seen.
    #[must_use]
    pub(crate) fn corrected(self, units: u64, time: Duration) -> Self {
        if units == 0 {
            return self;
        }
        let beyond = nanos(time).saturating_sub(self.latency_ns);
        let seen = per(beyond.saturating_mul(1_000), units);
        // One outlier is no more than a factor of four.
        let seen = seen.clamp(self.unit_ps / 4, self.unit_ps.saturating_mul(4).max(1));
        let kept = self.unit_ps.saturating_mul(INERTIA.saturating_sub(1));
        Self {
            // Rounded up, or the smallest rate would stay that for ever.
            unit_ps: kept.saturating_add(seen).div_ceil(INERTIA).max(1),
            ..self
        }
    }

    /// What measurements of ascending sizes show: the rate of the largest beside the smallest, and what remains.
    pub(crate) fn fitted(measured: &[(u64, Duration)]) -> Option<Self> {
        let ((few, short), (many, long)) = (measured.first()?, measured.last()?);
        let (short, long) = (nanos(*short), nanos(*long));
        let (between, longer) = (many.saturating_sub(*few), long.saturating_sub(short));
        if between == 0 || longer == 0 {
            // More of it took no longer, which says nothing of the rate but that it is no higher than this.
            return Some(Self {
                latency_ns: 0,
                unit_ps: per(long.saturating_mul(1_000), *many).max(1),
            });
        }
        let cost = Self {
            latency_ns: 0,
            unit_ps: per(longer.saturating_mul(1_000), between).max(1),
        };
        Some(Self {
            latency_ns: short.saturating_sub(cost.units_ns(*few)),
            ..cost
        })
    }
}

/// Measures sizes from `first` on, each four times the one before and at most `most`, until one takes `enough` or there is
/// no time for one.
pub(crate) fn measure<E>(
    first: u64,
    most: u64,
    enough: Duration,
    mut run: impl FnMut(u64) -> Result<Option<Duration>, E>,
) -> Result<Option<Cost>, E> {
    let mut measured = Vec::new();
    let mut size = first.min(most);
    for _ in 0..SIZES {
        // The better of two: the first one may pay for what is done once.
        let (Some(one), Some(other)) = (run(size)?, run(size)?) else {
            break;
        };
        let time = one.min(other);
        measured.push((size, time));
        if time >= enough || size >= most {
            break;
        }
        size = size.saturating_mul(4).min(most);
    }
    Ok(Cost::fitted(&measured))
}

/// How many of `units` the GPU gets when the CPU does the others meanwhile, so that both end together; none where that
/// is not worth it.
pub(crate) fn share(units: u64, gpu: Cost, cpu: Cost) -> u64 {
    let all_ps = units.saturating_mul(cpu.unit_ps);
    let ahead = all_ps.saturating_sub(gpu.latency_ns.saturating_mul(1_000));
    let both = gpu.unit_ps.saturating_add(cpu.unit_ps);
    let share = per(ahead, both).min(units);
    if share.saturating_mul(WORTHWHILE) >= units {
        share
    } else {
        0
    }
}

/// The smallest batch of which the GPU gets a share, if there is any.
pub(crate) fn crossover(gpu: Cost, cpu: Cost) -> Option<u64> {
    // share(n) * WORTHWHILE >= n, solved for n.
    let both = gpu.unit_ps.saturating_add(cpu.unit_ps);
    let gain = cpu
        .unit_ps
        .saturating_mul(WORTHWHILE)
        .checked_sub(both)
        .filter(|gain| *gain > 0)?;
    let latency_ps = gpu.latency_ns.saturating_mul(1_000);
    Some(latency_ps.saturating_mul(WORTHWHILE).div_ceil(gain).max(1))
}

/// Whether the GPU alone is worth it for work that cannot be split.
pub(crate) const fn is_worth_it_alone(units: u64, gpu: Cost, cpu: Cost) -> bool {
    let saved = cpu.time_ns(units).saturating_sub(gpu.time_ns(units));
    units > 0 && saved.saturating_mul(WORTHWHILE) >= cpu.time_ns(units)
}

/// A quotient, rounded down; of nothing, the dividend.
pub(super) const fn per(dividend: u64, divisor: u64) -> u64 {
    match dividend.checked_div(divisor) {
        Some(quotient) => quotient,
        None => dividend,
    }
}

pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPU: Cost = Cost {
        latency_ns: 0,
        unit_ps: 10_000_000,
    };
    const GPU: Cost = Cost {
        latency_ns: 1_000_000,
        unit_ps: 1_000_000,
    };

    #[test]
    fn both_end_together() {
        let share = share(10_000, GPU, CPU);
        let (gpu, cpu) = (GPU.time_ns(share), CPU.time_ns(10_000 - share));
        assert!(gpu.abs_diff(cpu) < 20_000, "{gpu} {cpu}");
    }

    #[test]
    fn the_crossover_is_the_smallest_batch_with_a_share() {
        for gpu in [
            GPU,
            Cost {
                latency_ns: 77,
                ..GPU
            },
            Cost {
                unit_ps: 80_000_000,
                ..GPU
            },
        ] {
            let crossover = crossover(gpu, CPU).unwrap();
            // Shares are whole items, and the least of them is one part in so many.
            assert!(
                share(crossover + 2 * WORTHWHILE, gpu, CPU) > 0,
                "{gpu:?} {crossover}"
            );
            assert_eq!(
                share(crossover.saturating_sub(2), gpu, CPU),
                0,
                "{gpu:?} {crossover}"
            );
        }
    }

    #[test]
    fn a_slow_device_gets_nothing() {
        let slow = Cost {
            unit_ps: 200_000_000,
            ..GPU
        };
        assert_eq!(crossover(slow, CPU), None);
        assert_eq!(share(1 << 30, slow, CPU), 0);
        assert!(!is_worth_it_alone(1 << 20, CPU, CPU));
        assert!(is_worth_it_alone(1 << 20, GPU, CPU));
        assert!(!is_worth_it_alone(10, GPU, CPU));
        assert!(!is_worth_it_alone(0, GPU, CPU));
    }

    #[test]
    fn a_model_is_fitted_to_what_was_measured_and_follows_what_is_seen() {
        let time = |units| Duration::from_nanos(GPU.time_ns(units));
        let fitted = Cost::fitted(&[(64, time(64)), (256, time(256)), (4096, time(4096))]).unwrap();
        assert_eq!(fitted, GPU);
        assert_eq!(
            Cost::fitted(&[(10, Duration::from_nanos(100))]).unwrap(),
            Cost {
                latency_ns: 0,
                unit_ps: 10_000
            }
        );
        assert_eq!(Cost::fitted(&[]), None);
        let mut cost = GPU;
        let slower = Cost {
            unit_ps: 9_000_000,
            ..GPU
        };
        for _ in 0..40 {
            cost = cost.corrected(1_000, Duration::from_nanos(slower.time_ns(1_000)));
        }
        assert!(cost.unit_ps.abs_diff(slower.unit_ps) < 10_000, "{cost:?}");
        assert_eq!(cost.corrected(0, Duration::ZERO), cost);
    }

    #[test]
    fn no_rate_is_beyond_correction() {
        let equal = [
            (64, Duration::from_micros(5)),
            (65_536, Duration::from_micros(5)),
        ];
        let fitted = Cost::fitted(&equal).unwrap();
        assert_eq!(fitted.latency_ns, 0);
        assert!(fitted.time_ns(65_536) > 4_000, "{fitted:?}");
        let mut cost = Cost {
            latency_ns: 0,
            unit_ps: 1,
        };
        for _ in 0..100 {
            cost = cost.corrected(1_000, Duration::from_millis(1));
        }
        assert!(cost.unit_ps > 900_000, "{cost:?}");
        assert_eq!(share(1 << 20, Cost::UNUSABLE, CPU), 0);
        assert!(!is_worth_it_alone(1 << 20, Cost::UNUSABLE, CPU));
        assert_eq!(GPU.units_within(Duration::from_millis(2)), 1_000);
    }

    #[test]
    fn sizes_grow_until_one_takes_enough_or_there_is_no_larger() {
        let mut sizes = Vec::new();
        let cost = measure::<()>(64, 5_000, Duration::from_secs(1), |size| {
            sizes.push(size);
            Ok(Some(Duration::from_nanos(GPU.time_ns(size))))
        });
        assert_eq!(
            sizes,
            [64, 64, 256, 256, 1024, 1024, 4096, 4096, 5000, 5000]
        );
        assert_eq!(cost, Ok(Some(GPU)));
        sizes.clear();
        let _ = measure::<()>(64, 5_000, Duration::ZERO, |size| {
            sizes.push(size);
            Ok(Some(Duration::ZERO))
        });
        assert_eq!(sizes, [64, 64]);
        // What a device has no memory for is no measurement, and least of all a fast one.
        let cost = measure::<()>(64, 5_000, Duration::from_secs(1), |size| {
            Ok((size < 1_024).then(|| Duration::from_nanos(GPU.time_ns(size))))
        });
        assert_eq!(cost, Ok(Some(GPU)));
        assert_eq!(
            measure::<()>(64, 64, Duration::ZERO, |_| Ok(None)),
            Ok(None)
        );
        assert_eq!(measure(64, 64, Duration::ZERO, |_| Err(1)), Err(1));
    }
}
