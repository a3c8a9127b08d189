//! `compare scheduler`: our parallel mode beside our sequential one and beside a plain loop.

use std::convert::Infallible;

use ordlane_scheduler::{
    Base, Config, ConfigError, Delta, Executor, Flow, Mode, Options, OutOfBounds, RunError, Stop,
    Summary, Trace, TxIndex, View, Vm,
};

use crate::cli::{self, SchedulerOptions, SharedKey};
use crate::measure::{
    Spread, Taken, clock_ns, handoff_ns, machine_parallelism, spin_rounds_per_us, taken,
};
use crate::report::{self, SchedulerRow};
use crate::workload::{Account, Shape, Transfer, apply, digest, pure_loop, transfers};

/// Each thread spins so long, in microseconds, when the machine's own parallelism is measured.
const PARALLELISM_SPIN_US: f64 = 10_000.0;

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompareError {
    /// The executor could not be made.
    #[error("the executor: {0}")]
    Config(#[from] ConfigError),
    /// The block could not be run.
    #[error("the run: {0}")]
    Run(#[from] RunError<Infallible>),
    /// The block names an account that is not there.
    #[error("the accounts do not fit in memory")]
    Accounts,
    /// The result could not be printed.
    #[error("the report: {0}")]
    Report(#[from] serde_json::Error),
}

/// Measures every combination and prints the report; `false` when two outputs differed.
pub(crate) fn compare(options: &SchedulerOptions) -> Result<bool, CompareError> {
    let options = widened(options);
    let rounds_per_us = spin_rounds_per_us();
    let mut rows = Vec::new();
    for &threads in &options.threads {
        for &cost_us in &options.cost_us {
            for &txs in &options.txs {
                for &accounts in &options.accounts {
                    let cell = Cell {
                        accounts,
                        txs,
                        cost_us,
                        threads,
                        shared: options.shared_key,
                    };
                    rows.push(measure(cell, &options, rounds_per_us)?);
                    if !options.json {
                        report::scheduler_row(&rows);
                    }
                }
            }
        }
    }
    if options.json {
        report::scheduler_json(&rows)?;
    }
    Ok(rows.iter().all(|row| row.outputs_equal))
}

/// The options with the whole grid filled in, if it was asked for.
fn widened(options: &SchedulerOptions) -> SchedulerOptions {
    let mut options = options.clone();
    if options.grid {
        options.accounts = vec![2, 10, 100, 1_000, 10_000];
        options.txs = vec![1_000, 10_000, 50_000];
        options.cost_us = vec![0, 1, 10, 50];
        options.threads = vec![1, 2, 4, 8, 16];
    }
    options
}

/// One combination.
#[derive(Clone, Copy, Debug)]
struct Cell {
    accounts: u64,
    txs: usize,
    cost_us: u32,
    threads: usize,
    shared: SharedKey,
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

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "counts that a measurement divides"
)]
fn measure(
    cell: Cell,
    options: &SchedulerOptions,
    rounds_per_us: f64,
) -> Result<SchedulerRow, CompareError> {
    let shape = Shape {
        accounts: cell.accounts,
        txs: cell.txs,
        spin_rounds: (f64::from(cell.cost_us) * rounds_per_us) as u64,
    };
    let block = transfers(shape);
    let mut rounds = Vec::new();
    for round in 0..=options.rounds {
        let mut measured = one_round(cell, shape, &block, options.mode, round)?;
        measured.machine_parallelism =
            machine_parallelism(cell.threads, (PARALLELISM_SPIN_US * rounds_per_us) as u64);
        rounds.push(measured);
    }
    let outputs_equal = rounds.iter().all(|round| round.outputs_equal);
    // The first round warms up.
    let measured = &rounds[1..];
    let txs = cell.txs.max(1) as f64;
    let over =
        |value: fn(&Round) -> f64| Spread::of(&measured.iter().map(value).collect::<Vec<_>>());
    let per_tx_us = |spread: Spread| Spread {
        median: spread.median * 1e6 / txs,
        lower_quartile: spread.lower_quartile * 1e6 / txs,
        upper_quartile: spread.upper_quartile * 1e6 / txs,
    };
    Ok(SchedulerRow {
        mode: match options.mode {
            cli::Mode::Parallel => "parallel",
            cli::Mode::Auto => "auto",
            cli::Mode::Sequential => "sequential",
        },
        accounts: cell.accounts,
        txs: cell.txs,
        cost_us: cell.cost_us,
        threads: cell.threads,
        rounds: options.rounds,
        iterations_per_us: rounds_per_us,
        outputs_equal,
        wall_ratio: over(|round| round.sequential.wall_s / round.ours.wall_s).into(),
        cpu_ratio: over(|round| round.ours.cpu_s / round.sequential.cpu_s).into(),
        engine_us_per_tx: per_tx_us(over(|round| round.ours.cpu_s - round.pure.cpu_s)).into(),
        sequential_engine_us_per_tx: per_tx_us(over(|round| {
            round.sequential.cpu_s - round.pure.cpu_s
        }))
        .into(),
        sequential_us_per_tx: per_tx_us(over(|round| round.sequential.wall_s)).into(),
        us_per_tx: per_tx_us(over(|round| round.ours.wall_s)).into(),
        executions_per_tx: over(|round| round.executions as f64).median / txs,
        machine_parallelism: over(|round| round.machine_parallelism).into(),
        machine_handoff_ns: over(|round| round.handoff_ns).into(),
        commit_p50_us: over(|round| round.commit_us[0]).into(),
        commit_p99_us: over(|round| round.commit_us[1]).into(),
    })
}

/// Runs all three once, each time in another order.
fn one_round(
    cell: Cell,
    shape: Shape,
    block: &[Transfer],
    mode: cli::Mode,
    round: u32,
) -> Result<Round, CompareError> {
    let mode = match mode {
        cli::Mode::Parallel => Mode::Parallel,
        cli::Mode::Auto => Mode::Auto,
        cli::Mode::Sequential => Mode::Sequential,
    };
    let sequentially = || taken(|| run(cell, shape, block, Mode::Sequential, None));
    let ours = || taken(|| run(cell, shape, block, mode, None));
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
        commit_us: commit_latency(cell, shape, block, mode)?,
    })
}

/// The latency of commits in a run of its own, since looking at the clock costs something.
fn commit_latency(
    cell: Cell,
    shape: Shape,
    block: &[Transfer],
    mode: Mode,
) -> Result<[f64; 2], CompareError> {
    let mut trace = Trace::new(clock_ns());
    run(cell, shape, block, mode, Some(&mut trace))?;
    let times: Vec<u64> = trace
        .transactions()
        .iter()
        .map(|traced| traced.committed_at)
        .collect();
    Ok([50, 99].map(|percent| us(times.get(times.len() * percent / 100).copied())))
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of one run")]
fn us(ns: Option<u64>) -> f64 {
    ns.unwrap_or(0) as f64 / 1e3
}

/// Makes an executor, runs the block, collects the outputs.
fn run(
    cell: Cell,
    shape: Shape,
    block: &[Transfer],
    mode: Mode,
    trace: Option<&mut Trace<u64>>,
) -> Result<(Vec<u64>, Summary), CompareError> {
    let threads = if mode == Mode::Sequential {
        1
    } else {
        cell.threads
    };
    let executor = Executor::new(Config {
        threads,
        mode,
        ..Config::default()
    })?;
    let mut outputs = Vec::with_capacity(block.len());
    let mut sink = |_: TxIndex, output: u64, _: &[(u64, Option<Account>)]| {
        outputs.push(output);
        Flow::Continue
    };
    let vm = Transfers {
        spin_rounds: shape.spin_rounds,
        shared: cell.shared,
        shared_key: shape.accounts,
    };
    let mut options = Options::default();
    options.trace = trace;
    let base = Genesis {
        accounts: shape.accounts,
    };
    let summary = executor.run_with(&vm, &base, block, &mut sink, options)?;
    Ok((outputs, summary))
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
