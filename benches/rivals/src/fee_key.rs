//! `compare scheduler --fee-key`: what it costs that every transaction adds to one key, as to a fee account.

use crate::cli::{SchedulerOptions, SharedKey};
use crate::error::CompareError;
use crate::machine::Machine;
use crate::measure::{Spread, Taken, spin_rounds_per_us, taken};
use crate::points::{Point, points};
use crate::report::report_all;
use crate::scheduler::{checked, header, mode, run, shape};
use crate::workload::{Shape, Transfer, digest, transfers};

/// One point, without the fee key and with it.
#[derive(Clone, Debug)]
pub(crate) struct FeeRow {
    pub(crate) point: Point,
    pub(crate) outputs_equal: bool,
    /// Wall time with the fee key over that without.
    pub(crate) wall_ratio: Spread,
    /// The same of CPU time.
    pub(crate) cpu_ratio: Spread,
    pub(crate) us_per_tx: [Spread; 2],
    pub(crate) executions_per_tx: [f64; 2],
}

/// What one round measured in two runs each, without the fee key and with it.
struct Round {
    taken: [Taken; 2],
    executions: [u64; 2],
    outputs_equal: bool,
}

/// Measures every point and prints the report; `false` when two results differed.
pub(crate) fn compare(options: &SchedulerOptions) -> Result<bool, CompareError> {
    let machine = Machine::this();
    let points = points(options, &machine);
    let rounds_per_us = spin_rounds_per_us();
    let header = header(options, machine, rounds_per_us);
    report_all(options.output, header, &points, |point| {
        measure(*point, options, rounds_per_us)
    })
}

fn measure(
    point: Point,
    options: &SchedulerOptions,
    rounds_per_us: f64,
) -> Result<FeeRow, CompareError> {
    let shape = shape(point, rounds_per_us);
    let block = transfers(shape);
    let mut rounds = Vec::new();
    for round in 0..=options.rounds {
        rounds.push(one_round(point, shape, &block, options, round)?);
    }
    let with = Point {
        shared: SharedKey::Add,
        ..point
    };
    let made = checked(with, shape, &block, mode(options))?.0;
    let expected = checked(with, shape, &block, ordlane_scheduler::Mode::Sequential)?.0;
    let mut row = row(point, &rounds);
    row.outputs_equal &= made == expected;
    Ok(row)
}

/// Runs both twice, one in the middle and the other around it, so that what comes first in a round gains nothing by it.
fn one_round(
    point: Point,
    shape: Shape,
    block: &[Transfer],
    options: &SchedulerOptions,
    round: u32,
) -> Result<Round, CompareError> {
    let outer = usize::from(round.is_multiple_of(2));
    let mut measured = Round {
        taken: [Taken::default(); 2],
        executions: [0; 2],
        outputs_equal: true,
    };
    let mut digests = Vec::new();
    for which in [outer, 1 - outer, 1 - outer, outer] {
        let shared = [SharedKey::None, SharedKey::Add][which];
        let (ran, taken) = taken(|| run(Point { shared, ..point }, shape, block, mode(options)));
        let (outputs, summary) = ran?;
        measured.taken[which] = measured.taken[which].and(taken);
        measured.executions[which] += summary.executions;
        digests.push(digest(&outputs));
    }
    // No output depends on the fee key.
    measured.outputs_equal = digests.iter().all(|digest| Some(digest) == digests.first());
    Ok(measured)
}

/// The medians; the first round warms up.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts that a measurement divides"
)]
fn row(point: Point, rounds: &[Round]) -> FeeRow {
    let measured = rounds.get(1..).unwrap_or_default();
    let txs = 2.0 * point.txs.max(1) as f64;
    let over = |value: &dyn Fn(&Round) -> f64| Spread::over(measured, value);
    let wall = |which: usize| over(&|round: &Round| round.taken[which].wall_s).scaled(1e6 / txs);
    let executions =
        |which: usize| over(&|round: &Round| round.executions[which] as f64).median / txs;
    FeeRow {
        point,
        outputs_equal: rounds.iter().all(|round| round.outputs_equal),
        wall_ratio: over(&|round| round.taken[1].wall_s / round.taken[0].wall_s),
        cpu_ratio: over(&|round| round.taken[1].cpu_s / round.taken[0].cpu_s),
        us_per_tx: [wall(0), wall(1)],
        executions_per_tx: [executions(0), executions(1)],
    }
}
