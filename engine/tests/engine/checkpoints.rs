//! Checkpoints: made in the background, kept in number, restored like any snapshot, and never in the way.

use std::{fs, num::NonZeroUsize, ops::ControlFlow, path::Path, sync::Arc, thread, time::Duration};

use ordlane::{
    Engine, EngineBuilder, EngineError, Head, SystemError,
    primitives::{BlockHeight, ChainId, ChainParams, Genesis, TimestampMs, batch::Sequential},
    state::{MemoryStorage, snapshot},
};
use ordlane_testkit::workload::{Distribution, GeneratedBlock, Generator, Workload};

use crate::support::{context, generator, workload};

fn load(seed: u64, blocks: u64) -> Generator {
    generator(&Workload {
        txs_per_block: 10,
        blocks,
        ..workload(Distribution::Uniform, seed)
    })
}

fn builder(genesis: &Genesis) -> EngineBuilder {
    Engine::builder().genesis(genesis.clone()).threads(1)
}

fn commit(engine: &Engine, generated: &GeneratedBlock) -> Head {
    let parent = engine.durable_head().hash;
    let executed = engine
        .execute(&parent, &context(generated), &generated.txs)
        .unwrap();
    engine.commit(executed).unwrap().head
}

fn heights(engine: &Engine) -> Vec<u64> {
    let checkpoints = engine.checkpoints().unwrap();
    checkpoints.iter().map(|(height, _)| height.0).collect()
}

/// Waits until the checkpoints are these.
fn wait_for(engine: &Engine, expected: &[u64]) {
    for _ in 0..2_000 {
        if heights(engine) == expected {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(heights(engine), expected);
}

#[test]
fn the_last_checkpoints_are_kept_and_a_chain_goes_on_from_one() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = folder.path().join("not/made/yet");
    let generator = load(100, 11);
    let genesis = generator.genesis().clone();
    let engine = builder(&genesis)
        .checkpoints(&checkpoints)
        .checkpoint_interval(3)
        .keep_checkpoints(NonZeroUsize::new(2).unwrap())
        .build()
        .unwrap();
    let blocks: Vec<GeneratedBlock> = generator.collect();
    let mut heads = vec![engine.durable_head()];
    for (at, block) in (1_u64..).zip(&blocks[..10]) {
        heads.push(commit(&engine, block));
        match at {
            3 => wait_for(&engine, &[3]),
            6 => wait_for(&engine, &[3, 6]),
            9 => wait_for(&engine, &[6, 9]),
            _ => {}
        }
    }
    let (_, path) = engine.checkpoints().unwrap().pop().unwrap();
    assert_eq!(path, checkpoints.join("9.snapshot"));
    let file = fs::read(&path).unwrap();
    let manifest = snapshot::inspect(&mut &file[..]).unwrap();
    assert_eq!(manifest.header.hash(), heads[9].hash);
    assert!(manifest.params.is_some());

    let storage = Arc::new(MemoryStorage::new());
    let trusted = Some(&heads[9].hash);
    snapshot::restore(
        &mut &file[..],
        storage.as_ref(),
        &Sequential,
        trusted,
        &mut |_| ControlFlow::Continue(()),
    )
    .unwrap();
    let restored = builder(&genesis).store(storage.clone()).build().unwrap();
    assert_eq!(restored.durable_head(), heads[9]);
    assert_eq!(commit(&restored, &blocks[9]), heads[10]);
    let next = commit(&engine, &blocks[10]);
    assert_eq!(commit(&restored, &blocks[10]), next);
    let address = genesis.accounts()[0].address;
    assert_eq!(
        restored.prove(&address).unwrap(),
        engine.prove(&address).unwrap()
    );
    drop(restored);

    let params = ChainParams::development(ChainId(1));
    let accounts = genesis.accounts().to_vec();
    let other = Genesis::new(params, TimestampMs(7), accounts).unwrap();
    let refused = builder(&other).store(storage).build().unwrap_err();
    assert!(
        matches!(
            refused,
            EngineError::System(SystemError::OtherGenesis { .. })
        ),
        "{refused}"
    );
}

#[test]
fn checkpoints_of_undone_blocks_go() {
    let folder = tempfile::tempdir().unwrap();
    let generator = load(101, 8);
    let engine = builder(generator.genesis())
        .checkpoints(folder.path())
        .checkpoint_interval(2)
        .build()
        .unwrap();
    for (block, expected) in generator.zip([&[][..], &[2], &[2], &[2, 4], &[2, 4], &[2, 4, 6]]) {
        commit(&engine, &block);
        wait_for(&engine, expected);
    }
    engine.rollback_to(BlockHeight(4)).unwrap();
    wait_for(&engine, &[2, 4]);
    engine.rollback_to(BlockHeight(1)).unwrap();
    wait_for(&engine, &[]);
}

#[test]
fn what_was_left_unfinished_goes_and_what_is_not_ours_stays() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "5.snapshot.partial",
        "mine.snapshot",
        "007.snapshot",
        "notes",
    ] {
        fs::write(folder.path().join(name), name).unwrap();
    }
    let generator = load(102, 2);
    let engine = builder(generator.genesis())
        .checkpoints(folder.path())
        .checkpoint_interval(1)
        .keep_checkpoints(NonZeroUsize::MIN)
        .build()
        .unwrap();
    for (at, block) in (1..).zip(generator) {
        commit(&engine, &block);
        wait_for(&engine, &[at]);
    }
    drop(engine);
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["007.snapshot", "2.snapshot", "mine.snapshot", "notes"]
    );
}

fn goes_on(builder: EngineBuilder, blocks: Generator) {
    let engine = builder.build().unwrap();
    let mut count = 0;
    for block in blocks {
        count = commit(&engine, &block).height.0;
    }
    assert_eq!(count, 5);
}

#[test]
fn where_no_checkpoint_can_be_made_or_none_is_wanted_the_chain_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    fs::write(&taken, b"a file").unwrap();
    let none: &Path = &folder.path().join("none");
    let generator = || load(103, 5);
    let genesis = generator().genesis().clone();
    let failing = builder(&genesis).checkpoints(&taken).checkpoint_interval(1);
    goes_on(failing, generator());
    let off = builder(&genesis).checkpoints(none).checkpoint_interval(0);
    goes_on(off, generator());
    goes_on(builder(&genesis).checkpoints(none), generator());
    assert!(!none.exists());
    assert_eq!(fs::read(&taken).unwrap(), b"a file");
}
