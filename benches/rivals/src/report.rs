//! What is printed: a table for people, JSON for machines.

use serde::Serialize;

use crate::measure::Spread;

/// A median and the quartiles around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    pub(crate) quartiles: [f64; 2],
}

impl From<Spread> for Figure {
    fn from(spread: Spread) -> Self {
        Self {
            median: spread.median,
            quartiles: [spread.lower_quartile, spread.upper_quartile],
        }
    }
}

/// One combination of `compare scheduler`.
#[derive(Clone, Debug)]
pub(crate) struct SchedulerRow {
    pub(crate) mode: &'static str,
    pub(crate) accounts: u64,
    pub(crate) txs: usize,
    pub(crate) cost_us: u32,
    pub(crate) threads: usize,
    pub(crate) rounds: u32,
    /// Spin rounds that one thread does in a microsecond.
    pub(crate) iterations_per_us: f64,
    pub(crate) outputs_equal: bool,
    /// Wall time of the sequential mode over ours.
    pub(crate) wall_ratio: Figure,
    /// CPU time of ours over that of the sequential mode.
    pub(crate) cpu_ratio: Figure,
    /// CPU time beyond that of the plain loop.
    pub(crate) engine_us_per_tx: Figure,
    pub(crate) sequential_engine_us_per_tx: Figure,
    pub(crate) sequential_us_per_tx: Figure,
    pub(crate) us_per_tx: Figure,
    pub(crate) executions_per_tx: f64,
    pub(crate) machine_parallelism: Figure,
    /// One way of a cache line between two cores.
    pub(crate) machine_handoff_ns: Figure,
    /// From the start of a run, in which the executor is made, until half of the transactions are committed.
    pub(crate) commit_p50_us: Figure,
    /// The same for 99 of 100.
    pub(crate) commit_p99_us: Figure,
}

/// The JSON of one combination: medians, and the quartiles in `*_quartiles`.
#[derive(Serialize)]
struct SchedulerJson {
    mode: &'static str,
    accounts: u64,
    txs: usize,
    cost_us: u32,
    threads: usize,
    rounds: u32,
    iterations_per_us: f64,
    outputs_equal: bool,
    wall_ratio: f64,
    wall_ratio_quartiles: [f64; 2],
    cpu_ratio: f64,
    cpu_ratio_quartiles: [f64; 2],
    engine_us_per_tx: f64,
    engine_us_per_tx_quartiles: [f64; 2],
    sequential_engine_us_per_tx: f64,
    sequential_engine_us_per_tx_quartiles: [f64; 2],
    sequential_us_per_tx: f64,
    us_per_tx: f64,
    us_per_tx_quartiles: [f64; 2],
    executions_per_tx: f64,
    machine_parallelism: f64,
    machine_parallelism_quartiles: [f64; 2],
    machine_handoff_ns: f64,
    machine_handoff_ns_quartiles: [f64; 2],
    commit_p50_us: f64,
    commit_p99_us: f64,
}

impl From<&SchedulerRow> for SchedulerJson {
    fn from(row: &SchedulerRow) -> Self {
        Self {
            mode: row.mode,
            accounts: row.accounts,
            txs: row.txs,
            cost_us: row.cost_us,
            threads: row.threads,
            rounds: row.rounds,
            iterations_per_us: row.iterations_per_us,
            outputs_equal: row.outputs_equal,
            wall_ratio: row.wall_ratio.median,
            wall_ratio_quartiles: row.wall_ratio.quartiles,
            cpu_ratio: row.cpu_ratio.median,
            cpu_ratio_quartiles: row.cpu_ratio.quartiles,
            engine_us_per_tx: row.engine_us_per_tx.median,
            engine_us_per_tx_quartiles: row.engine_us_per_tx.quartiles,
            sequential_engine_us_per_tx: row.sequential_engine_us_per_tx.median,
            sequential_engine_us_per_tx_quartiles: row.sequential_engine_us_per_tx.quartiles,
            sequential_us_per_tx: row.sequential_us_per_tx.median,
            us_per_tx: row.us_per_tx.median,
            us_per_tx_quartiles: row.us_per_tx.quartiles,
            executions_per_tx: row.executions_per_tx,
            machine_parallelism: row.machine_parallelism.median,
            machine_parallelism_quartiles: row.machine_parallelism.quartiles,
            machine_handoff_ns: row.machine_handoff_ns.median,
            machine_handoff_ns_quartiles: row.machine_handoff_ns.quartiles,
            commit_p50_us: row.commit_p50_us.median,
            commit_p99_us: row.commit_p99_us.median,
        }
    }
}

/// Prints an object for one row, an array for several.
pub(crate) fn scheduler_json(rows: &[SchedulerRow]) -> Result<(), serde_json::Error> {
    let rows: Vec<SchedulerJson> = rows.iter().map(SchedulerJson::from).collect();
    let text = match rows.as_slice() {
        [row] => serde_json::to_string_pretty(row)?,
        rows => serde_json::to_string_pretty(rows)?,
    };
    println!("{text}");
    Ok(())
}

/// Prints the last row, under a header if it is the first.
pub(crate) fn scheduler_row(rows: &[SchedulerRow]) {
    let Some(row) = rows.last() else { return };
    if rows.len() == 1 {
        println!(
            "{} beside sequential, medians of {} rounds with quartiles; {:.1} spin rounds per us",
            row.mode, row.rounds, row.iterations_per_us
        );
        println!(
            "{:>8} {:>7} {:>5} {:>7} | {:>22} {:>22} {:>22} {:>7} {:>9} | {:>9} {:>10} | {:>8} {:>8} {:>8}",
            "accounts",
            "txs",
            "us",
            "threads",
            "wall ratio",
            "CPU ratio",
            "engine us/tx",
            "runs/tx",
            "seq us/tx",
            "machine",
            "handoff ns",
            "p50 us",
            "p99 us",
            "outputs"
        );
    }
    println!(
        "{:>8} {:>7} {:>5} {:>7} | {:>22} {:>22} {:>22} {:>7.3} {:>9.3} | {:>9.2} {:>10.0} | {:>8.0} {:>8.0} {:>8}",
        row.accounts,
        row.txs,
        row.cost_us,
        row.threads,
        figure(row.wall_ratio),
        figure(row.cpu_ratio),
        figure(row.engine_us_per_tx),
        row.executions_per_tx,
        row.sequential_engine_us_per_tx.median,
        row.machine_parallelism.median,
        row.machine_handoff_ns.median,
        row.commit_p50_us.median,
        row.commit_p99_us.median,
        if row.outputs_equal { "equal" } else { "DIFFER" },
    );
}

fn figure(figure: Figure) -> String {
    let [lower, upper] = figure.quartiles;
    format!("{:.3} ({lower:.3}-{upper:.3})", figure.median)
}
