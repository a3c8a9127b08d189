//! kill -9: what was acknowledged is there afterwards, and the chain goes on as if nothing had happened.
#![cfg(feature = "fjall")]

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use ordlane::{Engine, primitives::BlockHeight, state::FjallStorage};
use ordlane_testkit::workload::{Distribution, GeneratedBlock, Generator, Workload};

use crate::support::{context, generator, workload};

/// The folder that the child works in; set by the parent only.
const CHILD_FOLDER: &str = "ORDLANE_TEST_CRASH_FOLDER";
const CYCLES: u64 = 8;

fn load() -> Workload {
    Workload {
        blocks: 4_000,
        txs_per_block: 20,
        ..workload(Distribution::Uniform, 50)
    }
}

fn open(folder: &Path, generator: &Generator) -> Engine {
    let storage = Arc::new(FjallStorage::open(folder).unwrap());
    Engine::builder()
        .store(storage)
        .genesis(generator.genesis().clone())
        .threads(2)
        .build()
        .unwrap()
}

fn execute_and_commit(engine: &Engine, block: &GeneratedBlock) {
    let executed = engine
        .execute(&engine.durable_head().hash, &context(block), &block.txs)
        .unwrap();
    engine.commit(executed).unwrap();
}

/// Not a test of its own: what the child does until it is killed.
#[test]
fn child_commits_blocks_and_says_so() {
    let Some(folder) = std::env::var_os(CHILD_FOLDER) else {
        return;
    };
    let generator = generator(&load());
    let engine = open(folder.as_ref(), &generator);
    let done = engine.durable_head().height;
    for block in generator.filter(|block| block.number > done) {
        execute_and_commit(&engine, &block);
        println!("committed {}", block.number);
    }
}

#[test]
fn a_killed_process_loses_nothing_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for cycle in 0..CYCLES {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "crash::child_commits_blocks_and_says_so",
                "--nocapture",
            ])
            .env(CHILD_FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let heights = lines.map_while(Result::ok).filter_map(|line| {
            line.split_once("committed ")
                .and_then(|(_, height)| height.parse::<u64>().ok())
        });
        // Some cycles die after a number of blocks, others at a moment that has nothing to do with blocks.
        for height in heights {
            acknowledged = acknowledged.max(height);
            if height >= cycle * 10 + 5 {
                std::thread::sleep(Duration::from_micros(cycle * 311));
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();

        let generator = generator(&load());
        let engine = open(folder.path(), &generator);
        assert!(
            engine.durable_head().height >= BlockHeight(acknowledged),
            "{acknowledged} was acknowledged, {} is there",
            engine.durable_head().height
        );
    }
    assert!(acknowledged > CYCLES * 5);

    let generator = generator(&load());
    let survivor = open(folder.path(), &generator);
    let twin = Engine::builder()
        .genesis(generator.genesis().clone())
        .build()
        .unwrap();
    let last = survivor.durable_head().height.0 + 20;
    for block in generator.take_while(|block| block.number.0 <= last) {
        execute_and_commit(&twin, &block);
        if block.number > survivor.durable_head().height {
            execute_and_commit(&survivor, &block);
        }
    }
    assert_eq!(survivor.durable_head(), twin.durable_head());
}
