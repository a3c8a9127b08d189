//! A process that commits is killed at random moments: what it had acknowledged is there.

use std::{
    io::{BufRead, BufReader, Write},
    num::NonZeroU64,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use ordlane_primitives::{BlockHeight, RawKey, batch::Sequential};
use ordlane_state::{FjallOptions, FjallStorage, StateError, StateStore, StoreOptions};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    chain::{Chain, assert_equal},
    folder::open_small,
};

const FOLDER: &str = "ORDLANE_TEST_CRASH";
const SEED: u64 = 30;
const CYCLES: u32 = 10;

/// The chain as far as the store has it.
fn grown_to(height: Option<u64>) -> Chain {
    let blocks = height.map_or(0, |height| height + 1);
    Chain::grown(SEED, usize::try_from(blocks).unwrap())
}

/// Not a test by itself: the process that is killed.
#[test]
fn committing_process() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let store = open_small(&PathBuf::from(folder)).unwrap();
    let mut chain = grown_to(store.tip().map(|tip| tip.height.0));
    let mut out = std::io::stdout();
    loop {
        store.commit(chain.next_block()).unwrap();
        let height = chain.tip().unwrap().height;
        writeln!(out, "acknowledged {height}").unwrap();
        out.flush().unwrap();
    }
}

/// Lets a process commit for a while, kills it, and returns the last height that it acknowledged.
fn commit_and_kill(folder: &Path, after: Duration) -> Option<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::committing_process", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        lines
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| {
                let height = line.rsplit_once("acknowledged ")?.1.parse().ok()?;
                Some(height)
            })
            .last()
    });
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

const WANDERING: &str = "ORDLANE_TEST_CRASH_WANDERING";
/// How many of the last blocks the wandering process keeps.
const KEEP: u64 = 12;
/// How many blocks it undoes at once.
const UNDONE: u64 = 7;

/// Not a test by itself: the process that is killed while it commits, undoes and prunes by turns.
#[test]
fn wandering_process() {
    let Some(folder) = std::env::var_os(WANDERING) else {
        return;
    };
    let store = open_keeping(&PathBuf::from(folder)).unwrap();
    loop {
        let mut chain = grown_to(store.tip().map(|tip| tip.height.0));
        for _ in 0..10 {
            store.commit(chain.next_block()).unwrap();
        }
        let to = chain.tip().unwrap().height.0 - UNDONE;
        store.rollback_to(BlockHeight(to)).unwrap();
    }
}

fn open_keeping(folder: &Path) -> Result<StateStore, StateError> {
    let mut options = FjallOptions::default();
    options.memtable_bytes = 0;
    let storage = Arc::new(FjallStorage::open_with(folder, options)?);
    let keep = StoreOptions::keeping(NonZeroU64::new(KEEP).unwrap());
    StateStore::open_with(storage, Arc::new(Sequential), keep)
}

#[test]
fn a_store_that_is_killed_while_it_undoes_and_prunes_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(SEED + 1);
    let mut tips = Vec::new();
    for cycle in 0..CYCLES {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::wandering_process", "--nocapture"])
            .env(WANDERING, folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(rng.random_range(20_000..300_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        let store = open_keeping(folder.path()).unwrap();
        let tip = store.tip().map(|tip| tip.height.0);
        let chain = grown_to(tip);
        assert_eq!(store.tip(), chain.tip(), "cycle {cycle}");
        for block in &chain.blocks {
            let height = block.tip.height;
            if height < store.horizon() {
                continue;
            }
            let bytes = store.block_bytes(height).unwrap();
            assert_eq!(bytes.as_ref(), Some(&block.block_bytes), "cycle {cycle}");
            for key in (0..chain.keys).step_by(9) {
                let key = key.to_be_bytes();
                let read = store.read_at(height, &key).unwrap();
                let expected = block.values.get(&RawKey::from_bytes(key.to_vec()));
                assert_eq!(read.as_ref(), expected, "cycle {cycle}, block {height}");
            }
        }
        tips.extend(tip);
    }
    println!("{CYCLES} cycles ended at blocks {tips:?}");
}

#[test]
fn acknowledged_blocks_survive_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut acknowledged = None;
    for cycle in 0..CYCLES {
        let after = Duration::from_micros(rng.random_range(20_000..400_000));
        acknowledged = commit_and_kill(folder.path(), after).max(acknowledged);
        let store = open_small(folder.path()).unwrap();
        let found = store.tip().map(|tip| tip.height.0);
        assert!(
            found >= acknowledged,
            "cycle {cycle}: {acknowledged:?} was acknowledged, {found:?} found"
        );
        let mut chain = grown_to(found);
        assert_equal(&store, &chain);
        store.commit(chain.next_block()).unwrap();
        assert_equal(&store, &chain);
        acknowledged = store.tip().map(|tip| tip.height.0);
    }
    println!("{CYCLES} cycles, {acknowledged:?} is the last block");
}
