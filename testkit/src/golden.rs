//! Golden vectors: fixed blocks, encodings, hashes and numbers that may never change.
//!
//! Purpose: whoever changes a format, a tag, a price or a rule by accident sees it at once. The files in
//! `testkit/golden/` were computed by this module from the oracle and `primitives`; its test computes them again.
//!
//! - `golden.json`: one sample of each type with its bytes and hashes, tags, addresses, error codes, gas prices, and what
//!   each block of the chain must give;
//! - `blocks.bin`: the encoded genesis, then each encoded block, each behind its length (4 bytes, little-endian).
//!
//! To write them anew after a deliberate change, which is a new protocol version:
//! `cargo run -p ordlane-testkit --example golden -- json > testkit/golden/golden.json`, and the same with
//! `blocks > testkit/golden/blocks.bin`.

mod samples;

use ordlane_primitives::{
    Block, BlockHeader, ChainId, ChainParams, Genesis, Hash, Transaction,
    codec::{decode, encode},
    hash::sha256,
};
use serde_json::{Value, json};

use crate::{
    oracle::{Oracle, Outcome},
    oracle_witness::witness,
    workload::{Distribution, Exponent, Generator, Share, Workload},
};

/// The committed text.
pub const TEXT: &str = include_str!("../golden/golden.json");
/// The committed chain.
pub const CHAIN: &[u8] = include_bytes!("../golden/blocks.bin");

/// How many blocks the chain has above its genesis.
const BLOCKS: u32 = 20;

/// A chain: its genesis and the blocks on top of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Block 0.
    pub genesis: Genesis,
    /// The blocks from 1 on.
    pub blocks: Vec<Block>,
}

/// The chain that is committed.
#[must_use]
pub fn committed_chain() -> Chain {
    let mut rest = CHAIN;
    let mut next = || {
        let (length, tail) = rest.split_first_chunk::<4>()?;
        let (item, tail) = tail.split_at(u32::from_le_bytes(*length) as usize);
        rest = tail;
        Some(item)
    };
    let genesis = next().map(decode).expect("a genesis").expect("a valid one");
    let blocks = core::iter::from_fn(next)
        .map(|block| decode(block).expect("a valid block"))
        .collect();
    Chain { genesis, blocks }
}

/// The chain, computed.
#[must_use]
pub fn chain() -> Chain {
    let mut generator = load(0).generator().expect("a possible workload");
    let genesis = generator.genesis().clone();
    let mut oracle = Oracle::new(&genesis);
    let blocks = (0..BLOCKS)
        .map(|index| block(&mut generator, &mut oracle, index))
        .collect();
    Chain { genesis, blocks }
}

/// The bytes of a chain as they are committed.
#[must_use]
pub fn chain_bytes(chain: &Chain) -> Vec<u8> {
    let items = core::iter::once(encode(&chain.genesis)).chain(chain.blocks.iter().map(encode));
    items.flat_map(|item| encode(&item)).collect()
}

/// The text, computed.
#[must_use]
pub fn text() -> String {
    let chain = chain();
    let document = json!({
        "samples": samples::samples(),
        "domain_tags": samples::domain_tags(),
        "addresses": samples::addresses(),
        "error_codes": samples::error_codes(),
        "empty_list_roots": samples::list_roots(),
        "gas_schedule_v1": samples::gas_schedule(),
        "genesis": genesis_of(&chain.genesis),
        "blocks": blocks_of(&chain),
    });
    let mut text = serde_json::to_string_pretty(&document).expect("a JSON value");
    text.push('\n');
    text
}

/// The load of one block: 5 to 40 candidates, another distribution each time.
fn load(index: u32) -> Workload {
    let distributions = [
        Distribution::Uniform,
        Distribution::Zipf(Exponent::thousandths(1_100)),
        Distribution::HotReceiver,
        Distribution::Chains { senders: 2 },
        Distribution::Hostile,
    ];
    Workload {
        accounts: 24,
        txs_per_block: 5 + index * 11 % 36,
        blocks: u64::from(BLOCKS),
        distribution: distributions[index as usize % distributions.len()],
        failing: Share::per_million(150_000),
        multi_sig: Share::per_million(200_000),
        memo_bytes: [0, 7, 33][index as usize % 3],
        proposer_among_senders: index % 2 == 1,
        params: ChainParams::development(ChainId(7)),
        seed: 2_026,
    }
}

fn block(generator: &mut Generator, oracle: &mut Oracle, index: u32) -> Block {
    generator.change(load(index)).expect("a possible workload");
    let candidates = generator.next().expect("as many blocks as were asked for");
    let mut context = oracle.next_context(candidates.proposer);
    context.timestamp_ms = candidates.timestamp_ms;
    let result = oracle.execute(&context, &candidates.txs);
    debug_assert!(
        !result.outcomes.contains(&Outcome::Cut),
        "every block has room for its candidates"
    );
    oracle.commit(&result);
    Block {
        header: result.header,
        proposer_auth: None,
        transactions: result.transactions,
    }
}

fn genesis_of(genesis: &Genesis) -> Value {
    let header = Oracle::new(genesis).header;
    json!({
        "bytes_sha256": sha256(&encode(genesis)).to_string(),
        "genesis_hash": genesis.hash().to_string(),
        "block_hash": header.hash().to_string(),
        "state_root": header.state_root.to_string(),
        "accounts": genesis.accounts().len(),
    })
}

/// What each block gives when its transactions run again on top of those below.
fn blocks_of(chain: &Chain) -> Vec<Value> {
    let mut oracle = Oracle::new(&chain.genesis);
    let mut run = |block: &Block| {
        let mut context = oracle.next_context(block.header.proposer);
        context.timestamp_ms = block.header.timestamp_ms;
        let result = oracle.execute(&context, &block.transactions);
        let fees: u128 = result.receipts.iter().map(|receipt| receipt.fee.0).sum();
        // Keys never go: whoever had an account keeps its nonce.
        let (before, mut changed) = (oracle.state(), result.state());
        changed.retain(|key, value| before.get(key) != Some(value));
        let witness = witness(&oracle, &result).to_bytes();
        oracle.commit(&result);
        let codes: Vec<u16> = result
            .receipts
            .iter()
            .map(|receipt| receipt.status.code())
            .collect();
        let mut value = header_of(&result.header);
        value["bytes_len"] = json!(encode(block).len());
        value["bytes_sha256"] = json!(sha256(&encode(block)).to_string());
        value["tx_ids"] = json!(ids(&block.transactions));
        value["statuses"] = json!(codes);
        value["fees"] = json!(fees.to_string());
        value["changed_keys"] = json!(changed.len());
        value["witness_len"] = json!(witness.len());
        value["witness_sha256"] = json!(sha256(&witness).to_string());
        value
    };
    chain.blocks.iter().map(&mut run).collect()
}

fn header_of(header: &BlockHeader) -> Value {
    json!({
        "number": header.number.0,
        "timestamp_ms": header.timestamp_ms.0,
        "proposer": header.proposer.to_string(),
        "block_hash": header.hash().to_string(),
        "parent_hash": header.parent_hash.to_string(),
        "state_root": header.state_root.to_string(),
        "transactions_root": header.transactions_root.to_string(),
        "receipts_root": header.receipts_root.to_string(),
        "events_root": header.events_root.to_string(),
        "gas_used": header.gas_used.0,
    })
}

fn ids(transactions: &[Vec<u8>]) -> Vec<String> {
    let id = |bytes: &Vec<u8>| -> Hash {
        decode::<Transaction>(bytes)
            .expect("an included transaction")
            .id()
    };
    transactions
        .iter()
        .map(|bytes| id(bytes).to_string())
        .collect()
}
