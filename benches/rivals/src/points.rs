//! The points that are measured, and how far that is.

use std::time::Instant;

use crate::cli::{SchedulerOptions, SharedKey};
use crate::machine::Machine;

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

/// A measurement that takes less says nothing until it is there.
const WORTH_A_WORD_S: f64 = 20.0;

/// One point of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) accounts: u64,
    pub(crate) txs: usize,
    pub(crate) cost_us: u32,
    pub(crate) threads: usize,
    pub(crate) shared: SharedKey,
}

impl Point {
    /// How long one round of it takes, about.
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

/// Says on standard error how far a long measurement is. The estimate follows what the points so far have taken.
#[derive(Debug)]
pub(crate) struct Progress {
    start: Instant,
    points: usize,
    done: usize,
    expected_s: f64,
    done_s: f64,
    rounds: f64,
    is_silent: bool,
}

impl Progress {
    pub(crate) fn new(points: &[Point], rounds: u32, now: Instant) -> Self {
        let rounds = f64::from(rounds) + 1.0;
        let expected_s = points.iter().map(|point| rounds * point.round_s()).sum();
        Self {
            start: now,
            points: points.len(),
            done: 0,
            expected_s,
            done_s: 0.0,
            rounds,
            is_silent: false,
        }
    }

    /// Before a point is measured. What is over soon is not worth a word.
    pub(crate) fn begin(&mut self, point: &Point) {
        let left_s = self.left_s(self.start.elapsed().as_secs_f64());
        if self.done == 0 && left_s < WORTH_A_WORD_S {
            self.is_silent = true;
        }
        if self.is_silent {
            return;
        }
        eprintln!(
            "{} of {}: K {}, B {}, C {}, {} threads; about {} left",
            self.done + 1,
            self.points,
            point.accounts,
            point.txs,
            point.cost_us,
            point.threads,
            duration(left_s)
        );
    }

    /// After it.
    pub(crate) fn end(&mut self, point: &Point) {
        self.done += 1;
        self.done_s += self.rounds * point.round_s();
    }

    fn left_s(&self, elapsed_s: f64) -> f64 {
        let left_s = self.expected_s - self.done_s;
        // The first points say how far the estimate is off.
        if self.done == 0 {
            left_s
        } else {
            left_s * elapsed_s / self.done_s
        }
    }
}

fn duration(seconds: f64) -> String {
    if seconds < 90.0 {
        format!("{seconds:.0} s")
    } else {
        format!("{:.0} min", seconds / 60.0)
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
