//! The witness of a block, written a second time: which keys it must hold follows from receipts, not from reads.

use std::collections::BTreeSet;

use ordlane_primitives::{
    Address, Block, BlockWitness, FeeRule, Hash, RawKey, ReceiptStatus, Transaction, TxKind,
    WitnessEntry,
    codec::{Bounded, decode, encode},
    proof::{MultiProof, ProofError},
    tree,
};

use crate::{
    oracle::{Oracle, OracleBlock},
    state_tree::StateTree,
};

/// The witness of the block that `result` is, on the chain that ends in `parent`.
#[must_use]
pub fn witness(parent: &Oracle, result: &OracleBlock) -> BlockWitness {
    let state = parent.state();
    let tree = StateTree::new(state.iter().map(|(key, value)| (&key[..], &value[..])));
    let keys = touched(result, parent.fee_rule());
    let paths: Vec<Hash> = keys.iter().map(|key| tree::path_of(key)).collect();
    let proof = MultiProof::assemble(&paths, |path| Ok::<_, ProofError>(tree.prove(path)));
    let entry = |key: Vec<u8>| WitnessEntry {
        value: state.get(&key).cloned(),
        key: RawKey::from_bytes(key),
    };
    BlockWitness {
        parent: parent.header.clone(),
        block: Block {
            header: result.header.clone(),
            proposer_auth: None,
            transactions: result.transactions.clone(),
        },
        entries: keys.into_iter().map(entry).collect(),
        proof: proof.expect("few keys, at least one"),
        codes: Bounded::default(),
    }
}

/// The parameters; each sender; the receiver of each transfer that succeeds; and the proposer, where there are fees for it.
fn touched(block: &OracleBlock, fee_rule: FeeRule) -> BTreeSet<Vec<u8>> {
    let account = |address: &Address| encode(&(0_u8, address));
    let mut keys = BTreeSet::from([vec![3]]);
    for (bytes, receipt) in block.transactions.iter().zip(&block.receipts) {
        let payload = decode::<Transaction>(bytes)
            .expect("an included one")
            .payload;
        keys.insert(account(&payload.sender));
        if let (TxKind::Transfer { to, .. }, ReceiptStatus::Success) =
            (payload.kind, receipt.status)
        {
            keys.insert(account(&to));
        }
    }
    let fees: u128 = block.receipts.iter().map(|receipt| receipt.fee.0).sum();
    if fee_rule == FeeRule::PayProposer && fees > 0 {
        keys.insert(account(&block.header.proposer));
    }
    keys
}
