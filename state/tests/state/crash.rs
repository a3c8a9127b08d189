//! A process that commits is killed at random moments: what it had acknowledged is there.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

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
