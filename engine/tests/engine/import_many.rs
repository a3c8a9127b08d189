//! Importing many blocks at once: what importing one by one gives, sooner.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use ordlane::{
    BlockError, Engine, EngineError, ImportedBlock, SystemError,
    primitives::{Block, BlockHeight, Hash, TimestampMs, codec},
    state::StateError,
};

use crate::{
    submit::{Fault, Setup},
    support::context,
};

/// Honest blocks, as a chain that builds them one after another has them.
fn honest(setup: &Setup) -> Vec<Block> {
    let maker = crate::support::engine(&setup.genesis, 2);
    let build = |block| {
        let context = context(block);
        let parent = maker.durable_head().hash;
        let built = maker.build_block(&parent, &context, &block.txs).unwrap();
        let block = built.executed.block().clone();
        maker.commit(built.executed).unwrap();
        block
    };
    setup.blocks.iter().map(build).collect()
}

fn bytes(blocks: &[Block]) -> Vec<Vec<u8>> {
    blocks.iter().map(codec::encode).collect()
}

/// How far one gets by importing one by one, and why no further.
fn one_by_one(engine: &Engine, blocks: &[Vec<u8>]) -> (usize, Option<EngineError>) {
    for (position, bytes) in blocks.iter().enumerate() {
        let imported = engine.import_block(bytes);
        if let Err(error) = imported.and_then(|executed| engine.commit(executed)) {
            return (position, Some(error));
        }
    }
    (blocks.len(), None)
}

#[test]
fn importing_many_blocks_gives_what_importing_one_by_one_gives() {
    let setup = Setup::new(330, 10);
    let blocks = bytes(&honest(&setup));
    let twin = Setup::new(330, 10).open(1, 1);
    assert!(one_by_one(&twin, &blocks).1.is_none());
    for threads in [1, 2, 8] {
        for max_unsynced in [1, 4] {
            let engine = Setup::new(330, 10).open(threads, max_unsynced);
            let mut done: Vec<ImportedBlock> = Vec::new();
            let head = engine
                .import_blocks(&blocks, |block| {
                    assert!(engine.durable_head().height >= block.committed.head.height);
                    done.push(block.clone());
                })
                .unwrap();
            assert_eq!(head, twin.durable_head());
            assert_eq!(head, engine.durable_head());
            assert_eq!(done.len(), 10);
            for (height, imported) in (1..).map(BlockHeight).zip(done) {
                let receipts = twin.receipts(height).unwrap().unwrap();
                assert_eq!(engine.block(height).unwrap(), twin.block(height).unwrap());
                assert_eq!(engine.receipts(height).unwrap().unwrap(), receipts);
                assert_eq!(
                    engine.reverse_diff(height).unwrap(),
                    twin.reverse_diff(height).unwrap()
                );
                assert_eq!(imported.committed.head.height, height);
                assert_eq!(imported.transactions, receipts.len());
                let succeeded = receipts.iter().filter(|receipt| {
                    receipt.status == ordlane::primitives::ReceiptStatus::Success
                });
                assert_eq!(imported.failed, receipts.len() - succeeded.count());
            }
            assert_eq!(
                engine.import_blocks(&[] as &[Vec<u8>], |_| ()).unwrap(),
                head
            );
        }
    }
}

/// Makes the blocks from `at` on stand on what is before them, so that it is their claims alone that are wrong.
fn linked(mut blocks: Vec<Block>, at: usize) -> Vec<Block> {
    for at in at..blocks.len() {
        blocks[at].header.parent_hash = blocks[at - 1].hash();
    }
    blocks
}

#[test]
fn a_wrong_block_in_the_middle_ends_the_import_with_the_error_that_it_has_alone() {
    type Change = fn(&mut Vec<Block>);
    const AT: usize = 3;
    let changes: [(&str, Change); 13] = [
        ("state_root", |blocks| {
            blocks[AT].header.state_root.0[5] ^= 1
        }),
        ("receipts_root", |blocks| {
            blocks[AT].header.receipts_root.0[5] ^= 1
        }),
        ("events_root", |blocks| {
            blocks[AT].header.events_root.0[5] ^= 1
        }),
        ("gas_used", |blocks| blocks[AT].header.gas_used.0 -= 1),
        ("transactions_root", |blocks| {
            blocks[AT].header.transactions_root.0[5] ^= 1
        }),
        ("number", |blocks| blocks[AT].header.number.0 += 1),
        ("gas_limit", |blocks| blocks[AT].header.gas_limit.0 += 1),
        ("Timestamp", |blocks| {
            blocks[AT].header.timestamp_ms = blocks[AT - 1].header.timestamp_ms;
        }),
        ("Timestamp", |blocks| {
            blocks[AT].header.timestamp_ms = TimestampMs(0)
        }),
        ("UnknownParent", |blocks| {
            blocks[AT].header.parent_hash = Hash([9; 32])
        }),
        ("StaleParent", |blocks| blocks[AT] = blocks[AT - 1].clone()),
        ("transactions_root", |blocks| {
            blocks[AT].transactions.pop();
        }),
        ("transactions_root", |blocks| {
            let last = blocks[AT].transactions.last_mut().unwrap();
            let byte = last.len() - 1;
            last[byte] ^= 1;
        }),
    ];
    let setup = Setup::new(331, 7);
    let honest = honest(&setup);
    for (number, (named, change)) in changes.into_iter().enumerate() {
        for relink in [false, true] {
            let mut wrong = honest.clone();
            change(&mut wrong);
            if relink {
                wrong = linked(wrong, AT + 1);
            }
            let wrong = bytes(&wrong);
            let alone = Setup::new(331, 7).open(1, 1);
            let (position, expected) = one_by_one(&alone, &wrong);
            let expected = format!("{:?}", expected.unwrap());
            assert_eq!(position, AT);
            assert!(expected.contains(named), "{number}: {expected}");

            let engine = Setup::new(331, 7).open(2, 4);
            let mut done = 0;
            let error = engine.import_blocks(&wrong, |_| done += 1).unwrap_err();
            assert_eq!(format!("{:?}", error.source), expected, "{number}");
            assert_eq!((error.position, done), (AT, AT));
            let claimed: Block = codec::decode(&wrong[AT]).unwrap();
            assert_eq!(error.claimed, Some((claimed.header.number, claimed.hash())));
            assert_eq!(engine.durable_head().hash, honest[AT - 1].hash());
            assert_eq!(engine.executed_head(), engine.durable_head());

            let rest = bytes(&honest[AT..]);
            let head = engine.import_blocks(&rest, |_| ()).unwrap();
            assert_eq!(head.hash, honest[6].hash());
        }
    }
}

#[test]
fn what_is_no_block_or_has_a_forged_signature_is_named_by_its_position() {
    let setup = Setup::new(332, 4);
    let honest = honest(&setup);
    let mut forged = honest.clone();
    // Right in its list, so that only the signature is wrong.
    let last = forged[2].transactions.last_mut().unwrap();
    let byte = last.len() - 1;
    last[byte] ^= 1;
    forged[2].header.transactions_root = ordlane::primitives::list::root(
        ordlane::primitives::list::ListKind::Transactions,
        forged[2].transactions.iter().map(Vec::as_slice),
        &ordlane::primitives::batch::Sequential,
    );
    let mut garbage = bytes(&honest);
    garbage[2].truncate(100);
    for wrong in [bytes(&linked(forged, 3)), garbage] {
        let (position, expected) = one_by_one(&Setup::new(332, 4).open(1, 1), &wrong);
        let engine = Setup::new(332, 4).open(2, 4);
        let error = engine.import_blocks(&wrong, |_| ()).unwrap_err();
        assert_eq!(position, 2);
        assert_eq!(error.position, 2);
        assert_eq!(
            format!("{:?}", error.source),
            format!("{:?}", expected.unwrap())
        );
        assert_eq!(engine.durable_head().hash, honest[1].hash());
    }
}

#[test]
fn a_write_that_fails_ends_the_import_and_nothing_above_it_is_acknowledged() {
    for fault in [Fault::NothingIsWritten, Fault::AllIsWritten] {
        let setup = Setup::new(333, 6);
        let honest = honest(&setup);
        let blocks = bytes(&honest);
        let engine = setup.open(2, 4);
        setup.storage.fail(3, fault);
        let mut done = Vec::new();
        let imported = engine.import_blocks(&blocks, |block| done.push(block.committed.head.hash));
        let error = imported.unwrap_err();
        assert!(matches!(
            *error.source,
            EngineError::System(SystemError::State(StateError::Exhausted { .. }))
        ));
        assert_eq!(error.position, 2);
        assert_eq!(done, [honest[0].hash(), honest[1].hash()]);
        assert_eq!(engine.durable_head().hash, honest[1].hash());
        drop(engine);

        setup.storage.fail(0, Fault::None);
        let engine = setup.open(2, 4);
        let height = engine.durable_head().height.0 as usize;
        assert_eq!(height, 2 + usize::from(fault == Fault::AllIsWritten));
        let head = engine.import_blocks(&blocks[height..], |_| ()).unwrap();
        assert_eq!(head.hash, honest[5].hash());
    }
}

#[test]
fn an_import_goes_ahead_of_the_disk_and_no_further_than_it_may() {
    const MAX_UNSYNCED: usize = 2;
    // Those that may be unsynced, one in the hands of each of three stages, one between each two.
    const AHEAD: usize = MAX_UNSYNCED + 3 + 2;
    let setup = Setup::new(334, 16);
    let blocks = bytes(&honest(&setup));
    let engine = setup.open(2, MAX_UNSYNCED);
    let leave = setup.storage.hold();
    let taken = AtomicUsize::new(0);
    thread::scope(|scope| {
        let importing = scope.spawn(|| {
            let counted = blocks.iter().inspect(|_| {
                taken.fetch_add(1, Ordering::SeqCst);
            });
            engine.import_blocks(counted, |_| ()).unwrap()
        });
        while taken.load(Ordering::SeqCst) < AHEAD {
            assert!(!importing.is_finished());
            thread::yield_now();
        }
        // Time for one more than there may be.
        thread::sleep(Duration::from_millis(20));
        assert_eq!(taken.load(Ordering::SeqCst), AHEAD);
        assert_eq!(engine.durable_head().height, BlockHeight(0));
        blocks.iter().for_each(|_| leave.send(()).unwrap());
        assert_eq!(importing.join().unwrap(), engine.durable_head());
    });
    assert_eq!(engine.durable_head().height, BlockHeight(16));
}

#[test]
fn an_import_ends_when_somebody_undoes_blocks_meanwhile() {
    for threads in [1, 2, 8] {
        let setup = Setup::new(335, 12);
        let honest = honest(&setup);
        let engine = setup.open(threads, 2);
        let imported = engine.import_blocks(bytes(&honest), |block| {
            if block.committed.head.height == BlockHeight(2) {
                engine.rollback_to(BlockHeight(1)).unwrap();
            }
        });
        let error = imported.unwrap_err();
        assert!(matches!(
            *error.source,
            EngineError::Block(BlockError::StaleParent { .. } | BlockError::NotOnTip { .. })
        ));
        assert_eq!(engine.durable_head().hash, honest[0].hash());
        let head = engine.import_blocks(bytes(&honest[1..]), |_| ()).unwrap();
        assert_eq!(head.hash, honest[11].hash());
    }
}
