//! `compare signatures`: our batches beside ed25519-dalek and ed25519-zebra.

use ordlane_gpu_kernels::{Dispatcher, DispatcherConfig};
use ordlane_primitives::batch::{BatchVerifier, SignatureCheck};
use ordlane_rivals_apart::{Batch, Lanes, Outcome, Rival, SignatureShape, Work, WorkShape};
use serde_json::{Map, Value, json};

use crate::apart::{Apart, Build};
use crate::cli::SignatureOptions;
use crate::contest::{Arena, Cost, Entry, Place, Standing, cell, contest, put_all};
use crate::error::CompareError;
use crate::machine::Machine;
use crate::measure::{Spread, taken};
use crate::progress::Measured;
use crate::report::{Header, Row, Setup, equal, object, put, report_all, spread};

const ENTRIES: [Entry; 8] = [
    entry("dalek", Rival::Dalek, Place::Apart),
    entry("dalek_default", Rival::Dalek, Place::Here),
    entry("zebra", Rival::Zebra, Place::Apart),
    entry("zebra_default", Rival::Zebra, Place::Here),
    entry("zebra_batch", Rival::ZebraBatch, Place::Apart),
    entry("zebra_batch_default", Rival::ZebraBatch, Place::Here),
    entry("dalek_batch", Rival::DalekBatch, Place::Apart),
    entry("dalek_batch_default", Rival::DalekBatch, Place::Here),
];

const fn entry(name: &'static str, rival: Rival, place: Place) -> Entry {
    Entry { name, rival, place }
}

/// The variants of ours.
const AS_ASKED: usize = 0;
const HONEST: usize = 1;

/// What everybody together takes for a signature, about.
const ALL_US: f64 = 140.0;

/// One point of the comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    shape: SignatureShape,
    threads: usize,
}

impl Measured for Point {
    fn label(&self) -> String {
        let SignatureShape {
            batch,
            message_bytes,
            invalid,
            ..
        } = self.shape;
        let threads = self.threads;
        format!("{batch} signatures of {message_bytes} bytes, {invalid} invalid, {threads} threads")
    }

    fn round_s(&self) -> f64 {
        ALL_US / per_item(self.shape.batch, 1e6)
    }
}

/// What was measured at a point.
#[derive(Clone, Debug)]
struct SignatureRow {
    point: Point,
    backend: &'static str,
    senders: usize,
    wrong: usize,
    verdicts_equal: bool,
    ours: Cost,
    /// The same of the batch without corrupted signatures, and the CPU time of ours over that.
    honest: Option<(Cost, Spread)>,
    standings: Vec<Standing>,
}

/// Whether this build has dalek's AVX-512 backend.
pub(crate) const HAS_DALEK_AVX512: bool = cfg!(any(
    curve25519_dalek_backend = "avx512",
    all(target_feature = "avx512ifma", target_feature = "avx512vl")
));

/// Measures every point and prints the report; `false` when two verdicts differed.
pub(crate) fn compare(options: &SignatureOptions) -> Result<bool, CompareError> {
    // What is called the default here is what this build has.
    if HAS_DALEK_AVX512 {
        eprintln!("compare was built with AVX-512 for everything, and so are the defaults");
    }
    let mut apart = Apart::start_or_say(Build::Avx512);
    let header = Header {
        machine: Machine::this(),
        rounds: options.rounds,
        setup: PerSignature { zipf: options.zipf },
    };
    report_all(options.output, header, &points(options), |point| {
        measure(*point, options.rounds, apart.as_mut())
    })
}

/// Every combination that the options name.
fn points(options: &SignatureOptions) -> Vec<Point> {
    let shares = match options.invalid.as_slice() {
        [] => &[0.0],
        shares => shares,
    };
    let mut points = Vec::new();
    for &threads in &options.threads {
        for &invalid in shares {
            for &message_bytes in &options.message_bytes {
                for &batch in &options.batch {
                    points.push(Point {
                        shape: SignatureShape {
                            batch: batch as usize,
                            message_bytes: message_bytes as usize,
                            invalid,
                            zipf: options.zipf,
                        },
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
    mut apart: Option<&mut Apart>,
) -> Result<SignatureRow, CompareError> {
    let Point { shape, threads } = point;
    // One for each variant, since what a dispatcher has seen tells it what is worth a try.
    let dispatcher = || {
        Dispatcher::new(DispatcherConfig {
            threads,
            ..DispatcherConfig::default()
        })
    };
    let dispatchers = [dispatcher()?, dispatcher()?];
    let lanes = Lanes::new(threads)?;
    let batch = Batch::new(shape);
    let honest_batch = Batch::new(SignatureShape {
        invalid: 0.0,
        ..shape
    });
    let verdicts = batch.expected();
    let (senders, wrong) = (
        batch.senders(),
        verdicts.iter().filter(|valid| !**valid).count(),
    );
    let (checks, honest_checks) = (checks(&batch), checks(&honest_batch));
    let ours = |variant: usize| {
        let checks = [&checks, &honest_checks][variant];
        let (found, taken) = taken(|| dispatchers[variant].verify_batch(checks));
        let is_right = match variant {
            HONEST => found.iter().all(|valid| *valid) && found.len() == checks.len(),
            _ => found == verdicts,
        };
        (is_right, taken)
    };
    let work = Work::Signatures(batch.clone());
    if let Some(apart) = &mut apart {
        apart.load(WorkShape::Signatures(shape), &work, threads)?;
    }
    let mut arena = Arena {
        work: &work,
        lanes: &lanes,
        apart,
    };
    let variants = if wrong > 0 { 2 } else { 1 };
    let expected = Outcome::Verdicts(verdicts.clone());
    let held = contest(rounds, variants, ours, &ENTRIES, &mut arena, &expected)?;
    let per_signature_us = per_item(shape.batch, 1e6);
    Ok(SignatureRow {
        point,
        backend: dispatchers[AS_ASKED].tier(),
        senders,
        wrong,
        verdicts_equal: held.outcomes_equal,
        ours: held.cost(AS_ASKED, per_signature_us),
        honest: (wrong > 0).then(|| {
            let cost = held.cost(HONEST, per_signature_us);
            (cost, held.variants_ratio(AS_ASKED, HONEST))
        }),
        standings: held.standings(per_signature_us),
    })
}

fn checks(batch: &Batch) -> Vec<SignatureCheck<'_>> {
    let checks = batch.checks().into_iter().map(|check| SignatureCheck {
        key: check.key,
        message: check.message,
        signature: check.signature,
    });
    checks.collect()
}

/// What makes a unit's parts of a second per item of seconds per run.
#[expect(clippy::cast_precision_loss, reason = "a count of items")]
pub(crate) fn per_item(items: usize, parts_per_second: f64) -> f64 {
    parts_per_second / items.max(1) as f64
}

/// What the figures are about.
#[derive(Clone, Copy, Debug)]
struct PerSignature {
    zipf: Option<f64>,
}

impl Setup for PerSignature {
    fn mode(&self) -> &str {
        "signatures"
    }

    fn note(&self) -> String {
        let senders = match self.zipf {
            Some(exponent) => format!("senders by a Zipf law of {exponent}"),
            None => "distinct senders".to_owned(),
        };
        format!("{senders}; us of CPU time per signature; * another rule")
    }
}

impl Row for SignatureRow {
    const TITLE: &'static str = "batches of {mode} from bytes beside rivals";
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("batch", 6),
        ("bytes", 5),
        ("threads", 7),
        ("wrong", 6),
        ("backend", 12),
        ("ours us", 19),
        ("dalek", 23),
        ("dalek default", 23),
        ("zebra", 23),
        ("zebra batch", 23),
        ("dalek batch*", 23),
        ("wrong/right", 17),
        ("verdicts", 8),
    ];
    type Setup = PerSignature;
    type Json = Map<String, Value>;

    fn is_right(&self) -> bool {
        self.verdicts_equal
    }

    fn cells(&self) -> Vec<String> {
        let rival = |name| cell(&self.standings, name);
        vec![
            self.point.shape.batch.to_string(),
            self.point.shape.message_bytes.to_string(),
            self.point.threads.to_string(),
            self.wrong.to_string(),
            self.backend.to_owned(),
            spread(self.ours.cpu, 2),
            rival("dalek"),
            rival("dalek_default"),
            rival("zebra"),
            rival("zebra_batch"),
            rival("dalek_batch"),
            self.honest
                .map_or_else(|| "-".to_owned(), |(_, ratio)| spread(ratio, 2)),
            equal(self.verdicts_equal),
        ]
    }

    fn json(&self, header: &Header<PerSignature>) -> Map<String, Value> {
        let facts = [
            ("backend", json!(self.backend)),
            ("batch", json!(self.point.shape.batch)),
            ("message_bytes", json!(self.point.shape.message_bytes)),
            ("threads", json!(self.point.threads)),
            ("zipf", json!(self.point.shape.zipf)),
            ("senders", json!(self.senders)),
            ("invalid", json!(self.point.shape.invalid)),
            ("invalid_signatures", json!(self.wrong)),
            ("dalek_batch_rule", json!("another rule")),
            ("verdicts_equal", json!(self.verdicts_equal)),
        ];
        let mut json = object(header, facts);
        put_all(&mut json, self.ours, &self.standings, "us");
        let honest = self.honest.map(|(cost, _)| cost.cpu);
        put(&mut json, "ours_honest_us", honest);
        let ratio = self.honest.map(|(_, ratio)| ratio);
        put(&mut json, "adversarial_ratio", ratio);
        json
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::Value;

    use super::{PerSignature, measure, points};
    use crate::cli::{Cli, Command, SignatureOptions};
    use crate::machine::Machine;
    use crate::report::{Header, Row};

    fn options(arguments: &[&str]) -> SignatureOptions {
        let cli = Cli::parse_from(["compare", "signatures"].iter().chain(arguments));
        let Command::Signatures(options) = cli.command else {
            panic!("this is the signatures' command");
        };
        options
    }

    fn rows(arguments: &[&str]) -> Vec<Value> {
        let options = options(arguments);
        let header = Header {
            machine: Machine::this(),
            rounds: options.rounds,
            setup: PerSignature { zipf: options.zipf },
        };
        let rows = points(&options).into_iter().map(|point| {
            let row = measure(point, options.rounds, None).unwrap();
            assert_eq!(
                row.cells().len(),
                <super::SignatureRow as Row>::COLUMNS.len()
            );
            Value::Object(row.json(&header))
        });
        rows.collect()
    }

    #[test]
    fn every_combination_is_a_point() {
        let options = options(&[
            "--batch",
            "1,2",
            "--message-bytes",
            "32,200,1024",
            "--threads",
            "1,2",
            "--invalid",
            "0.01,0.5",
        ]);
        assert_eq!(points(&options).len(), 24);
    }

    #[test]
    fn a_point_has_figures_of_all_who_are_there_and_none_of_the_others() {
        let row = rows(&["--batch", "16", "--rounds", "1"]).remove(0);
        assert_eq!(row["verdicts_equal"], true);
        assert_eq!(row["senders"], 16);
        for name in ["dalek", "zebra", "zebra_batch", "dalek_batch"] {
            assert!(row[format!("speedup_vs_{name}")].is_null(), "{name}");
            assert!(row[format!("{name}_us")].is_null(), "{name}");
            let default = format!("{name}_default");
            assert!(row[format!("{default}_us")].as_f64() > Some(0.0));
            assert!(row[format!("speedup_vs_{default}")].as_f64() > Some(0.0));
        }
        assert!(row["ours_us"].as_f64() > Some(0.0));
        assert!(row["adversarial_ratio"].is_null());
    }

    #[test]
    fn corrupted_signatures_are_found_by_all_and_compared_with_an_honest_batch() {
        let arguments = "--batch 17 --rounds 1 --threads 1,2 --invalid 0.001,0.5 --zipf 1.1";
        for row in rows(&arguments.split(' ').collect::<Vec<_>>()) {
            assert_eq!(row["verdicts_equal"], true);
            assert!(row["senders"].as_u64() < Some(17));
            assert!(row["invalid_signatures"].as_u64() >= Some(1));
            assert!(row["adversarial_ratio"].as_f64() > Some(0.0));
        }
    }
}
