//! What is printed: a table for people, JSON for machines, Markdown for documents.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::cli::OutputOptions;
use crate::error::CompareError;
use crate::fee_key::FeeRow;
use crate::machine::Machine;
use crate::measure::{Spread, now};
use crate::points::Point;
use crate::progress::{Measured, Progress};

/// What holds for all points.
#[derive(Clone, Debug)]
pub(crate) struct Header<S> {
    pub(crate) machine: Machine,
    pub(crate) rounds: u32,
    pub(crate) setup: S,
}

impl<S: Setup> Header<S> {
    fn line(&self, title: &str) -> String {
        // What is followed for so long has no rounds.
        let rounds = match self.rounds {
            0 => String::new(),
            rounds => format!(", medians of {rounds} rounds with quartiles"),
        };
        format!(
            "{}, {} cores; {}{rounds}; {}",
            self.machine.cpu,
            self.machine.cores,
            title.replace("{mode}", self.setup.mode()),
            self.setup.note()
        )
    }
}

/// How a comparison is set up.
pub(crate) trait Setup {
    /// What stands for `{mode}` in titles.
    fn mode(&self) -> &str;
    /// What a reader must know besides.
    fn note(&self) -> String;
}

/// The scheduler's mode, and the work that transactions do.
#[derive(Clone, Debug)]
pub(crate) struct Spinning {
    pub(crate) mode: &'static str,
    /// Spin rounds that one thread does in a microsecond.
    pub(crate) iterations_per_us: f64,
}

impl Setup for Spinning {
    fn mode(&self) -> &str {
        self.mode
    }

    fn note(&self) -> String {
        format!(
            "I = {:.1} spin rounds per us of thread CPU time",
            self.iterations_per_us
        )
    }
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Table,
    Json,
    Markdown,
}

impl Form {
    const fn of(output: OutputOptions) -> Self {
        match output {
            OutputOptions { json: true, .. } => Self::Json,
            OutputOptions { markdown: true, .. } => Self::Markdown,
            _ => Self::Table,
        }
    }
}

/// A row of some report.
pub(crate) trait Row {
    /// What is compared; `{mode}` stands for the mode.
    const TITLE: &'static str;
    /// The titles of the columns, with the widths that they take.
    const COLUMNS: &'static [(&'static str, usize)];
    type Setup: Setup;
    type Json: Serialize;

    /// Whether everybody came to the same results.
    fn is_right(&self) -> bool;
    fn cells(&self) -> Vec<String>;
    fn json(&self, header: &Header<Self::Setup>) -> Self::Json;
}

/// Measures every point, says how far that is, and prints the report; `false` when two results differed.
pub(crate) fn report_all<P: Measured, R: Row>(
    output: OutputOptions,
    header: Header<R::Setup>,
    points: &[P],
    mut measure: impl FnMut(&P) -> Result<R, CompareError>,
) -> Result<bool, CompareError> {
    let mut progress = Progress::new(points, header.rounds, now());
    let mut report = Report::new(Form::of(output), header);
    for point in points {
        progress.begin(point);
        report.add(measure(point)?);
        progress.end(point);
    }
    report.finish()?;
    Ok(report.rows.iter().all(R::is_right))
}

/// Rows that are printed as they come, or at the end where it is JSON.
struct Report<R: Row> {
    form: Form,
    header: Header<R::Setup>,
    rows: Vec<R>,
}

impl<R: Row> Report<R> {
    fn new(form: Form, header: Header<R::Setup>) -> Self {
        Self {
            form,
            header,
            rows: Vec::new(),
        }
    }

    /// Takes a row, and prints it unless the form is JSON.
    fn add(&mut self, row: R) {
        let cells = row.cells();
        let is_first = self.rows.is_empty();
        self.rows.push(row);
        match self.form {
            Form::Json => {}
            Form::Table => {
                if is_first {
                    println!("{}", self.header.line(R::TITLE));
                    println!("{}", padded::<R>(R::COLUMNS.iter().map(|column| column.0)));
                }
                println!("{}", padded::<R>(cells.iter().map(String::as_str)));
            }
            Form::Markdown => {
                if is_first {
                    println!("{}.\n", self.header.line(R::TITLE));
                    println!("{}", piped(R::COLUMNS.iter().map(|column| column.0)));
                    println!("|{}", "---|".repeat(R::COLUMNS.len()));
                }
                println!("{}", piped(cells.iter().map(String::as_str)));
            }
        }
    }

    /// Prints what was held back: an object for one row, an array for several.
    fn finish(&self) -> Result<(), serde_json::Error> {
        if self.form != Form::Json {
            return Ok(());
        }
        let rows: Vec<R::Json> = self.rows.iter().map(|row| row.json(&self.header)).collect();
        let text = match rows.as_slice() {
            [row] => serde_json::to_string_pretty(row)?,
            rows => serde_json::to_string_pretty(rows)?,
        };
        println!("{text}");
        Ok(())
    }
}

fn padded<'a, R: Row>(cells: impl Iterator<Item = &'a str>) -> String {
    let padded = cells
        .zip(R::COLUMNS)
        .map(|(cell, (_, width))| format!("{cell:>width$}"));
    padded.collect::<Vec<_>>().join("  ")
}

fn piped<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
}

/// One point of `compare scheduler`.
#[derive(Clone, Debug)]
pub(crate) struct SchedulerRow {
    pub(crate) point: Point,
    pub(crate) outputs_equal: bool,
    /// Wall time of the sequential mode over ours.
    pub(crate) wall_ratio: Spread,
    /// CPU time of ours over that of the sequential mode.
    pub(crate) cpu_ratio: Spread,
    /// CPU time of ours beyond that of the sequential mode.
    pub(crate) engine_us_per_tx: Spread,
    /// CPU time of the sequential mode beyond that of the plain loop.
    pub(crate) sequential_engine_us_per_tx: Spread,
    pub(crate) sequential_us_per_tx: Spread,
    pub(crate) us_per_tx: Spread,
    pub(crate) executions_per_tx: f64,
    pub(crate) machine_parallelism: Spread,
    /// One way of a cache line between two cores.
    pub(crate) machine_handoff_ns: Spread,
    /// From the start of a run, in which the executor is made, until half of the transactions are committed.
    pub(crate) commit_p50_us: Spread,
    /// The same for 99 of 100.
    pub(crate) commit_p99_us: Spread,
}

/// The JSON of one point: medians, and the quartiles in `*_quartiles`.
#[derive(Serialize)]
pub(crate) struct SchedulerJson {
    cpu: String,
    cores: usize,
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

impl Row for SchedulerRow {
    const TITLE: &'static str = "{mode} mode beside sequential";
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("K", 6),
        ("B", 6),
        ("C, us", 5),
        ("threads", 7),
        ("wall ratio", 19),
        ("machine", 7),
        ("CPU ratio", 19),
        ("engine us/tx", 20),
        ("runs/tx", 7),
        ("seq us/tx", 9),
        ("handoff ns", 10),
        ("p50 us", 8),
        ("p99 us", 8),
        ("outputs", 7),
    ];
    type Setup = Spinning;
    type Json = SchedulerJson;

    fn is_right(&self) -> bool {
        self.outputs_equal
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.point.accounts.to_string(),
            self.point.txs.to_string(),
            self.point.cost_us.to_string(),
            self.point.threads.to_string(),
            spread(self.wall_ratio, 2),
            format!("{:.2}", self.machine_parallelism.median),
            spread(self.cpu_ratio, 2),
            spread(self.engine_us_per_tx, 3),
            format!("{:.3}", self.executions_per_tx),
            format!("{:.3}", self.sequential_engine_us_per_tx.median),
            format!("{:.0}", self.machine_handoff_ns.median),
            format!("{:.0}", self.commit_p50_us.median),
            format!("{:.0}", self.commit_p99_us.median),
            equal(self.outputs_equal),
        ]
    }

    fn json(&self, header: &Header<Spinning>) -> SchedulerJson {
        SchedulerJson {
            cpu: header.machine.cpu.clone(),
            cores: header.machine.cores,
            mode: header.setup.mode,
            accounts: self.point.accounts,
            txs: self.point.txs,
            cost_us: self.point.cost_us,
            threads: self.point.threads,
            rounds: header.rounds,
            iterations_per_us: header.setup.iterations_per_us,
            outputs_equal: self.outputs_equal,
            wall_ratio: self.wall_ratio.median,
            wall_ratio_quartiles: self.wall_ratio.quartiles(),
            cpu_ratio: self.cpu_ratio.median,
            cpu_ratio_quartiles: self.cpu_ratio.quartiles(),
            engine_us_per_tx: self.engine_us_per_tx.median,
            engine_us_per_tx_quartiles: self.engine_us_per_tx.quartiles(),
            sequential_engine_us_per_tx: self.sequential_engine_us_per_tx.median,
            sequential_engine_us_per_tx_quartiles: self.sequential_engine_us_per_tx.quartiles(),
            sequential_us_per_tx: self.sequential_us_per_tx.median,
            us_per_tx: self.us_per_tx.median,
            us_per_tx_quartiles: self.us_per_tx.quartiles(),
            executions_per_tx: self.executions_per_tx,
            machine_parallelism: self.machine_parallelism.median,
            machine_parallelism_quartiles: self.machine_parallelism.quartiles(),
            machine_handoff_ns: self.machine_handoff_ns.median,
            machine_handoff_ns_quartiles: self.machine_handoff_ns.quartiles(),
            commit_p50_us: self.commit_p50_us.median,
            commit_p99_us: self.commit_p99_us.median,
        }
    }
}

/// The JSON of one point of `compare scheduler --fee-key`.
#[derive(Serialize)]
pub(crate) struct FeeJson {
    cpu: String,
    cores: usize,
    mode: &'static str,
    accounts: u64,
    txs: usize,
    cost_us: u32,
    threads: usize,
    rounds: u32,
    iterations_per_us: f64,
    outputs_equal: bool,
    fee_key_wall_ratio: f64,
    fee_key_wall_ratio_quartiles: [f64; 2],
    fee_key_cpu_ratio: f64,
    fee_key_cpu_ratio_quartiles: [f64; 2],
    us_per_tx_without: f64,
    us_per_tx_with: f64,
    executions_per_tx_without: f64,
    executions_per_tx_with: f64,
}

impl Row for FeeRow {
    const TITLE: &'static str = "{mode} mode with a fee key that all add to beside itself without";
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("K", 6),
        ("B", 6),
        ("C, us", 5),
        ("threads", 7),
        ("wall with/without", 22),
        ("CPU with/without", 22),
        ("us/tx without", 13),
        ("us/tx with", 10),
        ("runs/tx without", 15),
        ("runs/tx with", 12),
        ("outputs", 7),
    ];
    type Setup = Spinning;
    type Json = FeeJson;

    fn is_right(&self) -> bool {
        self.outputs_equal
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.point.accounts.to_string(),
            self.point.txs.to_string(),
            self.point.cost_us.to_string(),
            self.point.threads.to_string(),
            spread(self.wall_ratio, 3),
            spread(self.cpu_ratio, 3),
            format!("{:.3}", self.us_per_tx[0].median),
            format!("{:.3}", self.us_per_tx[1].median),
            format!("{:.3}", self.executions_per_tx[0]),
            format!("{:.3}", self.executions_per_tx[1]),
            equal(self.outputs_equal),
        ]
    }

    fn json(&self, header: &Header<Spinning>) -> FeeJson {
        FeeJson {
            cpu: header.machine.cpu.clone(),
            cores: header.machine.cores,
            mode: header.setup.mode,
            accounts: self.point.accounts,
            txs: self.point.txs,
            cost_us: self.point.cost_us,
            threads: self.point.threads,
            rounds: header.rounds,
            iterations_per_us: header.setup.iterations_per_us,
            outputs_equal: self.outputs_equal,
            fee_key_wall_ratio: self.wall_ratio.median,
            fee_key_wall_ratio_quartiles: self.wall_ratio.quartiles(),
            fee_key_cpu_ratio: self.cpu_ratio.median,
            fee_key_cpu_ratio_quartiles: self.cpu_ratio.quartiles(),
            us_per_tx_without: self.us_per_tx[0].median,
            us_per_tx_with: self.us_per_tx[1].median,
            executions_per_tx_without: self.executions_per_tx[0],
            executions_per_tx_with: self.executions_per_tx[1],
        }
    }
}

/// An object that begins with the machine.
pub(crate) fn object<S>(
    header: &Header<S>,
    facts: impl IntoIterator<Item = (&'static str, Value)>,
) -> Map<String, Value> {
    let machine = [
        ("cpu", json!(header.machine.cpu)),
        ("cores", json!(header.machine.cores)),
        ("rounds", json!(header.rounds)),
    ];
    machine
        .into_iter()
        .chain(facts)
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

/// Adds a median and its quartiles to an object; `null` if there are none.
pub(crate) fn put(json: &mut Map<String, Value>, key: &str, spread: Option<Spread>) {
    json.insert(key.to_owned(), json!(spread.map(|spread| spread.median)));
    let quartiles = json!(spread.map(Spread::quartiles));
    json.insert(format!("{key}_quartiles"), quartiles);
}

pub(crate) fn equal(outputs_equal: bool) -> String {
    if outputs_equal { "equal" } else { "DIFFER" }.to_owned()
}

pub(crate) fn spread(spread: Spread, digits: usize) -> String {
    let [lower, upper] = spread.quartiles();
    format!(
        "{:.digits$} ({lower:.digits$}-{upper:.digits$})",
        spread.median
    )
}
