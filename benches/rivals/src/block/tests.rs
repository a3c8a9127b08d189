use clap::Parser;
use ordlane::Stage;
use serde_json::{Map, Value};

use super::input::Input;
use super::naive::Naive;
use super::rival::Rival;
use super::row::BlockRow;
use super::strong::Strong;
use super::{Blocks, compare_points, points};
use crate::cli::block::{BlockOptions, Load};
use crate::cli::{Cli, Command};
use crate::error::CompareError;
use crate::files;
use crate::machine::Machine;
use crate::report::{Header, Row};

fn options(arguments: &str) -> BlockOptions {
    let arguments = format!("compare block {arguments}");
    let Command::Block(options) = Cli::parse_from(arguments.split_whitespace()).command else {
        panic!("this is the command of blocks");
    };
    options
}

fn rows(arguments: &str) -> Vec<Map<String, Value>> {
    let options = options(arguments);
    let header = Header {
        machine: Machine::this(),
        rounds: options.rounds,
        setup: Blocks(options.clone()),
    };
    let data = files::data(None).unwrap();
    let mut measure = compare_points(&options, &data);
    let rows = points(&options).into_iter().map(|point| {
        let row = measure(&point).unwrap();
        assert!(row.is_right());
        assert_eq!(row.cells().len(), BlockRow::COLUMNS.len());
        row.json(&header)
    });
    rows.collect()
}

#[test]
fn every_combination_is_a_point_and_without_options_there_is_one() {
    let all = points(&options(
        "--workload transfers,full,chains --threads 1,2 --txs 10",
    ));
    assert_eq!(all.len(), 6);
    assert!(all.iter().all(|point| point.round_txs == 40));
    assert_eq!(points(&options("")).len(), 1);
}

#[test]
fn everybody_has_figures_and_the_same_roots() {
    let rows = rows(
        "--workload transfers,full,chains --txs 150 --accounts 60 --senders 3 --blocks 2 --rounds 2",
    );
    assert_eq!(rows.len(), 3);
    for row in rows {
        assert_eq!(row["roots_equal"], true);
        let has_strong = !row["vs_strong"].is_null();
        let of_strong = ["vs_strong", "strong_us_per_tx", "strong_cpu_us_per_tx"];
        for key in [
            "wall_ratio",
            "cpu_ratio",
            "machine_parallelism",
            "wall_ratio_of_machine",
            "vs_naive",
            "us_per_tx",
            "sequential_us_per_tx",
            "naive_us_per_tx",
            "cpu_us_per_tx",
            "sequential_cpu_us_per_tx",
            "naive_cpu_us_per_tx",
        ] {
            assert!(row[key].as_f64() > Some(0.0), "{key} of {row:?}");
        }
        for key in of_strong {
            assert_eq!(row[key].as_f64() > Some(0.0), has_strong, "{key}");
        }
        for stage in Stage::ALL.map(Stage::name) {
            for way in ["parallel_ms", "sequential_ms"] {
                let time = row["stages"][stage][way].as_f64();
                assert!(time > Some(0.0), "{way} of {stage}");
            }
        }
    }
}

/// The blocks of two rounds, and all rivals at their beginning.
fn rivals(load: Load) -> (Input, Vec<Box<dyn Rival>>, tempfile::TempDir) {
    let input = Input::make(
        load,
        &options("--txs 40 --accounts 20 --blocks 1 --rounds 1"),
    );
    let input = input.unwrap();
    let folder = tempfile::tempdir_in(files::data(None).unwrap()).unwrap();
    let naive = Naive::begin(&input.genesis).unwrap();
    let mut rivals: Vec<Box<dyn Rival>> = vec![Box::new(naive)];
    if let Some(strong) = Strong::begin(&input.genesis, folder.path(), 2).unwrap() {
        rivals.push(Box::new(strong));
    }
    (input, rivals, folder)
}

#[test]
fn a_rival_that_misses_a_block_is_refused_the_next_or_has_other_roots() {
    for load in [Load::Transfers, Load::Full, Load::Chains] {
        let (input, rivals, _folder) = rivals(load);
        for mut rival in rivals {
            match rival.apply(&input.rounds[1][0].bytes) {
                Ok(applied) => assert!(!applied.roots_equal, "{load:?}"),
                Err(error) => assert!(matches!(error, CompareError::Refused(_)), "{error}"),
            }
        }
    }
}

#[test]
fn a_rival_refuses_a_signature_that_does_not_verify() {
    let (input, rivals, _folder) = rivals(Load::Transfers);
    // A block ends with its last transaction, and that with its signature.
    let mut bytes = input.rounds[0][0].bytes.clone();
    let last = bytes.len() - 40;
    bytes[last] ^= 1;
    for mut rival in rivals {
        let refused = rival.apply(&bytes);
        assert!(matches!(refused, Err(CompareError::Refused(_))));
    }
}
