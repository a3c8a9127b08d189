//! One encoded value of each type, to be damaged.

use ordlane_primitives::{
    Address, Amount, Block, Event, Gas, Hash, Receipt, ReceiptStatus, ReturnData,
    codec::{Bounded, encode},
    proof::{EndNode, MultiProof, OtherLeaf, PathEnd, StateProof, Terminal},
};
use ordlane_testkit::{
    oracle::Oracle,
    oracle_witness::witness,
    workload::{Share, Workload},
};

/// Encodings of valid values.
pub(crate) struct Samples {
    pub(crate) transactions: Vec<Vec<u8>>,
    pub(crate) block: Vec<u8>,
    pub(crate) header: Vec<u8>,
    pub(crate) receipt: Vec<u8>,
    pub(crate) genesis: Vec<u8>,
    pub(crate) proof: Vec<u8>,
    pub(crate) multi_proof: Vec<u8>,
    pub(crate) witness: Vec<u8>,
}

impl Samples {
    /// A small chain's first block and what belongs to it.
    pub(crate) fn new() -> Self {
        let workload = Workload {
            accounts: 20,
            txs_per_block: 12,
            multi_sig: Share::per_million(500_000),
            memo_bytes: 40,
            seed: 11,
            ..Workload::default()
        };
        let mut generator = workload.generator().unwrap();
        let oracle = Oracle::new(generator.genesis());
        let txs = generator.next().unwrap().txs;
        let result = oracle.execute(&oracle.next_context(Address::ZERO), &txs);
        let witness = witness(&oracle, &result);
        let block = Block {
            header: result.header,
            proposer_auth: None,
            transactions: txs,
        };
        let event = Event::transfer(Address::ZERO, Address::token_module(), Amount(1));
        let receipt = Receipt {
            tx_id: Hash::ZERO,
            status: ReceiptStatus::Success,
            gas_used: Gas(1),
            fee: Amount(2),
            events: Bounded::new(vec![event; 3]).unwrap(),
            return_data: ReturnData::new(vec![1; 50]).unwrap(),
        };
        let proof = StateProof {
            siblings: Bounded::new(vec![Hash([3; 32]); 9]).unwrap(),
            terminal: Terminal::Leaf {
                path: Hash([1; 32]),
                value_hash: Hash([2; 32]),
            },
        };
        let other = OtherLeaf {
            path: Hash([1; 32]),
            value_hash: Hash([2; 32]),
        };
        let ends =
            [EndNode::Own, EndNode::Empty, EndNode::Other].map(|node| PathEnd { depth: 9, node });
        let multi_proof =
            MultiProof::new(ends.to_vec(), vec![other; 2], vec![Hash([3; 32]); 9]).unwrap();
        Self {
            transactions: block.transactions.clone(),
            header: encode(&block.header),
            block: encode(&block),
            receipt: encode(&receipt),
            genesis: encode(generator.genesis()),
            proof: encode(&proof),
            multi_proof: encode(&multi_proof),
            witness: encode(&witness),
        }
    }
}
