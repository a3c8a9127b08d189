//! `compare scheduler`: our parallel mode beside our sequential one and beside a plain loop.

use std::convert::Infallible;

use ordlane_scheduler::{
    Base, Config, Delta, Executor, Flow, Mode, Options, OutOfBounds, Sink, Stop, Summary, Trace,
    TxIndex, View, Vm,
};

use crate::cli::{SchedulerOptions, SharedKey};
use crate::error::CompareError;
use crate::machine::Machine;
use crate::measure::{
    Spread, Taken, clock_ns, handoff_ns, machine_parallelism, spin_rounds_per_us, taken,
};
use crate::points::{Point, points};
use crate::report::{Header, SchedulerRow, Spinning, report_all};
use crate::workload::{
    Account, Made, Shape, Transfer, apply, digest, made_by_loop, pure_loop, transfers,
};

/// Each thread spins so long, in microseconds, when the machine's own parallelism is measured.
const PARALLELISM_SPIN_US: u32 = 10_000;

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

pub(crate) fn header(
    options: &SchedulerOptions,
    machine: Machine,
    iterations_per_us: f64,
) -> Header<Spinning> {
    Header {
        machine,
        rounds: options.rounds,
        setup: Spinning {
            mode: options.mode.name(),
            iterations_per_us,
        },
    }
}

/// The block's shape at a point.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounds of a few microseconds"
)]
pub(crate) fn shape(point: Point, rounds_per_us: f64) -> Shape {
    Shape {
        accounts: point.accounts,
        txs: point.txs,
        spin_rounds: (f64::from(point.cost_us) * rounds_per_us) as u64,
    }
}

/// What one round measured.
struct Round {
    pure: Taken,
    sequential: Taken,
    ours: Taken,
    executions: u64,
    outputs_equal: bool,
    machine_parallelism: f64,
    handoff_ns: f64,
    /// When half, and when 99 of 100, of the transactions were committed, in microseconds from the start of the run.
    commit_us: [f64; 2],
}

fn measure(
    point: Point,
    options: &SchedulerOptions,
    rounds_per_us: f64,
) -> Result<SchedulerRow, CompareError> {
    let shape = shape(point, rounds_per_us);
    let block = transfers(shape);
    let expected = expected(point, shape, &block)?;
    let mode = mode(options);
    let spin = self::shape(
        Point {
            cost_us: PARALLELISM_SPIN_US,
            ..point
        },
        rounds_per_us,
    );
    let mut rounds = Vec::new();
    for round in 0..=options.rounds {
        let mut measured = one_round(point, shape, &block, mode, round)?;
        let (made, commit_us) = checked(point, shape, &block, mode)?;
        measured.outputs_equal &= expected == Some(made);
        measured.commit_us = commit_us;
        measured.machine_parallelism = machine_parallelism(point.threads, spin.spin_rounds);
        rounds.push(measured);
    }
    Ok(row(point, &rounds))
}

/// What sequential execution makes of the block; `None` if its own mode and the plain loop disagree.
fn expected(point: Point, shape: Shape, block: &[Transfer]) -> Result<Option<Made>, CompareError> {
    let by_loop = made_by_loop(shape, block).ok_or(CompareError::Accounts)?;
    let (sequential, _) = checked(point, shape, block, Mode::Sequential)?;
    // The loop has no key that all share.
    let agree = match point.shared {
        SharedKey::None => by_loop == sequential,
        SharedKey::Add | SharedKey::Write => by_loop.outputs == sequential.outputs,
    };
    Ok(agree.then_some(sequential))
}

/// The medians; the first round warms up.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts that a measurement divides"
)]
fn row(point: Point, rounds: &[Round]) -> SchedulerRow {
    let measured = rounds.get(1..).unwrap_or_default();
    let txs = point.txs.max(1) as f64;
    let over = |value: fn(&Round) -> f64| Spread::over(measured, value);
    let per_tx_us = |spread: Spread| spread.scaled(1e6 / txs);
    let sequential_engine = over(|round| round.sequential.cpu_s - round.pure.cpu_s);
    SchedulerRow {
        point,
        outputs_equal: rounds.iter().all(|round| round.outputs_equal),
        wall_ratio: over(|round| round.sequential.wall_s / round.ours.wall_s),
        cpu_ratio: over(|round| round.ours.cpu_s / round.sequential.cpu_s),
        engine_us_per_tx: per_tx_us(over(|round| round.ours.cpu_s - round.sequential.cpu_s)),
        sequential_engine_us_per_tx: per_tx_us(sequential_engine),
        sequential_us_per_tx: per_tx_us(over(|round| round.sequential.wall_s)),
        us_per_tx: per_tx_us(over(|round| round.ours.wall_s)),
        executions_per_tx: over(|round| round.executions as f64).median / txs,
        machine_parallelism: over(|round| round.machine_parallelism),
        machine_handoff_ns: over(|round| round.handoff_ns),
        commit_p50_us: over(|round| round.commit_us[0]),
        commit_p99_us: over(|round| round.commit_us[1]),
    }
}

/// The mode that was asked for.
pub(crate) fn mode(options: &SchedulerOptions) -> Mode {
    options.mode.into()
}

/// Runs all three once, each time in another order.
fn one_round(
    point: Point,
    shape: Shape,
    block: &[Transfer],
    mode: Mode,
    round: u32,
) -> Result<Round, CompareError> {
    let sequentially = || taken(|| run(point, shape, block, Mode::Sequential));
    let ours = || taken(|| run(point, shape, block, mode));
    let (sequential, ours) = if round.is_multiple_of(2) {
        let sequential = sequentially();
        (sequential, ours())
    } else {
        let ours = ours();
        (sequentially(), ours)
    };
    let (pure_outputs, pure) = taken(|| pure_loop(shape, block));
    let expected = digest(&pure_outputs.ok_or(CompareError::Accounts)?);
    let (sequential_outputs, _) = sequential.0?;
    let (our_outputs, summary) = ours.0?;
    Ok(Round {
        pure,
        sequential: sequential.1,
        ours: ours.1,
        executions: summary.executions,
        outputs_equal: digest(&sequential_outputs) == expected && digest(&our_outputs) == expected,
        machine_parallelism: 0.0,
        handoff_ns: handoff_ns(),
        commit_us: [0.0; 2],
    })
}

/// What a mode makes of the block, and the latency of its commits: in a run of its own, since digests of writes and looks
/// at the clock cost something.
pub(crate) fn checked(
    point: Point,
    shape: Shape,
    block: &[Transfer],
    mode: Mode,
) -> Result<(Made, [f64; 2]), CompareError> {
    let mut trace = Trace::new(clock_ns());
    let mut made = Made::default();
    let mut sink = |_: TxIndex, output: u64, writes: &[(u64, Option<Account>)]| {
        let writes = writes.iter();
        made.note(output, writes.map(|(key, account)| (key, account.as_ref())));
        Flow::Continue
    };
    execute(point, shape, block, mode, &mut sink, Some(&mut trace))?;
    let times: Vec<u64> = trace
        .transactions()
        .iter()
        .map(|traced| traced.committed_at)
        .collect();
    let latency = [50, 99].map(|percent| us(times.get(times.len() * percent / 100).copied()));
    Ok((made, latency))
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of one run")]
fn us(ns: Option<u64>) -> f64 {
    ns.unwrap_or(0) as f64 / 1e3
}

/// Makes an executor, runs the block, collects the outputs.
pub(crate) fn run(
    point: Point,
    shape: Shape,
    block: &[Transfer],
    mode: Mode,
) -> Result<(Vec<u64>, Summary), CompareError> {
    let mut outputs = Vec::with_capacity(block.len());
    let mut sink = |_: TxIndex, output: u64, _: &[(u64, Option<Account>)]| {
        outputs.push(output);
        Flow::Continue
    };
    let summary = execute(point, shape, block, mode, &mut sink, None)?;
    Ok((outputs, summary))
}

fn execute(
    point: Point,
    shape: Shape,
    block: &[Transfer],
    mode: Mode,
    sink: &mut impl Sink<u64, Account, u64>,
    trace: Option<&mut Trace<u64>>,
) -> Result<Summary, CompareError> {
    let threads = if mode == Mode::Sequential {
        1
    } else {
        point.threads
    };
    let executor = Executor::new(Config {
        threads,
        mode,
        ..Config::default()
    })?;
    let vm = Transfers {
        spin_rounds: shape.spin_rounds,
        shared: point.shared,
        shared_key: shape.accounts,
    };
    let mut options = Options::default();
    options.trace = trace;
    let base = Genesis {
        accounts: shape.accounts,
    };
    Ok(executor.run_with(&vm, &base, block, sink, options)?)
}

/// One unit more.
#[derive(Clone, Copy, Debug)]
struct One;

impl Delta<Account> for One {
    fn apply(&self, account: Option<&Account>) -> Result<Option<Account>, OutOfBounds> {
        let account = account.copied().unwrap_or(Account::INITIAL);
        let balance = account.balance.checked_add(1).ok_or(OutOfBounds)?;
        Ok(Some(Account { balance, ..account }))
    }
}

/// Runs the transfers.
struct Transfers {
    spin_rounds: u64,
    shared: SharedKey,
    /// The key that all share: the first one that is no account.
    shared_key: u64,
}

impl Vm for Transfers {
    type Key = u64;
    type Value = Account;
    type Delta = One;
    type Tx = Transfer;
    type Output = u64;
    type Worker = ();

    fn worker(&self) {}

    fn execute<V>(&self, (): &mut (), _: TxIndex, tx: &Transfer, view: &mut V) -> Result<u64, Stop>
    where
        V: View<Key = u64, Value = Account, Delta = One>,
    {
        let from = view.read(&tx.from)?.unwrap_or(Account::INITIAL);
        let to = view.read(&tx.to)?.unwrap_or(Account::INITIAL);
        let (from, to, output) = apply(from, to, self.spin_rounds);
        view.write(tx.from, from);
        view.write(tx.to, to);
        match self.shared {
            SharedKey::None => {}
            SharedKey::Add => view.add(self.shared_key, One)?.map_err(Stop::fatal)?,
            SharedKey::Write => {
                let shared = view.read(&self.shared_key)?;
                let more = One.apply(shared.as_ref()).map_err(Stop::fatal)?;
                view.write(self.shared_key, more.unwrap_or(Account::INITIAL));
            }
        }
        Ok(output)
    }
}

/// Every account as it is at first.
struct Genesis {
    accounts: u64,
}

impl Base for Genesis {
    type Key = u64;
    type Value = Account;
    type Error = Infallible;

    fn read(&self, key: &u64) -> Result<Option<Account>, Infallible> {
        Ok((*key < self.accounts).then_some(Account::INITIAL))
    }
}
