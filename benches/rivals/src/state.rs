//! `compare state`: our tree and store beside NOMT and jmt.

mod field;
pub(crate) mod jmt;
pub(crate) mod nomt;
mod ours;
mod proofs;
pub(crate) mod rival;
mod row;
pub(crate) mod workload;

use std::hint::black_box;
use std::path::Path;

use ordlane_gpu_kernels::{Dispatcher, DispatcherConfig};
use sha2::{Digest, Sha256};

use self::field::{Field, Ground};
use self::ours::RootTaken;
use self::rival::Applied;
use self::row::StateRow;
use self::workload::Op;
use crate::cli::{Kind, StateOptions};
use crate::contest::turns;
use crate::error::CompareError;
use crate::files;
use crate::machine::Machine;
use crate::measure::{Taken, settle, taken};
use crate::progress::Measured;
use crate::report::{Header, Setup, report_all};
use crate::signatures::per_item;

/// Pairs by which sha2 is measured in each round.
const SHA2_PAIRS: u32 = 50_000;
/// What everybody together takes for a change, and for a round besides, about.
const CHANGE_US: f64 = 120.0;
const ROUND_S: f64 = 0.3;

/// One point of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    keys: usize,
    batch: usize,
    kind: Kind,
    threads: usize,
}

impl Measured for Point {
    fn label(&self) -> String {
        let Self {
            keys,
            batch,
            kind,
            threads,
        } = self;
        format!("{batch} {} of {keys} keys, {threads} threads", kind.name())
    }

    fn round_s(&self) -> f64 {
        ROUND_S + CHANGE_US / per_item(self.batch, 1e6)
    }
}

/// What one round measured.
#[derive(Clone, Debug)]
struct Round {
    root: RootTaken,
    durable: Taken,
    hashes: usize,
    mixed_ratio: f64,
    sha2_pair_s: f64,
    /// Of every rival, nothing of those who are absent.
    rivals: Vec<Option<Applied>>,
    roots_equal: bool,
}

/// What the figures are about.
#[derive(Clone, Debug)]
struct Stores {
    cache_mib: u32,
}

impl Setup for Stores {
    fn mode(&self) -> &str {
        "authenticated state"
    }

    fn note(&self) -> String {
        format!(
            "ms of CPU time, except durable commits: wall time; caches of {} MiB",
            self.cache_mib
        )
    }
}

/// Measures every point and prints the report; `false` when two roots differed.
pub(crate) fn compare(options: &StateOptions) -> Result<bool, CompareError> {
    let header = Header {
        machine: Machine::this(),
        rounds: options.rounds,
        setup: Stores {
            cache_mib: options.cache_mib,
        },
    };
    let data = files::data(options.data.as_deref())?;
    let measure = compare_points(options, &data);
    report_all(options.output, header, &points(options), measure)
}

/// Measures points; what was loaded for one serves the next.
fn compare_points<'a>(
    options: &'a StateOptions,
    data: &'a Path,
) -> impl FnMut(&Point) -> Result<StateRow, CompareError> + 'a {
    let mut loaded: Option<(usize, Field)> = None;
    move |point| {
        let dispatcher = Dispatcher::new(DispatcherConfig {
            threads: point.threads,
            ..DispatcherConfig::default()
        })?;
        // Those before leave first, so that never two states are held.
        let mut field = match loaded.take() {
            Some((keys, field)) if keys == point.keys => field,
            before => {
                drop(before);
                let ground = Ground {
                    keys: point.keys,
                    cache_mib: options.cache_mib,
                    rivals: options.rivals.clone(),
                    rounds: options.rounds,
                    data: data.to_owned(),
                };
                Field::load(&ground, &dispatcher)?
            }
        };
        let row = measure(*point, options.rounds, &mut field, &dispatcher)?;
        loaded = Some((point.keys, field));
        Ok(row)
    }
}

/// Every combination that the options name; points with the same state follow each other.
fn points(options: &StateOptions) -> Vec<Point> {
    let mut points = Vec::new();
    for &keys in &options.keys {
        for &threads in &options.threads {
            for &kind in &options.kinds {
                for &batch in &options.batch {
                    points.push(Point {
                        keys: keys as usize,
                        // No key changes twice in a batch.
                        batch: batch.min(keys) as usize,
                        kind,
                        threads: threads as usize,
                    });
                }
            }
        }
    }
    points
}

fn measure(
    point: Point,
    rounds: u32,
    field: &mut Field,
    dispatcher: &Dispatcher,
) -> Result<StateRow, CompareError> {
    let mut measured = Vec::new();
    for round in 0..=rounds {
        let applied = field.population.apply(point.batch, point.kind);
        let mut found = one_round(round, &applied, field, dispatcher)?;
        found.mixed_ratio = mixed_ratio(point.batch, round, field, dispatcher)?;
        found.sha2_pair_s = sha2_pair_s();
        measured.push(found);
    }
    Ok(StateRow::new(point, dispatcher.tier(), field, &measured))
}

/// Lets everybody apply the batch, each time beginning with another one.
fn one_round(
    round: u32,
    batch: &[Op],
    field: &mut Field,
    dispatcher: &Dispatcher,
) -> Result<Round, CompareError> {
    let mut ours = None;
    let mut rivals = vec![None; field.rivals.len()];
    for who in turns(round, 1 + rivals.len()) {
        settle();
        let Some(which) = who.checked_sub(1) else {
            ours = Some(field.ours.commit(batch, dispatcher)?);
            continue;
        };
        if let Some((rival, _)) = &mut field.rivals[which].present {
            rivals[which] = Some(rival.apply(batch)?);
        }
    }
    let committed = ours.ok_or(CompareError::Turn)?;
    let roots = rivals.iter().flatten().filter_map(|applied| applied.root);
    Ok(Round {
        root: committed.root_taken,
        durable: committed.durable,
        hashes: committed.hashes,
        mixed_ratio: 0.0,
        sha2_pair_s: 0.0,
        roots_equal: roots.into_iter().all(|root| root == committed.root),
        rivals,
    })
}

/// What sha2 takes for 64 bytes. Nothing is allocated: beside a large tree the allocator takes longer than the hash.
fn sha2_pair_s() -> f64 {
    let mut pair = [0; 64];
    let ((), taken) = taken(|| {
        for index in 0..SHA2_PAIRS {
            pair[..4].copy_from_slice(&index.to_le_bytes());
            black_box(Sha256::digest(black_box(&pair)));
        }
    });
    taken.cpu_s / f64::from(SHA2_PAIRS)
}

/// What a root of ours takes with insertions and deletions, over what it takes without: of batches that are not applied,
/// each time beginning with the other one. A third batch goes before them, since the first one after the rivals' turns
/// finds nothing of the tree in the caches.
fn mixed_ratio(
    batch: usize,
    round: u32,
    field: &mut Field,
    dispatcher: &Dispatcher,
) -> Result<f64, CompareError> {
    let batches = [Kind::Updates, Kind::Mixed].map(|kind| field.population.other(batch, kind));
    let first = field.population.other(batch, Kind::Updates);
    field.ours.try_root(&first, dispatcher)?;
    let mut cpu_s = [0.0; 2];
    for which in turns(round, batches.len()) {
        settle();
        cpu_s[which] = field
            .ours
            .try_root(&batches[which], dispatcher)?
            .whole()
            .cpu_s;
    }
    Ok(cpu_s[1] / cpu_s[0])
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Map, Value};

    use super::{Stores, compare_points, points};
    use crate::cli::{Cli, Command, StateOptions};
    use crate::files;
    use crate::machine::Machine;
    use crate::report::{Header, Row};
    use crate::state::row::StateRow;

    fn options(arguments: &str) -> StateOptions {
        let arguments = format!("compare state {arguments}");
        let Command::State(options) = Cli::parse_from(arguments.split_whitespace()).command else {
            panic!("this is the command of states");
        };
        options
    }

    fn rows(arguments: &str) -> Vec<Map<String, Value>> {
        let options = options(arguments);
        let header = Header {
            machine: Machine::this(),
            rounds: options.rounds,
            setup: Stores {
                cache_mib: options.cache_mib,
            },
        };
        let data = files::data(None).unwrap();
        let mut measure = compare_points(&options, &data);
        let rows = points(&options).into_iter().map(|point| {
            let row = measure(&point).unwrap();
            assert!(row.is_right());
            assert_eq!(row.cells().len(), StateRow::COLUMNS.len());
            row.json(&header)
        });
        rows.collect()
    }

    #[test]
    fn every_combination_is_a_point_and_no_batch_is_larger_than_the_state() {
        let points = points(&options(
            "--keys 50,1000 --batch 10,100 --kinds updates,mixed",
        ));
        assert_eq!(points.len(), 8);
        assert!(points.iter().all(|point| point.batch <= point.keys));
    }

    #[test]
    fn everybody_has_figures_and_the_roots_are_those_of_nomt() {
        let rows = rows("--keys 3000 --batch 10,500 --kinds updates,mixed --rounds 2 --threads 2");
        assert_eq!(rows.len(), 4);
        for row in rows {
            assert_eq!(row["roots_equal_nomt"], true);
            for key in [
                "root_cpu_ms",
                "times_hash_limit",
                "cpu_ratio_vs_nomt",
                "cpu_ratio_vs_nomt_default",
                "cpu_ratio_vs_jmt",
                "durable_commit_ms",
                "durable_commit_ratio_vs_nomt",
                "mixed_ratio",
                "proof_bytes",
                "nomt_proof_bytes",
                "jmt_proof_bytes",
                "verify_us",
                "nomt_verify_us",
                "jmt_verify_us",
                "bytes_per_key_disk",
            ] {
                assert!(row[key].as_f64() > Some(0.0), "{key} of {row:?}");
            }
            assert!(row["jmt_durable_commit_ms"].is_null(), "jmt has no files");
        }
    }
}
