//! Every kind of file of a store is damaged in every way: whoever opens it, or asks it something, is told, or the answer is
//! exactly what was committed.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use ordlane_primitives::{BlockHeight, batch::Sequential};
use ordlane_state::{FjallOptions, FjallStorage, StateError, StateStore, Storage};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use crate::{
    files::{files, paging, restore},
    journal::{HEAD_BYTES, batches},
    model::{Twin, Wrong},
};

/// What a file is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// fjall's journal, which is written to.
    Journal,
    /// An earlier one, of which something is not in tables yet.
    OlderJournal,
    Table,
    /// fjall's lists of tables, and which of them is the present one.
    Tables,
    /// fjall's version.
    Version,
    Marker,
    Witness,
    Rollback,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Journal,
        Self::OlderJournal,
        Self::Table,
        Self::Tables,
        Self::Version,
        Self::Marker,
        Self::Witness,
        Self::Rollback,
    ];

    /// Of a file other than the last journal. Locks hold nothing.
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        Some(match name {
            "lock" => return None,
            "ORDLANE" => Self::Marker,
            "WITNESS" => Self::Witness,
            "ROLLBACK" => Self::Rollback,
            "version" => Self::Version,
            _ if name.ends_with(".jnl") => Self::OlderJournal,
            _ if path.parent()?.ends_with("tables") => Self::Table,
            _ => Self::Tables,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Damage {
    FlipBit,
    OverwriteBytes,
    Truncate,
    AppendGarbage,
    ZeroPage,
    Delete,
    /// A journal ends after one of its batches.
    CutAfterBatch,
    /// A bit of what stands before a batch, which no checksum of fjall's covers.
    FlipBatchHead,
    /// A batch is gone, and those behind it follow right on.
    DropBatch,
}

impl Damage {
    const OF_ANY_FILE: [Self; 6] = [
        Self::FlipBit,
        Self::OverwriteBytes,
        Self::Truncate,
        Self::AppendGarbage,
        Self::ZeroPage,
        Self::Delete,
    ];
    const OF_JOURNALS: [Self; 3] = [Self::CutAfterBatch, Self::FlipBatchHead, Self::DropBatch];

    /// The damaged content, or none for a file that is gone.
    fn done(self, rng: &mut ChaCha8Rng, content: &[u8]) -> Option<Vec<u8>> {
        const PAGE_BYTES: usize = 4_096;
        let mut content = content.to_vec();
        let size = content.len();
        let at = rng.random_range(0..size.max(1));
        let batch = batches(&content).choose(rng).copied();
        match (self, batch) {
            (Self::Delete, _) => return None,
            (Self::Truncate, _) => content.truncate(at),
            (Self::CutAfterBatch, Some(batch)) => content.truncate(batch.end),
            (Self::DropBatch, Some(batch)) => drop(content.drain(batch.start..batch.end)),
            (Self::FlipBatchHead, Some(batch)) => {
                let at = batch.start + rng.random_range(0..HEAD_BYTES);
                content[at] ^= 1 << rng.random_range(0..8);
            }
            (Self::FlipBit, _) if size > 0 => content[at] ^= 1 << rng.random_range(0..8),
            (Self::OverwriteBytes, _) if size > 0 => {
                let end = at + rng.random_range(1..64);
                rng.fill(&mut content[at..end.min(size)]);
            }
            (Self::ZeroPage, _) if size > 0 => {
                let page = at / PAGE_BYTES * PAGE_BYTES;
                content[page..size.min(page + PAGE_BYTES)].fill(0);
            }
            _ => content.extend((0..rng.random_range(1..300)).map(|_| rng.random::<u8>())),
        }
        Some(content)
    }
}

/// What came of a damaged store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Right,
    RefusedWhenOpened,
    RefusedWhenRead,
    Silent,
}

/// How often each outcome came.
#[derive(Default)]
struct Table(BTreeMap<(Kind, Outcome), u64>);

impl Table {
    fn count(&self, outcome: Outcome) -> u64 {
        let of =
            |((_, found), count): (&(Kind, Outcome), &u64)| (*found == outcome).then_some(*count);
        self.0.iter().filter_map(of).sum()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const OUTCOMES: [Outcome; 4] = [
            Outcome::Right,
            Outcome::RefusedWhenOpened,
            Outcome::RefusedWhenRead,
            Outcome::Silent,
        ];
        write!(f, "{:14}", "")?;
        for head in ["right", "refused: opened", "refused: read", "silent loss"] {
            write!(f, "{head:>17}")?;
        }
        for kind in Kind::ALL {
            write!(f, "\n{:14}", format!("{kind:?}"))?;
            for outcome in OUTCOMES {
                let count = self.0.get(&(kind, outcome)).unwrap_or(&0);
                write!(f, "{count:>17}")?;
            }
        }
        Ok(())
    }
}

/// A closed store, and what it must hold.
struct Original {
    files: BTreeMap<PathBuf, Vec<u8>>,
    by_kind: BTreeMap<Kind, Vec<PathBuf>>,
    twin: Twin,
    /// The last block that was acknowledged. It may end at the one above, where that was durable.
    least: u64,
    most: u64,
}

/// How an original comes to be.
#[derive(Clone, Copy)]
struct Recipe {
    seed: u64,
    memtable_bytes: u64,
    page_write_blocks: u64,
    blocks: u64,
    /// Bytes that each block has behind what it says.
    padding_bytes: usize,
    ending: Ending,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// All blocks were acknowledged.
    Acknowledged,
    /// The last block was durable, and not acknowledged.
    Durable,
    /// A rollback was announced, and nothing undone.
    Announced,
}

impl Original {
    fn new(of: Recipe) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut twin = Twin::padded(of.seed, of.padding_bytes);
        let mut witness = Vec::new();
        // Opened twice: the second time fjall gives back the space that it reserved for its journal.
        for to in [of.blocks / 2, of.blocks - 1, of.blocks] {
            let (storage, store) = of.open(folder.path()).unwrap();
            let next = store.tip().map_or(0, |tip| tip.height.0 + 1);
            witness = fs::read(folder.path().join("WITNESS")).unwrap();
            twin.extend(&store, to - next).unwrap();
            drop((storage, store));
        }
        let tip = of.blocks - 1;
        let mut least = tip;
        match of.ending {
            Ending::Acknowledged => {}
            Ending::Durable => {
                fs::write(folder.path().join("WITNESS"), witness).unwrap();
                least -= 1;
            }
            Ending::Announced => {
                let storage = FjallStorage::open(folder.path()).unwrap();
                least -= 3;
                let [from, to] = [tip, least].map(|height| twin.mark(height));
                storage.begin_rollback(&from, &to).unwrap();
            }
        }
        let files = files(folder.path());
        let mut by_kind = BTreeMap::<Kind, Vec<PathBuf>>::new();
        for path in files.keys() {
            if let Some(kind) = Kind::of(path) {
                by_kind.entry(kind).or_default().push(path.clone());
            }
        }
        let number = |path: &PathBuf| path.file_stem()?.to_str()?.parse::<u64>().ok();
        let mut journals = by_kind.remove(&Kind::OlderJournal).unwrap();
        journals.sort_by_key(number);
        by_kind.insert(Kind::Journal, journals.pop().into_iter().collect());
        by_kind.insert(Kind::OlderJournal, journals);
        by_kind.retain(|_, paths| !paths.is_empty());
        Self {
            files,
            by_kind,
            twin,
            least,
            most: tip,
        }
    }

    /// Damages one file and says how it went.
    fn damage_one(
        &mut self,
        rng: &mut ChaCha8Rng,
        kind: Kind,
        damage: Damage,
    ) -> (Outcome, String) {
        let path = self.by_kind[&kind].choose(rng).unwrap();
        let folder = tempfile::tempdir().unwrap();
        restore(&self.files, folder.path());
        let target = folder.path().join(path);
        match damage.done(rng, &self.files[path]) {
            Some(content) => fs::write(&target, content).unwrap(),
            None => fs::remove_file(&target).unwrap(),
        }
        let case = format!("{damage:?} in {}", path.display());
        let (first, said) = self.open_and_check(folder.path());
        let (second, said_second) = self.open_and_check(folder.path());
        // What was refused stays refused: no opening makes it look whole.
        let stays = (first == Outcome::Right) == (second == Outcome::Right);
        if first != Outcome::Silent && (!stays || second == Outcome::Silent) {
            let said = format!("{case}, first {first:?} ({said}), then {second:?}: {said_second}");
            return (Outcome::Silent, said);
        }
        (first, format!("{case}: {said}"))
    }

    fn open_and_check(&mut self, folder: &Path) -> (Outcome, String) {
        let storage = match FjallStorage::open(folder) {
            Ok(storage) => Arc::new(storage) as Arc<dyn Storage>,
            Err(error) => return (Outcome::RefusedWhenOpened, error.to_string()),
        };
        let opened = StateStore::open_with(storage.clone(), Arc::new(Sequential), paging(u64::MAX));
        let store = match opened {
            Ok(store) => store,
            Err(error) => return (Outcome::RefusedWhenOpened, error.to_string()),
        };
        let tip = store.tip().map(|tip| tip.height.0);
        if tip < Some(self.least) || tip > Some(self.most) {
            return (Outcome::Silent, format!("it ends at {tip:?}"));
        }
        match self.twin.check_open(&store, storage.as_ref()) {
            Ok(()) => (Outcome::Right, String::new()),
            Err(Wrong::Refused(error)) => (Outcome::RefusedWhenRead, error.to_string()),
            Err(Wrong::Silent(what)) => (Outcome::Silent, what),
        }
    }
}

impl Recipe {
    fn open(&self, folder: &Path) -> Result<(Arc<dyn Storage>, StateStore), StateError> {
        let mut options = FjallOptions::default();
        options.memtable_bytes = self.memtable_bytes;
        options.journal_bytes = u64::MAX;
        let storage: Arc<dyn Storage> = Arc::new(FjallStorage::open_with(folder, options)?);
        let store = StateStore::open_with(
            storage.clone(),
            Arc::new(Sequential),
            paging(self.page_write_blocks),
        )?;
        Ok((storage, store))
    }
}

/// Opens as many damaged copies, of each kind of file in turn, and counts what came of it.
fn campaign(original: &mut Original, seed: u64, cases: u64, table: &mut Table) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut kinds: Vec<Kind> = original.by_kind.keys().copied().collect();
    if kinds.contains(&Kind::OlderJournal) {
        // Copies of such a store take long; the other files are those of any store.
        kinds.retain(|kind| [Kind::Journal, Kind::OlderJournal].contains(kind));
    }
    for case in 0..cases {
        let kind = kinds[usize::try_from(case).unwrap() % kinds.len()];
        let journal = matches!(kind, Kind::Journal | Kind::OlderJournal);
        let damage = if journal && rng.random() {
            Damage::OF_JOURNALS.choose(&mut rng)
        } else {
            Damage::OF_ANY_FILE.choose(&mut rng)
        };
        let (outcome, said) = original.damage_one(&mut rng, kind, *damage.unwrap());
        if outcome == Outcome::Silent {
            println!("seed {seed}, case {case}: {said}");
        }
        *table.0.entry((kind, outcome)).or_insert(0) += 1;
    }
}

const IN_JOURNAL: Recipe = Recipe {
    seed: 50,
    memtable_bytes: u64::MAX,
    page_write_blocks: 3,
    blocks: 12,
    padding_bytes: 0,
    ending: Ending::Acknowledged,
};
const IN_TABLES: Recipe = Recipe {
    seed: 51,
    memtable_bytes: 0,
    page_write_blocks: 3,
    blocks: 150,
    ..IN_JOURNAL
};
const DURABLE: Recipe = Recipe {
    seed: 52,
    ending: Ending::Durable,
    ..IN_JOURNAL
};
const ANNOUNCED: Recipe = Recipe {
    seed: 53,
    ending: Ending::Announced,
    ..IN_JOURNAL
};
/// Enough for fjall to begin a second journal.
const OF_TWO_JOURNALS: Recipe = Recipe {
    seed: 54,
    memtable_bytes: 1 << 20,
    page_write_blocks: 3,
    blocks: 100,
    padding_bytes: 900_000,
    ending: Ending::Acknowledged,
};

fn never_silent(recipes: &[(Recipe, u64)]) {
    let mut table = Table::default();
    for &(recipe, cases) in recipes {
        campaign(&mut Original::new(recipe), recipe.seed, cases, &mut table);
    }
    println!("{table}");
    assert_eq!(table.count(Outcome::Silent), 0, "silent losses");
    assert!(table.count(Outcome::RefusedWhenOpened) > 0);
    assert!(table.count(Outcome::Right) > 0);
}

#[test]
fn a_damaged_store_is_refused_or_exactly_right() {
    never_silent(&[
        (IN_JOURNAL, 36),
        (IN_TABLES, 24),
        (DURABLE, 12),
        (ANNOUNCED, 12),
    ]);
}

#[test]
#[ignore = "minutes: `just torture`"]
fn a_thousand_damaged_stores_are_refused_or_exactly_right() {
    never_silent(&[
        (IN_JOURNAL, 400),
        (IN_TABLES, 300),
        (DURABLE, 150),
        (ANNOUNCED, 150),
        (OF_TWO_JOURNALS, 80),
    ]);
}

#[test]
fn every_cut_between_two_batches_of_a_journal_is_noticed() {
    let original = Original::new(IN_JOURNAL);
    let journal = &original.by_kind[&Kind::Journal][0];
    let content = &original.files[journal];
    let batches = batches(content);
    assert!(batches.len() > 12, "a batch for each block, and pages");
    let mut lost = 0;
    for batch in &batches {
        let folder = tempfile::tempdir().unwrap();
        restore(&original.files, folder.path());
        fs::write(folder.path().join(journal), &content[..batch.start]).unwrap();
        let opened = IN_JOURNAL.open(folder.path());
        match opened.map(|(_, store)| store.tip().map(|tip| tip.height)) {
            // Only pages were cut off.
            Ok(tip) => assert_eq!(tip, Some(BlockHeight(11))),
            Err(error) => lost += usize::from(matches!(error, StateError::LostBlocks { .. })),
        }
    }
    assert!(lost >= 11, "{lost} cuts were told as lost blocks");
}
