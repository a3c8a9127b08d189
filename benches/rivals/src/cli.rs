//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Measures ours beside its rivals in one process and prints ratios.
#[derive(Debug, Parser)]
#[command(name = "compare", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the columns mean.
const FIGURES: &str = "\
Figures, each a median over the rounds, with quartiles in brackets:
  wall ratio    wall time of the sequential mode / that of ours: above 1 ours is faster
  machine       how much more so many independent threads do than one: the most that a wall ratio can be
  CPU ratio     CPU time of ours / that of the sequential mode
  engine us/tx  (CPU time of ours - CPU time of the sequential mode) / B
  seq us/tx     (CPU time of the sequential mode - CPU time of a plain loop over a vector) / B
  runs/tx       calls of the Vm per transaction
  handoff ns    one way of a cache line between two cores; far above 100 others have the cores
  p50, p99      when half, and 99 of 100, of the transactions were committed, from the start of the run
  outputs       whether the digests of all outputs, and of all writes in order, are those of sequential execution";

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The scheduler beside sequential execution, on transfers between random accounts with a cost of their own.
    ///
    /// Lists are separated by commas and every combination is measured. A point is neutral P2P(K, B, C): B transfers
    /// between random ones of K accounts, each with C microseconds of work between its reads and its writes. The runs of a
    /// round follow each other in changing order in one process; making the executor and collecting the outputs count.
    #[command(after_long_help = FIGURES)]
    Scheduler(SchedulerOptions),
}

/// Settings of `scheduler`. Lists are separated by commas and every combination is measured.
#[derive(Args, Clone, Debug)]
pub(crate) struct SchedulerOptions {
    /// K, accounts; the fewer, the more conflicts [default: 10000; with --grid 2,10,100,1000,10000]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u64).range(2..))]
    pub(crate) accounts: Option<Vec<u64>>,
    /// B, transactions per block [default: 10000; with --grid 1000,10000,50000]
    #[arg(long, value_delimiter = ',')]
    pub(crate) txs: Option<Vec<usize>>,
    /// C, cost of a transaction, in microseconds of one thread [default: 10; with --grid 0,1,10,50]
    #[arg(long, value_delimiter = ',')]
    pub(crate) cost_us: Option<Vec<u32>>,
    /// Threads of the executor [default: 2; with --grid those of 1,2,4,8,16 that the machine has cores for]
    #[arg(long, value_delimiter = ',')]
    pub(crate) threads: Option<Vec<usize>>,
    /// Measured rounds per point, after one that is thrown away.
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// The mode that is measured beside the sequential one.
    #[arg(long, value_enum, default_value_t = Mode::Parallel)]
    pub(crate) mode: Mode,
    /// What every transaction does to one key that all share.
    #[arg(long, value_enum, default_value_t = SharedKey::None)]
    pub(crate) shared_key: SharedKey,
    /// Measures what a fee key costs: the same block with an addition to one shared key per transaction, and without.
    #[arg(long, conflicts_with = "shared_key")]
    pub(crate) fee_key: bool,
    /// Measures the whole grid, but for the lists that are given.
    #[arg(long)]
    pub(crate) grid: bool,
    /// Prints JSON: an object, or an array if there are several points.
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,
    /// Prints a table in Markdown.
    #[arg(long)]
    pub(crate) markdown: bool,
}

/// A mode of the executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// On the executor's threads.
    Parallel,
    /// As the executor chooses.
    Auto,
    /// One transaction after another.
    Sequential,
}

/// What every transaction does to one key that all share, a fee account for instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SharedKey {
    /// There is none.
    None,
    /// Adds one to it.
    Add,
    /// Reads it and writes it back with one more.
    Write,
}
