//! The file of `ordlane demo --trace`: how each transaction was executed in parallel, block after block, as JSON with an
//! item a line.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, btree_map::Entry},
    fs::File,
    io::{self, BufWriter, ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use ordlane::{BlockTrace, Field, HotField, TransactionTrace, primitives::BlockHeight};
use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

use crate::report;

/// So many of the hottest keys are told, and so many of these printed in a table.
const HOTTEST: usize = 10;
const PRINTED: usize = 5;
/// The table has so many digits of an address; the file has all.
const ADDRESS_DIGITS: usize = 16;

/// Why there is no trace file, or half of one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TraceFileError {
    /// It cannot be made. Nothing has been executed.
    #[error("cannot make the trace file {}", path.display())]
    Create { path: PathBuf, source: io::Error },
    /// It cannot be written to its end.
    #[error("cannot write the trace file {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl TraceFileError {
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Create { source, .. } if source.kind() == ErrorKind::NotFound => {
                Some("make its folder first")
            }
            Self::Create { .. } => Some("choose another file"),
            Self::Write { source, .. } if source.kind() == ErrorKind::StorageFull => {
                Some("free some space, or trace fewer or smaller blocks; the file is incomplete")
            }
            Self::Write { .. } => Some("the file is incomplete"),
        }
    }
}

/// A trace file that is being written.
#[derive(Debug)]
pub(crate) struct TraceFile {
    path: PathBuf,
    out: BufWriter<File>,
    counts: Counts,
    hot: BTreeMap<Field, HotKey>,
    blocks: usize,
}

/// What is in a trace file, in short.
#[derive(Debug, Serialize)]
pub(crate) struct Traced {
    file: String,
    #[serde(flatten)]
    counts: Counts,
    hottest: Vec<HotKey>,
}

/// What happened to so many transactions.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Counts {
    txs: usize,
    runs: u64,
    /// How many had read what was no longer so, and were run again.
    conflicts: usize,
    /// How many were put behind another at least once.
    waited: usize,
}

#[derive(Debug, Serialize)]
struct BlockJson {
    height: u64,
    #[serde(flatten)]
    counts: Counts,
    hottest: Vec<HotKey>,
    transactions: Vec<TransactionJson>,
}

#[derive(Debug, Serialize)]
struct TransactionJson {
    index: usize,
    runs: u32,
    conflict: Option<String>,
    waits: u32,
    waited_on: Option<String>,
    /// Since the execution of the block began.
    committed_at_ns: u128,
}

/// A key on which transactions met.
#[derive(Debug, Serialize)]
struct HotKey {
    key: String,
    transactions: usize,
    conflicts: usize,
    waits: usize,
}

impl TraceFile {
    /// A file without blocks in the place of what is there.
    pub(crate) fn create(path: &Path) -> Result<Self, TraceFileError> {
        let path = path.to_path_buf();
        match File::create(&path) {
            Ok(file) => Ok(Self {
                path,
                out: BufWriter::new(file),
                counts: Counts::default(),
                hot: BTreeMap::new(),
                blocks: 0,
            }),
            Err(source) => Err(TraceFileError::Create { path, source }),
        }
    }

    /// Writes the next block.
    pub(crate) fn block(
        &mut self,
        height: BlockHeight,
        trace: &BlockTrace,
    ) -> Result<(), TraceFileError> {
        let hottest = trace.hottest(usize::MAX);
        let block = BlockJson {
            height: height.0,
            counts: Counts::of(trace.transactions()),
            hottest: hottest.iter().take(HOTTEST).map(HotKey::of).collect(),
            transactions: trace.transactions().iter().map(transaction).collect(),
        };
        let opening = match self.blocks {
            0 => "{\"blocks\":[\n",
            _ => ",\n",
        };
        self.write(opening, &block)?;
        self.blocks += 1;
        self.counts.add(block.counts);
        for hot in hottest {
            match self.hot.entry(hot.field.clone()) {
                Entry::Occupied(mut entry) => entry.get_mut().add(&hot),
                Entry::Vacant(entry) => {
                    entry.insert(HotKey::of(&hot));
                }
            }
        }
        Ok(())
    }

    /// Ends the file with the hottest keys of all its blocks.
    pub(crate) fn finish(mut self) -> Result<Traced, TraceFileError> {
        let mut hottest: Vec<HotKey> = std::mem::take(&mut self.hot).into_values().collect();
        hottest.sort_by_key(|hot| Reverse(hot.transactions));
        hottest.truncate(HOTTEST);
        let opening = match self.blocks {
            0 => "{\"blocks\":[],\n\"hottest\":",
            _ => "],\n\"hottest\":",
        };
        self.write(opening, &hottest)?;
        let ended = self.out.write_all(b"}\n").and_then(|()| self.out.flush());
        ended.map_err(|source| self.failed(source))?;
        Ok(Traced {
            file: self.path.display().to_string(),
            counts: self.counts,
            hottest,
        })
    }

    fn write(&mut self, opening: &str, value: &impl Serialize) -> Result<(), TraceFileError> {
        let written = self.out.write_all(opening.as_bytes()).and_then(|()| {
            let mut json = Serializer::with_formatter(&mut self.out, ItemPerLine);
            value.serialize(&mut json).map_err(io::Error::from)
        });
        written.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> TraceFileError {
        TraceFileError::Write {
            path: self.path.clone(),
            source,
        }
    }
}

impl Traced {
    /// Prints what the file says in short.
    pub(crate) fn print(&self) -> anyhow::Result<()> {
        let Counts {
            txs,
            runs,
            conflicts,
            waited,
        } = self.counts;
        report::print(&format!(
            "\n{txs} transactions in {runs} runs: {conflicts} had a conflict, {waited} waited; see {}",
            self.file
        ))?;
        if self.hottest.is_empty() {
            return Ok(());
        }
        let row = |hot: &HotKey| {
            let counts =
                [hot.transactions, hot.conflicts, hot.waits].map(|count| count.to_string());
            let [transactions, conflicts, waits] = counts;
            [shortened(&hot.key), transactions, conflicts, waits]
        };
        let rows = self.hottest.iter().take(PRINTED).map(row).collect();
        report::print_numbers(["hottest keys", "transactions", "conflicts", "waits"], rows)
    }
}

impl Counts {
    fn of(transactions: &[TransactionTrace]) -> Self {
        let count = |holds: fn(&TransactionTrace) -> bool| {
            transactions.iter().filter(|traced| holds(traced)).count()
        };
        Self {
            txs: transactions.len(),
            runs: transactions
                .iter()
                .map(|traced| u64::from(traced.runs))
                .sum(),
            conflicts: count(|traced| traced.conflict.is_some()),
            waited: count(|traced| traced.waits > 0),
        }
    }

    fn add(&mut self, other: Self) {
        self.txs += other.txs;
        self.runs += other.runs;
        self.conflicts += other.conflicts;
        self.waited += other.waited;
    }
}

impl HotKey {
    fn of(hot: &HotField) -> Self {
        Self {
            key: hot.field.to_string(),
            transactions: hot.transactions,
            conflicts: hot.conflicts,
            waits: hot.waits,
        }
    }

    fn add(&mut self, hot: &HotField) {
        self.transactions += hot.transactions;
        self.conflicts += hot.conflicts;
        self.waits += hot.waits;
    }
}

fn transaction(traced: &TransactionTrace) -> TransactionJson {
    TransactionJson {
        index: traced.position,
        runs: traced.runs,
        conflict: traced.conflict.as_ref().map(|field| field.to_string()),
        waits: traced.waits,
        waited_on: traced.waited_on.as_ref().map(|field| field.to_string()),
        committed_at_ns: traced.committed_at.as_nanos(),
    }
}

/// A key with the beginning of its address.
fn shortened(key: &str) -> String {
    match key.rsplit_once(' ') {
        Some((name, address)) => format!("{name} {address:.ADDRESS_DIGITS$}…"),
        None => key.to_owned(),
    }
}

/// JSON in which each item of a list stands on a line of its own.
struct ItemPerLine;

impl Formatter for ItemPerLine {
    fn begin_array_value<W>(&mut self, writer: &mut W, first: bool) -> io::Result<()>
    where
        W: io::Write + ?Sized,
    {
        writer.write_all(if first { b"\n" } else { b",\n" })
    }
}
