//! The committed golden vectors against the code: any difference is a change of the protocol.

use ordlane_primitives::{
    BlockHeight, Hash, Receipt, Transaction,
    batch::Sequential,
    codec::{decode, encode},
    list::{self, ListKind},
    tree,
};
use ordlane_testkit::{
    golden::{self, committed_chain},
    oracle::{Oracle, Outcome, State},
};

#[test]
fn the_committed_text_is_what_the_code_gives() {
    let text = golden::text();
    for (computed, committed) in text.lines().zip(golden::TEXT.lines()) {
        assert_eq!(computed, committed);
    }
    assert_eq!(text.len(), golden::TEXT.len());
}

#[test]
fn the_committed_chain_is_what_the_code_gives() {
    assert_eq!(committed_chain(), golden::chain());
    assert!(golden::chain_bytes(&golden::chain()) == golden::CHAIN);
}

#[test]
fn the_committed_blocks_import_one_after_another() {
    let chain = committed_chain();
    assert_eq!(chain.blocks.len(), 20);
    let mut oracle = Oracle::new(&chain.genesis);
    for (block, number) in chain.blocks.iter().zip(1..) {
        assert_eq!(block.header.number, BlockHeight(number));
        assert_eq!(block.header.parent_hash, oracle.header.hash());
        let mut context = oracle.next_context(block.header.proposer);
        context.timestamp_ms = block.header.timestamp_ms;
        let result = oracle.execute(&context, &block.transactions);
        assert!(
            result
                .outcomes
                .iter()
                .all(|outcome| matches!(outcome, Outcome::Included(_)))
        );
        assert_eq!(result.header, block.header);
        oracle.commit(&result);
    }
}

#[test]
fn primitives_give_the_committed_list_roots() {
    let chain = committed_chain();
    let mut oracle = Oracle::new(&chain.genesis);
    for block in &chain.blocks {
        let mut context = oracle.next_context(block.header.proposer);
        context.timestamp_ms = block.header.timestamp_ms;
        let result = oracle.execute(&context, &block.transactions);
        let root = |kind, items: Vec<Vec<u8>>| {
            list::root(kind, items.iter().map(Vec::as_slice), &Sequential)
        };
        let receipts: Vec<Vec<u8>> = result.receipts.iter().map(encode).collect();
        let events = result
            .events
            .iter()
            .map(|(index, event)| list::event_item(*index, event))
            .collect();
        assert_eq!(
            block.header.transactions_root,
            root(ListKind::Transactions, block.transactions.clone())
        );
        assert_eq!(
            block.header.receipts_root,
            root(ListKind::Receipts, receipts.clone())
        );
        assert_eq!(block.header.events_root, root(ListKind::Events, events));
        for (receipt, tx) in receipts.iter().zip(&block.transactions) {
            let (_, id) = Transaction::decode_with_id(tx).unwrap();
            assert_eq!(decode::<Receipt>(receipt).unwrap().tx_id, id);
        }
        oracle.commit(&result);
    }
}

#[test]
fn the_tree_rule_of_primitives_gives_the_oracles_roots() {
    let chain = committed_chain();
    let mut oracle = Oracle::new(&chain.genesis);
    assert_eq!(root(&oracle.state()), oracle.header.state_root);
    for block in &chain.blocks {
        let result = oracle.execute(&block.header, &block.transactions);
        assert_eq!(root(&result.state()), block.header.state_root);
        oracle.commit(&result);
    }
}

fn root(state: &State) -> Hash {
    let mut leaves: Vec<(Hash, Hash)> = state
        .iter()
        .map(|(key, value)| (tree::path_of(key), tree::value_hash(value)))
        .collect();
    leaves.sort_unstable();
    node(&leaves, 0)
}

fn node(leaves: &[(Hash, Hash)], depth: usize) -> Hash {
    match leaves {
        [] => tree::EMPTY,
        [(path, value_hash)] => tree::leaf_node(path, value_hash),
        _ => {
            let right = leaves.partition_point(|(path, _)| !tree::bit(path, depth));
            let (left, right) = leaves.split_at(right);
            tree::internal_node(&node(left, depth + 1), &node(right, depth + 1))
        }
    }
}
