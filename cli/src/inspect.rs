//! `ordlane inspect`: looks into a chain.

mod diff;

use std::path::PathBuf;

use anyhow::bail;
use clap::Subcommand;
use ordlane::{
    Engine, FeeQuery, FeeRecommendation, MAX_FEE_BLOCKS, TransactionRecord,
    primitives::{Address, Block, BlockHeight, Receipt, ReceiptStatus, TxId, TxKind},
};
use serde_json::{Value, json};

use self::diff::Subject;
use crate::{
    account_json::AccountJson,
    data_dir::{self, Opening},
    report,
};

/// Look into a chain: its tip, a block, a transaction, an account, what changed, what to pay
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The last durable block
    Tip,
    /// A block by its height
    Block {
        /// The block's height
        height: u64,
    },
    /// A transaction by its id
    Tx {
        /// The id: 64 hex digits
        id: TxId,
    },
    /// An account by its address
    Account {
        /// The address: 64 hex digits
        address: Address,
        /// After the block of this height, instead of the last one
        #[arg(long, value_name = "HEIGHT")]
        at: Option<u64>,
    },
    /// What a block or a transaction changed
    Diff {
        /// A height, or a transaction's id: 64 hex digits
        #[arg(value_name = "HEIGHT|TX")]
        subject: Subject,
    },
    /// What gas price to offer, by the last blocks
    Fees {
        /// How many blocks to look at
        #[arg(long, default_value_t = FeeQuery::default().blocks, value_parser = clap::value_parser!(u64).range(1..=MAX_FEE_BLOCKS))]
        blocks: u64,
        /// The share of their gas, in percent, that paid at most that price
        #[arg(long, default_value_t = FeeQuery::default().percentile, value_parser = clap::value_parser!(u8).range(0..=100))]
        percentile: u8,
    },
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let engine = data_dir::open(&args.data, Opening::to_read())?;
    let fields = match &args.what {
        What::Tip => block(&engine, engine.durable_head().height)?,
        What::Block { height } => block(&engine, BlockHeight(*height))?,
        What::Tx { id } => match engine.transaction(id)? {
            Some(record) => transaction(id, &record),
            None => bail!("no durable block contains transaction {id}"),
        },
        What::Account { address, at } => account(&engine, address, at.map(BlockHeight))?,
        What::Diff { subject } => diff::diff(&engine, *subject)?,
        What::Fees { blocks, percentile } => {
            let (blocks, percentile) = (*blocks, *percentile);
            fees(&engine.recommend_fee(&FeeQuery { blocks, percentile })?)
        }
    };
    if args.json {
        return report::print_json(&fields);
    }
    let Value::Object(fields) = fields else {
        bail!("internal error: an answer without fields")
    };
    let lines: Vec<(&str, String)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), plain(value)))
        .collect();
    report::print_fields(&lines)
}

/// How many items of a list people are shown.
const SHOWN_ITEMS: usize = 3;

/// A JSON value as people read it.
fn plain(value: &Value) -> String {
    match value {
        Value::Array(items) if items.len() > SHOWN_ITEMS => {
            let shown: Vec<String> = items.iter().take(SHOWN_ITEMS).map(plain).collect();
            format!(
                "{}\n... and {} more",
                shown.join("\n"),
                items.len() - SHOWN_ITEMS
            )
        }
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join("\n"),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| format!("{name} {}", plain(value)))
            .collect::<Vec<_>>()
            .join(", "),
        other => other.to_string(),
    }
}

fn block(engine: &Engine, height: BlockHeight) -> anyhow::Result<Value> {
    let tip = engine.durable_head().height;
    let (Some(block), Some(receipts)) = (engine.block(height)?, engine.receipts(height)?) else {
        bail!("there is no block {height}; the tip is block {tip}");
    };
    let Block {
        header,
        transactions,
        ..
    } = &block;
    let failed = receipts
        .iter()
        .filter(|receipt| receipt.status != ReceiptStatus::Success)
        .count();
    let events: usize = receipts.iter().map(|receipt| receipt.events.len()).sum();
    Ok(json!({
        "height": header.number.0,
        "hash": block.hash().to_string(),
        "parent_hash": header.parent_hash.to_string(),
        "timestamp_ms": header.timestamp_ms.0,
        "proposer": header.proposer.to_string(),
        "state_root": header.state_root.to_string(),
        "transactions_root": header.transactions_root.to_string(),
        "receipts_root": header.receipts_root.to_string(),
        "events_root": header.events_root.to_string(),
        "txs": transactions.len(),
        "failed_txs": failed,
        "events": events,
        "gas_used": header.gas_used.0,
        "gas_limit": header.gas_limit.0,
        "chain_id": header.chain_id.0,
        "tx_ids": receipts.iter().map(|receipt| receipt.tx_id.to_string()).collect::<Vec<_>>(),
    }))
}

fn transaction(id: &TxId, record: &TransactionRecord) -> Value {
    let payload = &record.transaction.payload;
    let kind = payload.kind.name();
    let (to, amount) = match &payload.kind {
        TxKind::Transfer { to, amount } => (Some(to.to_string()), Some(amount.to_string())),
        TxKind::Call {
            contract, value, ..
        } => (Some(contract.to_string()), Some(value.to_string())),
        _ => (None, None),
    };
    let Receipt {
        status,
        gas_used,
        fee,
        events,
        return_data,
        ..
    } = &record.receipt;
    let status = match status {
        ReceiptStatus::Success => "Success".to_owned(),
        ReceiptStatus::Failed(error) => error.to_string(),
    };
    json!({
        "id": id.to_string(),
        "height": record.height.0,
        "index": record.index,
        "kind": kind,
        "sender": payload.sender.to_string(),
        "to": to,
        "amount": amount,
        "nonce": payload.nonce.0,
        "status": status,
        "status_code": record.receipt.status.code(),
        "gas_limit": payload.gas_limit.0,
        "gas_used": gas_used.0,
        "gas_price": payload.gas_price.0,
        "fee": fee.to_string(),
        "events": events.len(),
        "return_data": hex::encode(&**return_data),
    })
}

/// Sums of gas are strings: they exceed what JSON numbers hold.
fn fees(found: &FeeRecommendation) -> Value {
    json!({
        "gas_price": found.gas_price.0,
        "minimum": found.minimum.0,
        "blocks": found.blocks,
        "gas_used": found.gas_used.to_string(),
        "gas_limit": found.gas_limit.to_string(),
    })
}

fn account(engine: &Engine, address: &Address, at: Option<BlockHeight>) -> anyhow::Result<Value> {
    let height = at.unwrap_or(engine.durable_head().height);
    let account = engine.account_at(height, address)?;
    let state_root = match engine.header(height)? {
        Some(header) => header.state_root,
        None => bail!("there is no block {height}"),
    };
    let AccountJson {
        nonce,
        balance,
        locked,
        code_hash,
    } = AccountJson::from(&account);
    Ok(json!({
        "address": address.to_string(),
        "present": !account.is_absent(),
        "nonce": nonce,
        "balance": balance,
        "locked": locked,
        "code_hash": code_hash,
        "height": height.0,
        "state_root": state_root.to_string(),
    }))
}
