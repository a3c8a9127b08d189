//! What must hold for any input of a decoder.
//!
//! Purpose: a fuzz target, a test over mutations and a test over garbage all assert the same. Each function takes any
//! bytes, and panics when a promise of [`codec`] is broken.

use ordlane_primitives::{
    Account, Block, BlockHeader, BlockWitness, ChainParams, Genesis, Receipt, Transaction,
    codec::{self, Canonical, DecodeError},
    proof::{MultiProof, StateProof},
    signature,
};

use crate::workload::{Distribution, Workload};

mod changes;
#[cfg(feature = "oracle")]
mod contracts;
mod proofs;

pub use changes::{LeafChange, raw_state, root_after, tree_changes};
#[cfg(feature = "oracle")]
pub use contracts::{host_calls, wasm_deploy, wasm_exec};
pub use proofs::{proof_sample, proof_verify, witness_decode};

/// Decodes, and asserts that whatever is accepted encodes to exactly the input.
///
/// # Errors
/// As [`codec::decode`]; the error's offset lies within the input.
pub fn decode_canonical<T: Canonical>(bytes: &[u8]) -> Result<T, DecodeError> {
    let decoded = codec::decode::<T>(bytes);
    match &decoded {
        Ok(value) => assert!(
            codec::encode(value) == bytes,
            "{} has two encodings",
            T::NAME
        ),
        Err(error) => {
            assert_eq!(error.what, T::NAME);
            assert!(error.offset <= bytes.len(), "{error}");
        }
    }
    decoded
}

/// Any bytes as a transaction: its id and address are computed, and its signatures looked at, without a panic.
pub fn tx_decode(bytes: &[u8]) {
    let Ok(tx) = decode_canonical::<Transaction>(bytes) else {
        return;
    };
    let id = Transaction::decode_with_id(bytes).map(|(_, id)| id);
    assert_eq!(id, Ok(tx.id()));
    assert_eq!(tx.auth.signatures().count(), tx.auth.signature_count());
    let _ = tx.auth.address();
    for key in tx.auth.keys() {
        let _ = signature::is_weak_key(key);
    }
    for (key, signature) in tx.auth.signatures().take(1) {
        let _ = signature::verify(key, tx.id().as_bytes(), signature);
    }
}

/// Any bytes as a block, and each of its transactions.
pub fn block_decode(bytes: &[u8]) {
    let Ok(block) = decode_canonical::<Block>(bytes) else {
        return;
    };
    assert_eq!(block.hash(), block.header.hash());
    for tx in &block.transactions {
        let _ = decode_canonical::<Transaction>(tx);
    }
}

/// The first byte chooses a type, the others are decoded as it.
pub fn roundtrip_canonical(bytes: &[u8]) {
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    match which % 10 {
        0 => drop(decode_canonical::<Transaction>(bytes)),
        1 => drop(decode_canonical::<Block>(bytes)),
        2 => drop(decode_canonical::<BlockHeader>(bytes)),
        3 => drop(decode_canonical::<Receipt>(bytes)),
        4 => drop(decode_canonical::<Genesis>(bytes).map(|genesis| genesis.validate())),
        5 => drop(decode_canonical::<ChainParams>(bytes)),
        6 => drop(decode_canonical::<StateProof>(bytes)),
        8 => drop(decode_canonical::<MultiProof>(bytes)),
        9 => drop(decode_canonical::<BlockWitness>(bytes)),
        _ => drop(decode_canonical::<Account>(bytes)),
    }
}

/// So many bytes say what [`load`] gives.
pub const LOAD_BYTES: usize = 13;

/// A small workload and a number of threads, 2 to 4, from any bytes: eight of seed (little-endian), then one each for
/// accounts, transactions, distribution, threads and the share of failing ones. Fewer bytes give none.
#[must_use]
pub fn load(bytes: &[u8]) -> Option<(Workload, usize)> {
    let (seed, rest) = bytes.split_first_chunk::<8>()?;
    let [accounts, txs, kind, threads, failing, ..] = rest else {
        return None;
    };
    let distribution = match kind % 5 {
        0 => Distribution::Uniform,
        1 => Distribution::Zipf("1.1".parse().ok()?),
        2 => Distribution::HotReceiver,
        3 => Distribution::Chains { senders: 2 },
        _ => Distribution::Hostile,
    };
    let workload = Workload {
        accounts: u32::from(accounts % 16) + 1,
        txs_per_block: u32::from(txs % 64) + 1,
        blocks: 2,
        distribution,
        failing: format!("0.{:02}", failing % 100).parse().ok()?,
        proposer_among_senders: seed[0] % 2 == 0,
        seed: u64::from_le_bytes(*seed),
        ..Workload::default()
    };
    Some((workload, usize::from(threads % 3) + 2))
}
