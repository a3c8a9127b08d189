//! `compare disk`: what our store takes of the disk while a chain grows and is pruned.

use std::num::NonZeroU64;
use std::path::PathBuf;

use ordlane_state::{Space, StoreOptions};
use serde_json::{Map, Value, json};

use crate::chain::Chain;
use crate::cli::DiskOptions;
use crate::error::CompareError;
use crate::files::{self, Usage};
use crate::machine::Machine;
use crate::measure::{Taken, taken};
use crate::progress::Measured;
use crate::report::{Header, Row, Setup, object, report_all};

/// What a block takes, about.
const BLOCK_S: f64 = 0.005;
/// After how many blocks it is looked at the disk. What is written to tables and merged comes and goes in rounds of some
/// hundreds of blocks.
const LOOK_EVERY: u32 = 50;

/// What the figures are about.
#[derive(Clone, Debug)]
struct Growing(DiskOptions);

impl Setup for Growing {
    fn mode(&self) -> &str {
        "disk"
    }

    fn note(&self) -> String {
        let DiskOptions {
            keys,
            changes,
            txs,
            keep,
            ..
        } = self.0;
        format!(
            "{keys} keys, {changes} changes and {txs} transactions per block, {keep} blocks kept"
        )
    }
}

/// When it is looked at the disk: after so many blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sample {
    blocks: u32,
    since: u32,
}

impl Measured for Sample {
    fn label(&self) -> String {
        format!("{} blocks", self.blocks)
    }

    fn round_s(&self) -> f64 {
        f64::from(self.since) * BLOCK_S
    }
}

/// Lets the chain grow and prints the report.
pub(crate) fn compare(options: &DiskOptions) -> Result<bool, CompareError> {
    let header = Header {
        machine: Machine::this(),
        rounds: 0,
        setup: Growing(options.clone()),
    };
    let data = files::data(options.data.as_deref())?;
    let folder = tempfile::Builder::new()
        .prefix("compare-disk-")
        .tempdir_in(data)?;
    let mut grown = Grown::begin(options, folder.path().join("chain"))?;
    report_all(options.output, header, &samples(options), |sample| {
        grown.to(*sample)
    })
}

fn samples(options: &DiskOptions) -> Vec<Sample> {
    let every = options.every.min(options.blocks);
    let mut samples = Vec::new();
    let mut before = 0;
    while before < options.blocks {
        let since = every.min(options.blocks - before);
        before += since;
        samples.push(Sample {
            blocks: before,
            since,
        });
    }
    samples
}

/// The chain so far.
struct Grown<'a> {
    options: &'a DiskOptions,
    folder: PathBuf,
    chain: Chain,
    /// What all files took whenever it was looked.
    looks: Vec<u64>,
}

impl<'a> Grown<'a> {
    fn begin(options: &'a DiskOptions, folder: PathBuf) -> Result<Self, CompareError> {
        let keep = NonZeroU64::new(options.keep.into());
        let store = keep.map_or_else(StoreOptions::default, StoreOptions::keeping);
        Ok(Self {
            chain: Chain::begin(&folder, options.keys as usize, store)?,
            options,
            folder,
            looks: Vec::new(),
        })
    }

    /// Lets it grow up to a sample, and looks.
    fn to(&mut self, sample: Sample) -> Result<DiskRow, CompareError> {
        let (changes, txs) = (self.options.changes as usize, self.options.txs as usize);
        let (mut took, mut usage) = (Taken::default(), Usage::default());
        let (mut since, before) = (0, self.looks.len());
        while since < sample.since {
            let step = LOOK_EVERY.min(sample.since - since);
            let (grown, step_took) =
                taken(|| (0..step).try_for_each(|_| self.chain.extend(changes, txs)));
            grown?;
            took = took.and(step_took);
            usage = files::usage(&self.folder)?;
            self.looks.push(usage.bytes);
            since += step;
        }
        let looks = &self.looks[before..];
        let spaces = Space::ALL
            .into_iter()
            .map(|space| Ok((space, self.chain.table_bytes(space)?)));
        Ok(DiskRow {
            sample,
            usage,
            mean_bytes: mean(looks).unwrap_or(0.0),
            most_bytes: looks.iter().copied().max().unwrap_or(0),
            growth: growth(&self.looks),
            spaces: spaces.collect::<Result<_, CompareError>>()?,
            block_ms: took.wall_s * 1e3 / f64::from(sample.since.max(1)),
            block_cpu_ms: took.cpu_s * 1e3 / f64::from(sample.since.max(1)),
        })
    }
}

/// The mean of the second half over that of the first.
fn growth(bytes: &[u64]) -> Option<f64> {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    Some(mean(second)? / mean(first)?)
}

#[expect(clippy::cast_precision_loss, reason = "counts of bytes")]
fn mean(bytes: &[u64]) -> Option<f64> {
    let sum: u64 = bytes.iter().sum();
    (!bytes.is_empty()).then(|| sum as f64 / bytes.len() as f64)
}

/// What was found at a sample.
struct DiskRow {
    sample: Sample,
    usage: Usage,
    /// Of all that was found since the sample before.
    mean_bytes: f64,
    most_bytes: u64,
    growth: Option<f64>,
    spaces: Vec<(Space, u64)>,
    /// Wall time of a block since the sample before.
    block_ms: f64,
    /// CPU time of all threads, also of those that write tables.
    block_cpu_ms: f64,
}

impl DiskRow {
    fn space_bytes(&self, wanted: &[Space]) -> u64 {
        let of = self.spaces.iter();
        of.filter(|(space, _)| wanted.contains(space))
            .map(|(_, bytes)| bytes)
            .sum()
    }
}

/// Bytes in MiB.
#[expect(clippy::cast_precision_loss, reason = "a count of bytes")]
fn mib(bytes: u64) -> String {
    in_mib(bytes as f64)
}

fn in_mib(bytes: f64) -> String {
    format!("{:.1}", bytes / (1024.0 * 1024.0))
}

impl Row for DiskRow {
    const TITLE: &'static str = "{mode} of a growing chain, MiB";
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("blocks", 7),
        ("mean", 7),
        ("most", 7),
        ("growth", 6),
        ("journals", 8),
        ("in them", 7),
        ("values", 7),
        ("earlier", 7),
        ("diffs", 7),
        ("blocks", 7),
        ("receipts", 8),
        ("indexes", 7),
        ("pages", 7),
        ("ms/block", 8),
        ("CPU ms", 6),
    ];
    type Setup = Growing;
    type Json = Map<String, Value>;

    fn is_right(&self) -> bool {
        true
    }

    fn cells(&self) -> Vec<String> {
        let space = |spaces: &[Space]| mib(self.space_bytes(spaces));
        vec![
            self.sample.blocks.to_string(),
            in_mib(self.mean_bytes),
            mib(self.most_bytes),
            self.growth
                .map_or_else(|| "-".to_owned(), |growth| format!("{growth:.2}")),
            self.usage.journals.to_string(),
            mib(self.usage.journal_bytes),
            space(&[Space::Flat]),
            space(&[Space::Hist]),
            space(&[Space::Rev]),
            space(&[Space::Block, Space::BlockHash]),
            space(&[Space::Receipts]),
            space(&[Space::TxIndex, Space::EventIndex]),
            space(&[Space::Page]),
            format!("{:.2}", self.block_ms),
            format!("{:.2}", self.block_cpu_ms),
        ]
    }

    fn json(&self, header: &Header<Growing>) -> Map<String, Value> {
        let DiskOptions {
            keys,
            changes,
            txs,
            keep,
            ..
        } = header.setup.0;
        let mut json = object(
            header,
            [
                ("keys", json!(keys)),
                ("changes", json!(changes)),
                ("txs", json!(txs)),
                ("keep_blocks", json!(keep)),
                ("blocks", json!(self.sample.blocks)),
                ("disk_bytes", json!(self.usage.bytes)),
                ("mean_bytes", json!(self.mean_bytes)),
                ("most_bytes", json!(self.most_bytes)),
                ("growth_second_half", json!(self.growth)),
                ("journals", json!(self.usage.journals)),
                ("journal_bytes", json!(self.usage.journal_bytes)),
                ("block_ms", json!(self.block_ms)),
                ("block_cpu_ms", json!(self.block_cpu_ms)),
            ],
        );
        json.extend(
            self.spaces
                .iter()
                .map(|(space, bytes)| (format!("{space}_bytes"), json!(bytes))),
        );
        json
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{Grown, growth, samples};
    use crate::cli::{Cli, Command, DiskOptions};
    use crate::report::Row;

    fn options(arguments: &str) -> DiskOptions {
        let arguments = format!("compare disk {arguments}");
        let Command::Disk(options) = Cli::parse_from(arguments.split_whitespace()).command else {
            panic!("this is the command of disks");
        };
        options
    }

    #[test]
    fn growth_is_the_mean_of_the_second_half_over_that_of_the_first() {
        assert_eq!(growth(&[]), None);
        assert_eq!(growth(&[7]), None);
        assert!((growth(&[4, 8, 3, 6]).unwrap() - 0.75).abs() < 1e-9);
        assert!((growth(&[4, 8, 16]).unwrap() - 3.0).abs() < 1e-9);
    }

    #[test]
    fn the_last_sample_is_the_end_of_the_chain() {
        let blocks = |arguments| -> Vec<u32> {
            let samples = samples(&options(arguments));
            samples.iter().map(|sample| sample.blocks).collect()
        };
        assert_eq!(blocks("--blocks 50 --every 20"), [20, 40, 50]);
        assert_eq!(blocks("--blocks 5 --every 20"), [5]);
    }

    #[test]
    fn a_chain_grows_is_pruned_and_uses_every_space() {
        let options = options("--blocks 60 --every 20 --keep 10 --keys 500 --changes 50 --txs 3");
        let folder = tempfile::tempdir().unwrap();
        let mut grown = Grown::begin(&options, folder.path().join("chain")).unwrap();
        for sample in samples(&options) {
            let row = grown.to(sample).unwrap();
            assert_eq!(row.cells().len(), super::DiskRow::COLUMNS.len());
            assert!(row.usage.bytes > 0 && row.usage.journals == 1);
        }
        // The state is block 0.
        assert_eq!(grown.chain.store().horizon().0, 51);
    }
}
