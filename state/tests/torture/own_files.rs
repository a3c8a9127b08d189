//! The files that the store writes itself, torn: of the last write any bytes may have reached the disk and the others not.
//!
//! fjall's files are as the store left them, so the last block is there; opening gives this block, or says that it cannot
//! tell. Where the block is not there any more, no mixture of bytes may hide it.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use ordlane_primitives::batch::Sequential;
use ordlane_state::{FjallStorage, StateError, StateStore, Storage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    files::paging,
    model::{Twin, next_height},
};

fn open(folder: &Path) -> Result<StateStore, StateError> {
    let storage = Arc::new(FjallStorage::open(folder)?);
    StateStore::open_with(storage, Arc::new(Sequential), paging(2))
}

/// The content of a file of which some bytes of a write have come, and the others are as before, or zero where there was
/// nothing: a first part, a last part, or any of them.
fn torn(rng: &mut ChaCha8Rng, before: &[u8], after: &[u8]) -> Vec<u8> {
    let differing: Vec<usize> = (0..after.len())
        .filter(|at| before.get(*at) != after.get(*at))
        .collect();
    let cut = rng.random_range(0..=differing.len());
    let way = rng.random_range(0..4);
    let mut content = after.to_vec();
    for (number, &at) in differing.iter().enumerate() {
        let lost = match way {
            0 => number >= cut,
            1 => number < cut,
            2 => rng.random(),
            _ => rng.random_bool(0.03),
        };
        if lost {
            content[at] = before.get(at).copied().unwrap_or(0);
        }
    }
    if before.is_empty() && rng.random() {
        content.truncate(rng.random_range(0..=after.len()));
    }
    content
}

type Counts = BTreeMap<&'static str, u64>;

/// Opens and says how it went; the store may end only at `right`.
fn outcome(folder: &Path, right: u64) -> &'static str {
    match open(folder) {
        Ok(store) => {
            assert_eq!(next_height(&store), right + 1, "a silent loss");
            "right"
        }
        Err(StateError::LostBlocks { .. } | StateError::Damaged { .. }) => "refused (typed)",
        Err(StateError::ForeignFolder { .. }) => "refused (typed)",
        Err(error) => {
            assert!(!matches!(error, StateError::Io { .. }), "{error}");
            "refused (another error)"
        }
    }
}

/// A store of some blocks in a folder, and its witness before the last of them was attested.
fn grown(folder: &Path, blocks: u64) -> Vec<u8> {
    let mut twin = Twin::new(60);
    let store = open(folder).unwrap();
    twin.extend(&store, blocks - 1).unwrap();
    let before = fs::read(folder.join("WITNESS")).unwrap();
    twin.extend(&store, 1).unwrap();
    before
}

/// The witness of block 7 is torn, over that of block 6.
fn tear_witness(cases: u64) -> Counts {
    let folder = tempfile::tempdir().unwrap();
    let before = grown(folder.path(), 8);
    let path = folder.path().join("WITNESS");
    let after = fs::read(&path).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(61);
    let mut counts = Counts::new();
    for _ in 0..cases {
        fs::write(&path, torn(&mut rng, &before, &after)).unwrap();
        *counts.entry(outcome(folder.path(), 7)).or_insert(0) += 1;
    }
    counts
}

/// The witness of block 7 is torn, and block 7 is gone: whatever opens at block 6 must never have acknowledged block 7,
/// so its witness must not have come whole.
fn tear_witness_of_lost_block(cases: u64) -> Counts {
    let whole = tempfile::tempdir().unwrap();
    let before = grown(whole.path(), 8);
    let after = fs::read(whole.path().join("WITNESS")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    drop(grown(folder.path(), 7));
    let path = folder.path().join("WITNESS");
    let mut rng = ChaCha8Rng::seed_from_u64(62);
    let mut counts = Counts::new();
    for _ in 0..cases {
        let content = torn(&mut rng, &before, &after);
        fs::write(&path, &content).unwrap();
        let outcome = match open(folder.path()) {
            Ok(store) => {
                assert_eq!(next_height(&store), 7);
                assert_eq!(content, before, "a silent loss");
                "right: nothing of the witness came"
            }
            Err(StateError::LostBlocks { .. }) => "told as lost",
            Err(error) => {
                assert!(matches!(error, StateError::Damaged { .. }), "{error}");
                "refused (typed)"
            }
        };
        *counts.entry(outcome).or_insert(0) += 1;
    }
    counts
}

/// Files that appear under their name when they are whole: what is there before has another name, and is not looked at.
/// If the name came first against the promise of the file system, the content is refused or right.
fn tear_whole_files(cases: u64) -> Counts {
    let folder = tempfile::tempdir().unwrap();
    drop(grown(folder.path(), 8));
    let mut twin = Twin::new(60);
    let storage = FjallStorage::open(folder.path()).unwrap();
    let [from, to] = [7, 4].map(|height| twin.mark(height));
    storage.begin_rollback(&from, &to).unwrap();
    drop(storage);
    let names = ["ROLLBACK", "WITNESS", "ORDLANE"];
    let whole = names.map(|name| fs::read(folder.path().join(name)).unwrap());
    let mut rng = ChaCha8Rng::seed_from_u64(63);
    let mut counts = Counts::new();
    for case in 0..cases {
        for (name, content) in names.iter().zip(&whole) {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let at = usize::try_from(case).unwrap() % names.len();
        let under = if case % 2 == 0 { ".new" } else { "" };
        let path = folder.path().join(format!("{}{under}", names[at]));
        fs::write(&path, torn(&mut rng, &[], &whole[at])).unwrap();
        let outcome = outcome(folder.path(), 7);
        assert!(under.is_empty() || outcome == "right", "{}", path.display());
        *counts.entry(outcome).or_insert(0) += 1;
        if !under.is_empty() {
            fs::remove_file(path).unwrap();
        }
    }
    counts
}

/// The marker of a new folder is torn before it has its name.
#[test]
fn a_torn_marker_of_a_new_store_is_written_again() {
    let mut rng = ChaCha8Rng::seed_from_u64(64);
    let marker = b"ordlane state\nformat 2\n";
    for _ in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ORDLANE.new");
        fs::write(path, torn(&mut rng, &[], marker)).unwrap();
        assert_eq!(open(folder.path()).unwrap().tip(), None);
    }
}

fn tear(cases: u64) {
    println!("a torn witness: {:?}", tear_witness(cases));
    let lost = tear_witness_of_lost_block(cases);
    println!("a torn witness of a lost block: {lost:?}");
    assert!(lost.contains_key("told as lost") && lost.contains_key("refused (typed)"));
    println!("other torn files: {:?}", tear_whole_files(cases));
}

#[test]
fn a_torn_file_of_ours_hides_no_loss() {
    tear(24);
}

#[test]
#[ignore = "minutes: `just torture`"]
fn a_thousand_torn_files_of_ours_hide_no_loss() {
    tear(400);
}
