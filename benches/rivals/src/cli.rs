//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Measures ours beside its rivals in one process and prints ratios.
#[derive(Debug, Parser)]
#[command(name = "compare", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The scheduler beside sequential execution, on transfers between random accounts with a cost of their own.
    Scheduler(SchedulerOptions),
}

/// Settings of `scheduler`. Lists are separated by commas and every combination is measured.
#[derive(Args, Clone, Debug)]
pub(crate) struct SchedulerOptions {
    /// Accounts; the fewer, the more conflicts.
    #[arg(long, default_value = "10000", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(2..))]
    pub(crate) accounts: Vec<u64>,
    /// Transactions per block.
    #[arg(long, default_value = "10000", value_delimiter = ',')]
    pub(crate) txs: Vec<usize>,
    /// Cost of a transaction, in microseconds of one thread.
    #[arg(long, default_value = "10", value_delimiter = ',')]
    pub(crate) cost_us: Vec<u32>,
    /// Threads of the executor.
    #[arg(long, default_value = "2", value_delimiter = ',')]
    pub(crate) threads: Vec<usize>,
    /// Measured rounds per combination, after one that is thrown away.
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// The mode that is measured beside the sequential one.
    #[arg(long, value_enum, default_value_t = Mode::Parallel)]
    pub(crate) mode: Mode,
    /// What every transaction does to one key that all share.
    #[arg(long, value_enum, default_value_t = SharedKey::None)]
    pub(crate) shared_key: SharedKey,
    /// Measures the whole grid: accounts 2 to 10,000, blocks of 1,000 to 50,000, costs of 0 to 50 us, 1 to 16 threads.
    #[arg(long, conflicts_with_all = ["accounts", "txs", "cost_us", "threads"])]
    pub(crate) grid: bool,
    /// Prints JSON: an object, or an array if there are several combinations.
    #[arg(long)]
    pub(crate) json: bool,
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
