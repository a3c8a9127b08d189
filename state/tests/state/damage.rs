//! Every file of a store is damaged in many ways: opening says so, or shows exactly what was committed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use ordlane_primitives::ErrorCode;
use ordlane_state::{FjallOptions, FjallStorage, StateError};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use crate::{
    chain::{Chain, check_equal, open},
    folder::{files, open_folder},
};

#[derive(Clone, Copy, Debug)]
enum Damage {
    FlipBit,
    OverwriteBytes,
    Truncate,
    AppendGarbage,
    ZeroRange,
    Delete,
}

const DAMAGES: [Damage; 6] = [
    Damage::FlipBit,
    Damage::OverwriteBytes,
    Damage::Truncate,
    Damage::AppendGarbage,
    Damage::ZeroRange,
    Damage::Delete,
];

/// The damaged content, or none for a deleted file.
fn damaged(rng: &mut ChaCha8Rng, damage: Damage, mut content: Vec<u8>) -> Option<Vec<u8>> {
    let size = content.len();
    let at = rng.random_range(0..size.max(1));
    let end = at + rng.random_range(1..64);
    match damage {
        Damage::FlipBit if size > 0 => content[at] ^= 1 << rng.random_range(0..8),
        Damage::OverwriteBytes if size > 0 => rng.fill(&mut content[at..end.min(size)]),
        Damage::ZeroRange if size > 0 => content[at..end.min(size)].fill(0),
        Damage::Truncate => content.truncate(at),
        Damage::Delete => return None,
        _ => content.extend((0..rng.random_range(1..300)).map(|_| rng.random::<u8>())),
    }
    Some(content)
}

/// A store of some blocks, closed; with small memtables much of it lies in tables.
struct Original {
    files: BTreeMap<PathBuf, Vec<u8>>,
    chain: Chain,
}

impl Original {
    fn new(seed: u64, memtable_bytes: u64, blocks: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = FjallOptions::default();
        options.memtable_bytes = memtable_bytes;
        let mut chain = Chain::new(seed);
        // Opened twice: the second time fjall gives back the space that it reserved for its journal.
        for _ in 0..2 {
            let storage = FjallStorage::open_with(folder.path(), options).unwrap();
            let store = open(Arc::new(storage)).unwrap();
            for _ in 0..blocks / 2 {
                store.commit(chain.next_block()).unwrap();
            }
        }
        drop(open_folder(folder.path()).unwrap());
        let files = files(folder.path())
            .into_iter()
            .map(|(path, content)| {
                let relative = path.strip_prefix(folder.path()).unwrap().to_path_buf();
                (relative, content)
            })
            .collect();
        Self { files, chain }
    }

    fn restore(&self, folder: &Path) {
        for (path, content) in &self.files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }

    /// Damages one file and says how it went: an error's code, or none when all was right.
    #[expect(clippy::panic, reason = "a wrong answer fails the test by its case")]
    fn damage_one(&self, rng: &mut ChaCha8Rng, path: &Path, damage: Damage) -> Option<ErrorCode> {
        let folder = tempfile::tempdir().unwrap();
        self.restore(folder.path());
        let target = folder.path().join(path);
        match damaged(rng, damage, self.files[path].clone()) {
            Some(content) => fs::write(&target, content).unwrap(),
            None => fs::remove_file(&target).unwrap(),
        }
        let case = format!("{damage:?} in {}", path.display());
        let open = || match self.open_and_compare(folder.path()) {
            Ok(code) => code,
            Err(wrong) => panic!("{case}: {wrong}"),
        };
        let first = open();
        // What was refused stays refused: no opening makes it look whole.
        assert_eq!(first.is_some(), open().is_some(), "{case}: opened again");
        first
    }

    fn open_and_compare(&self, folder: &Path) -> Result<Option<ErrorCode>, String> {
        let store = match open_folder(folder) {
            Ok(store) => store,
            Err(error) => return Ok(Some(error.code())),
        };
        let found = store.tip();
        let expected = self.chain.tip();
        if found != expected {
            return Err(format!("the tip is {found:?}, not {expected:?}"));
        }
        match check_equal(&store, &self.chain.blocks, self.chain.keys) {
            Ok(()) => Ok(None),
            Err(wrong) => Err(wrong),
        }
    }
}

/// Opens as many damaged copies and counts what came of it.
fn campaign(original: &Original, seed: u64, cases: usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let paths: Vec<&PathBuf> = original
        .files
        .keys()
        .filter(|path| !path.ends_with("lock"))
        .collect();
    let mut counts = BTreeMap::new();
    for case in 0..cases {
        let damage = DAMAGES[case % DAMAGES.len()];
        // The journal, the witness and the rest by turns: there are many small files beside a few that matter most.
        let path = match case % 3 {
            0 => paths
                .iter()
                .find(|path| path.extension().is_some_and(|e| e == "jnl")),
            1 => paths.iter().find(|path| path.ends_with("WITNESS")),
            _ => None,
        };
        let path = path.or_else(|| paths.choose(&mut rng)).unwrap();
        let code = original.damage_one(&mut rng, path, damage);
        *counts.entry(code.map(ErrorCode::name)).or_insert(0) += 1;
    }
    println!("seed {seed}: {counts:?}");
}

#[test]
fn a_damaged_journal_store_is_refused_or_exactly_right() {
    campaign(&Original::new(50, u64::MAX, 12), 1, 40);
}

#[test]
fn a_damaged_store_of_tables_is_refused_or_exactly_right() {
    campaign(&Original::new(51, 0, 150), 2, 40);
}

#[test]
fn blocks_that_fjall_drops_in_silence_are_noticed() {
    let original = Original::new(52, u64::MAX, 12);
    let journal = original
        .files
        .keys()
        .find(|path| path.extension().is_some_and(|e| e == "jnl"))
        .unwrap();
    let content = &original.files[journal];
    let mut lost = 0;
    for part in 1..8 {
        let folder = tempfile::tempdir().unwrap();
        original.restore(folder.path());
        let kept = content.len() * part / 8;
        fs::write(folder.path().join(journal), &content[..kept]).unwrap();
        let error = open_folder(folder.path()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::StorageCorruption, "{error}");
        lost += usize::from(matches!(error, StateError::LostBlocks { .. }));
    }
    assert!(lost > 3, "{lost} of 7 cuts were told as lost blocks");
}
