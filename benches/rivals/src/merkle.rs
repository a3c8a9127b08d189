//! `compare merkle`: our hashes of pairs beside sha2 and hashtree.

use ordlane_gpu_kernels::{Dispatcher, DispatcherConfig};
use ordlane_primitives::batch::BatchHasher;
use ordlane_rivals_apart::{Lanes, Outcome, PairsShape, Rival, Work, WorkShape, digest_of};
use serde_json::{Map, Value, json};

use crate::apart::{Apart, Build};
use crate::cli::MerkleOptions;
use crate::contest::{Arena, Cost, Entry, Place, Standing, cell, contest, put_all};
use crate::error::CompareError;
use crate::machine::Machine;
use crate::measure::taken;
use crate::progress::Measured;
use crate::report::{Header, Row, Setup, equal, object, report_all, spread};
use crate::signatures::per_item;

const ENTRIES: [Entry; 2] = [
    Entry {
        name: "sha2",
        rival: Rival::Sha2,
        place: Place::Here,
    },
    Entry {
        name: "hashtree",
        rival: Rival::Hashtree,
        place: Place::Apart,
    },
];

/// What everybody together takes for a pair, about.
const ALL_NS: f64 = 150.0;

/// One point of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    shape: PairsShape,
    threads: usize,
}

impl Measured for Point {
    fn label(&self) -> String {
        format!("{} pairs, {} threads", self.shape.pairs, self.threads)
    }

    fn round_s(&self) -> f64 {
        ALL_NS / per_item(self.shape.pairs, 1e9)
    }
}

/// What was measured at a point.
#[derive(Clone, Debug)]
struct MerkleRow {
    point: Point,
    backend: &'static str,
    digests_equal: bool,
    ours: Cost,
    standings: Vec<Standing>,
}

/// Measures every point and prints the report; `false` when two digests differed.
pub(crate) fn compare(options: &MerkleOptions) -> Result<bool, CompareError> {
    let mut apart = Apart::start_or_say(Build::Hashtree);
    let header = Header {
        machine: Machine::this(),
        rounds: options.rounds,
        setup: PerPair,
    };
    report_all(options.output, header, &points(options), |point| {
        measure(*point, options.rounds, apart.as_mut())
    })
}

/// Every combination that the options name.
fn points(options: &MerkleOptions) -> Vec<Point> {
    let mut points = Vec::new();
    for &threads in &options.threads {
        for &pairs in &options.pairs {
            points.push(Point {
                shape: PairsShape {
                    pairs: pairs as usize,
                },
                threads: threads as usize,
            });
        }
    }
    points
}

fn measure(
    point: Point,
    rounds: u32,
    mut apart: Option<&mut Apart>,
) -> Result<MerkleRow, CompareError> {
    let Point { shape, threads } = point;
    let dispatcher = Dispatcher::new(DispatcherConfig {
        threads,
        ..DispatcherConfig::default()
    })?;
    let lanes = Lanes::new(threads)?;
    let work = Work::new(WorkShape::Pairs(shape));
    // Everybody must find what sha2 does.
    let (expected, _) = work.run(Rival::Sha2, &lanes)?;
    if let Some(apart) = &mut apart {
        apart.load(WorkShape::Pairs(shape), &work, threads)?;
    }
    let pairs = match &work {
        Work::Pairs(pairs) => pairs.as_slice(),
        Work::Signatures(_) => &[],
    };
    let ours = |_| {
        let (digests, taken) = taken(|| dispatcher.hash_pairs(pairs));
        let digest = digest_of(digests.iter().map(|digest| digest.as_bytes()));
        (Outcome::Digest(digest) == expected, taken)
    };
    let mut arena = Arena {
        work: &work,
        lanes: &lanes,
        apart,
    };
    let held = contest(rounds, 1, ours, &ENTRIES, &mut arena, &expected)?;
    let per_pair_ns = per_item(shape.pairs, 1e9);
    Ok(MerkleRow {
        point,
        backend: dispatcher.hash_tier().name(),
        digests_equal: held.outcomes_equal,
        ours: held.cost(0, per_pair_ns),
        standings: held.standings(per_pair_ns),
    })
}

/// What the figures are about.
#[derive(Clone, Copy, Debug)]
struct PerPair;

impl Setup for PerPair {
    fn mode(&self) -> &str {
        "pairs"
    }

    fn note(&self) -> String {
        "ns of CPU time per pair".to_owned()
    }
}

impl Row for MerkleRow {
    const TITLE: &'static str = "SHA-256 of 64-byte {mode} beside rivals";
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("pairs", 8),
        ("threads", 7),
        ("backend", 12),
        ("ours ns", 22),
        ("sha2", 25),
        ("hashtree", 25),
        ("digests", 7),
    ];
    type Setup = PerPair;
    type Json = Map<String, Value>;

    fn is_right(&self) -> bool {
        self.digests_equal
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.point.shape.pairs.to_string(),
            self.point.threads.to_string(),
            self.backend.to_owned(),
            spread(self.ours.cpu, 2),
            cell(&self.standings, "sha2"),
            cell(&self.standings, "hashtree"),
            equal(self.digests_equal),
        ]
    }

    fn json(&self, header: &Header<PerPair>) -> Map<String, Value> {
        let facts = [
            ("backend", json!(self.backend)),
            ("pairs", json!(self.point.shape.pairs)),
            ("threads", json!(self.point.threads)),
            ("digests_equal", json!(self.digests_equal)),
        ];
        let mut json = object(header, facts);
        put_all(&mut json, self.ours, &self.standings, "ns");
        json
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{MerkleRow, PerPair, measure, points};
    use crate::cli::{Cli, Command};
    use crate::machine::Machine;
    use crate::report::{Header, Row};

    #[test]
    fn a_small_point_has_equal_digests_and_no_figures_of_who_is_not_there() {
        let arguments = "compare merkle --pairs 1,40 --threads 1,2 --rounds 1";
        let Command::Merkle(options) = Cli::parse_from(arguments.split(' ')).command else {
            panic!("this is the command of pairs");
        };
        let header = Header {
            machine: Machine::this(),
            rounds: options.rounds,
            setup: PerPair,
        };
        let points = points(&options);
        assert_eq!(points.len(), 4);
        for point in points {
            let row = measure(point, options.rounds, None).unwrap();
            assert_eq!(row.cells().len(), MerkleRow::COLUMNS.len());
            let json = row.json(&header);
            assert_eq!(json["digests_equal"], true);
            assert!(json["ours_ns"].as_f64() > Some(0.0));
            assert!(json["speedup_vs_sha2"].as_f64() > Some(0.0));
            assert!(json["hashtree_ns"].is_null() && json["speedup_vs_hashtree"].is_null());
        }
    }
}
