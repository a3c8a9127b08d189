//! `ordlane verify-witness`: executes a block again with nothing but its witness.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use ordlane::{
    VerifiedBlock,
    primitives::{BlockHash, BlockWitness, ReceiptStatus, limits::MAX_WITNESS_BYTES},
    verify_witness,
};
use serde_json::json;

use crate::{data_dir::read_bounded, report};

/// Execute a block again from its witness and compare every root, without any store
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The witness, as `ordlane witness` writes it
    #[arg(value_name = "FILE")]
    witness: PathBuf,
    /// The hash of the block that you trust: 64 hex digits; without it any correct block is accepted
    #[arg(long, value_name = "HEX")]
    hash: Option<BlockHash>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let bytes = read_bounded(&args.witness, MAX_WITNESS_BYTES)?;
    let refused = || format!("{} is refused", args.witness.display());
    let witness = BlockWitness::from_bytes(&bytes).with_context(refused)?;
    let verified = verify_witness(&witness).with_context(refused)?;
    if let Some(expected) = args.hash.filter(|hash| *hash != verified.hash) {
        let found = verified.hash;
        bail!("{}: it is of block {found}, not of {expected}", refused());
    }
    print(&verified, witness.entries.len(), bytes.len(), args.json)
}

fn print(block: &VerifiedBlock, keys: usize, bytes: usize, json: bool) -> anyhow::Result<()> {
    let header = &block.header;
    let txs = block.receipts.len();
    let failed = block
        .receipts
        .iter()
        .filter(|receipt| receipt.status != ReceiptStatus::Success)
        .count();
    if json {
        return report::print_json(&json!({
            "verified": true,
            "height": header.number.0,
            "hash": block.hash.to_string(),
            "parent_hash": header.parent_hash.to_string(),
            "state_root": header.state_root.to_string(),
            "txs": txs,
            "failed_txs": failed,
            "gas_used": header.gas_used.0,
            "changed_keys": block.changes.len(),
            "keys": keys,
            "bytes": bytes,
        }));
    }
    report::print_fields(&[
        ("verified", "yes".into()),
        ("height", header.number.to_string()),
        ("hash", block.hash.to_string()),
        ("parent_hash", header.parent_hash.to_string()),
        ("state_root", header.state_root.to_string()),
        ("txs", txs.to_string()),
        ("failed_txs", failed.to_string()),
        ("gas_used", header.gas_used.to_string()),
        ("changed_keys", block.changes.len().to_string()),
        ("keys", keys.to_string()),
        ("bytes", bytes.to_string()),
    ])
}
