//! Journals that fjall removed because everything in them is in tables, and those that are gone for another reason.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use ordlane_state::{Space, StateError, Storage, WriteBatch};
use rand::{Rng, RngCore, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use crate::{
    files::{files, open_small, restore},
    journal::batches,
};

const WORK: &str = "ORDLANE_TORTURE_JOURNALS";
/// Fills a memtable and a journal, which begins anew after some 64 MB.
const LARGE_BYTES: usize = 1 << 20;
/// A journal is full long before.
const MOST_BATCHES: u64 = 200;

/// The journals, the oldest first.
fn journals(folder: &Path) -> Vec<(u64, PathBuf)> {
    let number = |path: &Path| {
        path.file_name()?
            .to_str()?
            .strip_suffix(".jnl")?
            .parse()
            .ok()
    };
    let entries = fs::read_dir(folder.join("fjall")).unwrap();
    let mut found: Vec<(u64, PathBuf)> = entries
        .filter_map(|entry| entry.unwrap().path().into())
        .filter_map(|path| Some((number(&path)?, path)))
        .collect();
    found.sort_unstable();
    found
}

fn put(storage: &dyn Storage, space: Space, key: &str, bytes: usize) {
    let mut value = vec![0; bytes];
    ChaCha8Rng::seed_from_u64(7).fill_bytes(&mut value);
    let mut batch = WriteBatch::new();
    batch.put(space, key, value);
    storage.write(batch).unwrap();
}

fn remove(storage: &dyn Storage, space: Space, key: &str) {
    let mut batch = WriteBatch::new();
    batch.remove(space, key);
    storage.write(batch).unwrap();
}

/// Writes to one space until fjall has begun a journal.
fn fill_journal(storage: &dyn Storage, folder: &Path) {
    let last = |folder| journals(folder).last().unwrap().0;
    let before = last(folder);
    let began = (0..MOST_BATCHES).any(|count| {
        put(
            storage,
            Space::Block,
            &format!("large {count}"),
            LARGE_BYTES,
        );
        last(folder) != before
    });
    assert!(began, "fjall began no journal");
}

/// Has everything in these spaces written to tables, and waits until fjall has removed all journals before the last one,
/// and begun with empty memtables.
fn settle(storage: &dyn Storage, folder: &Path, spaces: &[Space]) {
    let removed = (0..MOST_BATCHES).any(|count| {
        for &space in spaces {
            put(storage, space, &format!("settled {count}"), 70_000);
        }
        std::thread::sleep(Duration::from_millis(20));
        journals(folder).len() == 1
    });
    assert!(removed, "fjall kept its journals");
    std::thread::sleep(Duration::from_millis(300));
}

fn refused(folder: &Path) {
    for _ in 0..2 {
        let error = open_small(folder).unwrap_err();
        let said = error.to_string();
        assert!(matches!(error, StateError::Damaged { .. }), "{said}");
        assert!(said.contains("restore"), "{said}");
    }
}

#[test]
fn a_store_whose_oldest_journal_is_gone_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open_small(folder.path()).unwrap();
    put(storage.as_ref(), Space::Flat, "a", 1);
    fill_journal(storage.as_ref(), folder.path());
    put(storage.as_ref(), Space::Meta, "b", 1);
    drop(storage);
    // Opening it would write to tables what the first journal holds.
    let whole = files(folder.path());
    let oldest = Path::new("fjall/0.jnl");
    let mut headless = whole[oldest].clone();
    drop(headless.drain(..batches(&headless)[0].end));

    let reserved = vec![0; 4_096];
    for content in [None, Some(vec![]), Some(reserved), Some(headless)] {
        let folder = tempfile::tempdir().unwrap();
        restore(&whole, folder.path());
        match content {
            Some(content) => fs::write(folder.path().join(oldest), content).unwrap(),
            None => fs::remove_file(folder.path().join(oldest)).unwrap(),
        }
        refused(folder.path());
    }
    let storage = open_small(folder.path()).unwrap();
    assert!(storage.get(Space::Flat, b"a").unwrap().is_some());
}

#[test]
fn a_removal_that_was_in_the_oldest_journal_alone_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open_small(folder.path()).unwrap();
    put(storage.as_ref(), Space::Flat, "a", 1);
    fill_journal(storage.as_ref(), folder.path());
    settle(storage.as_ref(), folder.path(), &Space::ALL);
    // What is written from here on is in memory and in the journals only, but for the blocks.
    remove(storage.as_ref(), Space::Flat, "a");
    assert_eq!(storage.get(Space::Flat, b"a").unwrap(), None);
    fill_journal(storage.as_ref(), folder.path());
    drop(storage);
    let journals = journals(folder.path());
    assert_eq!(journals.len(), 2);
    fs::remove_file(&journals[0].1).unwrap();
    refused(folder.path());
}

#[test]
fn a_store_whose_other_journal_is_empty_misses_the_oldest_one() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open_small(folder.path()).unwrap();
    put(storage.as_ref(), Space::Flat, "a", 1);
    fill_journal(storage.as_ref(), folder.path());
    // `meta` gets a table, `flat` none.
    for count in 0..4 {
        put(storage.as_ref(), Space::Meta, &format!("{count}"), 70_000);
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(storage);
    let mut journals = journals(folder.path());
    let last = journals.pop().unwrap().1;
    for (_, older) in journals {
        fs::remove_file(older).unwrap();
    }
    fs::write(last, []).unwrap();
    refused(folder.path());
}

#[test]
fn a_store_whose_oldest_journals_fjall_removed_opens() {
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=2 {
        let storage = open_small(folder.path()).unwrap();
        fill_journal(storage.as_ref(), folder.path());
        settle(storage.as_ref(), folder.path(), &Space::ALL);
        for space in Space::ALL {
            put(storage.as_ref(), space, "a", 1);
            remove(storage.as_ref(), space, "a");
        }
        drop(storage);
        for _ in 0..3 {
            let storage = open_small(folder.path()).unwrap();
            put(storage.as_ref(), Space::Meta, "b", 1);
            assert_eq!(storage.get(Space::Flat, b"a").unwrap(), None);
        }
        assert!(journals(folder.path())[0].0 >= round, "some were removed");
    }
}

#[test]
fn removals_that_compaction_dropped_are_not_missed() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open_small(folder.path()).unwrap();
    // Each of these fills a memtable. After some of them fjall compacts what has become of them: to next to nothing.
    let is_small = || storage.disk_bytes(Space::Flat).unwrap() < Some(50_000);
    let mut had_tables = false;
    for _ in 0..MOST_BATCHES {
        let mut batch = WriteBatch::new();
        for key in 0..100_u8 {
            batch.remove(Space::Flat, [key; 1_000]);
        }
        storage.write(batch).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        if had_tables && is_small() {
            break;
        }
        had_tables |= !is_small();
    }
    assert!(had_tables && is_small());
    fill_journal(storage.as_ref(), folder.path());
    let others = Space::ALL.map(|space| match space {
        Space::Flat => Space::Meta,
        other => other,
    });
    settle(storage.as_ref(), folder.path(), &others);
    drop(storage);
    assert!(journals(folder.path())[0].0 > 0);
    for _ in 0..3 {
        open_small(folder.path()).unwrap();
    }
}

#[test]
fn what_the_storage_writes_for_itself_is_nowhere_to_be_seen() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open_small(folder.path()).unwrap();
    for space in Space::ALL {
        put(storage.as_ref(), space, "a", 1);
        remove(storage.as_ref(), space, "a");
    }
    let view = storage.view().unwrap();
    for space in Space::ALL {
        let mut visit = |key: &[u8], _: &[u8]| panic!("{space} holds {key:?}");
        storage.scan(space, b"", &mut visit).unwrap();
        view.scan(space, b"", &mut visit).unwrap();
        assert_eq!(
            storage.first_at_or_after(space, &[0xff; 100]).unwrap(),
            None
        );
    }
}

/// What a process that is killed writes: the batch of a number, which puts that number in some spaces, with values of
/// any size, and removes in others what earlier ones put there.
fn batch_of(seed: u64, number: u64) -> WriteBatch {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ number.wrapping_mul(0x9e37_79b9));
    let mut batch = WriteBatch::new();
    batch.put(Space::Meta, "number", number.to_be_bytes());
    for space in Space::ALL {
        let key = rng.random_range(0_u8..8);
        let bytes = [1, 1, 1_000, 40_000, 300_000].choose(&mut rng).copied();
        match rng.random_range(0..8) {
            0..=2 => {
                let mut value = vec![0; bytes.unwrap()];
                rng.fill_bytes(&mut value);
                batch.put(space, [key], value);
            }
            3 | 4 => batch.remove(space, [key]),
            _ => {}
        }
    }
    batch
}

/// Not a test by itself: the process that is killed.
#[test]
fn writing_process() {
    let Ok(text) = std::env::var(WORK) else {
        return;
    };
    let (seed, folder) = text.split_once('|').unwrap();
    let seed = seed.parse().unwrap();
    let storage = open_small(&PathBuf::from(folder)).unwrap();
    let mut out = std::io::stdout();
    for number in next_number(storage.as_ref()).. {
        storage.write(batch_of(seed, number)).unwrap();
        writeln!(out, "wrote {number}").unwrap();
        out.flush().unwrap();
    }
}

fn next_number(storage: &dyn Storage) -> u64 {
    let found = storage.get(Space::Meta, b"number").unwrap();
    found.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap()) + 1)
}

/// Kills so many writing processes, and opens what they leave. Returns how many journals fjall had removed by then.
fn kill_writers(seed: u64, cycles: u64) -> u64 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut expected = BTreeMap::new();
    let mut known = 0;
    for cycle in 0..cycles {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "lost_journal::writing_process", "--nocapture"])
            .env(WORK, format!("{seed}|{}", folder.path().display()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = known;
        let mut hear = |line: String| {
            let number = line.rsplit_once("wrote ").map(|(_, number)| number.parse());
            if let Some(Ok(number)) = number {
                acknowledged = u64::max(acknowledged, number);
            }
        };
        for _ in 0..rng.random_range(0..300) {
            // It works until it is killed.
            hear(lines.next().unwrap().unwrap());
        }
        std::thread::sleep(Duration::from_micros(rng.random_range(0..20_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        lines.map_while(Result::ok).for_each(hear);

        let opened = open_small(folder.path());
        assert!(opened.is_ok(), "seed {seed}, cycle {cycle}: {opened:?}");
        let storage = opened.unwrap();
        let next = next_number(storage.as_ref());
        assert!(next >= acknowledged && next <= acknowledged + 2, "{cycle}");
        for number in known..next {
            for (space, key, value) in batch_of(seed, number).into_entries() {
                expected.insert((space, key), value);
            }
        }
        for ((space, key), value) in &expected {
            let found = storage.get(*space, key).unwrap();
            assert!(
                found == *value,
                "seed {seed}, cycle {cycle}: {space} {key:?}"
            );
        }
        known = next;
    }
    journals(folder.path())[0].0
}

#[test]
fn a_killed_writer_leaves_no_store_that_misses_a_journal() {
    kill_writers(60, 4);
}

#[test]
#[ignore = "minutes: `just torture`"]
fn hundreds_of_killed_writers_leave_no_store_that_misses_a_journal() {
    let removed: u64 = (0..5).map(|store| kill_writers(600 + store, 60)).sum();
    println!("kill -9 of 300 writers: {removed} journals were removed by then, none was missed");
    assert!(removed > 20, "{removed}");
}
