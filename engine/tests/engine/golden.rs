//! The committed chain: every block is imported, and built again from its transactions, to the very same bytes.

use ordlane::{
    BlockContext,
    primitives::{Block, codec},
};
use ordlane_testkit::golden::committed_chain;

use crate::support::engine;

fn context_of(block: &Block) -> BlockContext {
    BlockContext {
        timestamp_ms: block.header.timestamp_ms,
        proposer: block.header.proposer,
        extra: block.header.extra.clone(),
    }
}

#[test]
fn the_committed_blocks_are_imported_and_built_to_the_same_bytes() {
    let chain = committed_chain();
    assert_eq!(chain.blocks.len(), 20);
    for threads in [1, 2, 8] {
        let (importer, builder) = (
            engine(&chain.genesis, threads),
            engine(&chain.genesis, threads),
        );
        for block in &chain.blocks {
            let imported = importer.import_block(&codec::encode(block)).unwrap();
            assert_eq!(imported.block(), block);
            importer.commit(imported).unwrap();

            let parent = builder.durable_head().hash;
            let built = builder
                .build_block(&parent, &context_of(block), &block.transactions)
                .unwrap();
            assert!(built.left_out.is_empty());
            assert_eq!(*built.executed.header(), block.header);
            builder.commit(built.executed).unwrap();
        }
    }
}
