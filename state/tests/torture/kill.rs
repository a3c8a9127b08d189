//! A process is killed at random moments while it commits, writes pages, prunes and undoes blocks.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    num::NonZeroU64,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use ordlane_primitives::{BlockHeight, batch::Sequential};
use ordlane_state::{StateStore, StoreOptions};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    files::{open_small, paging},
    model::{Twin, next_height, right},
};

const WORK: &str = "ORDLANE_TORTURE_WORK";
/// How many blocks the process undoes at once, at most.
const MOST_UNDONE: u64 = 7;

/// What the process does, in words that go through its environment.
#[derive(Clone, Copy, Debug)]
struct Work {
    seed: u64,
    page_write_blocks: u64,
    /// How many blocks are kept; 0 keeps all.
    keep: u64,
    /// After how many blocks some are undone; 0 undoes none.
    undo_every: u64,
}

impl Work {
    fn options(&self) -> StoreOptions {
        let mut options = paging(self.page_write_blocks);
        options.keep_blocks = NonZeroU64::new(self.keep);
        options
    }

    fn to_text(self) -> String {
        let Self {
            seed,
            page_write_blocks,
            keep,
            undo_every,
        } = self;
        format!("{seed} {page_write_blocks} {keep} {undo_every}")
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut numbers = text.split(' ').map_while(|number| number.parse().ok());
        Some(Self {
            seed: numbers.next()?,
            page_write_blocks: numbers.next()?,
            keep: numbers.next()?,
            undo_every: numbers.next()?,
        })
    }
}

/// Not a test by itself: the process that is killed.
#[test]
fn working_process() {
    let Ok(text) = std::env::var(WORK) else {
        return;
    };
    let (work, folder) = text.split_once('|').unwrap();
    let work = Work::from_text(work).unwrap();
    let storage = open_small(&PathBuf::from(folder)).unwrap();
    let store = StateStore::open_with(storage, Arc::new(Sequential), work.options()).unwrap();
    let mut twin = Twin::new(work.seed);
    let mut out = std::io::stdout();
    let mut say = |what: &str, height: u64| {
        writeln!(out, "{what} {height}").unwrap();
        out.flush().unwrap();
    };
    for done in 1.. {
        let height = next_height(&store);
        store.commit(twin.block(height)).unwrap();
        say("acknowledged", height);
        if work.undo_every > 0 && done % work.undo_every == 0 {
            let to = height.saturating_sub(1 + done % MOST_UNDONE);
            let to = to.max(store.horizon().0);
            say("undoing", to);
            store.rollback_to(BlockHeight(to)).unwrap();
            say("undone", to);
        }
    }
}

/// What a process said before it was killed.
#[derive(Clone, Copy, Debug)]
struct Heard {
    /// The store ends here at least.
    least: Option<u64>,
    /// And here at most.
    most: Option<u64>,
    /// How many blocks it acknowledged.
    acknowledged: u64,
    undoing: bool,
}

impl Heard {
    fn hear(&mut self, line: &str) {
        // What the test harness writes may stand before it.
        let mut words = line.rsplitn(3, ' ');
        let height = words.next().and_then(|word| word.parse().ok());
        match (words.next(), height) {
            (Some("acknowledged"), Some(height)) => {
                self.least = Some(height);
                self.most = Some(height + 1);
                self.acknowledged += 1;
            }
            (Some("undoing"), Some(height)) => {
                self.least = Some(height);
                self.undoing = true;
            }
            (Some("undone"), Some(height)) => {
                self.most = Some(height + 1);
                self.undoing = false;
            }
            _ => {}
        }
    }
}

/// Lets a process work until it has acknowledged so many blocks and a while longer, and kills it.
fn work_and_kill(
    folder: &Path,
    work: Work,
    before: Option<u64>,
    blocks: u64,
    longer: Duration,
) -> Heard {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::working_process", "--nocapture"])
        .env(WORK, format!("{}|{}", work.to_text(), folder.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut heard = Heard {
        least: before,
        most: Some(before.map_or(0, |height| height + 1)),
        acknowledged: 0,
        undoing: false,
    };
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while heard.acknowledged < blocks {
        // It works until it is killed.
        heard.hear(&lines.next().unwrap().unwrap());
    }
    std::thread::sleep(longer);
    child.kill().unwrap();
    child.wait().unwrap();
    for line in lines.map_while(Result::ok) {
        heard.hear(&line);
    }
    heard
}

/// How long and how often.
struct Campaign {
    seed: u64,
    cycles: u64,
    /// A store is left for a new one when it has so many blocks.
    most_blocks: u64,
    /// How many blocks every tenth cycle adds after it has looked, and the others.
    more: [u64; 2],
}

/// Returns how often each outcome came.
fn campaign(of: &Campaign) -> BTreeMap<String, u64> {
    let mut rng = ChaCha8Rng::seed_from_u64(of.seed);
    let mut outcomes = BTreeMap::new();
    let mut cycle = 0;
    for store in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let mut twin = Twin::new(of.seed + store);
        let (mut tip, mut horizon) = (None, 0);
        while cycle < of.cycles && tip < Some(of.most_blocks) {
            let work = Work {
                seed: of.seed + store,
                page_write_blocks: rng.random_range(1..=3),
                keep: if store % 2 == 0 { 0 } else { 12 },
                undo_every: if cycle % 3 == 0 {
                    rng.random_range(2..9)
                } else {
                    0
                },
            };
            let blocks = rng.random_range(0..12);
            let longer = Duration::from_micros(match blocks {
                // Before it has said anything, so perhaps while it opens.
                0 => rng.random_range(0..20_000),
                _ => rng.random_range(0..2_000),
            });
            let heard = work_and_kill(folder.path(), work, tip, blocks, longer);
            let case = format!("cycle {cycle} of {work:?}: {heard:?}");

            let storage = open_small(folder.path()).unwrap();
            let store = right(twin.check(&storage, work.options()), &case);
            let found = store.tip().map(|tip| tip.height.0);
            let allowed = heard.least <= found && found <= heard.most;
            assert!(allowed, "{case}: it ends at {found:?}");
            assert!(store.horizon().0 >= horizon, "{case}: horizon");
            let outcome = if heard.undoing {
                "killed while it undid blocks"
            } else if found == heard.least {
                "killed between blocks, or before a block was durable"
            } else {
                "killed after a block was durable and before it was acknowledged"
            };
            *outcomes.entry(outcome.to_owned()).or_insert(0) += 1;

            let more = of.more[usize::from(cycle % 10 != 0)];
            twin.extend(&store, more).unwrap();
            let checked = twin.check_open(&store, storage.as_ref());
            right(checked, &format!("{case}, {more} blocks later"));
            tip = store.tip().map(|tip| tip.height.0);
            horizon = store.horizon().0;
            cycle += 1;
        }
        if cycle == of.cycles {
            break;
        }
    }
    outcomes
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let outcomes = campaign(&Campaign {
        seed: 30,
        cycles: 12,
        most_blocks: 50,
        more: [10, 4],
    });
    println!("kill -9: {outcomes:#?}");
}

#[test]
#[ignore = "minutes: `just torture`"]
fn what_was_acknowledged_survives_a_thousand_kills() {
    let outcomes = campaign(&Campaign {
        seed: 1_000,
        cycles: 1_000,
        most_blocks: 600,
        more: [100, 5],
    });
    println!("kill -9: {outcomes:#?}");
    assert_eq!(outcomes.values().sum::<u64>(), 1_000);
}
