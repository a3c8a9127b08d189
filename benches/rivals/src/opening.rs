//! `compare opening`: how long our store takes to open, as it was left.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ordlane_primitives::Hash;
use ordlane_primitives::batch::BatchHasher;
use ordlane_state::{FjallStorage, StateStore, StoreOptions};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::chain::{Chain, hasher};
use crate::cli::OpeningOptions;
use crate::error::CompareError;
use crate::files::{self, Usage};
use crate::machine::Machine;
use crate::measure::{Spread, Taken, settle, taken};
use crate::progress::Measured;
use crate::report::{Header, Row, Setup, equal, object, put, report_all, spread};

/// What a round takes for each key, about.
const KEY_S: f64 = 5e-6;

/// What the figures are about.
#[derive(Clone, Debug)]
struct Reopened(OpeningOptions);

impl Setup for Reopened {
    fn mode(&self) -> &str {
        "opening"
    }

    fn note(&self) -> String {
        let OpeningOptions {
            behind, changes, ..
        } = self.0;
        format!("ms of wall time; {behind} blocks of {changes} changes behind the written pages")
    }
}

/// How a store was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// Closed, with all pages written.
    Written,
    /// Closed, with blocks whose pages are not written.
    Behind,
    /// The same, killed: its files as they are while it is open.
    Killed,
}

impl Left {
    const ALL: [Self; 3] = [Self::Written, Self::Behind, Self::Killed];

    const fn name(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Behind => "behind",
            Self::Killed => "killed",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    keys: u32,
    left: Left,
}

impl Measured for Point {
    fn label(&self) -> String {
        format!("{} keys, {}", self.keys, self.left.name())
    }

    fn round_s(&self) -> f64 {
        f64::from(self.keys) * KEY_S
    }
}

/// Opens every store and prints the report; `false` when one had another root than when it was left.
pub(crate) fn compare(options: &OpeningOptions) -> Result<bool, CompareError> {
    let header = Header {
        machine: Machine::this(),
        rounds: options.rounds,
        setup: Reopened(options.clone()),
    };
    let data = files::data(options.data.as_deref())?;
    let mut made: Option<Made> = None;
    report_all(options.output, header, &points(options), |point| {
        let stores = match made.take().filter(|made| made.keys == point.keys) {
            Some(made) => made,
            None => Made::new(point.keys, options, &data)?,
        };
        let row = stores.measure(*point, options.rounds);
        made = Some(stores);
        row
    })
}

fn points(options: &OpeningOptions) -> Vec<Point> {
    let of = |&keys: &u32| Left::ALL.map(|left| Point { keys, left });
    options.keys.iter().flat_map(of).collect()
}

/// A store with so many keys, in a folder for each way to leave it.
struct Made {
    keys: u32,
    /// The root that each must have.
    roots: Vec<(Left, Hash)>,
    hasher: Arc<dyn BatchHasher>,
    folder: TempDir,
}

impl Made {
    fn new(keys: u32, options: &OpeningOptions, data: &Path) -> Result<Self, CompareError> {
        let folder = tempfile::Builder::new()
            .prefix("compare-opening-")
            .tempdir_in(data)?;
        let at = |left: Left| folder.path().join(left.name());
        let mut roots = Vec::new();
        let chain = Chain::begin(&at(Left::Behind), keys as usize, StoreOptions::default())?;
        chain.store().write_pages()?;
        roots.push((Left::Written, chain.store().tree().root()));
        // From here on no pages are written.
        let mut lazy = StoreOptions::default();
        lazy.page_write_blocks = u64::MAX;
        lazy.page_write_bytes = usize::MAX;
        let mut chain =
            chain.reopened(lazy, || files::copy(&at(Left::Behind), &at(Left::Written)))?;
        for _ in 0..options.behind {
            chain.extend(options.changes as usize, options.txs as usize)?;
        }
        files::wait_until_still(&at(Left::Behind))?;
        let root = chain.store().tree().root();
        roots.extend([(Left::Behind, root), (Left::Killed, root)]);
        files::copy(&at(Left::Behind), &at(Left::Killed))?;
        drop(chain);
        Ok(Self {
            keys,
            roots,
            hasher: hasher()?,
            folder,
        })
    }

    fn measure(&self, point: Point, rounds: u32) -> Result<OpeningRow, CompareError> {
        let from = self.folder.path().join(point.left.name());
        let mut measured = Vec::new();
        for _ in 0..rounds {
            measured.push([self.open(&from, false)?, self.open(&from, true)?]);
        }
        let expected = self.roots.iter().find(|(left, _)| *left == point.left);
        let root = expected.map_or(Hash::ZERO, |(_, root)| *root);
        let all = || measured.iter().flatten();
        let figures = |which: usize| {
            let of = |figure: fn(&Opened) -> f64| {
                Spread::over(&measured, |round| figure(&round[which]) * 1e3)
            };
            Figures {
                storage_ms: of(|opened| opened.storage.wall_s),
                store_ms: of(|opened| opened.store.wall_s),
                open_ms: of(|opened| opened.storage.and(opened.store).wall_s),
                open_cpu_ms: of(|opened| opened.storage.and(opened.store).cpu_s),
            }
        };
        Ok(OpeningRow {
            point,
            usage: files::usage(&from)?,
            warm: figures(0),
            cold: figures(1),
            roots_equal: all().all(|opened| opened.root == root),
        })
    }

    /// Opens a copy, since opening changes files. A cold one is to come from the disk.
    fn open(&self, from: &Path, cold: bool) -> Result<Opened, CompareError> {
        let copy: PathBuf = self.folder.path().join("copy");
        files::copy(from, &copy)?;
        if cold {
            files::forget(&copy)?;
        }
        settle();
        let (storage, storage_taken) = taken(|| FjallStorage::open(&copy));
        let storage = Arc::new(storage?);
        let (store, store_taken) = taken(|| StateStore::open(storage, Arc::clone(&self.hasher)));
        let root = store?.tree().root();
        fs::remove_dir_all(&copy)?;
        Ok(Opened {
            storage: storage_taken,
            store: store_taken,
            root,
        })
    }
}

/// What one opening took.
#[derive(Clone, Copy, Debug)]
struct Opened {
    storage: Taken,
    store: Taken,
    root: Hash,
}

/// What openings took, each figure of the files, then of what is made of them.
#[derive(Clone, Copy, Debug)]
struct Figures {
    storage_ms: Spread,
    store_ms: Spread,
    open_ms: Spread,
    open_cpu_ms: Spread,
}

struct OpeningRow {
    point: Point,
    usage: Usage,
    warm: Figures,
    cold: Figures,
    roots_equal: bool,
}

impl Row for OpeningRow {
    const TITLE: &'static str = "{mode} of a store";
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("keys", 8),
        ("left", 7),
        ("journals", 8),
        ("MiB", 5),
        ("files ms", 18),
        ("store ms", 18),
        ("both ms", 18),
        ("cold files ms", 18),
        ("cold store ms", 18),
        ("cold both ms", 18),
        ("roots", 6),
    ];
    type Setup = Reopened;
    type Json = Map<String, Value>;

    fn is_right(&self) -> bool {
        self.roots_equal
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.point.keys.to_string(),
            self.point.left.name().to_owned(),
            self.usage.journals.to_string(),
            (self.usage.journal_bytes >> 20).to_string(),
            spread(self.warm.storage_ms, 0),
            spread(self.warm.store_ms, 0),
            spread(self.warm.open_ms, 0),
            spread(self.cold.storage_ms, 0),
            spread(self.cold.store_ms, 0),
            spread(self.cold.open_ms, 0),
            equal(self.roots_equal),
        ]
    }

    fn json(&self, header: &Header<Reopened>) -> Map<String, Value> {
        let options = &header.setup.0;
        let mut json = object(
            header,
            [
                ("keys", json!(self.point.keys)),
                ("left", json!(self.point.left.name())),
                ("blocks_behind", json!(options.behind)),
                ("changes", json!(options.changes)),
                ("txs", json!(options.txs)),
                ("disk_bytes", json!(self.usage.bytes)),
                ("journals", json!(self.usage.journals)),
                ("journal_bytes", json!(self.usage.journal_bytes)),
                ("roots_equal", json!(self.roots_equal)),
            ],
        );
        for (prefix, figures) in [("", &self.warm), ("cold_", &self.cold)] {
            for (name, figure) in [
                ("storage_ms", figures.storage_ms),
                ("store_ms", figures.store_ms),
                ("open_ms", figures.open_ms),
                ("open_cpu_ms", figures.open_cpu_ms),
            ] {
                put(&mut json, &format!("{prefix}{name}"), Some(figure));
            }
        }
        json
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{Left, Made, OpeningRow, points};
    use crate::cli::{Cli, Command};
    use crate::report::Row;

    #[test]
    fn however_it_was_left_a_store_opens_with_the_root_that_it_had() {
        let arguments = "compare opening --keys 3000 --behind 5 --changes 50 --rounds 2";
        let Command::Opening(options) = Cli::parse_from(arguments.split_whitespace()).command
        else {
            panic!("this is the command of openings");
        };
        let data = tempfile::tempdir().unwrap();
        let made = Made::new(3_000, &options, data.path()).unwrap();
        let points = points(&options);
        assert_eq!(points.len(), Left::ALL.len());
        for point in points {
            let row = made.measure(point, 2).unwrap();
            assert!(row.is_right() && row.warm.open_ms.median > 0.0);
            assert_eq!(row.cells().len(), OpeningRow::COLUMNS.len());
        }
    }
}
