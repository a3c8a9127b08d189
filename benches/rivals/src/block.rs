//! `compare block`: blocks of ours from their bytes to durable roots, in parallel and in sequence, beside two rivals.
//!
//! Invariant: everybody gets the same bytes, which are made before any clock runs, and starts from the same genesis; who
//! has finished a round stands where its last block does.

mod check;
mod input;
mod ledger;
mod naive;
mod ours;
mod rival;
mod roots;
mod row;
mod strong;

use std::path::Path;

use tempfile::TempDir;

use self::input::{Input, Made};
use self::naive::Naive;
use self::ours::{Imported, Ours, Way};
use self::rival::{Applied, Rival};
use self::row::{BlockRow, Tiers};
use self::strong::Strong;
use crate::cli;
use crate::cli::block::{BlockOptions, Load};
use crate::contest::turns;
use crate::error::CompareError;
use crate::files;
use crate::machine::Machine;
use crate::measure::{machine_parallelism, settle, spin_rounds_per_us};
use crate::progress::Measured;
use crate::report::{Header, Setup, report_all};
use crate::signatures::HAS_DALEK_AVX512;

/// Each thread spins so long when the machine's own parallelism is measured.
const PARALLELISM_SPIN_US: f64 = 50_000.0;
/// What everybody together takes for a transaction, and for a round besides, about.
const TX_US: f64 = 180.0;
const ROUND_S: f64 = 0.5;

/// One point of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    load: Load,
    threads: usize,
    /// Transactions of a round.
    round_txs: u32,
}

impl Point {
    /// How many pools there are, where there are any.
    fn pools(self, options: &BlockOptions) -> Option<u32> {
        (self.load == Load::Amm).then_some(options.pools)
    }

    /// How many accounts send in chains, where any do.
    fn senders(self, options: &BlockOptions) -> Option<u32> {
        (self.load == Load::Chains).then(|| options.senders.min(options.accounts))
    }
}

impl Measured for Point {
    fn label(&self) -> String {
        format!("{}, {} threads", self.load.name(), self.threads)
    }

    fn round_s(&self) -> f64 {
        ROUND_S + f64::from(self.round_txs) * TX_US * 1e-6
    }
}

/// What the figures are about.
#[derive(Clone, Debug)]
struct Blocks(BlockOptions);

impl Setup for Blocks {
    fn mode(&self) -> &str {
        "blocks"
    }

    fn note(&self) -> String {
        let BlockOptions {
            txs,
            accounts,
            blocks,
            ..
        } = self.0;
        format!(
            "{blocks} blocks per round of {txs} transactions among {accounts} accounts; dalek: {}",
            dalek_backend()
        )
    }
}

/// Which backend the rivals' dalek was built with.
const fn dalek_backend() -> &'static str {
    if HAS_DALEK_AVX512 {
        "avx512"
    } else {
        "default"
    }
}

/// What one round measured.
#[derive(Clone, Copy, Debug)]
struct Round {
    parallel: Imported,
    sequential: Imported,
    /// Nothing where it is absent, as with contracts, which no rival knows.
    naive: Option<Applied>,
    strong: Option<Applied>,
    /// The mean of before and after it.
    machine_parallelism: f64,
}

impl Round {
    fn roots_equal(&self) -> bool {
        self.parallel.roots_equal
            && self.sequential.roots_equal
            && self.naive.is_none_or(|naive| naive.roots_equal)
            && self.strong.is_none_or(|strong| strong.roots_equal)
    }
}

/// Measures every point and prints the report; `false` when two roots differed.
pub(crate) fn compare(options: &BlockOptions) -> Result<bool, CompareError> {
    let header = Header {
        machine: Machine::this(),
        rounds: options.rounds,
        setup: Blocks(options.clone()),
    };
    let data = files::data(options.data.as_deref())?;
    let measure = compare_points(options, &data);
    report_all(options.output, header, &points(options), measure)
}

/// Measures points; the blocks of one serve the next.
fn compare_points<'a>(
    options: &'a BlockOptions,
    data: &'a Path,
) -> impl FnMut(&Point) -> Result<BlockRow, CompareError> + 'a {
    let spin_us = spin_rounds_per_us();
    let mut made: Option<(Load, Input)> = None;
    move |point| {
        let input = match made.take() {
            Some((load, input)) if load == point.load => input,
            before => {
                drop(before);
                Input::make(point.load, options)?
            }
        };
        let mut field = Field::begin(*point, options.mode, &input, data)?;
        let mut rounds = Vec::new();
        for (number, blocks) in (0_u32..).zip(&input.rounds) {
            let before = parallelism(point.threads, spin_us);
            let mut round = field.round(number, blocks)?;
            let after = parallelism(point.threads, spin_us);
            round.machine_parallelism = f64::midpoint(before, after);
            rounds.push(round);
        }
        let row = BlockRow::new(*point, options, field.tiers(), &rounds);
        made = Some((point.load, input));
        Ok(row)
    }
}

/// Every combination that the options name; points with the same blocks follow each other.
fn points(options: &BlockOptions) -> Vec<Point> {
    let mut points = Vec::new();
    for &load in &options.workload {
        for &threads in &options.threads {
            points.push(Point {
                load,
                threads: threads as usize,
                round_txs: options.txs.saturating_mul(options.blocks),
            });
        }
    }
    points
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounds of some milliseconds"
)]
fn parallelism(threads: usize, spin_us: f64) -> f64 {
    machine_parallelism(threads, (spin_us * PARALLELISM_SPIN_US) as u64)
}

/// Everybody, at the same block.
struct Field {
    parallel: Ours,
    sequential: Ours,
    naive: Option<Naive>,
    strong: Option<Strong>,
    /// It goes when everybody has left.
    _folder: TempDir,
}

impl Field {
    fn begin(
        point: Point,
        mode: cli::Mode,
        input: &Input,
        data: &Path,
    ) -> Result<Self, CompareError> {
        let folder = tempfile::Builder::new()
            .prefix("compare-block-")
            .tempdir_in(data)?;
        let at = |name: &str| folder.path().join(name);
        let genesis = &input.genesis;
        let overlapping = Way::Overlapping {
            threads: point.threads,
            mode,
        };
        let has_rivals = !point.load.is_of_contracts();
        let strong = match has_rivals {
            true => Strong::begin(genesis, &at("strong"), point.threads)?,
            false => None,
        };
        if has_rivals && strong.is_none() {
            eprintln!("strong: this system does not permit io_uring; no figures");
        }
        Ok(Self {
            parallel: Ours::begin(genesis, &at("parallel"), overlapping)?,
            sequential: Ours::begin(genesis, &at("sequential"), Way::OneByOne)?,
            naive: has_rivals.then(|| Naive::begin(genesis)).transpose()?,
            strong,
            _folder: folder,
        })
    }

    const fn tiers(&self) -> Tiers {
        self.parallel.tiers()
    }

    /// Lets everybody take the blocks, each time beginning with another one.
    fn round(&mut self, number: u32, blocks: &[Made]) -> Result<Round, CompareError> {
        const PLAYERS: usize = 4;
        let (mut parallel, mut sequential, mut naive, mut strong) = (None, None, None, None);
        for who in turns(number, PLAYERS) {
            settle();
            match who {
                0 => parallel = Some(self.parallel.import(blocks)?),
                1 => sequential = Some(self.sequential.import(blocks)?),
                2 => {
                    naive = (self.naive.as_mut())
                        .map(|naive| apply_all(naive, blocks))
                        .transpose()?;
                }
                _ => {
                    strong = (self.strong.as_mut())
                        .map(|strong| apply_all(strong, blocks))
                        .transpose()?;
                }
            }
        }
        Ok(Round {
            parallel: parallel.ok_or(CompareError::Turn)?,
            sequential: sequential.ok_or(CompareError::Turn)?,
            naive,
            strong,
            machine_parallelism: 0.0,
        })
    }
}

/// Lets a rival take blocks one after another.
fn apply_all(rival: &mut dyn Rival, blocks: &[Made]) -> Result<Applied, CompareError> {
    let mut all = Applied::default();
    for block in blocks {
        all = all.and(rival.apply(&block.bytes)?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
