//! The points of `compare scheduler`.

use crate::cli::{SchedulerOptions, SharedKey};
use crate::machine::Machine;
use crate::progress::Measured;

const GRID_ACCOUNTS: [u64; 5] = [2, 10, 100, 1_000, 10_000];
const GRID_TXS: [usize; 3] = [1_000, 10_000, 50_000];
const GRID_COST_US: [u32; 4] = [0, 1, 10, 50];
const GRID_THREADS: [usize; 5] = [1, 2, 4, 8, 16];

/// Runs of the block per round: the two modes, the plain loop, and the one that is traced and checked.
const RUNS_PER_ROUND: f64 = 4.0;
/// What an engine takes for a transaction, about.
const ENGINE_US: f64 = 0.5;
/// What a round takes for the machine's own figures.
const MACHINE_US: f64 = 30_000.0;

/// One point of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) accounts: u64,
    pub(crate) txs: usize,
    pub(crate) cost_us: u32,
    pub(crate) threads: usize,
    pub(crate) shared: SharedKey,
}

impl Measured for Point {
    fn label(&self) -> String {
        let Self {
            accounts,
            txs,
            cost_us,
            threads,
            ..
        } = self;
        format!("K {accounts}, B {txs}, C {cost_us}, {threads} threads")
    }

    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn round_s(&self) -> f64 {
        let run_us = self.txs as f64 * (f64::from(self.cost_us) + ENGINE_US);
        (RUNS_PER_ROUND * run_us + MACHINE_US) / 1e6
    }
}

/// Every combination that the options name.
pub(crate) fn points(options: &SchedulerOptions, machine: &Machine) -> Vec<Point> {
    let grid_threads: Vec<usize> = GRID_THREADS
        .into_iter()
        .filter(|threads| *threads <= machine.cores)
        .collect();
    let accounts = list(&options.accounts, options.grid, &GRID_ACCOUNTS, 10_000);
    let txs = list(&options.txs, options.grid, &GRID_TXS, 10_000);
    let costs = list(&options.cost_us, options.grid, &GRID_COST_US, 10);
    let mut points = Vec::new();
    for threads in list(&options.threads, options.grid, &grid_threads, 2) {
        for &cost_us in &costs {
            for &txs in &txs {
                for &accounts in &accounts {
                    points.push(Point {
                        accounts,
                        txs,
                        cost_us,
                        threads,
                        shared: options.shared_key,
                    });
                }
            }
        }
    }
    points
}

fn list<T: Copy>(given: &Option<Vec<T>>, grid: bool, of_grid: &[T], alone: T) -> Vec<T> {
    match given {
        Some(given) => given.clone(),
        None if grid => of_grid.to_vec(),
        None => vec![alone],
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{Point, points};
    use crate::cli::{Cli, Command};
    use crate::machine::Machine;

    fn of(arguments: &[&str], cores: usize) -> Vec<Point> {
        let cli = Cli::parse_from(["compare", "scheduler"].iter().chain(arguments));
        let Command::Scheduler(options) = cli.command else {
            panic!("this is the scheduler's command");
        };
        let cpu = String::new();
        points(&options, &Machine { cpu, cores })
    }

    #[test]
    fn without_options_there_is_one_point() {
        assert_eq!(of(&[], 2).len(), 1);
        assert_eq!(of(&["--accounts", "2,10", "--txs", "7"], 2).len(), 2);
    }

    #[test]
    fn the_grid_is_whole_but_for_threads_without_cores_and_for_lists_that_are_given() {
        assert_eq!(of(&["--grid"], 64).len(), 5 * 3 * 4 * 5);
        assert_eq!(of(&["--grid"], 2).len(), 5 * 3 * 4 * 2);
        assert_eq!(of(&["--grid", "--threads", "16"], 2).len(), 5 * 3 * 4);
        assert_eq!(
            of(&["--grid", "--cost-us", "1", "--txs", "1000"], 1).len(),
            5
        );
    }
}
